package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/webhook"
)

// WebhookEngine is an open store that keeps webhooks, too.
type WebhookEngine interface {
	Engine
	webhook.Store
}

// RunWebhooks checks what every webhook.Store must do.
func RunWebhooks(t *testing.T, open Open) {
	for name, test := range map[string]func(*hookFixture){
		"Rows":     testWebhookRows,
		"Outbox":   testWebhookOutbox,
		"Together": testWebhookTogether,
		"Queue":    testWebhookQueue,
		"Pause":    testWebhookPause,
		"Off":      testWebhookOff,
		"Removed":  testWebhookRemoved,
		"Log":      testWebhookLog,
		"Replay":   testWebhookReplay,
		"Aside":    testWebhookAside,
		"Lost":     testWebhookLost,
		"Race":     testWebhookRace,
	} {
		t.Run(name, func(t *testing.T) {
			f := &hookFixture{fixture: newFixture(t, open)}
			f.hooks = f.store.(WebhookEngine)
			test(f)
		})
	}
}

type hookFixture struct {
	*fixture
	hooks WebhookEngine
	made  int
}

// hook makes a webhook of the site.
func (f *hookFixture) hook(types ...webhook.Type) webhook.ID {
	f.Helper()
	f.made++
	w := webhook.Webhook{
		ID: webhook.ID(1000 + f.made), Site: site, Name: "订单", URL: "https://hooks.example/\xff", Types: types, State: webhook.On,
		Secret: webhook.NewSecret(), MadeBy: chat.ActorRef{Kind: chat.AgentActor, ID: 103, Name: "Boss"}, MadeAt: start,
	}
	f.no(f.hooks.InsertWebhook(f.Context(), w))
	f.no(f.hooks.RefreshWishes(f.Context()))
	return w.ID
}

// settled takes the one step that is left.
func (f *hookFixture) settled(id webhook.ID) {
	f.Helper()
	if settled, err := f.hooks.Settle(f.Context(), id); !settled || err != nil {
		f.Errorf("it is not settled: %v", err)
	}
}

func (f *hookFixture) due(id webhook.ID) []webhook.Queue {
	f.Helper()
	queues, err := f.hooks.DueQueues(f.Context(), id, 100)
	f.no(err)
	return queues
}

// row is the one outbox row that must be due.
func (f *hookFixture) row(id webhook.ID) webhook.Queue {
	f.Helper()
	queues := f.due(id)
	if len(queues) != 1 {
		f.Fatalf("%d rows are due, want one: %+v", len(queues), queues)
	}
	return queues[0]
}

func (f *hookFixture) delivery(id webhook.ID, n int64, at chat.ConversationID, seq int64) webhook.Delivery {
	return webhook.Delivery{ID: n, Webhook: id, Message: fmt.Sprintf("m.%d", seq), Conversation: at, Seq: seq, Type: "message.created", Tries: 1}
}

func testWebhookRows(f *hookFixture) {
	id := f.hook("message.created", "round.opened")
	other := f.hook("note.created")
	w, err := f.hooks.Webhook(f.Context(), id)
	f.no(err)
	if w.Name != "订单" || w.URL != "https://hooks.example/\xff" || !slices.Equal(w.Types, []webhook.Type{"message.created", "round.opened"}) || w.State != webhook.On || w.MadeBy.Name != "Boss" || w.Secret == "" {
		f.Errorf("%+v", w)
	}
	w.Old, w.OldUntil, w.Secret, w.Name = w.Secret, 77, webhook.NewSecret(), "b"
	f.no(f.hooks.UpdateWebhook(f.Context(), w))
	all, err := f.hooks.Webhooks(f.Context(), site)
	f.no(err)
	if len(all) != 2 || all[0].ID != id || all[0].Old != w.Old || all[0].OldUntil != 77 || all[0].Name != "b" || all[1].ID != other {
		f.Errorf("%+v", all)
	}
	w.Site++
	f.refused(f.hooks.UpdateWebhook(f.Context(), w), chat.NotFound)
	w.Site, w.State, w.Since = site, webhook.Deleting, 78
	f.no(f.hooks.UpdateWebhook(f.Context(), w))
	if w, err = f.hooks.Webhook(f.Context(), id); err != nil || w.State != webhook.Deleting || w.Since != 78 {
		f.Errorf("%+v, %v", w, err)
	}
	f.settled(id)
	_, err = f.hooks.Webhook(f.Context(), id)
	f.refused(err, chat.NotFound)
}

