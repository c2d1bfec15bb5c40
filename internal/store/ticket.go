package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/legacy"
)

var _ legacy.Tickets = (*DB)(nil)

// ticketsForgotten is how many tickets that have ended a new one removes.
const ticketsForgotten = 20

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
		_, err = tx.NewRaw("INSERT INTO ticket (hash, site_id, door, name, reusable, expires_at) VALUES ("+places(6)+")",
			hash, t.Site, string(t.Door), []byte(t.Name), reusable, ends).Exec(ctx)
		return err
	})
	if err != nil {
		return 0, err
	}
	return ends, db.ForgetTickets(ctx, ticketsForgotten)
}

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
	}
	if err := db.read.NewRaw("SELECT site_id, door, name, reusable, expires_at FROM ticket WHERE hash = ? AND expires_at > ?", hash, now).Scan(ctx, &rows); err != nil {
		return legacy.Ticket{}, err
	}
	if len(rows) == 0 {
		return legacy.Ticket{}, absent
	}
	r := rows[0]
	t := legacy.Ticket{Site: r.SiteID, Door: legacy.Door(r.Door), Name: string(r.Name), Reusable: r.Reusable != 0, Expires: r.ExpiresAt}
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
func (db *DB) ForgetTickets(ctx context.Context, limit int) error {
	now, err := db.time(ctx)
	if err != nil {
		return err
	}
	var old [][]byte
	if err := db.read.NewRaw("SELECT hash FROM ticket WHERE expires_at < ? ORDER BY expires_at LIMIT ?", now, limit).Scan(ctx, &old); err != nil || len(old) == 0 {
		return err
	}
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw("DELETE FROM ticket WHERE hash IN (?)", bun.List(old)).Exec(ctx)
		return err
	})
}
