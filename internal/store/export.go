package store

import (
	"context"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/retention"
)

var _ retention.ExportStore = (*DB)(nil)

// Known implements retention.ExportStore.
func (db *DB) Known(ctx context.Context, s retention.Subject) (k retention.Known, err error) {
	var row struct {
		CreatedAt chat.Millis `bun:"created_at"`
		External  []byte      `bun:"external_id"`
		Profile   string      `bun:"profile"`
		Vouched   *string     `bun:"vouched"`
		Told      *string     `bun:"told"`
		Off       int         `bun:"broadcast_off"`
	}
	err = db.reading(ctx).NewRaw("SELECT created_at, external_id, profile, vouched, told, broadcast_off FROM visitor WHERE site_id = ? AND id = ?", s.Site, s.Visitor).Scan(ctx, &row)
	if err != nil {
		return k, found(err, "visitor")
	}
	k = retention.Known{CreatedAt: row.CreatedAt, External: string(row.External), Said: row.Profile, NoBroadcasts: row.Off != 0}
	if row.Vouched != nil {
		k.Vouched = *row.Vouched
	}
	if row.Told != nil {
		k.Told = *row.Told
	}
	var names [][]byte
	err = db.reading(ctx).NewRaw("SELECT name FROM legacy_name WHERE site_id = ? AND hash = ?", s.Site, s.SecretHash).Scan(ctx, &names)
	if err != nil {
		return k, err
	}
	for _, name := range names {
		k.Names = append(k.Names, string(name))
	}
	var logins []struct {
		MadeAt     chat.Millis `bun:"made_at"`
		LastUsedAt chat.Millis `bun:"last_used_at"`
	}
	err = db.reading(ctx).NewRaw("SELECT made_at, last_used_at FROM visitor_login WHERE visitor_id = ? ORDER BY made_at", s.Visitor).Scan(ctx, &logins)
	for _, l := range logins {
		k.Logins = append(k.Logins, retention.KnownLogin{MadeAt: l.MadeAt, LastUsedAt: l.LastUsedAt})
	}
	return k, err
}

// Earlier implements retention.ExportStore.
func (db *DB) Earlier(ctx context.Context, id chat.ConversationID, seq, after int64, limit int) ([]retention.Earlier, error) {
	var rows []struct {
		Rev        int64       `bun:"rev"`
		ReplacedAt chat.Millis `bun:"replaced_at"`
		Body       []byte      `bun:"body"`
	}
	err := db.reading(ctx).NewRaw("SELECT rev, replaced_at, body FROM event_revision WHERE conversation = ? AND seq = ? AND rev > ? ORDER BY rev LIMIT ?", id, seq, after, limit).Scan(ctx, &rows)
	all := make([]retention.Earlier, len(rows))
	for i, r := range rows {
		all[i] = retention.Earlier{Rev: r.Rev, ReplacedAt: r.ReplacedAt, Body: r.Body}
	}
	return all, err
}
