package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/webhook"
)

// torn is a database in which one conversation cannot be read.
type torn struct {
	webhook.Store
	which atomic.Int64 // chat.ConversationID
}

func (s *torn) Occurred(ctx context.Context, id chat.ConversationID, from, to int64, limit int) ([]chat.Event, chat.ListRow, error) {
	if int64(id) == s.which.Load() {
		return nil, chat.ListRow{}, errors.New("this page is torn")
	}
	return s.Store.Occurred(ctx, id, from, to, limit)
}

// TestWhatCannotBeReadHoldsBackItselfOnly, ever longer, and counts as no failure of the
// receiver's.
func TestWhatCannotBeReadHoldsBackItselfOnly(t *testing.T) {
	w := newWorld(t)
	s := &torn{Store: w.db}
	w.hooks = w.node(s, w.queue, w.client)
	h := w.hook("message.created")
	bad := w.says(1, "one").Conversation
	s.which.Store(int64(bad.ID))
	const good = 20
	for n := range byte(good) {
		w.says(n+2, "hello")
	}
	for i, want := range []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute} {
		in, planned := w.deliver(h.ID)
		if !planned || in != want {
			t.Errorf("the next look is in %s (%t), want %s", in, planned, want)
		}
		if got := w.messages(); i == 0 && len(got) != good || i > 0 && len(got) != 0 {
			t.Errorf("look %d: %d messages came", i, len(got))
		}
		w.pass(in)
	}
	for range 20 {
		in, _ := w.deliver(h.ID)
		w.pass(in)
	}
	if seen := w.one(h.ID); seen.State != webhook.On || seen.Waiting.Conversations != 1 {
		t.Errorf("%+v", seen)
	}
	s.which.Store(0)
	w.answers(func(out http.ResponseWriter, _ received) { out.WriteHeader(500) })
	if in, planned := w.deliver(h.ID); !planned || in < 5*time.Second || in > 6*time.Second {
		t.Errorf("its first failure is followed by a try in %s", in)
	}
	w.pass(time.Minute)
	w.answers(nil)
	w.messages()
	w.deliver(h.ID)
	if got := ids(w.messages()); fmt.Sprint(got) != fmt.Sprint([]string{webhook.MessageID(bad.UUID, 2)}) {
		t.Errorf("%q", got)
	}
}

// TestWhatCannotBeReadOnceGivesNoMoreTime: the receiver has the tries that it has, whatever
// happens between them.
func TestWhatCannotBeReadOnceGivesNoMoreTime(t *testing.T) {
	w := newWorld(t)
	s := &torn{Store: w.db}
	w.hooks = w.node(s, w.queue, w.client)
	h := w.hook("message.created")
	w.answers(func(out http.ResponseWriter, _ received) { out.WriteHeader(500) })
	at := w.says(1, "one").Conversation.ID
	for range webhook.MaxTries() - 1 {
		in, _ := w.deliver(h.ID)
		w.pass(in)
	}
	s.which.Store(int64(at))
	in, planned := w.deliver(h.ID)
	if !planned || in != 5*time.Second {
		t.Errorf("the next look is in %s (%t)", in, planned)
	}
	w.pass(in)
	s.which.Store(0)
	w.deliver(h.ID)
	log := w.log(h.ID)
	if seen := w.one(h.ID); seen.State != webhook.Paused || len(log) != 1 || log[0].Tries != webhook.MaxTries() {
		t.Errorf("it is %s, and its log is %+v", seen.State, log)
	}
}

// telling is a queue that tells of the webhooks for which runs are planned.
type telling struct {
	*planned
	added chan string
}

func (q *telling) Add(ctx context.Context, j jobs.Job) error {
	if j.Kind == webhook.DeliverJob {
		q.added <- j.Key
	}
	return q.planned.Add(ctx, j)
}

