package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
)

var _ broadcast.Store = (*DB)(nil)

type broadcastRow struct {
	bun.BaseModel `bun:"table:broadcast,alias:b"`

	ID          broadcast.ID    `bun:"id,pk"`
	Site        chat.SiteID     `bun:"site_id"`
	Body        string          `bun:"body"`
	Show        broadcast.Show  `bun:"shown_as"`
	Audience    string          `bun:"audience"`
	State       broadcast.State `bun:"state"`
	Waves       int             `bun:"waves"`
	WaveSeconds int             `bun:"wave_seconds"`
	Wave        int             `bun:"wave"`
	Number      int64           `bun:"number"`
	Expected    int64           `bun:"expected"`
	CreatedAt   chat.Millis     `bun:"created_at"`
	ScheduledAt chat.Millis     `bun:"scheduled_at"`
	PublishedAt chat.Millis     `bun:"published_at"`
	WithdrawnAt chat.Millis     `bun:"withdrawn_at"`
	ExpiresAt   chat.Millis     `bun:"expires_at"`
	ByKind      chat.ActorKind  `bun:"by_kind"`
	ByID        int64           `bun:"by_id"`
	ByName      string          `bun:"by_name"`
	Version     int64           `bun:"version"`
	Delivered   int64           `bun:"delivered_count"`
	Read        int64           `bun:"read_count"`
}

func broadcastRowOf(b broadcast.Broadcast) (*broadcastRow, error) {
	body, err := json.Marshal(chat.Text{Text: b.Content.Text})
	if err != nil {
		return nil, fmt.Errorf("text of broadcast %d: %w", b.ID, err)
	}
	audience, err := json.Marshal(b.Content.Audience)
	if err != nil {
		return nil, fmt.Errorf("audience of broadcast %d: %w", b.ID, err)
	}
	c := b.Content
	return &broadcastRow{
		ID: b.ID, Site: b.Site, Body: string(body), Show: c.Show, Audience: string(audience), State: b.State,
		Waves: c.Waves, WaveSeconds: c.WaveSeconds, Wave: b.Wave, Number: b.Number, Expected: b.Expected,
		CreatedAt: b.CreatedAt, ScheduledAt: b.ScheduledAt, PublishedAt: b.PublishedAt, WithdrawnAt: b.WithdrawnAt, ExpiresAt: c.ExpiresAt,
		ByKind: b.By.Kind, ByID: b.By.ID, ByName: b.By.Name, Version: b.Version, Delivered: b.Delivered, Read: b.Read,
	}, nil
}

func (r *broadcastRow) broadcast() (broadcast.Broadcast, error) {
	b := broadcast.Broadcast{
		ID: r.ID, Site: r.Site, State: r.State, Wave: r.Wave, Number: r.Number, Expected: r.Expected,
		CreatedAt: r.CreatedAt, ScheduledAt: r.ScheduledAt, PublishedAt: r.PublishedAt, WithdrawnAt: r.WithdrawnAt,
		By: chat.ActorRef{Kind: r.ByKind, ID: r.ByID, Name: r.ByName}, Version: r.Version, Delivered: r.Delivered, Read: r.Read,
		Content: broadcast.Content{Show: r.Show, ExpiresAt: r.ExpiresAt, Waves: r.Waves, WaveSeconds: r.WaveSeconds},
	}
	text, err := chat.Body(r.Body).Text()
	if err != nil {
		return b, fmt.Errorf("text of broadcast %d: %w", r.ID, err)
	}
	b.Content.Text = text.Text
	if err := json.Unmarshal([]byte(r.Audience), &b.Content.Audience); err != nil {
		return b, fmt.Errorf("audience of broadcast %d: %w", r.ID, err)
	}
	return b, nil
}

func broadcastsOf(rows []broadcastRow) ([]broadcast.Broadcast, error) {
	all := make([]broadcast.Broadcast, len(rows))
	for i := range rows {
		var err error
		if all[i], err = rows[i].broadcast(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// InsertBroadcast implements broadcast.Store.
func (db *DB) InsertBroadcast(ctx context.Context, b broadcast.Broadcast) error {
	row, err := broadcastRowOf(b)
	if err != nil {
		return err
	}
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil || b.Content.Audience.Kind != broadcast.Listed {
			return err
		}
		return writeList(ctx, tx, &b)
	})
}

var errBroadcastChanged = chat.Refuse(chat.Conflict, "somebody else has changed this broadcast meanwhile: look at it again, then repeat what you did")

// UpdateBroadcast implements broadcast.Store.
func (db *DB) UpdateBroadcast(ctx context.Context, b broadcast.Broadcast) (broadcast.Broadcast, error) {
	row, err := broadcastRowOf(b)
	if err != nil {
		return b, err
	}
	err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		row.Version = b.Version + 1
		result, err := tx.NewUpdate().Model(row).ExcludeColumn("id", "site_id", "delivered_count", "read_count").
			Where("id = ? AND site_id = ? AND version = ?", b.ID, b.Site, b.Version).Exec(ctx)
		if err := touched(result, err, errBroadcastChanged); err != nil || b.State != broadcast.Draft {
			return err
		}
		return writeList(ctx, tx, &b)
	})
	b.Version++
	return b, err
}