func testWebhookOutbox(f *hookFixture) {
	before, by := f.conversation(1)
	id := f.hook("message.created", "message.edited")
	rounds := f.hook("round.opened")
	if queues := f.due(id); len(queues) != 0 {
		f.Fatalf("a new webhook is told of %+v", queues)
	}
	f.must(f.message(before, by, "second")) // 3
	f.must(f.note(before, ann, "unwanted")) // 4
	f.must(f.message(before, by, "third"))  // 5
	if q := f.row(id); q.Conversation != before || q.Next != 3 || q.Last != 5 || q.Tries != 0 || q.Since != start {
		f.Errorf("%+v, want 3 to 5 of %d", q, before)
	}
	f.must(command(before, by, chat.EditText(by, 2, "changed"))) // 6
	if q := f.row(id); q.Last != 6 {
		f.Errorf("%+v, want the edit, too", q)
	}
	if queues := f.due(rounds); len(queues) != 0 {
		f.Errorf("of no new round is told: %+v", queues)
	}
	fresh, _ := f.conversation(2)
	if q := f.row(rounds); q.Conversation != fresh || q.Next != 1 || q.Last != 1 {
		f.Errorf("%+v, want the opening of %d", q, fresh)
	}
	f.begin(chat.Beginning{Site: site + 1, SecretHash: secret(3)}, "on another site")
	w, err := f.hooks.WaitingFor(f.Context(), []webhook.ID{id, rounds})
	f.no(err)
	if w[id].Conversations != 2 || w[rounds].Conversations != 1 || w[id].Oldest != start {
		f.Errorf("%+v", w)
	}
	events, row, err := f.hooks.Occurred(f.Context(), before, 5, 6, 10)
	f.no(err)
	if len(events) != 2 || events[0].Seq != 5 || events[1].Target == nil || events[1].Target.Seq != 2 || row.Conversation.ID != before || row.State.Seq != 6 {
		f.Errorf("%+v %+v", events, row)
	}
	_, _, err = f.hooks.Occurred(f.Context(), 12345, 1, 2, 10)
	f.refused(err, chat.NotFound)
}

// testWebhookTogether: what is not appended is not told of, and a repeat is told of once.
func testWebhookTogether(f *hookFixture) {
	at, by := f.conversation(1)
	id := f.hook("message.created")
	f.onCommit(func(func() error) error { return errors.New("the commit fails") })
	if _, err := f.try(f.message(at, by, "lost")); err == nil {
		f.Fatal("the commit should have failed")
	}
	f.onCommit(nil)
	if queues := f.due(id); len(queues) != 0 {
		f.Fatalf("it is told of what was not kept: %+v", queues)
	}
	m := f.message(at, by, "once")
	sent := f.must(m)
	q := f.row(id)
	if left, err := f.hooks.Passed(f.Context(), q, q.Last, start, nil); left || err != nil {
		f.Fatal(left, err)
	}
	if again := f.must(m); !again.Repeat || again.Events[0].Seq != sent.Events[0].Seq {
		f.Fatalf("%+v", again)
	}
	if queues := f.due(id); len(queues) != 0 {
		f.Errorf("a repeat is told of: %+v", queues)
	}
}

