package live_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/wire"
)

func TestHelloMustComeInTime(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	silent, greeted := n.stranger(), n.visitor(1)
	if silent.limit != 4<<10 || greeted.limit != 256<<10 {
		t.Errorf("frames may have %d bytes before hello and %d after, want 4096 and 262144", silent.limit, greeted.limit)
	}
	w.clock.pass(11 * time.Second)
	silent.closedWith(wire.CloseNoHello)
	greeted.send(chat.ConversationUUID{}, "still here")
}

func TestAnOutboxOfAHundredTripsNoLimit(t *testing.T) {
	w := newWorld(t, 1)
	visitor := w.nodes[0].visitor(1)
	for i := range 100 {
		visitor.send(chat.ConversationUUID{}, fmt.Sprint("message ", i))
	}
	none(visitor, "error", yes[wire.ServerError])
}

func TestRefusedMessagesDoNotProlongTheRefusal(t *testing.T) {
	stop := time.Now()
	w := newWorld(t, 1, func(c *live.Config) {
		c.Messages = live.Rate{Burst: 3, PerSecond: 10}
		jumps := c.Now
		start := jumps()
		c.Now = func() time.Time { return stop.Add(jumps().Sub(start).Truncate(time.Second)) } // stands still within a second
	})
	visitor := w.nodes[0].visitor(1)
	for range 3 {
		visitor.send(chat.ConversationUUID{}, "x")
	}
	for range 50 {
		id := newID()
		e := visitor.refused(wire.ClientText{T: "send", ID: id, Text: "x"}, id, wire.RateLimited)
		if e.Do != wire.Retry || e.RetryAfter < 1 || e.RetryAfter > 102 {
			t.Fatalf("refused with %+v, want retry within 101 ms", e)
		}
	}
	w.clock.pass(time.Second)
	for range 3 {
		visitor.send(chat.ConversationUUID{}, "x")
	}
}

func TestFloodIsDisconnected(t *testing.T) {
	w := newWorld(t, 1, func(c *live.Config) { c.Others, c.MaxRefused = live.Rate{Burst: 5, PerSecond: 1}, 20 })
	flood, other := w.nodes[0].visitor(1), w.nodes[0].visitor(2)
	for range 40 {
		flood.raw(`{"t":"ping"}`)
	}
	flood.closedWith(wire.CloseRate)
	other.say(wire.ClientPing{})
	await(other, "pong", yes[wire.ServerPong])
}

func TestOpenConversationsAreBounded(t *testing.T) {
	w := newWorld(t, 1, func(c *live.Config) { c.MaxOpen = 2 })
	n := w.nodes[0]
	agent := n.agent(ann)
	var all []chat.ConversationUUID
	for who := range byte(3) {
		all = append(all, n.visitor(who+1).send(chat.ConversationUUID{}, "hello").C)
	}
	agent.open(all[0])
	agent.open(all[1])
	agent.open(all[1]) // again: no third one
	agent.say(wire.ClientOpen{T: "open", R: 7, C: all[2]})
	await(agent, "error", func(e wire.ServerError) bool { return e.R == 7 && e.Code == wire.TooMany })
	agent.say(wire.ClientOpen{T: "close", C: all[0]})
	agent.open(all[2])
}

func TestSlowSessionHarmsOnlyItself(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	slow, agent := n.visitor(1), n.agent(ann)
	ack := slow.send(chat.ConversationUUID{}, "hello")
	slow.mu.Lock()
	slow.room = len(slow.frames) + 3
	slow.mu.Unlock()
	agent.open(ack.C)
	want := []string{"hello"}
	for i := range 20 {
		want = append(want, fmt.Sprint("answer ", i))
		agent.send(ack.C, want[i+1])
	}
	agent.heard(want...)
	slow.closedWith(wire.CloseTryLater)
	var last wire.Event
	slow.mu.Lock()
	for _, e := range slow.events() {
		last = e
	}
	slow.mu.Unlock()
	back := n.visitor(1, &wire.Position{N: last.N, Tag: last.Tag})
	slow.mu.Lock()
	before := slow.texts()
	slow.mu.Unlock()
	back.heard(want[len(before):]...)
}

func TestResumeAfterAnyAbsence(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	visitor, agent := n.visitor(1), n.agent(ann)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	agent.open(ack.C)
	visitor.leave()
	for range 250 { // more than a page, and past the rate: each by a session of its own
		other := n.agent(ann)
		other.send(ack.C, "more")
		other.leave()
	}
	back := n.visitor(1, &wire.Position{N: ack.N, Tag: ack.Tag})
	hello := await(back, "hello", yes[wire.ServerHello])
	if !hello.Page.More || len(hello.Page.Events) != 200 || hello.Conversation.Unread != 250 {
		t.Fatalf("hello has %d events, more %t, unread %d; want 200, true, 250", len(hello.Page.Events), hello.Page.More, hello.Conversation.Unread)
	}
	last := hello.Page.Events[199]
	back.say(wire.ClientPage{R: 1, After: &wire.Position{N: last.N, Tag: last.Tag}, Limit: 200})
	rest := await(back, "page", func(p wire.ServerPage) bool { return p.R == 1 })
	if rest.Page.More || rest.Page.Events[len(rest.Page.Events)-1].N != hello.Page.Head.N {
		t.Errorf("the rest ends at %d, more %t; want %d, false", rest.Page.Events[len(rest.Page.Events)-1].N, rest.Page.More, hello.Page.Head.N)
	}
	agent.send(ack.C, "and now live")
	await(back, "event", func(e wire.ServerEvent) bool { return e.E.N == hello.Page.Head.N+1 && e.E.Text == "and now live" })

	foreign := n.visitor(1, &wire.Position{N: ack.N, Tag: ack.Tag + 1})
	if p := await(foreign, "hello", yes[wire.ServerHello]).Page; !p.Reset || len(p.Events) == 0 {
		t.Errorf("a position of another log is answered %+v, want reset with the newest events", p)
	}
	unknown := n.visitor(9, &wire.Position{N: 3, Tag: 4})
	if h := await(unknown, "hello", yes[wire.ServerHello]); h.Page == nil || !h.Page.Reset || h.Conversation != nil {
		t.Errorf("a copy of nothing is answered %+v, want reset without a conversation", h)
	}
}

