package live_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/wire"
)

// noted is a queue that remembers the last job of each key.
type noted struct{ jobs map[string]jobs.Job }

func (q *noted) Add(_ context.Context, j jobs.Job) error { q.jobs[j.Key] = j; return nil }

func (q *noted) Cancel(_ context.Context, _, key string) (bool, error) {
	_, there := q.jobs[key]
	delete(q.jobs, key)
	return there, nil
}

// desk is where dora writes to everybody of the shop, on one node.
type desk struct {
	*broadcast.Broadcasts
	n     *node
	by    broadcast.By
	queue *noted
}

func (n *node) desk() *desk {
	q := &noted{jobs: map[string]jobs.Job{}}
	return &desk{
		n: n, queue: q, by: broadcast.By{Actor: chat.Actor{Kind: chat.AgentActor, ID: int64(dora), Name: "Dora", Role: chat.RoleSupervisor}},
		Broadcasts: broadcast.New(n.w.db, n.w.db, q, n.Hub, n.Hub, n.w.clock.now),
	}
}

func everybody(text string) broadcast.Content {
	return broadcast.Content{Text: text, Show: broadcast.AsCard, Audience: broadcast.Audience{Kind: broadcast.Everybody}}
}

// say publishes.
func (d *desk) say(c broadcast.Content) broadcast.Broadcast {
	d.n.w.t.Helper()
	b, err := d.Make(d.n.w.t.Context(), d.by, shop, c)
	if err == nil {
		b, err = d.Publish(d.n.w.t.Context(), d.by, shop, b.ID, b.Version)
	}
	if err != nil {
		d.n.w.t.Fatal(err)
	}
	return b
}

func (d *desk) withdraw(b broadcast.Broadcast) {
	d.n.w.t.Helper()
	if _, err := d.Withdraw(d.n.w.t.Context(), d.by, shop, b.ID, b.Version); err != nil {
		d.n.w.t.Fatal(err)
	}
}

// counts waits until a broadcast was delivered to and read by so many, and then looks
// whether that stays.
func (d *desk) counts(b broadcast.Broadcast, delivered, read int64) {
	d.n.w.t.Helper()
	var now broadcast.Broadcast
	settled := 0
	for deadline := time.Now().Add(8 * time.Second); time.Now().Before(deadline) && settled < 5; <-time.After(10 * time.Millisecond) {
		var err error
		if now, err = d.One(d.n.w.t.Context(), shop, b.ID); err != nil {
			d.n.w.t.Fatal(err)
		}
		if settled++; now.Delivered != delivered || now.Read != read {
			settled = 0
		}
	}
	if settled < 5 {
		d.n.w.t.Fatalf("delivered to %d and read by %d, want %d and %d", now.Delivered, now.Read, delivered, read)
	}
}

// words are the texts of the broadcasts that a peer shows, in order, with the position
// up to which it was told; p.mu is held.
func (p *peer) words() (texts []string, at *wire.Position) {
	shown := []wire.Broadcast{}
	take := func(b *wire.Broadcasts) {
		if b == nil {
			return
		}
		if b.Reset {
			shown = nil
		}
		for _, put := range b.Put {
			known := false
			for i := range shown {
				if shown[i].ID == put.ID {
					shown[i], known = put, true
				}
			}
			if !known {
				shown = append(shown, put)
			}
		}
		for _, id := range b.Drop {
			for i := range shown {
				if shown[i].ID == id {
					shown = append(shown[:i:i], shown[i+1:]...)
					break
				}
			}
		}
		at = &b.At
	}
	for _, h := range all[wire.ServerHello](p, "hello") {
		take(h.Broadcasts)
	}
	for _, b := range all[wire.ServerBroadcasts](p, "broadcasts") {
		take(&b.Broadcasts)
	}
	for _, b := range shown {
		text := b.Text
		if b.Read {
			text += " (read)"
		}
		texts = append(texts, text)
	}
	return texts, at
}

// shows waits until a peer shows these broadcasts.
func (p *peer) shows(want ...string) {
	p.w.t.Helper()
	p.until(fmt.Sprintf("the broadcasts %q", want), func() bool {
		got, _ := p.words()
		return strings.Join(got, "\n") == strings.Join(want, "\n")
	})
}

// position is up to where a peer was told.
func (p *peer) position() *wire.Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, at := p.words()
	return at
}

// returns is a visitor's hello with the position of its last connection.
func (n *node) returns(who byte, at *wire.Position, change ...func(*wire.ClientHello)) *peer {
	n.w.t.Helper()
	p := n.stranger()
	hello := wire.ClientHello{Site: "ShopKey", Secret: secret(who), Broadcasts: at}
	for _, c := range change {
		c(&hello)
	}
	p.say(hello)
	await(p, "hello", yes[wire.ServerHello])
	return p
}

