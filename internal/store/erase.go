package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/retention"
)

var _ retention.EraseStore = (*DB)(nil)

type subjectRow struct {
	ID           chat.VisitorID      `bun:"id"`
	Site         chat.SiteID         `bun:"site_id"`
	SecretHash   []byte              `bun:"secret_hash"`
	Conversation chat.ConversationID `bun:"conversation"`
	UUID         []byte              `bun:"uuid"`
	CreatedAt    chat.Millis         `bun:"created_at"`
}

// Subject implements retention.EraseStore.
func (db *DB) Subject(ctx context.Context, on chat.SiteID, id chat.VisitorID) (s retention.Subject, err error) {
	var row subjectRow
	err = db.reading(ctx).NewRaw("SELECT v.id, v.site_id, v.secret_hash, COALESCE(c.id, 0) AS conversation, c.uuid, COALESCE(c.created_at, 0) AS created_at "+
		"FROM visitor v LEFT JOIN conversation c ON c.visitor_id = v.id WHERE v.site_id = ? AND v.id = ?", on, id).Scan(ctx, &row)
	if err != nil {
		return s, found(err, "visitor")
	}
	s = retention.Subject{Site: row.Site, Visitor: row.ID, SecretHash: row.SecretHash}
	s.Conversation.Site, s.Conversation.Visitor = row.Site, row.ID
	if row.Conversation == 0 {
		return s, nil
	}
	s.Conversation.ID, s.Conversation.CreatedAt = row.Conversation, row.CreatedAt
	if s.Conversation.UUID, err = uuid.FromBytes(row.UUID); err != nil {
		err = fmt.Errorf("name of conversation %d: %w", row.Conversation, err)
	}
	return s, err
}

// Subjects implements retention.EraseStore.
func (db *DB) Subjects(ctx context.Context, after chat.VisitorID, limit int) ([]retention.Subject, error) {
	var rows []subjectRow
	err := db.reading(ctx).NewRaw("SELECT id, site_id FROM visitor WHERE id > ? ORDER BY id LIMIT ?", after, limit).Scan(ctx, &rows)
	all := make([]retention.Subject, len(rows))
	for i, r := range rows {
		all[i] = retention.Subject{Site: r.Site, Visitor: r.ID}
	}
	return all, err
}

// CarriedInto implements retention.EraseStore.
func (db *DB) CarriedInto(ctx context.Context, s retention.Subject) (all []chat.VisitorID, err error) {
	err = db.reading(ctx).NewRaw("SELECT c.visitor_id FROM carried k JOIN conversation c ON c.id = k.conversation WHERE k.to_conversation = ? ORDER BY c.visitor_id",
		s.Conversation.ID).Scan(ctx, &all)
	return all, err
}

// RemoveEvents implements retention.EraseStore.
func (db *DB) RemoveEvents(ctx context.Context, s retention.Subject) (removed retention.Removed, more bool, err error) {
	err = db.committerOf(s.Conversation.ID).do(ctx, func(h *hot) error {
		c, err := cutting(h, db.dialect.grammar(), s.Conversation.ID)
		if err != nil {
			return err
		}
		more, err = c.removeBefore(c.state.Seq + 1)
		removed = c.removed
		return err
	})
	return removed, more, err
}

// RemoveSubject implements retention.EraseStore.
func (db *DB) RemoveSubject(ctx context.Context, s retention.Subject, e retention.Erasure) (done retention.Erasure, err error) {
	err = db.committerOf(s.Conversation.ID).do(ctx, func(h *hot) error {
		done = e
		r := removal{h: h, g: db.dialect.grammar(), s: &s, removed: &done.Removed}
		if err := r.conversation(); err != nil {
			return err
		}
		if err := r.visitor(); err != nil {
			return err
		}
		if done.At, err = h.now(db); err != nil {
			return err
		}
		return keepErasure(h, r.g, done)
	})
	if err == nil && db.checkpoints != nil {
		db.checkpoints.forget()
	}
	return done, err
}

// removal takes a visitor's rows away, those of its conversation first: its head is
// what all others lock first, too.
type removal struct {
	h       *hot
	g       *grammar
	s       *retention.Subject
	removed *retention.Removed
}

// run runs statements with the same number.
func (r *removal) run(id int64, statements ...string) error {
	for _, statement := range statements {
		r.h.ints(id)
		if err := r.h.exec(statement); err != nil {
			return err
		}
	}
	return nil
}

// count adds the rows of a statement with one number.
func (r *removal) count(to *int64, id int64, statement string) error {
	r.h.ints(id)
	return r.h.query(statement, func(row scanner) error {
		var n int64
		err := row.Scan(&n)
		*to += n
		return err
	})
}

// lock holds the visitor's row, behind its head: what looks for the row with a lock of
// its own, as a first message and an exchange of a token do, is seen here, or finds
// nobody. Errors: NotFound.
func (r *removal) lock() error {
	r.h.ints(int64(r.s.Visitor))
	var id int64
	return r.h.one("SELECT id FROM visitor WHERE id = ?"+r.g.forUpdate, &id)
}