// TestAPausedOneCostsNoJobs: what happens is kept for it, and nobody is woken.
func TestAPausedOneCostsNoJobs(t *testing.T) {
	w := newWorld(t)
	q := &telling{w.queue, make(chan string, 100)}
	w.hooks = w.node(w.db, q, w.client)
	w.hooks.Start()
	defer w.hooks.Stop()
	paused, on := w.hook("message.created"), w.hook("message.created")
	w.answers(func(out http.ResponseWriter, _ received) { out.WriteHeader(http.StatusGone) })
	w.says(1, "one")
	w.deliver(paused.ID) // it answers that it wants nothing: paused, which this node knows at once
	heard := w.hooks.Committed
	w.heard.Store(&heard)
	for range 3 {
		w.says(1, "more")
		for key := range q.added { // both would be planned in one round
			if key == strconv.FormatInt(int64(paused.ID), 10) {
				t.Fatal("a run of a paused webhook is planned")
			}
			if key == strconv.FormatInt(int64(on.ID), 10) {
				break
			}
		}
	}
	if seen := w.one(paused.ID); seen.State != webhook.Paused || seen.Waiting.Conversations != 1 || seen.Waiting.Events != 4 {
		t.Errorf("%+v", seen)
	}
	if _, err := w.hooks.Resume(t.Context(), by, site, paused.ID); err != nil {
		t.Fatal(err)
	}
	if key := <-q.added; key != strconv.FormatInt(int64(paused.ID), 10) {
		t.Errorf("resumed, %s is planned", key)
	}
}

// TestTwoWorkersOnOneConversationKeepOrder: both nodes hear of its messages and want the
// work; the receiver never sees two at a time, and each message once, in order.
func TestTwoWorkersOnOneConversationKeepOrder(t *testing.T) {
	const texts = 40
	w := newWorld(t)
	w.clock.Store(time.Now().UnixMilli())
	var under, most atomic.Int64
	got := make(chan received, 1000)
	w.answers(func(_ http.ResponseWriter, r received) {
		if n := under.Add(1); n > most.Load() {
			most.Store(n)
		}
		w.pass(3 * time.Millisecond)
		<-time.After(3 * time.Millisecond) // a receiver takes its time
		under.Add(-1)
		got <- r
	})
	var nodes []*webhook.Hooks
	for range 2 {
		runner := jobs.New(jobs.Config{Every: 20 * time.Millisecond, Log: quiet}, w.db)
		node := w.node(w.db, runner, w.client)
		runner.HandleMost(webhook.DeliverJob, webhook.DeliverSlots, node.Deliver)
		runner.Start()
		node.Start()
		nodes = append(nodes, node)
		defer func() {
			node.Stop()
			if err := runner.Stop(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		}()
	}
	heard := func(changes []chat.Changed) {
		for _, node := range nodes {
			node.Committed(changes)
		}
	}
	w.heard.Store(&heard)
	w.hook("message.created")
	last := int64(1)
	for i := range texts {
		w.says(1, "hello")
		if i%4 != 3 {
			continue // some at a time: runs end in between, and others begin
		}
		for range 4 {
			select {
			case r := <-got:
				if r.seq() != last+1 {
					t.Fatalf("%d comes after %d", r.seq(), last)
				}
				last = r.seq()
			case <-time.After(20 * time.Second):
				t.Fatal("nothing comes")
			}
		}
	}
	if most.Load() != 1 || len(got) != 0 {
		t.Errorf("%d messages were under way at once, and %d too many came", most.Load(), len(got))
	}
}

// TestOtherNodesHearOfWebhooksAtOnce: whoever changes one tells, and who is told looks.
func TestOtherNodesHearOfWebhooksAtOnce(t *testing.T) {
	w := newWorld(t)
	var told []string
	w.hooks.Told = func(on chat.SiteID) {
		if on == site {
			told = append(told, strings.Join(func() (all []string) {
				for _, wish := range w.db.Wishes(on) {
					all = append(all, strconv.FormatInt(int64(wish.ID), 10))
				}
				return all
			}(), " "))
		}
	}
	h := w.hook("message.created")
	if want := strconv.FormatInt(int64(h.ID), 10); len(told) != 1 || told[0] != want {
		t.Errorf("told %q, want %s", told, want)
	}
	w.no(w.hooks.Delete(t.Context(), by, site, h.ID))
	if len(told) < 2 || told[len(told)-1] != "" {
		t.Errorf("told %q", told)
	}
	looks := make(chan struct{}, 100)
	other := w.node(&looking{w.db, looks}, w.queue, w.client)
	other.Start()
	defer other.Stop()
	for try := 0; ; try++ {
		begun := time.Now()
		other.Heard()
		<-looks
		if time.Since(begun) < 500*time.Millisecond {
			return
		}
		if try == 3 {
			t.Fatal("it looks no sooner than it would have")
		}
	}
}

// looking tells when it is asked what webhooks want.
type looking struct {
	webhook.Store
	looks chan struct{}
}

func (s *looking) RefreshWishes(ctx context.Context) error {
	s.looks <- struct{}{}
	return s.Store.RefreshWishes(ctx)
}