func TestBroadcastComesToEverybody(t *testing.T) {
	w := newWorld(t, 2)
	d := w.nodes[0].desk()
	here, elsewhere, newcomer := w.nodes[0].visitor(1), w.nodes[1].visitor(2), w.nodes[1].visitor(3)
	here.send(chat.ConversationUUID{}, "one")
	elsewhere.send(chat.ConversationUUID{}, "two")
	away := w.nodes[0].visitor(4)
	away.send(chat.ConversationUUID{}, "four")
	away.leave()
	second := w.nodes[1].visitor(1)

	b := d.say(everybody("closed at six"))
	if b.State != broadcast.Published || b.Expected != 4 {
		t.Errorf("it is %s and for %d, want published and for 4", b.State, b.Expected)
	}
	for _, p := range []*peer{here, second, elsewhere, newcomer} {
		p.shows("closed at six")
	}
	d.counts(b, 3, 0)
	w.nodes[1].visitor(4).shows("closed at six")
	d.counts(b, 4, 0)

	w.nodes[0].visitor(5).shows() // a newcomer, who came too late
	late := w.nodes[0].visitor(6)
	late.send(chat.ConversationUUID{}, "six")
	late.leave()
	w.nodes[0].visitor(6).shows()
	for _, n := range w.nodes { // again, on both nodes
		n.visitor(1).shows("closed at six")
		n.visitor(4).shows("closed at six")
	}
	at := newcomer.position()
	newcomer.leave()
	w.nodes[0].returns(3, at).shows() // it keeps its own copy
	d.counts(b, 4, 0)
}

func TestBroadcastComesToWhoWasAwayForAMoment(t *testing.T) {
	w := newWorld(t, 1)
	d := w.nodes[0].desk()
	d.say(everybody("long ago"))
	p := w.nodes[0].visitor(1)
	p.shows()
	at := p.position()
	p.leave()
	b := d.say(everybody("meanwhile"))
	w.nodes[0].returns(1, at).shows("meanwhile")
	w.nodes[0].returns(2, &wire.Position{N: at.N, Tag: at.Tag + 1}).shows() // it proves nothing
	w.nodes[0].returns(3, &wire.Position{N: 99}).shows()
	d.counts(b, 1, 0)
}

func TestBroadcastIsRead(t *testing.T) {
	w := newWorld(t, 2)
	d := w.nodes[0].desk()
	tab, other, newcomer := w.nodes[0].visitor(1), w.nodes[0].visitor(1), w.nodes[1].visitor(2)
	tab.send(chat.ConversationUUID{}, "one")
	first, second := d.say(everybody("first")), d.say(everybody("second"))
	for _, p := range []*peer{tab, other, newcomer} {
		p.shows("first", "second")
	}
	tab.say(wire.ClientBroadcasts{Read: 1})
	other.shows("first (read)", "second")
	other.say(wire.ClientBroadcasts{Read: 1})
	newcomer.say(wire.ClientBroadcasts{Read: 99})
	newcomer.say(wire.ClientBroadcasts{Read: 99})
	d.counts(first, 2, 2)
	d.counts(second, 2, 1)
	tab.leave()
	other.leave()
	w.nodes[1].visitor(1).shows("first (read)", "second")
	d.counts(first, 2, 2)
}

func TestBroadcastIsWithdrawnAndEnds(t *testing.T) {
	w := newWorld(t, 2)
	d := w.nodes[0].desk()
	p := w.nodes[1].visitor(1)
	p.send(chat.ConversationUUID{}, "one")
	wrong := d.say(everybody("wrong"))
	short := everybody("short")
	short.ExpiresAt = chat.At(w.clock.now().Add(time.Hour))
	ending := d.say(short)
	p.shows("wrong", "short")
	d.withdraw(wrong)
	p.shows("short")
	w.nodes[0].visitor(1).shows("short")
	w.clock.pass(2 * time.Hour)
	w.nodes[0].visitor(1).shows()
	if now, err := d.One(t.Context(), shop, ending.ID); err != nil || now.StateAt(chat.At(w.clock.now())) != broadcast.Expired {
		t.Errorf("it is %s, %v: want expired", now.StateAt(chat.At(w.clock.now())), err)
	}
	if _, err := d.Withdraw(t.Context(), d.by, shop, wrong.ID, wrong.Version+1); chat.CodeOf(err) != chat.Conflict {
		t.Errorf("withdrawn twice: %v", err)
	}
}