func (r *removal) conversation() error {
	id := r.s.Conversation.ID
	if id == 0 {
		if err := r.lock(); err != nil {
			return err
		}
		has := int64(0)
		if err := r.count(&has, int64(r.s.Visitor), "SELECT COUNT(*) FROM conversation WHERE visitor_id = ?"); err != nil || has == 0 {
			return err
		}
		return retention.ErrGoesOn
	}
	c, err := cutting(r.h, r.g, id)
	if err != nil {
		return err
	}
	came := int64(0)
	if err := r.count(&came, int64(id), "SELECT COUNT(*) FROM carried WHERE to_conversation = ?"); err != nil {
		return err
	}
	if came > 0 { // since they were looked for
		return retention.ErrGoesOn
	}
	more, err := c.removeBefore(c.state.Seq + 1) // what was written since the last step
	if err != nil {
		return err
	}
	if more {
		return retention.ErrGoesOn
	}
	r.removed.Add(c.removed)
	if err := r.count(&r.removed.Rounds, int64(id), "SELECT COUNT(*) FROM round WHERE conversation = ?"); err != nil {
		return err
	}
	if err := r.outbox(); err != nil {
		return err
	}
	return r.run(int64(id), "DELETE FROM carried WHERE conversation = ?", "DELETE FROM mark WHERE conversation = ?", "DELETE FROM round WHERE conversation = ?", "DELETE FROM list WHERE conversation = ?",
		"DELETE FROM head WHERE conversation = ?", "DELETE FROM conversation WHERE id = ?")
}

// outbox is what webhooks were still to be told of the conversation. No index leads from
// that to its rows: each is named by its key.
func (r *removal) outbox() error {
	const which = " WHERE webhook_id = ? AND conversation = ?"
	var hooks []int64
	r.h.ints(int64(r.s.Site))
	err := r.h.query("SELECT id FROM webhook WHERE site_id = ? ORDER BY id", func(row scanner) error {
		var hook int64
		err := row.Scan(&hook)
		hooks = append(hooks, hook)
		return err
	})
	for _, hook := range hooks {
		if err != nil {
			break
		}
		r.h.ints(hook, int64(r.s.Conversation.ID))
		err = r.h.query("SELECT last_seq - next_seq + 1 FROM webhook_outbox"+which, func(row scanner) error {
			var n int64
			err := row.Scan(&n)
			r.removed.Outgoing += n
			return err
		})
		if err == nil {
			r.h.ints(hook, int64(r.s.Conversation.ID))
			err = r.h.exec("DELETE FROM webhook_outbox" + which)
		}
	}
	return err
}

func (r *removal) visitor() error {
	if err := r.lock(); err != nil {
		return err
	}
	if err := r.uploads(); err != nil {
		return err
	}
	if err := r.names(); err != nil {
		return err
	}
	if err := r.tickets(); err != nil {
		return err
	}
	if err := r.count(&r.removed.Logins, int64(r.s.Visitor), "SELECT COUNT(*) FROM visitor_login WHERE visitor_id = ?"); err != nil {
		return err
	}
	if err := r.run(int64(r.s.Visitor), "DELETE FROM visitor_login WHERE visitor_id = ?", "DELETE FROM visitor WHERE id = ?"); err != nil {
		return err
	}
	return r.portrait()
}

// uploads are files that the visitor has sent to nobody.
func (r *removal) uploads() error {
	const whose = " WHERE owner = ? AND state IN ('uploading', 'complete') AND site_id = ?"
	owner := []byte(chat.VisitorFiles(r.s.SecretHash))
	r.h.arg(owner)
	r.h.ints(int64(r.s.Site))
	c := cut{removed: *r.removed}
	if err := r.h.query("SELECT size FROM file"+whose, c.addFile); err != nil {
		return err
	}
	*r.removed = c.removed
	r.h.arg(string(files.Gone))
	r.h.ints(int64(atOnce))
	r.h.arg(owner)
	r.h.ints(int64(r.s.Site))
	return r.h.exec("UPDATE file SET state = ?, delete_at = ?" + whose)
}

// tickets to the door of pushes bear the visitor's id at its website, whether it made
// them by its log-in or the website's server did.
func (r *removal) tickets() error {
	r.h.ints(int64(r.s.Site), int64(r.s.Visitor))
	return r.h.exec("DELETE FROM ticket WHERE site_id = ? AND name = (SELECT external_id FROM visitor WHERE id = ?) AND door = 'push'")
}

// names are what the visitor was called in the legacy chat room, and the tickets to it.
func (r *removal) names() error {
	var names [][]byte
	r.h.ints(int64(r.s.Site))
	r.h.arg(r.s.SecretHash)
	err := r.h.query("SELECT name FROM legacy_name WHERE site_id = ? AND hash = ?", func(row scanner) error {
		var name []byte
		err := row.Scan(&name)
		names = append(names, slices.Clone(name))
		return err
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		r.removed.Names++
		for _, statement := range []string{"DELETE FROM ticket WHERE site_id = ? AND name = ? AND door = 'chat'", "DELETE FROM legacy_name WHERE site_id = ? AND name = ?"} {
			r.h.ints(int64(r.s.Site))
			r.h.arg(name)
			if err := r.h.exec(statement); err != nil {
				return err
			}
		}
	}
	return nil
}

// now is the time of the database, within the transaction.
func (h *hot) now(db *DB) (now chat.Millis, err error) {
	clock := db.clock()
	if clock == "" {
		return db.now(), nil
	}
	err = h.query("SELECT "+clock, func(r scanner) error { return r.Scan(&now) })
	return now, err
}
