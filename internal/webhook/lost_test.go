package webhook_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/webhook"
)

// resolved is a round of the n-th visitor, which is over.
func (w *world) resolved(n byte) chat.Conversation {
	w.Helper()
	c := w.says(n, "old").Conversation
	w.change(chat.Change{Conversation: c.ID, By: ann, Decide: chat.Resolve(ann)})
	return c
}

// retain removes rounds that were resolved a minute ago or earlier.
func (w *world) retain(of ...chat.Conversation) {
	w.Helper()
	for _, c := range of {
		for more := true; more; {
			step, err := w.db.RemoveOld(w.Context(), c.ID, chat.Millis(w.clock.Load()-time.Minute.Milliseconds()))
			w.no(err)
			more = step.More
		}
	}
}

func (w *world) lost(h webhook.ID) (entries []webhook.Delivery) {
	w.Helper()
	for _, d := range w.log(h) {
		if d.Type == webhook.Lost {
			entries = append(entries, d)
		}
	}
	return entries
}

// TestWhatRetentionTookFromAPausedOneIsSaid: once, in the log and in its state.
func TestWhatRetentionTookFromAPausedOneIsSaid(t *testing.T) {
	w := newWorld(t)
	h := w.hook("message.created")
	w.no(w.db.PauseWebhook(t.Context(), h.ID, "it answered 500"))
	old := []chat.Conversation{w.resolved(1), w.resolved(2)} // two messages wait, with what came behind
	w.pass(time.Hour)
	kept := w.says(1, "new").Conversation
	w.pass(2 * time.Second)
	w.retain(old...)
	trim := func() {
		w.no(w.hooks.Trim(t.Context(), jobs.Job{}))
	}
	trim()
	trim()
	said, seen := w.lost(h.ID), w.one(h.ID)
	if len(said) != 1 || !strings.Contains(said[0].Why, "2 conversations") || said[0].Delivered {
		t.Fatalf("the log says %+v", said)
	}
	if seen.Lost < 2 || seen.LostAt != chat.Millis(w.clock.Load()) || !strings.Contains(said[0].Why, fmt.Sprint("up to ", seen.Lost, " events")) {
		t.Errorf("%+v, and the log says %s", seen.Webhook, said[0].Why)
	}
	if seen.Waiting.Conversations != 1 {
		t.Errorf("what has nothing left waits: %+v", seen.Waiting)
	}
	if err := w.hooks.Replay(t.Context(), by, site, h.ID, said[0].ID); chat.CodeOf(err) != chat.Conflict {
		t.Errorf("what was removed is to be sent: %v", err)
	}
	if _, err := w.hooks.Resume(t.Context(), by, site, h.ID); err != nil {
		t.Fatal(err)
	}
	w.deliver(h.ID)
	got := w.messages()
	if len(got) != 1 || got[0].what.Data.Event.Text != "new" || got[0].conversation() != kept.UUID.String() {
		t.Errorf("%q", ids(got))
	}
	if again := w.one(h.ID); again.Lost != seen.Lost || len(w.lost(h.ID)) != 1 {
		t.Errorf("it is said twice: %+v", w.lost(h.ID))
	}
}

// TestWhatIsGoneBeforeItIsSentIsSaid also of one that is on: it failed meanwhile.
func TestWhatIsGoneBeforeItIsSentIsSaid(t *testing.T) {
	w := newWorld(t)
	h := w.hook("message.created")
	c := w.resolved(1)
	w.pass(time.Hour)
	w.retain(c)
	w.deliver(h.ID)
	said := w.lost(h.ID)
	want := fmt.Sprintf("events 2 to 2 of conversation %s ", c.UUID)
	if len(w.messages()) != 0 || len(said) != 1 || !strings.Contains(said[0].Why, want) || said[0].Message != webhook.MessageID(c.UUID, 2) || w.one(h.ID).Lost != 1 {
		t.Errorf("%+v, want %s", said, want)
	}
}

// TestAReplayThatMeetsAnErasureLeavesNothing: the entry is removed while it is sent again.
func TestAReplayThatMeetsAnErasureLeavesNothing(t *testing.T) {
	w := newWorld(t)
	h := w.hook("message.created")
	w.says(1, "forget me")
	w.deliver(h.ID)
	entry := w.log(h.ID)[0]
	w.no(w.hooks.Replay(t.Context(), by, site, h.ID, entry.ID))
	j, _ := w.queue.take(webhook.ReplayJob)
	w.answers(func(http.ResponseWriter, received) { w.sql("DELETE FROM webhook_delivery") })
	w.messages()
	w.no(w.hooks.ReplayOne(t.Context(), j))
	if got := w.messages(); len(got) != 1 {
		t.Fatalf("%q", ids(got))
	}
	if log := w.log(h.ID); len(log) != 0 {
		t.Errorf("it is back: %+v", log)
	}
}