func testWebhookQueue(f *hookFixture) {
	at, by := f.conversation(1)
	id := f.hook("message.created")
	f.must(f.message(at, by, "a")) // 3
	q := f.row(id)
	d := f.delivery(id, 1, at, 3)
	d.Why, d.Status, d.Answer = "it answered 500", 500, "no\x00\xffpe"
	f.no(f.hooks.Failed(f.Context(), q, time.Minute, d))
	if queues := f.due(id); len(queues) != 0 {
		f.Fatalf("it is due at once: %+v", queues)
	}
	if in, there, err := f.hooks.NextDue(f.Context(), id); in != time.Minute || !there || err != nil {
		f.Errorf("the next try is in %s (%t), %v", in, there, err)
	}
	f.must(f.message(at, by, "b")) // 4: it waits behind the first
	if queues := f.due(id); len(queues) != 0 {
		f.Fatalf("the second overtakes the first: %+v", queues)
	}
	if err := f.hooks.Failed(f.Context(), q, time.Minute, d); !errors.Is(err, webhook.ErrMoved) {
		f.Errorf("the same try fails twice: %v", err)
	}
	f.pass(time.Minute)
	again := f.row(id)
	if again.Tries != 1 || again.Delivery != 1 || again.Next != 3 || again.Last != 4 {
		f.Errorf("%+v", again)
	}
	if _, err := f.hooks.Passed(f.Context(), q, 3, start, nil); !errors.Is(err, webhook.ErrMoved) {
		f.Errorf("an old row goes on: %v", err)
	}
	d.Delivered, d.Tries, d.Why, d.Status, d.Answer = true, 2, "", 200, "ok"
	if left, err := f.hooks.Passed(f.Context(), again, 3, start+7, &d); !left || err != nil {
		f.Fatal(left, err)
	}
	last := f.row(id)
	if last.Next != 4 || last.Tries != 0 || last.Delivery != 0 || last.Since != start+7 {
		f.Errorf("%+v", last)
	}
	got, err := f.hooks.DeliveryOf(f.Context(), id, 1)
	f.no(err)
	if !got.Delivered || got.Tries != 2 || got.Status != 200 || got.Answer != "ok" || got.Seq != 3 || got.Conversation != at || got.At != chat.Millis(start+60_000) || got.NextAt != 0 {
		f.Errorf("%+v", got)
	}
	if left, err := f.hooks.Passed(f.Context(), last, 4, start, nil); left || err != nil {
		f.Fatal(left, err)
	}
	if _, there, err := f.hooks.NextDue(f.Context(), id); there || err != nil {
		f.Errorf("something is left: %v", err)
	}
}

func testWebhookPause(f *hookFixture) {
	at, by := f.conversation(1)
	id := f.hook("message.created")
	f.must(f.message(at, by, "a"))
	f.no(f.hooks.Failed(f.Context(), f.row(id), time.Hour, f.delivery(id, 1, at, 3)))
	f.no(f.hooks.PauseWebhook(f.Context(), id, "it answered 500"))
	f.no(f.hooks.RefreshWishes(f.Context()))
	w, err := f.hooks.Webhook(f.Context(), id)
	f.no(err)
	if w.State != webhook.Paused || w.Why != "it answered 500" || w.PausedAt != start {
		f.Errorf("%+v", w)
	}
	f.must(f.message(at, by, "b")) // is kept for it
	f.pass(2 * time.Hour)
	if ids, err := f.hooks.OverdueWebhooks(f.Context(), time.Minute); len(ids) != 0 || err != nil {
		f.Errorf("a paused one is overdue: %v, %v", ids, err)
	}
	w.State, w.Why, w.PausedAt = webhook.Resuming, "", 0
	f.no(f.hooks.UpdateWebhook(f.Context(), w))
	f.settled(id)
	if w, err = f.hooks.Webhook(f.Context(), id); err != nil || w.State != webhook.On || w.Since == 0 {
		f.Errorf("resumed, it is %+v, %v", w, err)
	}
	if q := f.row(id); q.Next != 3 || q.Last != 4 || q.Tries != 0 || q.Delivery != 1 {
		f.Errorf("it does not go on where it stopped: %+v", q)
	}
	if ids, err := f.hooks.OverdueWebhooks(f.Context(), time.Minute); len(ids) != 0 || err != nil {
		f.Errorf("what is due now is overdue: %v, %v", ids, err)
	}
	f.pass(2 * time.Minute)
	if ids, err := f.hooks.OverdueWebhooks(f.Context(), time.Minute); !slices.Equal(ids, []webhook.ID{id}) || err != nil {
		f.Errorf("%v, %v", ids, err)
	}
}