// DeleteBroadcast implements broadcast.Store.
func (db *DB) DeleteBroadcast(ctx context.Context, b broadcast.Broadcast) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		result, err := tx.NewRaw("DELETE FROM broadcast WHERE id = ? AND site_id = ? AND version = ?", b.ID, b.Site, b.Version).Exec(ctx)
		if err := touched(result, err, errBroadcastChanged); err != nil {
			return err
		}
		return deleteList(ctx, tx, b.ID)
	})
}

// AppendBroadcast implements broadcast.Store. Transactions of Together run one after
// the other; the key of the entries holds against all others.
func (db *DB) AppendBroadcast(ctx context.Context, e broadcast.Entry) (broadcast.Entry, error) {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails since Go 1.24
	e.Tag = binary.BigEndian.Uint32(random[:])
	err := db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		err := tx.NewRaw("SELECT number FROM broadcast_head WHERE site_id = ?"+db.dialect.grammar().forUpdate, e.Site).Scan(ctx, &e.Number)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		e.Number++
		query := "UPDATE broadcast_head SET number = ?, tag = ? WHERE site_id = ?"
		if e.Number == 1 {
			query = "INSERT INTO broadcast_head (number, tag, site_id) VALUES (?, ?, ?)"
		}
		if _, err := tx.NewRaw(query, e.Number, e.Tag, e.Site).Exec(ctx); err != nil {
			return err
		}
		_, err = tx.NewRaw("INSERT INTO broadcast_entry (site_id, number, tag, broadcast_id, wave, at) VALUES (?, ?, ?, ?, ?, ?)",
			e.Site, e.Number, e.Tag, e.Broadcast, e.Wave, e.At).Exec(ctx)
		return err
	})
	return e, err
}

// Broadcast implements broadcast.Store.
func (db *DB) Broadcast(ctx context.Context, on chat.SiteID, id broadcast.ID) (broadcast.Broadcast, error) {
	var row broadcastRow
	if err := db.reading(ctx).NewSelect().Model(&row).Where("id = ? AND site_id = ?", id, on).Scan(ctx); err != nil {
		return broadcast.Broadcast{}, found(err, "broadcast")
	}
	return row.broadcast()
}

// Broadcasts implements broadcast.Store.
func (db *DB) Broadcasts(ctx context.Context, on chat.SiteID, before broadcast.ID, limit int) ([]broadcast.Broadcast, error) {
	var rows []broadcastRow
	query := db.reading(ctx).NewSelect().Model(&rows).Where("site_id = ?", on).Order("id DESC").Limit(int64(limit))
	if before != 0 {
		query = query.Where("id < ?", before)
	}
	if err := query.Scan(ctx); err != nil {
		return nil, err
	}
	return broadcastsOf(rows)
}

// DraftBroadcasts implements broadcast.Store.
func (db *DB) DraftBroadcasts(ctx context.Context, on chat.SiteID) (n int, err error) {
	err = db.reading(ctx).NewRaw("SELECT COUNT(*) FROM broadcast WHERE site_id = ? AND state IN ('draft', 'scheduled')", on).Scan(ctx, &n)
	return n, err
}

// ShownBroadcasts implements broadcast.Store.
func (db *DB) ShownBroadcasts(ctx context.Context, on chat.SiteID, at chat.Millis) (n int, err error) {
	err = db.reading(ctx).NewRaw("SELECT COUNT(*) FROM broadcast WHERE site_id = ? AND state IN ('publishing', 'published') "+
		"AND (expires_at = 0 OR expires_at > ?)", on, at).Scan(ctx, &n)
	return n, err
}

// CountVisitors implements broadcast.Store. The language stands in the profile's text,
// which the server writes in one form; a page's own field of that name counts as well.
func (db *DB) CountVisitors(ctx context.Context, on chat.SiteID, language string, verified bool) (n int64, err error) {
	query, args := "SELECT COUNT(*) FROM visitor WHERE site_id = ? AND broadcast_off = 0", []any{on}
	wrote := "EXISTS (SELECT 1 FROM conversation c WHERE c.visitor_id = visitor.id)"
	if verified {
		query += " AND external_id IS NOT NULL AND " + wrote
	} else {
		query += " AND (external_id IS NULL OR " + wrote + ")"
	}
	if language != "" {
		begin := `%"language":"` + strings.ToLower(language)
		query += " AND (LOWER(profile) LIKE ? OR LOWER(profile) LIKE ?)"
		args = append(args, begin+`"%`, begin+`-%`)
	}
	err = db.reading(ctx).NewRaw(query, args...).Scan(ctx, &n)
	return n, err
}
