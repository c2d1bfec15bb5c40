package store

import (
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/store/storetest"
	"github.com/kefu-chat/kefu/internal/webhook"
)

func TestWebhooksInSQLite(t *testing.T) {
	storetest.RunWebhooks(t, func(t testing.TB, o storetest.Options) storetest.Engine {
		return open(t, Config{Path: newFileIn(t, o.Place), Now: o.Now, Commit: o.Commit, Synchronous: "off", Relaxed: true})
	})
}

func TestWebhooksInServers(t *testing.T) {
	t.Parallel()
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			storetest.RunWebhooks(t, s.opener())
		})
	}
}

// TestAnotherNodeHearsOfWebhooks: one that was made elsewhere, and one that is gone.
func TestAnotherNodeHearsOfWebhooks(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			url := s.lend(t)
			one, two := open(t, Config{URL: url}), open(t, Config{URL: url})
			hook := webhook.Webhook{ID: 1, Site: 71, URL: "https://a.example", Types: []webhook.Type{"message.created"}, State: webhook.On}
			if err := one.InsertWebhook(t.Context(), hook); err != nil {
				t.Fatal(err)
			}
			heard := func(want int) {
				t.Helper()
				if err := two.RefreshWishes(t.Context()); err != nil || len(two.Wishes(71)) != want {
					t.Errorf("the other node knows %v, want %d: %v", two.Wishes(71), want, err)
				}
			}
			heard(1)
			hook.State = webhook.Deleting
			if err := one.UpdateWebhook(t.Context(), hook); err != nil {
				t.Fatal(err)
			}
			heard(0)
		})
	}
}

// TestTheOutboxNeedsNoSorting holds the indexes to the queries.
func TestTheOutboxNeedsNoSorting(t *testing.T) {
	db := open(t, Config{})
	for _, query := range []string{
		"SELECT * FROM webhook_outbox WHERE webhook_id = ? AND due_at <= ? ORDER BY due_at LIMIT ?",
		"SELECT * FROM webhook_delivery WHERE webhook_id = ? AND id < ? ORDER BY id DESC LIMIT ?",
	} {
		if plan := explain(t, db, query, 1, 1, 1); strings.Contains(plan, "SCAN") || strings.Contains(plan, "TEMP") {
			t.Error(plan)
		}
	}
}

// TestNoWebhookCostsNothing: where no site has one, nothing is written or allocated for them.
func TestNoWebhookCostsNothing(t *testing.T) {
	db := open(t, Config{})
	g := newGroup(db.committers[0], nil)
	g.order = []*working{{site: 71, events: []chat.Event{{Conversation: 1, Seq: 1, Kind: chat.Message, Public: true}}}}
	if n := testing.AllocsPerRun(100, func() {
		if err := g.writeOutbox(); err != nil || g.rows != 0 {
			t.Error(err, g.rows)
		}
	}); n != 0 {
		t.Errorf("it allocates %.0f times", n)
	}
}