func testWebhookOff(f *hookFixture) {
	at, by := f.conversation(1)
	id := f.hook("message.created")
	f.must(f.message(at, by, "a"))
	w, err := f.hooks.Webhook(f.Context(), id)
	f.no(err)
	w.State = webhook.Off
	f.no(f.hooks.UpdateWebhook(f.Context(), w))
	f.settled(id)
	if queues := f.due(id); len(queues) != 0 {
		f.Errorf("something waits for one that is off: %+v", queues)
	}
	f.must(f.message(at, by, "before this node has heard of it"))
	if ids, err := f.hooks.Unsettled(f.Context()); err != nil || !slices.Equal(ids, []webhook.ID{id}) {
		f.Errorf("nobody finds what is kept for one that is off: %v, %v", ids, err)
	}
	f.settled(id)
	if queues := f.due(id); len(queues) != 0 {
		f.Errorf("a row of one that is off stays: %+v", queues)
	}
	f.no(f.hooks.RefreshWishes(f.Context()))
	if wishes := f.hooks.Wishes(site); len(wishes) != 0 {
		f.Errorf("%+v", wishes)
	}
	f.must(f.message(at, by, "c"))
	if queues := f.due(id); len(queues) != 0 {
		f.Errorf("something is kept for one that is off: %+v", queues)
	}
}

func testWebhookLog(f *hookFixture) {
	id, other := f.hook("message.created"), f.hook("message.created")
	for n := range int64(6) {
		d := f.delivery(id, 10+n, 5, n)
		d.Delivered = n%2 == 0
		f.no(f.hooks.Log(f.Context(), d))
		f.pass(time.Hour)
	}
	f.no(f.hooks.Log(f.Context(), f.delivery(other, 99, 5, 1)))
	ids := func(before int64, failedOnly bool, limit int) (all []int64) {
		f.Helper()
		page, err := f.hooks.Deliveries(f.Context(), id, before, failedOnly, limit)
		f.no(err)
		for _, d := range page {
			all = append(all, d.ID)
		}
		return all
	}
	if got := ids(0, false, 4); !slices.Equal(got, []int64{15, 14, 13, 12}) {
		f.Errorf("%v", got)
	}
	if got := ids(12, false, 4); !slices.Equal(got, []int64{11, 10}) {
		f.Errorf("%v", got)
	}
	if got := ids(0, true, 4); !slices.Equal(got, []int64{15, 13, 11}) {
		f.Errorf("failed: %v", got)
	}
	_, err := f.hooks.DeliveryOf(f.Context(), other, 10)
	f.refused(err, chat.NotFound)
	f.no(f.hooks.Trim(f.Context(), 5*time.Hour+time.Minute, 100))
	if got := ids(0, false, 9); !slices.Equal(got, []int64{15, 14, 13, 12, 11}) {
		f.Errorf("after 5 hours: %v", got)
	}
	f.no(f.hooks.Trim(f.Context(), 100*time.Hour, 2))
	if got := ids(0, false, 9); !slices.Equal(got, []int64{15, 14}) {
		f.Errorf("two at most: %v", got)
	}
}

func testWebhookReplay(f *hookFixture) {
	one, by := f.conversation(1)
	two, other := f.conversation(2)
	id := f.hook("message.created")
	for i, c := range []chat.Change{f.message(one, by, "3"), f.message(two, other, "3"), f.message(one, by, "4")} {
		e := f.must(c).Events[0]
		q := f.row(id)
		d := f.delivery(id, int64(20+i), e.Conversation, e.Seq)
		d.Delivered = true
		_, err := f.hooks.Passed(f.Context(), q, e.Seq, start, &d)
		f.no(err)
	}
	f.no(f.hooks.Log(f.Context(), webhook.Delivery{ID: 30, Webhook: id, Message: "ping.30", Type: webhook.Ping}))
	f.must(f.message(one, by, "5")) // waits already
	f.no(f.hooks.Failed(f.Context(), f.row(id), time.Hour, f.delivery(id, 31, one, 5)))
	n, until, err := f.hooks.Replayable(f.Context(), id, 21)
	f.no(err)
	if last, err := f.hooks.Replay(f.Context(), id, 21, until, 0); last != 0 || err != nil {
		f.Errorf("after two conversations comes %d, %v", last, err)
	}
	queues := f.due(id)
	slices.SortFunc(queues, func(a, b webhook.Queue) int { return int(a.Last - b.Last) })
	if n != 2 || len(queues) != 2 || queues[0].Conversation != two || queues[0].Next != 3 || queues[0].Last != 3 ||
		queues[1].Conversation != one || queues[1].Next != 4 || queues[1].Last != 5 || queues[1].Tries != 0 || queues[1].Delivery != 0 {
		f.Errorf("%d conversations: %+v", n, queues)
	}
}
