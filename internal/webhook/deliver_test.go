package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
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
	"github.com/kefu-chat/kefu/internal/outbound"
	"github.com/kefu-chat/kefu/internal/webhook"
)

// verify is what docs/WEBHOOKS.md tells receivers to do.
func verify(r received, secret string) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) < 24 {
		return false
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", r.id, r.timestamp, r.body)
	want := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for one := range strings.FieldsSeq(r.signatures) {
		if given, v1 := strings.CutPrefix(one, "v1,"); v1 && hmac.Equal([]byte(given), []byte(want)) {
			return true
		}
	}
	return false
}

func TestWhatHappensArrivesSignedAndInOrder(t *testing.T) {
	w := newWorld(t)
	h := w.hook("message.created", "message.edited", "round.opened", "round.assigned")
	c := w.says(1, "你好 <b>").Conversation
	w.change(chat.Change{Conversation: c.ID, By: ann, Decide: chat.AddNote(ann, "nobody's business")})
	w.change(chat.Change{Conversation: c.ID, By: ann, Decide: chat.SendMessage(ann, "hello", w)})
	if _, planned := w.deliver(h.ID); planned {
		t.Error("a run is planned although nothing waits")
	}
	got := w.messages()
	var types []string
	for _, r := range got {
		types = append(types, string(r.what.Type))
		if !verify(r, h.Secret) || r.timestamp != strconv.Itoa(start/1000) {
			t.Errorf("%s is not signed well: %s", r.id, r.signatures)
		}
		d := r.what.Data
		if r.what.Version != 1 || d.Site != "71" || d.Conversation.ID != c.UUID.String() || d.Visitor.ID != strconv.FormatInt(int64(c.Visitor), 10) || r.id != fmt.Sprintf("%s.%d", c.UUID, d.Event.Seq) {
			t.Errorf("%s: %s", r.id, r.body)
		}
		if strings.Contains(string(r.body), "nobody") {
			t.Errorf("a note was told: %s", r.body)
		}
	}
	if want := "round.opened message.created round.assigned message.created"; strings.Join(types, " ") != want {
		t.Fatalf("%q, want %q", types, want)
	}
	w.inOrder(got)
	const want = `{"type":"message.created","version":1,"timestamp":"2027-01-15T08:00:00.500Z","data":{"site":"71",` +
		`"conversation":{"id":"%[1]s","visitor":"%[2]d","created_at":1800000000500,"round":{"number":1,"state":"assigned","agent":{"id":"101","name":"Ann"},"opened_at":1800000000500},` +
		`"position":"%[3]d.%[4]d","last_at":1800000000500,"visitor_messages":1,"agent_messages":1},"visitor":{"id":"%[2]d","says":{"name":"小红"}},` +
		`"event":{"seq":2,"position":"2.%[5]d","kind":"message","at":1800000000500,"by":{"kind":"visitor","id":"%[2]d"},"text":"你好 <b>"}}}`
	events, _, err := w.db.Occurred(t.Context(), c.ID, 2, 2, 1)
	w.no(err)
	head, err := w.db.Head(t.Context(), c.ID)
	w.no(err)
	if exact := fmt.Sprintf(want, c.UUID, c.Visitor, head.Seq, head.Tag, events[0].Tag); string(got[1].body) != exact {
		t.Errorf("the payload is\n%s, want\n%s", got[1].body, exact)
	}
	log := w.log(h.ID)
	for _, d := range log {
		if !d.Delivered || d.Status != 200 || d.Tries != 1 || !has(ids(got), d.Message) {
			t.Errorf("%+v", d)
		}
	}
	if len(log) != 4 {
		t.Errorf("%d entries: %+v", len(log), log)
	}
}

