package store

import (
	"context"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

var _ identity.Book = (*DB)(nil)

type listedRow struct {
	ID           chat.VisitorID      `bun:"id"`
	Profile      []byte              `bun:"profile"`
	Vouched      []byte              `bun:"vouched"`
	Told         []byte              `bun:"told"`
	CreatedAt    chat.Millis         `bun:"created_at"`
	Conversation chat.ConversationID `bun:"conversation"`
	UUID         []byte              `bun:"uuid"`
	BegunAt      chat.Millis         `bun:"begun_at"`
}

const listedColumns = "SELECT v.id, v.profile, v.vouched, v.told, v.created_at, COALESCE(c.id, 0) AS conversation, c.uuid, COALESCE(c.created_at, 0) AS begun_at " +
	"FROM visitor v LEFT JOIN conversation c ON c.visitor_id = v.id WHERE v.site_id = ? AND v.id > 0"

// Listed implements identity.Book. Each way to a visitor has an index of its own.
func (db *DB) Listed(ctx context.Context, q identity.BookQuery) ([]identity.Listed, error) {
	query, args := listedColumns, []any{q.Site}
	switch {
	case q.ID != 0:
		query, args = query+" AND v.id = ?", append(args, q.ID)
	case q.ExternalID != "":
		query, args = query+" AND v.external_id = ?", append(args, []byte(q.ExternalID))
	case q.Email != "":
		return db.listedByEmail(ctx, q)
	}
	return db.listed(ctx, query, args, q)
}

// listedByEmail asks for each of those who may have said the address.
func (db *DB) listedByEmail(ctx context.Context, q identity.BookQuery) ([]identity.Listed, error) {
	email := []byte(identity.NormalEmail(q.Email))
	return db.listed(ctx, listedColumns+" AND v.id IN (SELECT id FROM visitor WHERE site_id = ? AND email = ? UNION SELECT id FROM visitor WHERE site_id = ? AND told_email = ? UNION SELECT id FROM visitor WHERE site_id = ? AND vouched_email = ?)",
		[]any{q.Site, q.Site, email, q.Site, email, q.Site, email}, q)
}

func (db *DB) listed(ctx context.Context, query string, args []any, q identity.BookQuery) ([]identity.Listed, error) {
	if q.Before != 0 {
		query, args = query+" AND v.id < ?", append(args, q.Before)
	}
	var rows []listedRow
	if err := db.reading(ctx).NewRaw(query+" ORDER BY v.id DESC LIMIT ?", append(args, q.Limit)...).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	all := make([]identity.Listed, len(rows))
	for i := range rows {
		var err error
		if all[i], err = rows[i].listed(q.Site); err != nil {
			return nil, fmt.Errorf("visitor %d: %w", rows[i].ID, err)
		}
	}
	return all, nil
}

func (r *listedRow) listed(site chat.SiteID) (identity.Listed, error) {
	out := identity.Listed{Visitor: identity.Visitor{ID: r.ID, Site: site}, CreatedAt: r.CreatedAt}
	var err error
	if out.Profile, err = readProfile(r.ID, r.Profile, r.Vouched); err != nil {
		return out, err
	}
	if r.Conversation != 0 {
		name, err := uuid.FromBytes(r.UUID)
		if err != nil {
			return out, fmt.Errorf("its conversation's name: %w", err)
		}
		out.Conversation = chat.Conversation{ID: r.Conversation, UUID: name, Site: site, Visitor: r.ID, CreatedAt: r.BegunAt}
	}
	if len(r.Told) > 0 {
		out.Told = &identity.ToldByApp{}
		if err := json.Unmarshal(r.Told, out.Told); err != nil {
			return out, fmt.Errorf("what was told of it: %w", err)
		}
	}
	return out, nil
}

// Tell implements identity.Book.
func (db *DB) Tell(ctx context.Context, site chat.SiteID, id chat.VisitorID, change func(identity.ToldByApp) (identity.ToldByApp, error)) (told identity.Listed, err error) {
	absent := chat.Refuse(chat.NotFound, "there is no such visitor")
	err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		var before []listedRow
		if err := tx.NewRaw("SELECT id, told FROM visitor WHERE id = ? AND site_id = ?"+db.dialect.grammar().forUpdate, id, site).Scan(ctx, &before); err != nil {
			return err
		}
		if len(before) == 0 {
			return absent
		}
		var now identity.ToldByApp
		if len(before[0].Told) > 0 {
			if err := json.Unmarshal(before[0].Told, &now); err != nil {
				return fmt.Errorf("what was told of visitor %d: %w", id, err)
			}
		}
		if now, err = change(now); err != nil {
			return err
		}
		return writeTold(ctx, tx, id, now)
	})
	if err != nil {
		return told, err
	}
	all, err := db.Listed(ctx, identity.BookQuery{Site: site, ID: id, Limit: 1})
	if err == nil && len(all) == 0 {
		err = absent
	}
	if err != nil {
		return told, err
	}
	return all[0], nil
}

func writeTold(ctx context.Context, tx bun.Tx, id chat.VisitorID, t identity.ToldByApp) error {
	said, err := json.Marshal(t, json.Deterministic(true))
	if err != nil {
		return err
	}
	_, err = tx.NewRaw("UPDATE visitor SET told = ?, told_email = ? WHERE id = ?", string(said), emailOf(chat.Profile{Email: t.Email}), id).Exec(ctx)
	return err
}

// emailOf is the address that a visitor's page said, to find it by; nil: it said none.
func emailOf(p chat.Profile) []byte {
	email := identity.NormalEmail(p.Email)
	if email == "" || len(email) > maxEmail {
		return nil
	}
	return []byte(email)
}

// maxEmail is what the column has room for, in bytes.
const maxEmail = 320