func TestBroadcastsAreNotForWhoWantsNone(t *testing.T) {
	w := newWorld(t, 2)
	d := w.nodes[0].desk()
	p, newcomer := w.nodes[0].visitor(1), w.nodes[0].visitor(2)
	p.send(chat.ConversationUUID{}, "one")
	d.say(everybody("first"))
	off := true
	for _, one := range []*peer{p, newcomer} {
		one.shows("first")
		one.say(wire.ClientBroadcasts{Off: &off})
		await(one, "broadcasts", func(b wire.ServerBroadcasts) bool { return b.Broadcasts.Off })
	}
	newcomer.send(chat.ConversationUUID{}, "two")
	eventually(t, "nobody who is here is counted", func() bool {
		n, err := d.Count(t.Context(), shop, broadcast.Audience{Kind: broadcast.WhoIsHere})
		return err == nil && n.Visitors == 0 && n.Online == 0
	})
	b := d.say(everybody("second"))
	d.counts(b, 0, 0)
	for who, one := range map[byte]*peer{1: p, 2: newcomer} {
		await(one, "broadcasts", func(b wire.ServerBroadcasts) bool { return b.Broadcasts.At.N == 2 && len(b.Broadcasts.Put) == 0 })
		one.shows("first")
		one.leave()
		w.nodes[1].visitor(who).shows("first")
	}
	d.counts(b, 0, 0) // it is not made up for
	off = false
	p = w.nodes[1].visitor(1)
	p.say(wire.ClientBroadcasts{Off: &off})
	await(p, "broadcasts", func(b wire.ServerBroadcasts) bool { return !b.Broadcasts.Off })
	d.counts(d.say(everybody("third")), 1, 0)
	p.shows("first", "third")
}

// A visitor with a tab on each of two nodes wants no broadcasts, and says so on one of them.
func TestBroadcastsAreNotForWhoWantsNoneElsewhere(t *testing.T) {
	w := newWorld(t, 2)
	d := w.nodes[0].desk()
	here := w.nodes[0].visitor(1)
	here.send(chat.ConversationUUID{}, "one")
	there := w.nodes[1].visitor(1)
	d.say(everybody("first"))
	here.shows("first")
	there.shows("first")
	off := true
	here.say(wire.ClientBroadcasts{Off: &off})
	await(here, "broadcasts", func(b wire.ServerBroadcasts) bool { return b.Broadcasts.Off })
	b := d.say(everybody("second"))
	await(there, "broadcasts", func(b wire.ServerBroadcasts) bool { return b.Broadcasts.At.N == 2 && b.Broadcasts.Off })
	there.shows("first")
	d.counts(b, 0, 0)
}

// After a start thousands say hello at once: the log is read once for all of them.
func TestBroadcastsAreReadOnceForAll(t *testing.T) {
	w := newWorld(t, 1)
	gate := make(chan struct{})
	w.logGate.Store(&gate)
	var group sync.WaitGroup
	var peers []*peer
	for who := range byte(20) {
		p := w.nodes[0].stranger()
		peers = append(peers, p)
		group.Go(func() { p.raw(`{"t":"hello","site":"ShopKey","secret":"` + secret(who) + `"}`) })
	}
	for deadline := time.Now().Add(8 * time.Second); w.logs.Load() == 0 && time.Now().Before(deadline); {
		<-time.After(time.Millisecond)
	}
	close(gate)
	group.Wait()
	for _, p := range peers {
		await(p, "hello", yes[wire.ServerHello])
	}
	if n := w.logs.Load(); n != 1 {
		t.Errorf("the log was read %d times for %d visitors", n, len(peers))
	}
}

func TestBroadcastIsHealed(t *testing.T) {
	w := newWorld(t, 2)
	p := w.nodes[1].visitor(1)
	w.nodes[0].drop.Store(true) // says nothing, to nobody
	d := w.nodes[0].desk()
	b := d.say(everybody("unheard"))
	p.shows("unheard")
	d.withdraw(b)
	p.shows()
}

// A broadcast that goes out while a hello is put together comes behind it, once.
func TestBroadcastDuringHello(t *testing.T) {
	w := newWorld(t, 1)
	d := w.nodes[0].desk()
	d.say(everybody("before"))
	known := w.nodes[0].visitor(1)
	known.send(chat.ConversationUUID{}, "one")
	p := w.nodes[0].stranger()
	p.delay, p.before = "hello", func() {
		d.say(everybody("during"))
		known.shows("during")
	}
	p.say(wire.ClientHello{Site: "ShopKey", Secret: secret(1)})
	p.shows("during")
	known.shows("during")
}