func TestAFailingMessageHoldsBackItsConversationOnly(t *testing.T) {
	w := newWorld(t)
	h := w.hook("message.created")
	bad, good := w.says(1, "one").Conversation, w.says(2, "one").Conversation
	w.says(1, "two")
	w.says(2, "two")
	first := webhook.MessageID(bad.UUID, 2)
	w.answers(func(out http.ResponseWriter, r received) {
		if r.id == first {
			out.WriteHeader(500)
			_, _ = out.Write([]byte("no\x00pe" + strings.Repeat("x", 2000)))
		}
	})
	in, planned := w.deliver(h.ID)
	got := w.messages()
	if len(got) != 3 || !has(ids(got), webhook.MessageID(good.UUID, 3)) || has(ids(got), webhook.MessageID(bad.UUID, 3)) {
		t.Fatalf("%q", ids(got))
	}
	if !planned || in < 5*time.Second || in > 6*time.Second {
		t.Errorf("the next try is in %s (%t)", in, planned)
	}
	failed, err := w.hooks.Deliveries(t.Context(), site, h.ID, 0, true, 10)
	w.no(err)
	if len(failed) != 1 || failed[0].Status != 500 || !strings.HasPrefix(failed[0].Answer, "no") || len(failed[0].Answer) > webhook.MaxAnswer+8 || failed[0].NextAt == 0 {
		t.Errorf("%+v", failed)
	}
	w.deliver(h.ID)
	if again := w.messages(); len(again) != 0 {
		t.Errorf("before its time it came again: %q", ids(again))
	}
	w.answers(nil)
	w.pass(in)
	w.deliver(h.ID)
	again := w.messages()
	if want := []string{first, webhook.MessageID(bad.UUID, 3)}; fmt.Sprint(ids(again)) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", ids(again), want)
	}
	if string(again[0].body) == "" || !verify(again[0], h.Secret) {
		t.Error("the second try is not signed")
	}
	if one, err := w.hooks.Deliveries(t.Context(), site, h.ID, 0, false, 10); err != nil || len(one) != 4 || one[3].Tries+one[2].Tries+one[1].Tries+one[0].Tries != 5 {
		t.Errorf("%+v, %v", one, err)
	}
}

func TestReceiversThatMisbehave(t *testing.T) {
	w := newWorld(t)
	over := make(chan struct{})
	defer close(over)
	w.client.Close()
	quick := outbound.New(outbound.Config{Allow: localNetworks(), Timeout: 200 * time.Millisecond})
	defer quick.Close()
	w.hooks = w.node(w.db, w.queue, quick)
	visitors := byte(0)
	for name, one := range map[string]struct {
		answer func(http.ResponseWriter, received)
		status int
		why    string
		state  webhook.State
	}{
		"error":     {func(o http.ResponseWriter, _ received) { o.WriteHeader(503) }, 503, "answered 503", webhook.On},
		"redirects": {func(o http.ResponseWriter, _ received) { o.Header().Set("Location", "/x"); o.WriteHeader(302) }, 302, "answered 302", webhook.On},
		"inside": {func(o http.ResponseWriter, _ received) {
			o.Header().Set("Location", "http://169.254.169.254/x")
			o.WriteHeader(307)
		}, 0, "link-local", webhook.On},
		"closes": {func(http.ResponseWriter, received) { panic(http.ErrAbortHandler) }, 0, "closed the connection", webhook.On},
		"hangs":  {func(http.ResponseWriter, received) { <-over }, 0, "in time", webhook.On},
		"gone":   {func(o http.ResponseWriter, _ received) { o.WriteHeader(410) }, 410, "answered 410", webhook.Paused},
	} {
		h := w.hook("round.opened")
		w.answers(one.answer)
		visitors++
		w.says(visitors, "hello")
		w.deliver(h.ID)
		log := w.log(h.ID)
		if len(log) != 1 || log[0].Delivered || log[0].Status != one.status || !strings.Contains(log[0].Why, one.why) || log[0].Tries != 1 {
			t.Errorf("%s: %+v", name, log)
		}
		after, err := w.hooks.One(t.Context(), site, h.ID)
		w.no(err)
		if after.State != one.state || after.Waiting.Conversations != 1 {
			t.Errorf("%s: %s, %+v", name, after.State, after.Waiting)
		}
		w.no(w.hooks.Delete(t.Context(), by, site, h.ID))
	}
}

