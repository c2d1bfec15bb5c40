package live_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/wire"
)

// delayed runs do before the first frame of a type comes: after its content was
// read, that is.
func (p *peer) delayed(t string, do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before, p.delay = do, t
}

// shortly gives a peer the time to be told. It may not be: those who tell may
// have to wait for what is delayed.
func (p *peer) shortly(so func() bool) { p.within(300*time.Millisecond, so) }

// last waits until the last frame of a type that is about something is as expected.
func last[T any](p *peer, t string, about func(T) bool, is func(T) bool) {
	p.w.t.Helper()
	p.until("the last frame "+t+" as expected", func() bool {
		found := false
		for _, v := range all[T](p, t) {
			if about(v) {
				found = is(v)
			}
		}
		return found
	})
}

// TestAgentsWhoComeDuringAHello: a visitor whose hello is put together while the
// first agent comes learns of it.
func TestAgentsWhoComeDuringAHello(t *testing.T) {
	w := newWorld(t, 1, slowly)
	n := w.nodes[0]
	first := n.visitor(1)
	first.send(chat.ConversationUUID{}, "hello")
	online := func(p wire.ServerPresence) bool { return p.Who == nil && p.Presence == wire.Online }
	then := func() {
		n.agent(ann)
		await(first, "presence", online)
	}
	n.paged.Store(&then)
	await(n.visitor(1), "presence", online)
}

// TestColleagueWhoGoesDuringAHello: the change does not overtake the hello that
// still shows the colleague online.
func TestColleagueWhoGoesDuringAHello(t *testing.T) {
	w := newWorld(t, 1, slowly)
	n := w.nodes[0]
	other, goes := n.agent(dora), n.agent(bob)
	gone := func(p wire.ServerPresence) bool {
		return p.Who != nil && p.Who.ID == int64(bob) && p.Presence == wire.Offline
	}
	comes := &peer{w: w, news: make(chan struct{})}
	comes.delayed("hello", func() {
		goes.leave()
		other.shortly(func() bool { return slices.ContainsFunc(all[wire.ServerPresence](other, "presence"), gone) })
	})
	a, _ := w.Agent(ann)
	comes.session = n.NewAgent(comes, identity.Login{ID: int64(ann), Agent: ann}, a)
	t.Cleanup(comes.leave)
	comes.say(wire.ClientHello{})
	comes.until("hello, then that Bob has gone", func() bool {
		hello := false
		for _, f := range comes.frames {
			if hello && f.t == "presence" && strings.Contains(string(f.data), `"Bob"},"presence":"offline"`) {
				return true
			}
			hello = hello || f.t == "hello"
		}
		return false
	})
}

// TestColleagueWhoWasHereForAMoment: whom a hello shows online is told to be gone,
// even if nobody else ever knew that it came.
func TestColleagueWhoWasHereForAMoment(t *testing.T) {
	w := newWorld(t, 1, slowly, func(c *live.Config) { c.PresenceEvery = 300 * time.Millisecond })
	n := w.nodes[0]
	goes := n.agent(bob)
	agent := n.agent(ann)
	goes.leave()
	await(agent, "presence", func(p wire.ServerPresence) bool { return p.Who.Name == "Bob" && p.Presence == wire.Offline })
}

// TestVisitorWhoGoesDuringASnapshot: the same for who is online.
func TestVisitorWhoGoesDuringASnapshot(t *testing.T) {
	w := newWorld(t, 1, slowly)
	n := w.nodes[0]
	other, agent, goes := n.agent(dora), n.agent(ann), n.visitor(1)
	gone := func(v wire.ServerVisitors) bool { return v.Count == 0 }
	other.say(wire.ClientVisitors{R: 1, On: true})
	await(other, "visitors", func(v wire.ServerVisitors) bool { return v.Count == 1 })
	agent.delayed("visitors", func() {
		goes.leave()
		other.shortly(func() bool { return slices.ContainsFunc(all[wire.ServerVisitors](other, "visitors"), gone) })
	})
	agent.say(wire.ClientVisitors{R: 1, On: true})
	last(agent, "visitors", yes[wire.ServerVisitors], gone)
}

// TestRoundThatEndsDuringAList: a row that was told to be gone before the list
// came that shows it is told to be gone again.
func TestRoundThatEndsDuringAList(t *testing.T) {
	w := newWorld(t, 1, slowly)
	n := w.nodes[0]
	other, does, agent, visitor := n.agent(dora), n.agent(bob), n.agent(ann), n.visitor(1)
	other.watch()
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	gone := func(r wire.ServerRows) bool { return len(r.Drop) == 1 && r.Drop[0] == ack.C && r.Counts.Open == 0 }
	other.put(ack.C, func(r wire.Row, _ wire.Counts) bool { return r.Round.State == chat.Waiting })
	agent.delayed("list", func() {
		does.do("take", ack.C)
		does.do("resolve", ack.C)
		await(other, "rows", gone)
	})
	agent.say(wire.ClientList{R: 1, View: chat.ViewWaiting})
	agent.until("the list, then that its row has gone", func() bool {
		listed := false
		for _, f := range agent.frames {
			if f.t == "list" {
				listed = true
			}
			if f.t == "rows" && listed {
				return true
			}
		}
		return false
	})
	last(agent, "rows", yes[wire.ServerRows], gone)
}

// TestOneVisitorsTabsAreBounded: each of them costs at every message.
func TestOneVisitorsTabsAreBounded(t *testing.T) {
	w := newWorld(t, 1, slowly, func(c *live.Config) { c.MaxTabs = 3 })
	n := w.nodes[0]
	tabs := []*peer{n.visitor(1), n.visitor(1), n.visitor(1), n.visitor(2), n.visitor(1)}
	tabs[0].closedWith(wire.CloseElsewhere)
	for i, p := range tabs[1:] {
		p.mu.Lock()
		if p.code != 0 {
			t.Errorf("tab %d was closed with %d", i+1, p.code)
		}
		p.mu.Unlock()
	}
}

// TestSilentAgentIsNotAwaited: the patience with a console that reloads is not
// for one that has not answered for half a minute.
func TestSilentAgentIsNotAwaited(t *testing.T) {
	w := newWorld(t, 1, slowly, func(c *live.Config) { c.GoneAfter = time.Hour })
	n := w.nodes[0]
	agent, visitor := n.agent(ann), n.visitor(1)
	agent.session.Silent()
	agent.leave()
	await(visitor, "presence", func(p wire.ServerPresence) bool { return p.Who == nil && p.Presence == wire.Offline })
}

// TestMarksAreHealedForNewcomersToo: the marks of a conversation that began
// while nothing was delivered reach the visitor's other tab.
func TestMarksAreHealedForNewcomersToo(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	tab, other := n.visitor(1), n.visitor(1)
	n.drop.Store(true)
	ack := tab.send(chat.ConversationUUID{}, "hello")
	other.heard("hello")
	tab.say(wire.ClientMark{Received: ack.N, Read: ack.N})
	await(other, "mark", func(m wire.ServerMark) bool { return m.Marks.Read == ack.N })
}
