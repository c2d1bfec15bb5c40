package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/legacy"
)

var _ legacy.Tickets = (*DB)(nil)

// AddTicket implements legacy.Tickets.
func (db *DB) AddTicket(ctx context.Context, hash []byte, t legacy.Ticket, lasts time.Duration) (ends chat.Millis, err error) {
	err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		ends = now + chat.Millis(lasts.Milliseconds())
		reusable := 0
		if t.Reusable {
			reusable = 1
		}
		_, err = tx.NewRaw("INSERT INTO ticket (hash, site_id, door, name, reusable, expires_at, api_key, login_id) VALUES ("+places(8)+")",
			hash, t.Site, string(t.Door), []byte(t.Name), reusable, ends, t.Key, t.Login).Exec(ctx)
		return err
	})
	if err != nil {
		return 0, err
	}
	return ends, nil
}

// goodTicket is a ticket that has not ended, nor has its API key, or its log-in. It is read anew each
// time, and not from a replica: a revoked key's is not good on any node.
const goodTicket = "SELECT t.site_id, t.door, t.name, t.reusable, t.expires_at, t.api_key, t.login_id FROM ticket t LEFT JOIN api_key k ON k.id = t.api_key " +
	"LEFT JOIN visitor_login l ON l.id = t.login_id " +
	"WHERE t.hash = ? AND t.expires_at > ? AND (t.api_key = 0 OR k.revoked_at = 0) AND (t.login_id = 0 OR " + goodLogin + ")"

// TakeTicket implements legacy.Tickets.
func (db *DB) TakeTicket(ctx context.Context, hash []byte) (legacy.Ticket, error) {
	absent := chat.Refuse(chat.NotFound, "this ticket is not good: it was used already, or it has ended")
	now, err := db.time(ctx)
	if err != nil {
		return legacy.Ticket{}, err
	}
	var rows []struct {
		SiteID    chat.SiteID
		Door      string
		Name      []byte
		Reusable  int
		ExpiresAt chat.Millis
		ApiKey    int64
		LoginId   int64
	}
	if err := db.read.NewRaw(goodTicket, hash, now).Scan(ctx, &rows); err != nil {
		return legacy.Ticket{}, err
	}
	if len(rows) == 0 {
		return legacy.Ticket{}, absent
	}
	r := rows[0]
	t := legacy.Ticket{Site: r.SiteID, Door: legacy.Door(r.Door), Name: string(r.Name), Reusable: r.Reusable != 0, Expires: r.ExpiresAt, Key: r.ApiKey, Login: r.LoginId}
	if t.Reusable {
		return t, nil
	}
	err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		mine, err := met(tx.NewRaw("DELETE FROM ticket WHERE hash = ?", hash).Exec(ctx))
		if err == nil && !mine {
			err = absent
		}
		return err
	})
	return t, err
}

// ForgetTickets implements legacy.Tickets.
func (db *DB) ForgetTickets(ctx context.Context, limit int) (int, error) {
	now, err := db.time(ctx)
	if err != nil {
		return 0, err
	}
	var old [][]byte
	if err := db.read.NewRaw("SELECT hash FROM ticket WHERE expires_at < ? ORDER BY expires_at LIMIT ?", now, limit).Scan(ctx, &old); err != nil || len(old) == 0 {
		return 0, err
	}
	return len(old), db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw("DELETE FROM ticket WHERE hash IN (?)", bun.List(old)).Exec(ctx)
		return err
	})
}
