package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/retention"
)

var erasureColumns = []string{"id", "hash", "site_id", "by_kind", "by_id", "at", "removed"}

// keepErasure writes the receipt, unless there is one already.
func keepErasure(h *hot, g *grammar, e retention.Erasure) error {
	removed, err := json.Marshal(e.Removed)
	if err != nil {
		return fmt.Errorf("what an erasure removed: %w", err)
	}
	return newMulti(g, "erasure", erasureColumns, "hash", []string{"hash"}).insert(h, 1, func(int) {
		h.ints(e.ID)
		h.arg(e.Hash[:])
		h.ints(int64(e.Site))
		h.arg(string(e.By.Kind))
		h.ints(e.By.ID, int64(e.At))
		h.arg(string(removed))
	})
}

// KeepErasure implements retention.EraseStore.
func (db *DB) KeepErasure(ctx context.Context, e retention.Erasure) error {
	return db.committerOf(0).do(ctx, func(h *hot) (err error) {
		if e.At, err = h.now(db); err != nil {
			return err
		}
		return keepErasure(h, db.dialect.grammar(), e)
	})
}

type erasureRow struct {
	bun.BaseModel `bun:"table:erasure,alias:erasure"`

	ID      int64          `bun:"id,pk"`
	Hash    []byte         `bun:"hash"`
	Site    chat.SiteID    `bun:"site_id"`
	ByKind  chat.ActorKind `bun:"by_kind"`
	ByID    int64          `bun:"by_id"`
	At      chat.Millis    `bun:"at"`
	Removed string         `bun:"removed"`
}

// Erasure implements retention.EraseStore.
func (db *DB) Erasure(ctx context.Context, hash retention.Hash) (e retention.Erasure, err error) {
	var row erasureRow
	if err := db.reading(ctx).NewSelect().Model(&row).Where("hash = ?", hash[:]).Scan(ctx); err != nil {
		return e, found(err, "visitor")
	}
	e = retention.Erasure{ID: row.ID, Hash: hash, Site: row.Site, By: chat.ActorRef{Kind: row.ByKind, ID: row.ByID}, At: row.At}
	if err := json.Unmarshal([]byte(row.Removed), &e.Removed); err != nil {
		return e, fmt.Errorf("what the erasure %d removed: %w", row.ID, err)
	}
	return e, nil
}

// ErasedSince implements live.Erasures.
func (db *DB) ErasedSince(ctx context.Context, spanMillis int64) (all []retention.Hash, now chat.Millis, err error) {
	if now, err = db.time(ctx); err != nil {
		return nil, now, err
	}
	all, err = db.hashes(ctx, "SELECT hash FROM erasure WHERE at BETWEEN ? AND ?", int64(now)-spanMillis, int64(now)+spanMillis)
	return all, now, err
}

// Unknown implements retention.EraseStore.
func (db *DB) Unknown(ctx context.Context, all []retention.Hash) (unknown []retention.Hash, err error) {
	for part := range slices.Chunk(all, maxRows) {
		asked := make([][]byte, len(part))
		for i := range part {
			asked[i] = part[i][:]
		}
		kept, err := db.hashes(ctx, "SELECT hash FROM erasure WHERE hash IN (?)", bun.List(asked))
		if err != nil {
			return nil, err
		}
		for _, h := range part {
			if !slices.Contains(kept, h) {
				unknown = append(unknown, h)
			}
		}
	}
	return unknown, nil
}

func (db *DB) hashes(ctx context.Context, query string, args ...any) ([]retention.Hash, error) {
	var rows [][]byte
	if err := db.reading(ctx).NewRaw(query, args...).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	all := make([]retention.Hash, len(rows))
	for i, row := range rows {
		copy(all[i][:], row)
	}
	return all, nil
}
