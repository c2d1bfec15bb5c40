package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/legacy"
)

var _ legacy.Names = (*DB)(nil)

type nameRow struct {
	bun.BaseModel `bun:"table:legacy_name,alias:legacy_name"`

	SiteID    chat.SiteID `bun:"site_id"`
	Name      []byte      `bun:"name"`
	Hash      []byte      `bun:"hash"`
	Token     []byte      `bun:"token"`
	Node      []byte      `bun:"node"`
	ChangedAt chat.Millis `bun:"changed_at"`
	CreatedAt chat.Millis `bun:"created_at"`
}

func (r *nameRow) name() legacy.Name {
	n := legacy.Name{Name: string(r.Name), Token: string(r.Token), Node: string(r.Node), Changed: r.ChangedAt}
	copy(n.Hash[:], r.Hash)
	return n
}

// EnterName implements legacy.Names.
func (db *DB) EnterName(ctx context.Context, site chat.SiteID, name, token, node string) (hash [32]byte, err error) {
	err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		enter := func() (bool, error) {
			return met(tx.NewUpdate().Model((*nameRow)(nil)).Set("token = ?, node = ?, changed_at = ?", []byte(token), []byte(node), now).
				Where("site_id = ? AND name = ?", site, []byte(name)).Exec(ctx))
		}
		there, err := enter()
		if err != nil {
			return err
		}
		if !there {
			if err := makeName(ctx, tx, nameRow{SiteID: site, Name: []byte(name), Token: []byte{}, Node: []byte{}, ChangedAt: now, CreatedAt: now}, legacy.MaxNames); err != nil {
				return err
			}
			if _, err := enter(); err != nil {
				return err
			}
		}
		var kept []byte
		if err := tx.NewSelect().Model((*nameRow)(nil)).Column("hash").Where("site_id = ? AND name = ?", site, []byte(name)).Scan(ctx, &kept); err != nil {
			return err
		}
		copy(hash[:], kept)
		return nil
	})
	return hash, err
}

// makeName makes a name, unless another node is making it now. Of more than most the
// longest unused goes: whoever comes in by an open door makes names up, and must not
// keep out everybody after it.
func makeName(ctx context.Context, tx bun.Tx, row nameRow, most int64) error {
	n, err := tx.NewSelect().Model((*nameRow)(nil)).Where("site_id = ?", row.SiteID).Count(ctx)
	if err != nil {
		return err
	}
	if n >= most {
		if gone, err := forgetNames(ctx, tx, row.SiteID, row.ChangedAt-unusedFor); err != nil || !gone {
			return errors.Join(err, chat.Refuse(legacy.TooManyNames, "this site has %d names already", n))
		}
	}
	row.Hash = make([]byte, 32)
	_, _ = rand.Read(row.Hash) // never fails since Go 1.24
	_, err = tx.NewInsert().Model(&row).Ignore().Exec(ctx)
	return err
}

const (
	unusedFor      = 60_000 // ms that a name has been away before it may go: somebody may be writing to it
	namesForgotten = 100    // at once
)

// forgetNames removes names that were not in since, and of which nobody ever wrote or
// was written to, the longest away first; false: there is none.
func forgetNames(ctx context.Context, tx bun.Tx, site chat.SiteID, since chat.Millis) (bool, error) {
	var names [][]byte
	err := tx.NewRaw("SELECT n.name FROM legacy_name n LEFT JOIN visitor v ON v.site_id = n.site_id AND v.secret_hash = n.hash "+
		"WHERE n.site_id = ? AND n.changed_at < ? AND LENGTH(n.token) = 0 AND v.id IS NULL ORDER BY n.changed_at LIMIT ?",
		site, since, namesForgotten).Scan(ctx, &names)
	if err != nil || len(names) == 0 {
		return false, err
	}
	return met(tx.NewRaw("DELETE FROM legacy_name WHERE site_id = ? AND name IN (?) AND LENGTH(token) = 0", site, bun.List(names)).Exec(ctx))
}

// LeaveName implements legacy.Names.
func (db *DB) LeaveName(ctx context.Context, site chat.SiteID, name, token string) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		_, err = tx.NewUpdate().Model((*nameRow)(nil)).Set("token = ?, node = ?, changed_at = ?", []byte{}, []byte{}, now).
			Where("site_id = ? AND name = ? AND token = ?", site, []byte(name), []byte(token)).Exec(ctx)
		return err
	})
}

