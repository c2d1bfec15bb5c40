package webhook_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/webhook"
)

// sql runs a statement beside everything that the node does.
func (w *world) sql(query string, args ...any) {
	w.Helper()
	w.no(w.db.Update(w.Context(), func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw(query, args...).Exec(ctx)
		return err
	}))
}

// much has something wait for a webhook from n conversations, to be tried in an hour.
func (w *world) much(h webhook.ID, n int) {
	w.Helper()
	w.sql("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO webhook_outbox SELECT ?, i, 1, 1, 1, ?, 3, 0 FROM n",
		n, h, w.clock.Load()+time.Hour.Milliseconds())
}

func (w *world) one(h webhook.ID) webhook.Seen {
	w.Helper()
	seen, err := w.hooks.One(w.Context(), site, h)
	w.no(err)
	return seen
}

// settle runs the job that was planned.
func (w *world) settle() {
	w.Helper()
	j, planned := w.queue.take(webhook.SettleJob)
	if !planned {
		w.Fatal("nobody goes on with it")
	}
	w.no(w.hooks.Settle(w.Context(), j))
	w.no(w.hooks.Settle(w.Context(), j)) // once more changes nothing
}

// heads are as many conversations as there were.
func (w *world) heads(n int) {
	w.Helper()
	w.says(1, "a head")
	w.no(w.db.Update(w.Context(), func(ctx context.Context, tx bun.Tx) error {
		var columns []string
		if err := tx.NewRaw("SELECT name FROM pragma_table_info('head') WHERE name <> 'conversation'").Scan(ctx, &columns); err != nil {
			return err
		}
		all := strings.Join(columns, ", ")
		_, err := tx.NewRaw("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO head (conversation, "+all+") SELECT i, "+all+" FROM n, head", n).Exec(ctx)
		return err
	}))
	w.sql("DELETE FROM webhook_outbox")
}

const many = 1700 // more than one step

func TestMuchIsResumedByAJob(t *testing.T) {
	w := newWorld(t)
	h := w.hook("message.created")
	w.much(h.ID, many)
	w.no(w.db.PauseWebhook(t.Context(), h.ID, "it answered 500"))
	if seen := w.one(h.ID); seen.State != webhook.Paused || seen.Waiting.Conversations != many || seen.Waiting.Events != many || seen.Why == "" {
		t.Fatalf("%+v", seen)
	}
	resumed, err := w.hooks.Resume(t.Context(), by, site, h.ID)
	w.no(err)
	if seen := w.one(h.ID); resumed.State != webhook.Resuming || seen.State != webhook.Resuming || seen.Why != "" || seen.Since != chat.Millis(w.clock.Load()) {
		t.Errorf("%+v", seen)
	}
	w.says(1, "while it is resumed")
	w.deliver(h.ID)
	if got := w.messages(); len(got) != 0 {
		t.Errorf("before all is ready it is told %q", ids(got))
	}
	changed, err := w.hooks.Change(t.Context(), by, site, h.ID, webhook.Content{Name: "b", URL: h.URL, Types: h.Types, On: true})
	if err != nil || changed.State != webhook.Resuming {
		t.Errorf("changed meanwhile it is %s, %v", changed.State, err)
	}
	w.settle()
	if _, planned := w.queue.take(webhook.DeliverJob); !planned {
		t.Error("nobody delivers")
	}
	if in, there, err := w.db.NextDue(t.Context(), h.ID); in > 0 || !there || err != nil {
		t.Errorf("the next is due in %s (%t), %v", in, there, err)
	}
	due, err := w.db.DueQueues(t.Context(), h.ID, 2*many)
	w.no(err)
	for _, q := range due {
		if q.Tries != 0 {
			t.Fatalf("%+v", q)
		}
	}
	if seen := w.one(h.ID); len(due) != many+1 || seen.State != webhook.On {
		t.Errorf("%d are due, and it is %s", len(due), seen.State)
	}
}

func TestMuchIsDroppedByAJob(t *testing.T) {
	w := newWorld(t)
	h := w.hook("message.created")
	w.much(h.ID, many)
	content := webhook.Content{URL: h.URL, Types: h.Types}
	off, err := w.hooks.Change(t.Context(), by, site, h.ID, content)
	w.no(err)
	if left := w.one(h.ID).Waiting.Conversations; off.State != webhook.Off || left == 0 || left == many {
		t.Errorf("it is %s with %d rows at once", off.State, left)
	}
	content.On = true
	if _, err := w.hooks.Change(t.Context(), by, site, h.ID, content); chat.CodeOf(err) != chat.Busy {
		t.Errorf("what waited before it was off might be told: %v", err)
	}
	w.settle()
	if left := w.one(h.ID).Waiting.Conversations; left != 0 {
		t.Errorf("%d rows are left", left)
	}
	on, err := w.hooks.Change(t.Context(), by, site, h.ID, content)
	if err != nil || on.State != webhook.On {
		t.Errorf("it is %s, %v", on.State, err)
	}
}

