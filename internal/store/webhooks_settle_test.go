package store

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/webhook"
)

// TestMuchIsSettledInSteps: no step touches more rows than its bound, however many there
// are, and whoever writes meanwhile waits for a step, not for all.
func TestMuchIsSettledInSteps(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { settlesInSteps(t, open(t, Config{Synchronous: "off", Relaxed: true}), 150) })
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) { settlesInSteps(t, open(t, Config{URL: s.lend(t)}), 40) })
	}
}

// settlesInSteps is with side times side rows.
func settlesInSteps(t *testing.T, db *DB, side int) {
	t.Helper()
	rows := side * side
	hook := webhook.Webhook{ID: 7, Site: 71, URL: "https://a.example", Types: []webhook.Type{"message.created"}, State: webhook.On}
	if err := db.InsertWebhook(t.Context(), hook); err != nil {
		t.Fatal(err)
	}
	fill := func() {
		t.Helper()
		err := db.Update(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewRaw("INSERT INTO webhook_outbox (webhook_id, conversation, next_seq, last_seq, since, due_at, tries, delivery_id) "+
				"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT 7, (a.i - 1) * ? + b.i, 1, 2, 1, 4000000000000, 12, 0 FROM n a, n b", side, side).Exec(ctx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	count := func(where string) (n int) {
		t.Helper()
		if err := db.read.NewRaw("SELECT COUNT(*) FROM webhook_outbox WHERE webhook_id = 7 AND "+where).Scan(t.Context(), &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	fill()
	for _, one := range []struct {
		state webhook.State
		left  string // rows with which nothing was done yet
	}{{webhook.Resuming, "tries = 12"}, {webhook.Off, "1 = 1"}, {webhook.Deleting, "1 = 1"}} {
		if one.state == webhook.Deleting {
			fill()
		}
		hook.State = one.state
		if err := db.UpdateWebhook(t.Context(), hook); err != nil {
			t.Fatal(err)
		}
		steps, longest := 0, time.Duration(0)
		for left, settled := count(one.left), false; !settled; steps++ {
			begun := time.Now()
			var err error
			if settled, err = db.Settle(t.Context(), 7); err != nil {
				t.Fatal(err)
			}
			longest = max(longest, time.Since(begun))
			now := count(one.left)
			if left-now > settleRows || !settled && now == left {
				t.Fatalf("%s: a step left %d rows of %d", one.state, now, left)
			}
			left = now
		}
		if n := count(one.left); n != 0 {
			t.Errorf("%s: %d rows are left", one.state, n)
		}
		if settled, err := db.Settle(t.Context(), 7); !settled || err != nil {
			t.Errorf("%s once more: %v", one.state, err)
		}
		t.Logf("%s: %d rows in %d steps, the longest %s", one.state, rows, steps, longest.Round(100*time.Microsecond))
	}
}

// meanwhile lets others act between what a step reads and what it writes.
type meanwhile struct {
	after string // in the last thing that is read
	act   func()
}

func (m *meanwhile) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (m *meanwhile) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	if act := m.act; act != nil && strings.Contains(e.Query, m.after) {
		m.act = nil
		act()
	}
}

// TestAStepFindsAnotherState: one node has seen that a webhook is off and which rows are to
// be removed. Before it does so, the other removes them, the webhook is on again, and there
// are new ones.
func TestAStepFindsAnotherState(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		db := open(t, Config{Synchronous: "off", Relaxed: true})
		findsAnotherState(t, db, db)
	})
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			url := s.lend(t)
			findsAnotherState(t, open(t, Config{URL: url}), open(t, Config{URL: url}))
		})
	}
}

func findsAnotherState(t *testing.T, one, two *DB) {
	t.Helper()
	pause := &meanwhile{after: "MAX("}
	one.read = one.read.WithQueryHook(pause)
	hook := webhook.Webhook{ID: 7, Site: 1, URL: "https://a.example", Types: []webhook.Type{webhook.MessageCreated}, State: webhook.On}
	must(t, two.InsertWebhook(t.Context(), hook), two.RefreshWishes(t.Context()))
	send(t, two, message(1, "before it was turned off"))
	hook.State = webhook.Off
	must(t, two.UpdateWebhook(t.Context(), hook))
	var news int64
	pause.act = func() {
		if settled, err := two.Settle(t.Context(), 7); !settled || err != nil {
			t.Errorf("the other node did not settle it: %v", err)
		}
		hook.State = webhook.On
		must(t, two.UpdateWebhook(t.Context(), hook), two.RefreshWishes(t.Context()))
		news = send(t, two, message(1, "since it is on again")).State.Seq
	}
	if _, err := one.Settle(t.Context(), 7); err != nil || pause.act != nil {
		t.Fatalf("nothing happened meanwhile, or %v", err)
	}
	queues, err := two.DueQueues(t.Context(), 7, 10)
	if err != nil || len(queues) != 1 || queues[0].Next != news {
		t.Errorf("event %d is to wait, and nothing else does: %+v, %v", news, queues, err)
	}
}