// NamesSince implements legacy.Names.
func (db *DB) NamesSince(ctx context.Context, site chat.SiteID, spanMillis int64) ([]legacy.Name, error) {
	q := db.reading(ctx).NewSelect().Model((*nameRow)(nil)).Where("site_id = ?", site)
	if spanMillis > 0 {
		now, err := db.time(ctx)
		if err != nil {
			return nil, err
		}
		q = q.Where("changed_at > ?", now-chat.Millis(spanMillis))
	}
	var rows []nameRow
	if err := q.Order("changed_at DESC").Limit(legacy.MaxListed).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	names := make([]legacy.Name, len(rows))
	for i := range rows {
		names[i] = rows[i].name()
	}
	return names, nil
}

// What is read of the conversations of names: of those that changed by way of the list,
// of all by way of the names, for a site may have a million conversations of others. The
// bound has SQLite begin with the names, and not with the site's visitors.
const (
	threadColumns  = "SELECT n.name, h.conversation, c.uuid, h.public_seq, h.public_tag, l.changed_at "
	changedThreads = threadColumns + "FROM list l JOIN head h ON h.conversation = l.conversation JOIN conversation c ON c.id = l.conversation " +
		"JOIN visitor v ON v.id = c.visitor_id JOIN legacy_name n ON n.site_id = v.site_id AND n.hash = v.secret_hash " +
		"WHERE l.site_id = ? AND l.changed_at > ? ORDER BY l.changed_at DESC, l.conversation"
	ofNames = " n JOIN visitor v ON v.site_id = n.site_id AND v.secret_hash = n.hash " +
		"JOIN conversation c ON c.visitor_id = v.id JOIN head h ON h.conversation = c.id JOIN list l ON l.conversation = c.id"
	allThreads = threadColumns + "FROM (SELECT site_id, name, hash FROM legacy_name WHERE site_id = ? LIMIT ?)" + ofNames +
		" ORDER BY l.changed_at DESC, l.conversation"
	oneThread = threadColumns + "FROM legacy_name" + ofNames + " WHERE n.site_id = ? AND n.name = ?"
)

type threadRow struct {
	Name         []byte
	Conversation chat.ConversationID
	Uuid         []byte
	PublicSeq    int64
	PublicTag    uint32
	ChangedAt    chat.Millis
}

func (r *threadRow) thread() (legacy.Thread, error) {
	id, err := uuid.FromBytes(r.Uuid)
	if err != nil {
		return legacy.Thread{}, fmt.Errorf("name of conversation %d: %w", r.Conversation, err)
	}
	return legacy.Thread{Name: string(r.Name), Conversation: r.Conversation, UUID: id, Head: chat.Position{Number: r.PublicSeq, Tag: r.PublicTag}, Changed: r.ChangedAt}, nil
}

// ThreadsSince implements legacy.Names.
func (db *DB) ThreadsSince(ctx context.Context, site chat.SiteID, spanMillis int64) ([]legacy.Thread, chat.Millis, error) {
	now, err := db.time(ctx)
	if err != nil {
		return nil, 0, err
	}
	query, args := allThreads, []any{site, legacy.MaxNames}
	if spanMillis > 0 {
		query, args = changedThreads, []any{site, now - chat.Millis(spanMillis)}
	}
	var rows []threadRow
	if err := db.reading(ctx).NewRaw(query, args...).Scan(ctx, &rows); err != nil {
		return nil, 0, err
	}
	threads := make([]legacy.Thread, len(rows))
	for i := range rows {
		if threads[i], err = rows[i].thread(); err != nil {
			return nil, 0, err
		}
	}
	return threads, now, nil
}

// ThreadOf implements legacy.Names.
func (db *DB) ThreadOf(ctx context.Context, site chat.SiteID, name string) (legacy.Thread, error) {
	var row threadRow
	err := db.reading(ctx).NewRaw(oneThread, site, []byte(name)).Scan(ctx, &row)
	if err != nil {
		return legacy.Thread{}, found(err, "name")
	}
	return row.thread()
}

// NamedHash implements legacy.Names.
func (db *DB) NamedHash(ctx context.Context, site chat.SiteID, name string) (hash [32]byte, err error) {
	var kept []byte
	err = db.reading(ctx).NewSelect().Model((*nameRow)(nil)).Column("hash").Where("site_id = ? AND name = ?", site, []byte(name)).Scan(ctx, &kept)
	if err != nil {
		return hash, found(err, "name")
	}
	copy(hash[:], kept)
	return hash, nil
}
