package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/webhook"
)

// testWebhookAside: what cannot be read waits, and the receiver's tries go on after that.
func testWebhookAside(f *hookFixture) {
	at, by := f.conversation(1)
	id := f.hook("message.created")
	f.must(f.message(at, by, "a"))
	const tries = 11
	for range tries {
		f.no(f.hooks.Failed(f.Context(), f.row(id), 0, f.delivery(id, 1, at, 3)))
	}
	for n := range 3 {
		q := f.row(id)
		if q.Tries != tries || q.Aside != n {
			f.Errorf("after %d tries it was set aside %d times: %+v", tries, n, q)
		}
		f.no(f.hooks.Aside(f.Context(), q, time.Minute))
		f.no(f.hooks.Aside(f.Context(), q, time.Hour)) // by another node, which read it before
		if in, _, err := f.hooks.NextDue(f.Context(), id); err != nil || in != time.Minute {
			f.Errorf("it is read again in %s, %v", in, err)
		}
		f.pass(time.Minute)
	}
	q := f.row(id)
	f.no(f.hooks.Failed(f.Context(), q, 0, f.delivery(id, 1, at, 3)))
	if again := f.row(id); again.Tries != tries+1 || again.Aside != 0 || again.Next != 3 {
		f.Errorf("%+v", again)
	}
}

// testWebhookRemoved: what a node that had not heard of it has kept for one that is gone
// is found, and nothing that waits for others.
func testWebhookRemoved(f *hookFixture) {
	at, by := f.conversation(1)
	id, other := f.hook("message.created"), f.hook("message.created")
	w, err := f.hooks.Webhook(f.Context(), id)
	f.no(err)
	w.State = webhook.Deleting
	f.no(f.hooks.UpdateWebhook(f.Context(), w))
	f.settled(id)
	f.must(f.message(at, by, "a"))
	f.row(id)
	f.no(f.hooks.Trim(f.Context(), time.Hour, 100))
	if queues := f.due(id); len(queues) != 0 {
		f.Errorf("something waits for one that is gone: %+v", queues)
	}
	f.row(other)
}

// testWebhookLost: what retention removed is passed over, counted and said once.
func testWebhookLost(f *hookFixture) {
	one, by := f.conversation(1)
	two, other := f.conversation(2)
	id := f.hook("message.created")
	f.no(f.hooks.PauseWebhook(f.Context(), id, "it answered 500"))
	for _, c := range []chat.Change{f.message(one, by, "3"), f.message(two, other, "3"), command(one, ann, chat.Resolve(ann)), command(two, ann, chat.Resolve(ann))} {
		f.must(c)
	}
	f.pass(time.Hour)
	f.must(f.message(two, other, "new")) // 6, behind the opening of a round
	f.removeOld(one, 30*time.Minute)
	f.removeOld(two, 30*time.Minute)
	if ids, err := f.hooks.Idle(f.Context()); err != nil || !slices.Equal(ids, []webhook.ID{id}) {
		f.Errorf("%v, %v", ids, err)
	}
	gaps, err := f.hooks.Gaps(f.Context(), id, 0, 10)
	f.no(err)
	if len(gaps) != 2 || gaps[0].Next != 3 || gaps[0].Name.IsNil() {
		f.Fatalf("%+v", gaps)
	}
	if rest, err := f.hooks.Gaps(f.Context(), id, gaps[0].Conversation, 10); err != nil || len(rest) != 1 || rest[0] != gaps[1] {
		f.Errorf("%+v, %v", rest, err)
	}
	entry := func(conversations int, events int64) webhook.Delivery {
		want := int64(0)
		for _, g := range gaps {
			want += g.To() - g.Next + 1
		}
		if conversations != 2 || events != want {
			f.Errorf("%d events of %d conversations, want %d of 2", events, conversations, want)
		}
		return webhook.Delivery{ID: 50, Webhook: id, Message: "lost.50", Type: webhook.Lost, Why: "gone"}
	}
	f.no(f.hooks.Lost(f.Context(), id, gaps, entry))
	f.no(f.hooks.Lost(f.Context(), id, gaps, entry)) // by another node, which read them before
	if left, err := f.hooks.Gaps(f.Context(), id, 0, 10); err != nil || len(left) != 0 {
		f.Errorf("%+v, %v", left, err)
	}
	w, err := f.hooks.Webhook(f.Context(), id)
	f.no(err)
	q := f.row(id)
	if w.Lost < 2 || w.LostAt == 0 || q.Conversation != two || q.Last < 6 || q.Tries != 0 {
		f.Errorf("%+v, and left is %+v", w, q)
	}
	f.hooksRecent(id)
}

// hooksRecent: an entry about what was lost is no failure, nor is one written that is gone.
func (f *hookFixture) hooksRecent(id webhook.ID) {
	f.Helper()
	bad, good := f.delivery(id, 60, 5, 1), f.delivery(id, 61, 5, 2)
	bad.Why, good.Delivered = "it answered 500", true
	f.no(f.hooks.Log(f.Context(), bad))
	f.pass(time.Second)
	f.no(f.hooks.Log(f.Context(), good))
	f.no(f.hooks.LogAgain(f.Context(), f.delivery(id, 62, 5, 3)))
	f.no(f.hooks.Log(f.Context(), f.delivery(id+500, 63, 5, 3)))
	recent, err := f.hooks.RecentOf(f.Context(), []webhook.ID{id})
	f.no(err)
	if r := recent[id]; r.Failed == 0 || r.Delivered != r.Failed+1000 || !strings.Contains(r.Why, "500") {
		f.Errorf("%+v", r)
	}
	for _, no := range []webhook.Delivery{{ID: 62, Webhook: id}, {ID: 63, Webhook: id + 500}} {
		_, err := f.hooks.DeliveryOf(f.Context(), no.Webhook, no.ID)
		f.refused(err, chat.NotFound)
	}
}

// testWebhookRace: what is appended while others are delivered is neither lost nor passed over.
func testWebhookRace(f *hookFixture) {
	const conversations, texts = 4, 25
	id := f.hook("message.created")
	var writers sync.WaitGroup
	for n := range conversations {
		at, by := f.conversation(n)
		writers.Go(func() {
			for i := range texts {
				if r := <-f.submit(f.message(at, by, fmt.Sprint(i))); r.err != nil {
					f.Error(r.err)
				}
			}
		})
	}
	written := make(chan struct{})
	go func() {
		writers.Wait()
		close(written)
	}()
	seen := map[chat.ConversationID]int64{}
	count := 0
	for over := false; !over; {
		select {
		case <-written:
			over = true // and one more look
		default:
		}
		for queues := f.due(id); len(queues) > 0; queues = f.due(id) {
			for _, q := range queues {
				events, _, err := f.hooks.Occurred(f.Context(), q.Conversation, q.Next, q.Last, 1)
				f.no(err)
				e := events[0]
				if e.Kind == chat.Message {
					if e.Seq <= seen[q.Conversation] {
						f.Fatalf("%d comes after %d", e.Seq, seen[q.Conversation])
					}
					seen[q.Conversation], count = e.Seq, count+1
				}
				_, err = f.hooks.Passed(f.Context(), q, e.Seq, e.At, nil)
				f.no(err)
			}
		}
	}
	if want := conversations * (texts + 1); count != want {
		f.Errorf("%d of %d were delivered", count, want)
	}
}
