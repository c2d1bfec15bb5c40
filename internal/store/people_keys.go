package store

import (
	"context"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

var _ identity.KeyStore = (*DB)(nil)

type keyRow struct {
	bun.BaseModel `bun:"table:api_key,alias:api_key"`

	ID         int64          `bun:"id,pk"`
	Site       chat.SiteID    `bun:"site_id"`
	Name       string         `bun:"name"`
	Hash       []byte         `bun:"key_hash"`
	Scopes     string         `bun:"scopes"`
	MadeByKind chat.ActorKind `bun:"made_by_kind"`
	MadeByID   int64          `bun:"made_by_id"`
	MadeByName string         `bun:"made_by_name"`
	MadeAt     chat.Millis    `bun:"made_at"`
	LastUsedAt chat.Millis    `bun:"last_used_at"`
	RevokedAt  chat.Millis    `bun:"revoked_at"`
}

func (r keyRow) key() identity.Key {
	k := identity.Key{
		ID: r.ID, Site: r.Site, Name: r.Name, MadeBy: chat.ActorRef{Kind: r.MadeByKind, ID: r.MadeByID, Name: r.MadeByName},
		MadeAt: r.MadeAt, LastUsedAt: r.LastUsedAt,
	}
	for name := range strings.FieldsSeq(r.Scopes) {
		k.Scopes = append(k.Scopes, identity.Scope(name))
	}
	return k
}

// InsertKey implements identity.KeyStore.
func (db *DB) InsertKey(ctx context.Context, k identity.Key, hash []byte) error {
	row := &keyRow{
		ID: k.ID, Site: k.Site, Name: k.Name, Hash: hash, MadeByKind: k.MadeBy.Kind, MadeByID: k.MadeBy.ID, MadeByName: k.MadeBy.Name,
		MadeAt: k.MadeAt, LastUsedAt: k.LastUsedAt,
	}
	for _, s := range k.Scopes {
		row.Scopes = strings.TrimSpace(row.Scopes + " " + string(s))
	}
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(row).Exec(ctx)
		return err
	})
}

// KeyByHash implements identity.KeyStore.
func (db *DB) KeyByHash(ctx context.Context, hash []byte) (identity.Key, error) {
	var row keyRow
	err := db.reading(ctx).NewSelect().Model(&row).Where("key_hash = ? AND revoked_at = 0", hash).Scan(ctx)
	return row.key(), found(err, "API key")
}

// Keys implements identity.KeyStore.
func (db *DB) Keys(ctx context.Context, on chat.SiteID) ([]identity.Key, error) {
	var rows []keyRow
	err := db.reading(ctx).NewSelect().Model(&rows).Where("site_id = ? AND revoked_at = 0", on).Order("id DESC").Scan(ctx)
	keys := make([]identity.Key, len(rows))
	for i, r := range rows {
		keys[i] = r.key()
	}
	return keys, err
}

// RevokeKey implements identity.KeyStore.
func (db *DB) RevokeKey(ctx context.Context, on chat.SiteID, id int64, at chat.Millis) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		result, err := tx.NewUpdate().Model((*keyRow)(nil)).Set("revoked_at = ?", at).Where("id = ? AND site_id = ? AND revoked_at = 0", id, on).Exec(ctx)
		return touched(result, err, chat.Refuse(chat.NotFound, "there is no such API key"))
	})
}

// TouchKey implements identity.KeyStore.
func (db *DB) TouchKey(ctx context.Context, id int64, at chat.Millis) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewUpdate().Model((*keyRow)(nil)).Set("last_used_at = ?", at).Where("id = ? AND last_used_at < ?", id, at).Exec(ctx)
		return err
	})
}

// RevokedKeys implements live.Keys.
func (db *DB) RevokedKeys(ctx context.Context, ids []int64) (revoked []int64, err error) {
	const atOnce = 500
	for some := range slices.Chunk(ids, atOnce) {
		var good []int64
		if err := db.reading(ctx).NewRaw("SELECT id FROM api_key WHERE id IN (?) AND revoked_at = 0", bun.List(some)).Scan(ctx, &good); err != nil {
			return nil, err
		}
		for _, id := range some {
			if !slices.Contains(good, id) {
				revoked = append(revoked, id)
			}
		}
	}
	return revoked, nil
}
