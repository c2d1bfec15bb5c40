package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/bus/seal"
	"github.com/kefu-chat/kefu/internal/chat"
)

var _ seal.Keys = (*DB)(nil)

// The cluster's keys are rows of the table secret. The name is clusterKeyName and
// the number of the key, 4 bytes; the value when it was made, in ms by the
// database's clock, 8 bytes, and the key. Numbers are big-endian, so that names
// come in their order.
const (
	clusterKeyName = "cluster key "
	clusterKeyTime = 8
)

// keysOfCluster are all keys, in the order of their numbers.
func keysOfCluster(ctx context.Context, in bun.IDB, now chat.Millis) ([]seal.Key, error) {
	var rows []struct{ Name, Value []byte }
	end := []byte(clusterKeyName)
	end[len(end)-1]++
	if err := in.NewRaw("SELECT name, value FROM secret WHERE name >= ? AND name < ? ORDER BY name", []byte(clusterKeyName), end).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	keys := make([]seal.Key, len(rows))
	for i, row := range rows {
		number, ok := clusterKeyNumber(row.Name)
		if !ok || len(row.Value) != clusterKeyTime+seal.SecretSize {
			return nil, fmt.Errorf("the table secret holds a key of the cluster that cannot be read, %x: remove that row; the nodes make a new key", row.Name)
		}
		made := chat.Millis(binary.BigEndian.Uint64(row.Value))
		keys[i] = seal.Key{Number: number, Secret: [seal.SecretSize]byte(row.Value[clusterKeyTime:]), Age: time.Duration(now-made) * time.Millisecond}
	}
	return keys, nil
}

func clusterKeyNumber(name []byte) (uint32, bool) {
	if len(name) != len(clusterKeyName)+4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(name[len(clusterKeyName):]), true
}

func nameOfClusterKey(number uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte(clusterKeyName), number)
}

// ClusterKeys implements seal.Keys.
func (db *DB) ClusterKeys(ctx context.Context) ([]seal.Key, error) {
	now, err := db.time(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := keysOfCluster(ctx, db.reading(ctx), now)
	return keys[max(0, len(keys)-2):], err
}

// AddClusterKey implements seal.Keys. Of nodes that add the same number the table's
// key refuses all but one.
func (db *DB) AddClusterKey(ctx context.Context, key seal.Key) error {
	err := db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		keys, err := keysOfCluster(ctx, tx, now)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(keys, func(k seal.Key) bool { return k.Number >= key.Number }) {
			return nil
		}
		value := append(binary.BigEndian.AppendUint64(nil, uint64(now)), key.Secret[:]...)
		if _, err := tx.NewRaw("INSERT INTO secret (name, value) VALUES (?, ?)", nameOfClusterKey(key.Number), value).Exec(ctx); err != nil {
			return err
		}
		for _, old := range keys[:max(0, len(keys)-1)] {
			if _, err := tx.NewRaw("DELETE FROM secret WHERE name = ?", nameOfClusterKey(old.Number)).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if db.dialect.failure(err) == duplicate {
		return nil
	}
	return err
}