// overlapped lets somebody else act between what a change looks at and what it does.
type overlapped struct {
	webhook.Store
	first func()
}

func (s *overlapped) Together(ctx context.Context, fn func(ctx context.Context) error) error {
	if first := s.first; first != nil {
		s.first = nil
		first()
	}
	return s.Store.Together(ctx, fn)
}

// TestAChangeOverlapsATurnOff: who changes a webhook that is on, while another admin turns it
// off, does not turn it on again with what waited before.
func TestAChangeOverlapsATurnOff(t *testing.T) {
	w := newWorld(t)
	h := w.hook("message.created")
	w.much(h.ID, many)
	off := webhook.Content{URL: h.URL, Types: h.Types}
	s := &overlapped{Store: w.db, first: func() {
		_, err := w.hooks.Change(t.Context(), by, site, h.ID, off)
		w.no(err)
	}}
	on := off
	on.Name, on.On = "b", true
	change := func() error {
		_, err := w.node(s, w.queue, w.client).Change(t.Context(), by, site, h.ID, on)
		return err
	}
	if err := change(); chat.CodeOf(err) != chat.Busy {
		t.Errorf("what waited before it was off might be told: %v", err)
	}
	if seen := w.one(h.ID); seen.State != webhook.Off || seen.Name == "b" {
		t.Errorf("what was refused is done: %+v", seen)
	}
	w.settle()
	w.no(change())
	if seen := w.one(h.ID); seen.State != webhook.On || seen.Name != "b" || seen.Waiting.Conversations != 0 {
		t.Errorf("%+v", seen)
	}
}

func TestMuchIsDeletedByAJob(t *testing.T) {
	w := newWorld(t)
	h := w.hook("message.created")
	w.much(h.ID, many)
	_, err := w.hooks.Ping(t.Context(), site, h.ID)
	w.no(err)
	w.no(w.hooks.Delete(t.Context(), by, site, h.ID))
	if seen := w.one(h.ID); seen.State != webhook.Deleting {
		t.Errorf("it is %s", seen.State)
	}
	if wishes := w.db.Wishes(site); len(wishes) != 0 {
		t.Errorf("something is kept for it: %+v", wishes)
	}
	for what, err := range map[string]error{
		"deleted": w.hooks.Delete(t.Context(), by, site, h.ID),
		"pinged":  second(w.hooks.Ping(t.Context(), site, h.ID)),
		"resumed": second(w.hooks.Resume(t.Context(), by, site, h.ID)),
	} {
		if chat.CodeOf(err) != chat.NotFound {
			t.Errorf("%s while it is deleted: %v", what, err)
		}
	}
	w.queue.take(webhook.SettleJob) // its node dies
	w.no(w.hooks.Tend(t.Context(), jobs.Job{}))
	w.settle()
	if _, err := w.hooks.One(t.Context(), site, h.ID); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("it is still there: %v", err)
	}
	w.no(w.db.Log(t.Context(), webhook.Delivery{ID: 1, Webhook: h.ID})) // of a test that was under way
	log, err := w.db.Deliveries(t.Context(), h.ID, 0, false, 9)
	if waiting, e := w.db.WaitingFor(t.Context(), []webhook.ID{h.ID}); errors.Join(err, e) != nil || waiting[h.ID].Conversations != 0 || len(log) != 0 {
		t.Errorf("it leaves %+v and %+v: %v", waiting, log, errors.Join(err, e))
	}
}

func second[T any](_ T, err error) error { return err }

// TestMuchIsReplayedByAJob: each conversation's logged messages wait once more.
func TestMuchIsReplayedByAJob(t *testing.T) {
	w := newWorld(t)
	h := w.hook("message.created")
	w.sql("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"+
		" INSERT INTO webhook_delivery SELECT i, ?, 'm', i, 3, 'message.created', 1, 200, '', '', 1, 1, 1, 0 FROM n", many, h.ID)
	w.heads(many)
	n, err := w.hooks.ReplaySince(t.Context(), by, site, h.ID, 1)
	w.no(err)
	if left := w.one(h.ID).Waiting.Conversations; n != many || left == 0 || left == many {
		t.Errorf("%d are replayed, %d at once", n, left)
	}
	steps := 0
	for j, planned := w.queue.take(webhook.ReplaySinceJob); planned; j, planned = w.queue.take(webhook.ReplaySinceJob) {
		w.no(w.hooks.ReplayRest(t.Context(), j))
		if steps++; steps > 100 {
			t.Fatal("it does not end")
		}
	}
	if seen := w.one(h.ID); seen.Waiting.Conversations != many || seen.Waiting.Events != many || seen.State != webhook.On {
		t.Errorf("%+v", seen)
	}
	if _, planned := w.queue.take(webhook.DeliverJob); !planned {
		t.Error("nobody delivers")
	}
	if steps == 0 {
		t.Error("all of it was one step")
	}
}
