package store

import (
	"context"
	"testing"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/retention"
	"github.com/kefu-chat/kefu/internal/webhook"
)

// TestAnErasureReadsNoWholeTable counts what the last transaction of one reads in a
// database with many files and much to tell of others. MariaDB alone counts that, and
// its planner is the one that is easily misled.
func TestAnErasureReadsNoWholeTable(t *testing.T) {
	const others = 1000
	for _, s := range servers(t) {
		if s.name != "MariaDB" {
			continue
		}
		db := open(t, Config{URL: s.lend(t)})
		ctx := t.Context()
		asked := exchangeOf(1, "person", "jti", "a")
		asked.Picture = "https://shop.example/a.png"
		l, err := db.AddVisitorLogin(ctx, asked)
		must(t, err)
		must(t, db.ShowVisitorPortrait(ctx, l.Visitor.ID, asked.Picture, pictureFor(t, db, 501)))
		must(t, db.InsertWebhook(ctx, webhook.Webhook{ID: 7, Site: 71, URL: "https://a.example", Types: []webhook.Type{"message.created"}, State: webhook.On}))
		must(t, db.RefreshWishes(ctx))
		begun := message(1, "hello")
		begun.Begin = &chat.Beginning{Site: 71, SecretHash: l.Visitor.Hash[:], Visitor: l.Visitor.ID, Profile: chat.Profile{Vouched: &l.Visitor.Vouched}}
		id := send(t, db, begun).Conversation.ID
		ofOthers(t, db, others)
		subject, err := db.Subject(ctx, 71, l.Visitor.ID)
		must(t, err)
		var removed retention.Removed
		must(t, db.committerOf(id).do(ctx, func(h *hot) error {
			r := removal{h: h, g: db.dialect.grammar(), s: &subject, removed: &removed}
			first := rowsRead(t, h)
			counting := rowsRead(t, h) - first
			must(t, r.conversation())
			must(t, r.visitor())
			if n := rowsRead(t, h) - first - 2*counting; n >= others {
				t.Errorf("it read %d rows", n)
			}
			return nil
		}))
		if removed.Outgoing != 1 || removed.Files != 1 {
			t.Errorf("removed was %+v: want a picture, and an event that was to be told", removed)
		}
	}
}

// ofOthers fills in files of other visitors, and what is to be told of their conversations.
func ofOthers(t *testing.T, db *DB, n int) {
	t.Helper()
	const numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT "
	must(t, db.Update(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw("INSERT INTO webhook_outbox (webhook_id, conversation, next_seq, last_seq, since, due_at, tries, delivery_id) "+numbers+
			"7, i, 1, 2, 1, 4000000000000, 0, 0 FROM n", n).Exec(ctx)
		if err == nil {
			_, err = tx.NewRaw("INSERT INTO file (id, site_id, owner, state, name, type, size, width, height, previews, attempt, conversation, seq, public, created_at, delete_at) "+numbers+
				"1000 + i, 71, 'others', 'shown', '', '', 1, 1, 1, 0, 1, 0, 0, 1, 1, 0 FROM n", n).Exec(ctx)
		}
		return err
	}))
}

// rowsRead is how many the connection has read so far, those that are read to tell it included.
func rowsRead(t *testing.T, h *hot) (n int64) {
	t.Helper()
	must(t, h.query("SELECT CAST(SUM(variable_value) AS SIGNED) FROM information_schema.session_status WHERE variable_name LIKE 'handler_read%'", func(row scanner) error {
		return row.Scan(&n)
	}))
	return n
}