func TestAgentsSeeWhatTheVisitorSaw(t *testing.T) {
	w := newWorld(t, 2)
	d := w.nodes[0].desk()
	visitor := w.nodes[0].visitor(1)
	first := d.say(everybody("before it wrote"))
	visitor.shows("before it wrote")
	ack := visitor.send(chat.ConversationUUID{}, "about that")
	d.counts(first, 1, 0)
	agent := w.nodes[1].agent(ann)
	came := func(want ...string) {
		t.Helper()
		agent.until(fmt.Sprintf("the visitor saw %q", want), func() bool {
			var last *wire.Broadcasts
			for _, c := range all[wire.ServerConversation](agent, "conversation") {
				last = c.Broadcasts
			}
			for _, b := range all[wire.ServerBroadcasts](agent, "broadcasts") {
				last = &b.Broadcasts
			}
			if last == nil {
				return false
			}
			var got []string
			for _, b := range last.Put {
				text := b.Text
				if b.Read {
					text += " (read)"
				}
				if b.Withdrawn {
					text += " (withdrawn)"
				}
				if b.By == nil || b.By.Name != "Dora" || b.At == 0 {
					t.Errorf("%q is by %+v at %d", b.Text, b.By, b.At)
				}
				got = append(got, text)
			}
			return strings.Join(got, "\n") == strings.Join(want, "\n")
		})
	}
	agent.open(ack.C)
	came("before it wrote")
	d.say(everybody("while it writes"))
	came("before it wrote", "while it writes")
	visitor.say(wire.ClientBroadcasts{Read: 1})
	d.withdraw(first)
	came("before it wrote (read) (withdrawn)", "while it writes")
	d.counts(first, 1, 1)
}

// A reply to a broadcast is a message that says so; it waits as any other does.
func TestBroadcastIsAnswered(t *testing.T) {
	w := newWorld(t, 2)
	d := w.nodes[0].desk()
	visitor, agent := w.nodes[0].visitor(1), w.nodes[1].agent(ann)
	b := d.say(everybody("any questions?"))
	visitor.shows("any questions?")
	agent.watch()
	for i, about := range []int64{int64(b.ID), int64(b.ID) + 1} { // the other one never was
		id := newID()
		f := wire.ClientText{T: "send", ID: id, Text: fmt.Sprint("yes ", i), Broadcast: about}
		visitor.say(f)
		ack := await(visitor, "ack", func(a wire.ServerAck) bool { return a.ID == id })
		visitor.say(f) // again: it was kept
		agent.put(ack.C, func(r wire.Row, _ wire.Counts) bool {
			return r.Last != nil && r.Last.Text == f.Text && r.Last.Broadcast == []int64{int64(b.ID), 0}[i] && r.Round.State == chat.Waiting
		})
	}
}

// A reply is repeated where the broadcast is not known, or no longer: it is the same message.
func TestBroadcastIsAnsweredOnce(t *testing.T) {
	w := newWorld(t, 1)
	d := w.nodes[0].desk()
	visitor := w.nodes[0].visitor(1)
	c, err := d.Make(t.Context(), d.by, shop, everybody("any questions?"))
	if err != nil {
		t.Fatal(err)
	}
	id := newID()
	f := wire.ClientText{T: "send", ID: id, Text: "yes", Broadcast: int64(c.ID)}
	visitor.say(f)
	await(visitor, "ack", func(a wire.ServerAck) bool { return a.ID == id })
	if _, err := d.Publish(t.Context(), d.by, shop, c.ID, c.Version); err != nil {
		t.Fatal(err)
	}
	visitor.shows("any questions?")
	visitor.say(f)
	visitor.until("a second ack", func() bool { return len(all[wire.ServerAck](visitor, "ack")) == 2 })
	f.Broadcast++
	visitor.say(f)
	await(visitor, "error", func(e wire.ServerError) bool { return e.Code == chat.ClientIDReused })
}

// A visitor whose frames come one by one, over requests, has read what another
// connection brought.
func TestBroadcastIsReadOverARequest(t *testing.T) {
	w := newWorld(t, 2, func(c *live.Config) { c.BroadcastsEvery = 5 * time.Millisecond })
	d := w.nodes[0].desk()
	p := w.nodes[0].visitor(1)
	p.send(chat.ConversationUUID{}, "one")
	b := d.say(everybody("hello"))
	p.shows("hello")
	if answer := w.nodes[1].AnswerVisitor(t.Context(), live.Meta{OwnOrigin: true}, "ShopKey", secret(1), []byte(`{"t":"broadcasts","read":1}`)); answer != nil {
		t.Errorf("answered %s", answer)
	}
	d.counts(b, 1, 1)
	if answer := w.nodes[1].AnswerVisitor(t.Context(), live.Meta{OwnOrigin: true}, "ShopKey", secret(9), []byte(`{"t":"broadcasts","read":1}`)); !strings.Contains(string(answer), "not_found") {
		t.Errorf("a stranger was answered %s", answer)
	}
}