func TestAfterThreeDaysItIsPausedAndGoesOnWhereItStopped(t *testing.T) {
	w := newWorld(t)
	h := w.hook("message.created")
	c := w.says(1, "one").Conversation
	w.answers(func(out http.ResponseWriter, _ received) { out.WriteHeader(500) })
	tries := 0
	for {
		in, planned := w.deliver(h.ID)
		tries += len(w.messages())
		if !planned || tries > 100 {
			break
		}
		w.pass(in)
	}
	took := time.Duration(w.clock.Load()-start) * time.Millisecond
	if tries != webhook.MaxTries() || took < 72*time.Hour || took > 80*time.Hour {
		t.Errorf("%d tries in %s, want %d in three days", tries, took, webhook.MaxTries())
	}
	after, err := w.hooks.One(t.Context(), site, h.ID)
	w.no(err)
	if after.State != webhook.Paused || !strings.Contains(after.Why, "500") || after.PausedAt == 0 {
		t.Fatalf("%+v", after)
	}
	w.answers(nil)
	w.says(1, "two")
	w.pass(time.Hour)
	w.deliver(h.ID)
	if got := w.messages(); len(got) != 0 {
		t.Errorf("a paused one got %q", ids(got))
	}
	if _, err := w.hooks.Resume(t.Context(), by, site, h.ID); err != nil {
		t.Fatal(err)
	}
	if _, planned := w.queue.take(webhook.DeliverJob); !planned {
		t.Error("nobody delivers after it was resumed")
	}
	w.deliver(h.ID)
	if got, want := ids(w.messages()), []string{webhook.MessageID(c.UUID, 2), webhook.MessageID(c.UUID, 3)}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAnAnswerMaySayWhenToComeBack(t *testing.T) {
	for after, want := range map[string]time.Duration{
		"90": 90 * time.Second, "86400": 24 * time.Hour, "9223372037": 24 * time.Hour, "99999999999999999999": 24 * time.Hour,
		"-5": 5 * time.Second, "soon": 5 * time.Second,
	} {
		w := newWorld(t)
		h := w.hook("round.opened")
		w.says(1, "one")
		w.answers(func(out http.ResponseWriter, _ received) {
			out.Header().Set("Retry-After", after)
			out.WriteHeader(429)
		})
		if in, planned := w.deliver(h.ID); !planned || in < want-time.Second || in > want+want/9 {
			t.Errorf("%s: the next try is in %s (%t), want about %s", after, in, planned, want)
		}
	}
}

// dying is a node that is killed between delivering and writing it down.
type dying struct {
	webhook.Store
	dead atomic.Bool
}

func (d *dying) Passed(ctx context.Context, q webhook.Queue, seq int64, at chat.Millis, sent *webhook.Delivery) (bool, error) {
	if d.dead.CompareAndSwap(false, true) {
		return false, errors.New("killed")
	}
	return d.Store.Passed(ctx, q, seq, at, sent)
}

func TestWhatWasNotWrittenDownIsDeliveredAgain(t *testing.T) {
	w := newWorld(t)
	h := w.hook("message.created")
	c := w.says(1, "one").Conversation
	w.says(1, "two")
	killed := w.node(&dying{Store: w.db}, w.queue, w.client)
	if err := killed.Deliver(t.Context(), jobs.Job{Key: strconv.FormatInt(int64(h.ID), 10)}); err == nil {
		t.Error("a run that could not write down what it did is done")
	}
	w.deliver(h.ID) // on another node
	first, second := webhook.MessageID(c.UUID, 2), webhook.MessageID(c.UUID, 3)
	if got, want := ids(w.messages()), []string{first, first, second}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestWhatWasForgottenIsFound: a node died after its commit, before it planned a run.
func TestWhatWasForgottenIsFound(t *testing.T) {
	w := newWorld(t)
	w.hook("message.created")
	w.says(1, "one")
	w.pass(time.Minute)
	w.no(w.hooks.Tend(t.Context(), jobs.Job{}))
	if _, planned := w.queue.take(webhook.DeliverJob); !planned {
		t.Error("nobody plans its delivery")
	}
	if j, planned := w.queue.take(webhook.TendJob); !planned || j.In == 0 {
		t.Errorf("nobody looks again: %+v", j)
	}
	w.no(w.hooks.Trim(t.Context(), jobs.Job{}))
	if j, planned := w.queue.take(webhook.TrimJob); !planned || j.In == 0 {
		t.Errorf("nobody trims again: %+v", j)
	}
}

func TestTwoNodesDeliverOnceAndInOrder(t *testing.T) {
	const conversations, texts = 6, 10
	w := newWorld(t)
	w.clock.Store(time.Now().UnixMilli())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
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
			if err := runner.Stop(ctx); err != nil {
				t.Error(err)
			}
		}()
	}
	turn := atomic.Int64{}
	heard := func(changes []chat.Changed) { nodes[turn.Add(1)%2].Committed(changes) }
	w.heard.Store(&heard)
	w.hook("message.created")
	for range texts {
		for n := range conversations {
			w.says(byte(n), "hello")
			w.pass(time.Millisecond)
		}
	}
	const want = conversations * texts
	deadline := time.Now().Add(20 * time.Second)
	var got []received
	for len(got) < want && time.Now().Before(deadline) {
		got = append(got, w.messages()...)
		w.pass(time.Millisecond)
		<-time.After(time.Millisecond)
	}
	if len(got) != want {
		t.Fatalf("%d messages came, want %d", len(got), want)
	}
	w.inOrder(got)
	if w.mu.Lock(); w.counts.made != want || w.counts.failed != 0 {
		t.Errorf("%+v", w.counts)
	}
	w.mu.Unlock()
}
