package live_test

import (
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/wire"
)

// newSharing is a world whose nodes tell one another who is online through the
// database, as those of a cluster without Redis.
func newSharing(t *testing.T, nodes int, change ...settings) *world {
	t.Helper()
	w := newWorld(t, 0, change...)
	w.part = func(node string) presence.Registry {
		s := presence.NewShared(w.db.Presence(), presence.SharedConfig{Node: node, Every: 5 * time.Millisecond, Log: w.log})
		t.Cleanup(s.Close)
		return s
	}
	for range nodes {
		w.start(w.make())
	}
	return w
}

func TestWhoIsOnlineIsShared(t *testing.T) {
	w := newSharing(t, 3)
	agent, colleague := w.nodes[0].agent(ann), w.nodes[2].agent(bob)
	await(agent, "presence", func(p wire.ServerPresence) bool {
		return p.Who != nil && p.Who.Name == "Bob" && p.Presence == wire.Online
	})
	early := w.nodes[1].visitor(1)
	agent.watch()
	agent.say(wire.ClientVisitors{R: 9, On: true})
	here := func(n int64) func(wire.ServerVisitors) bool {
		return func(v wire.ServerVisitors) bool { return v.Count == n }
	}
	await(agent, "visitors", here(1))
	late := w.nodes[2].visitor(2)
	await(agent, "visitors", here(2))
	await(agent, "rows", func(r wire.ServerRows) bool { return r.Counts.Visitors == 2 })
	ack := early.send(chat.ConversationUUID{}, "hello")
	await(agent, "visitors", func(v wire.ServerVisitors) bool { return len(v.Put) > 0 && v.Put[0].C == ack.C })
	agent.put(ack.C, func(r wire.Row, _ wire.Counts) bool { return r.Visitor.Presence == wire.Online })
	late.leave()
	await(agent, "visitors", func(v wire.ServerVisitors) bool { return len(v.Drop) == 1 && v.Count == 1 })

	if opened := colleague.open(ack.C); opened.Visitor.Presence != wire.Online {
		t.Errorf("opened, the visitor on another node is %s, want online at once", opened.Visitor.Presence)
	}
	early.say(wire.ClientPresence{Presence: wire.Away})
	await(colleague, "presence", func(p wire.ServerPresence) bool { return p.C == ack.C && p.Presence == wire.Away })
	early.leave()
	await(colleague, "presence", func(p wire.ServerPresence) bool { return p.C == ack.C && p.Presence == wire.Offline })
	agent.put(ack.C, func(r wire.Row, _ wire.Counts) bool { return r.Visitor.Presence == wire.Offline })
}

// A visitor's tabs on two nodes share its first conversation, and hear of a
// reply that comes when no round is open: no healing helps here.
func TestVisitorOnTwoNodesIsShared(t *testing.T) {
	w := newSharing(t, 3, slowly)
	first, elsewhere := w.nodes[0].visitor(1), w.nodes[1].visitor(1)
	agent := w.nodes[2].agent(ann)
	ack := first.send(chat.ConversationUUID{}, "hello")
	first.heard("hello")
	elsewhere.heard("hello")
	agent.open(ack.C)
	agent.do("resolve", ack.C)
	await(elsewhere, "event", func(e wire.ServerEvent) bool { return e.E.Kind == chat.Resolution })
	agent.send(ack.C, "one more thing")
	first.heard("hello", "one more thing")
	elsewhere.heard("hello", "one more thing")
}

// TestListShowsWhoIsElsewhere: a page of resolved conversations, which nobody
// follows, is right at once.
func TestListShowsWhoIsElsewhere(t *testing.T) {
	w := newSharing(t, 2, func(c *live.Config) { c.PresenceEvery = time.Hour }) // nothing is wanted in time
	agent, visitor := w.nodes[0].agent(ann), w.nodes[1].visitor(1)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	other := w.nodes[1].agent(bob)
	other.open(ack.C)
	other.do("resolve", ack.C)
	deadline := time.Now().Add(10 * time.Second)
	for r := int64(1); ; r++ { // until its own node has told of it
		agent.say(wire.ClientList{R: r, View: chat.ViewResolved})
		list := await(agent, "list", func(l wire.ServerList) bool { return l.R == r })
		if len(list.Rows) == 1 && list.Rows[0].Visitor.Presence == wire.Online {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the list shows %+v, want somebody who is online", list.Rows)
		}
	}
}