func TestPagesAreCutToABound(t *testing.T) {
	w := newWorld(t, 1, func(c *live.Config) { c.PageBytes = 40_000 })
	n := w.nodes[0]
	visitor := n.visitor(1)
	for range 6 {
		visitor.send(chat.ConversationUUID{}, strings.Repeat("x", 15_000))
	}
	back := n.visitor(1)
	newest := await(back, "hello", yes[wire.ServerHello]).Page
	if len(newest.Events) != 2 || !newest.More || newest.Events[1].N != newest.Head.N {
		t.Fatalf("the newest page has %d events, more %t; want the 2 newest, true", len(newest.Events), newest.More)
	}
	resumed := await(n.visitor(1, &wire.Position{}), "hello", yes[wire.ServerHello]).Page
	if len(resumed.Events) != 3 || !resumed.More || resumed.Events[0].N != 1 {
		t.Fatalf("the page from the start has %d events, more %t; want the 3 first, true", len(resumed.Events), resumed.More)
	}
}

func TestAbsentAgentsRoundsWaitAgain(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	agent, colleague, visitor := n.agent(ann), n.agent(bob), n.visitor(1)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	idle := n.visitor(2)
	answered := idle.send(chat.ConversationUUID{}, "hi")
	agent.do("take", ack.C)
	agent.open(answered.C)
	agent.send(answered.C, "answered") // its visitor awaits nothing
	colleague.open(ack.C)
	agent.leave()
	w.clock.pass(2 * time.Minute)
	n2 := n.visitor(3) // time for some sweeps
	n2.say(wire.ClientPing{})
	none(colleague, "event", func(e wire.ServerEvent) bool { return e.E.Kind == chat.Returned })
	w.clock.pass(time.Minute)
	await(colleague, "event", func(e wire.ServerEvent) bool { return e.E.Kind == chat.Returned && e.E.Round.From != nil })
	c, err := w.db.Conversation(t.Context(), answered.C)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := w.db.Head(t.Context(), c.ID); err != nil || s.Round.State != chat.Assigned {
		t.Errorf("the answered round is %s (%v), want assigned", s.Round.State, err)
	}
	idle.send(chat.ConversationUUID{}, "a question")
	if s, err := w.db.Head(t.Context(), c.ID); err != nil || s.Round.State != chat.Waiting {
		t.Errorf("the round whose visitor wrote is %s (%v), want waiting", s.Round.State, err)
	}
}

func TestAbsenceIsKnownAfterARestart(t *testing.T) {
	w := newWorld(t, 1, slowly)
	a := w.nodes[0]
	agent, visitor := a.agent(ann), a.visitor(1)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	agent.do("take", ack.C)
	agent.leave()
	visitor.leave()
	a.Close() // the last word on when Ann was here is in the database
	b := w.make()
	w.start(b)
	if b.Absent(shop, ann) {
		t.Error("Ann is absent right after she left")
	}
	colleague := b.agent(bob)
	colleague.open(ack.C)
	w.clock.pass(3 * time.Minute)
	await(colleague, "event", func(e wire.ServerEvent) bool { return e.E.Kind == chat.Returned })
}

func TestAgentOfAnotherNodeIsNotAbsentAtOnce(t *testing.T) {
	w := newWorld(t, 2, slowly, func(c *live.Config) { c.ReturnEvery = time.Hour })
	a, b := w.nodes[0], w.nodes[1]
	colleague := b.agent(bob)
	agent := a.agent(ann)
	await(colleague, "presence", func(p wire.ServerPresence) bool { return p.Who.Name == "Ann" && p.Presence == wire.Online })
	agent.leave()
	await(colleague, "presence", func(p wire.ServerPresence) bool { return p.Who.Name == "Ann" && p.Presence == wire.Offline })
	if b.Absent(shop, ann) {
		t.Error("Ann is absent right after she left another node")
	}
	w.clock.pass(3 * time.Minute)
	if !b.Absent(shop, ann) {
		t.Error("Ann is not absent three minutes after she left")
	}
}

// TestAgentWhoJustCameElsewhereKeepsItsRound: this node has yet to be told that the
// agent is there, and knows of nothing but a visit long ago.
func TestAgentWhoJustCameElsewhereKeepsItsRound(t *testing.T) {
	w := newWorld(t, 1, slowly, func(c *live.Config) { c.ReturnEvery = time.Hour })
	a := w.nodes[0]
	alone := presence.NewMemory(w.clock.now)
	w.part = alone.On
	b := w.make()
	w.start(b)
	agent := a.agent(ann)
	visitor := b.visitor(1)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	agent.do("take", ack.C)
	state := func() chat.RoundState {
		c, err := w.db.Conversation(t.Context(), ack.C)
		if err != nil {
			t.Fatal(err)
		}
		s, err := w.db.Head(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		return s.Round.State
	}
	for range 5 {
		visitor.send(ack.C, "are you there?")
		if s := state(); s != chat.Assigned {
			t.Fatalf("the round of who has just taken it is %s", s)
		}
	}
	agent.leave()
	w.clock.pass(chat.AbsentAfter)
	visitor.send(ack.C, "hello?")
	until(t, "the round of who has gone for long waits again", func() bool { return state() == chat.Waiting })
}
