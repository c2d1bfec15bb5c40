package live_test

import (
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/wire"
)

// watch asks for the three lists that may be watched.
func (p *peer) watch() {
	p.w.t.Helper()
	for r, view := range []chat.View{chat.ViewWaiting, chat.ViewMine, chat.ViewOpen} {
		p.say(wire.ClientList{R: int64(r + 1), View: view})
		await(p, "list", func(l wire.ServerList) bool { return l.R == int64(r+1) })
	}
}

// put waits for a row.
func (p *peer) put(c chat.ConversationUUID, is func(wire.Row, wire.Counts) bool) {
	p.w.t.Helper()
	await(p, "rows", func(r wire.ServerRows) bool {
		for _, row := range r.Put {
			if row.C == c && is(row, r.Counts) {
				return true
			}
		}
		return false
	})
}

func TestListsFollowARound(t *testing.T) {
	for _, nodes := range []int{1, 2} {
		w := newWorld(t, nodes, slowly)
		owner, colleague, visitor := w.nodes[0].agent(ann), w.nodes[nodes-1].agent(bob), w.nodes[0].visitor(1)
		owner.watch()
		colleague.say(wire.ClientList{R: 1, View: chat.ViewWaiting})
		await(colleague, "list", yes[wire.ServerList])
		ack := visitor.send(chat.ConversationUUID{}, "hello")
		for _, p := range []*peer{owner, colleague} {
			p.put(ack.C, func(r wire.Row, c wire.Counts) bool {
				return r.Round.State == chat.Waiting && r.Unread == 1 && r.Last != nil && r.Last.Text == "hello" &&
					r.Visitor.Presence == wire.Online && r.Visitor.Browser == "Firefox 140, Windows" && c == wire.Counts{Waiting: 1, Open: 1, Visitors: c.Visitors}
			})
		}
		owner.do("take", ack.C)
		owner.put(ack.C, func(r wire.Row, c wire.Counts) bool {
			return r.Round.State == chat.Assigned && r.Round.Agent.Name == "Ann" && c.Mine == 1 && c.Waiting == 0 && c.Open == 1
		})
		await(colleague, "rows", func(r wire.ServerRows) bool {
			return len(r.Drop) == 1 && r.Drop[0] == ack.C && r.Counts.Waiting == 0 && r.Counts.Mine == 0 && r.Counts.Open == 1
		})
		owner.do("resolve", ack.C)
		await(owner, "rows", func(r wire.ServerRows) bool { return len(r.Drop) == 1 && r.Counts.Open == 0 && r.Counts.Mine == 0 })
		visitor.send(chat.ConversationUUID{}, "one more")
		owner.put(ack.C, func(r wire.Row, c wire.Counts) bool { return r.Last.Text == "one more" && c.Mine == 1 }) // reopened for its agent, who is here
		w.close()
	}
}

func TestListSnapshotAndPages(t *testing.T) {
	w := newWorld(t, 1, func(c *live.Config) { c.ListRows = 3 })
	n := w.nodes[0]
	for who := range byte(5) {
		n.visitor(who+1).send(chat.ConversationUUID{}, "hello")
	}
	agent := n.agent(ann)
	agent.say(wire.ClientList{R: 1, View: chat.ViewWaiting})
	first := await(agent, "list", func(l wire.ServerList) bool { return l.R == 1 })
	if len(first.Rows) != 3 || !first.More || first.Counts.Waiting != 5 {
		t.Fatalf("the first page: %d rows, more %t, %d waiting; want 3, true, 5", len(first.Rows), first.More, first.Counts.Waiting)
	}
	agent.say(wire.ClientList{R: 2, View: chat.ViewWaiting, After: first.Rows[2].C})
	second := await(agent, "list", func(l wire.ServerList) bool { return l.R == 2 })
	if len(second.Rows) != 2 || second.More || second.After != first.Rows[2].C {
		t.Fatalf("the second page: %d rows, more %t; want 2, false", len(second.Rows), second.More)
	}
	seen := map[chat.ConversationUUID]bool{}
	for _, r := range append(first.Rows, second.Rows...) {
		seen[r.C] = true
	}
	if len(seen) != 5 {
		t.Errorf("the pages hold %d different rows, want 5", len(seen))
	}
}

func TestMarksAndUnread(t *testing.T) {
	for _, nodes := range []int{1, 2} {
		w := newWorld(t, nodes, slowly)
		n, far := w.nodes[0], w.nodes[nodes-1]
		owner, device, colleague := n.agent(ann), far.agent(ann), far.agent(bob)
		visitor, tab := n.visitor(1), far.visitor(1)
		ack := visitor.send(chat.ConversationUUID{}, "one")
		tab.heard("one")
		visitor.send(chat.ConversationUUID{}, "two")
		for _, p := range []*peer{owner, device, colleague} {
			p.watch()
		}
		owner.open(ack.C)
		colleague.open(ack.C)
		owner.say(wire.ClientMark{C: ack.C, Received: 3, Read: 3})
		await(owner, "mark", func(m wire.ServerMark) bool {
			return m.Unread != nil && *m.Unread == 0 && m.Marks.Read == 3 && m.Who.Name == "Ann"
		})
		await(colleague, "mark", func(m wire.ServerMark) bool { return m.Unread == nil && m.Marks.Read == 3 })
		await(visitor, "mark", func(m wire.ServerMark) bool { return m.Who == wire.Person{Kind: chat.AgentActor} && m.Marks.Read == 3 })
		device.put(ack.C, func(r wire.Row, _ wire.Counts) bool { return r.Unread == 0 })
		none(colleague, "rows", func(r wire.ServerRows) bool { return len(r.Put) == 1 && r.Put[0].Unread == 0 })

		colleague.say(wire.ClientMark{C: ack.C, Received: 2, Read: 2}) // behind Ann's: nothing for the visitor
		await(owner, "mark", func(m wire.ServerMark) bool { return m.Who.Name == "Bob" })
		visitor.mu.Lock()
		if told := all[wire.ServerMark](visitor, "mark"); len(told) != 1 {
			t.Errorf("the visitor was told %+v: Bob's marks are behind Ann's, and for it all agents are one", told)
		}
		visitor.mu.Unlock()

		owner.send(ack.C, "answer")
		visitor.heard("one", "two", "answer")
		visitor.say(wire.ClientMark{Received: 5, Read: 5})
		await(tab, "mark", func(m wire.ServerMark) bool { return m.Unread != nil && *m.Unread == 0 && m.Marks.Read == 5 })
		await(colleague, "mark", func(m wire.ServerMark) bool { return m.Who.Kind == chat.VisitorActor && m.Marks.Read == 5 })
		w.close()
	}
}

func TestWhoIsOnline(t *testing.T) {
	w := newWorld(t, 2)
	agent := w.nodes[0].agent(ann)
	early := w.nodes[1].visitor(1)
	agent.watch()
	agent.say(wire.ClientVisitors{R: 9, On: true})
	snapshot := await(agent, "visitors", func(v wire.ServerVisitors) bool { return v.R == 9 })
	if snapshot.Count != 1 || len(snapshot.Put) != 1 || snapshot.Put[0].ID != 0 || snapshot.Put[0].Key == "" {
		t.Fatalf("the snapshot is %+v, want one newcomer", snapshot)
	}
	page := &wire.PageInfo{URL: "https://shop.example/shoes", Title: "Shoes"}
	early.say(wire.ClientPresence{Presence: wire.Away, Page: page})
	await(agent, "visitors", func(v wire.ServerVisitors) bool {
		return len(v.Put) == 1 && v.Put[0].Presence == wire.Away && v.Put[0].Page != nil && v.Put[0].Page.Title == "Shoes"
	})
	late := w.nodes[1].visitor(2)
	await(agent, "rows", func(r wire.ServerRows) bool { return r.Counts.Visitors == 2 })
	ack := early.send(chat.ConversationUUID{}, "hello")
	await(agent, "visitors", func(v wire.ServerVisitors) bool {
		return len(v.Put) == 1 && v.Put[0].C == ack.C && v.Put[0].Key == snapshot.Put[0].Key && len(v.Drop) == 0
	})
	agent.put(ack.C, func(r wire.Row, _ wire.Counts) bool { return r.Visitor.Key == snapshot.Put[0].Key })
	late.leave()
	await(agent, "visitors", func(v wire.ServerVisitors) bool { return len(v.Drop) == 1 && v.Count == 1 })
	agent.open(ack.C)
	early.leave()
	await(agent, "presence", func(p wire.ServerPresence) bool { return p.C == ack.C && p.Presence == wire.Offline })
	agent.put(ack.C, func(r wire.Row, _ wire.Counts) bool { return r.Visitor.Presence == wire.Offline })
}

func TestPresenceOverDevices(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.nodes[0], w.nodes[1]
	colleague, visitor, elsewhere := a.agent(bob), a.visitor(1), b.agent(carol)
	colleague.say(wire.ClientPresence{Presence: wire.Away})
	await(visitor, "presence", func(p wire.ServerPresence) bool { return p.Who == nil && p.Presence == wire.Away })
	desk, phone := a.agent(ann), b.agent(ann)
	await(visitor, "presence", func(p wire.ServerPresence) bool { return p.Presence == wire.Online })
	isAnn := func(s wire.Presence) func(wire.ServerPresence) bool {
		return func(p wire.ServerPresence) bool { return p.Who != nil && p.Who.Name == "Ann" && p.Presence == s }
	}
	await(colleague, "presence", isAnn(wire.Online))
	desk.say(wire.ClientPresence{Presence: wire.Away}) // the phone is still online
	desk.leave()
	none(colleague, "presence", isAnn(wire.Away))
	phone.say(wire.ClientPresence{Presence: wire.Away})
	await(colleague, "presence", isAnn(wire.Away))
	phone.leave()
	await(colleague, "presence", isAnn(wire.Offline))
	none(elsewhere, "presence", isAnn(wire.Online))
	colleague.leave()
	await(visitor, "presence", func(p wire.ServerPresence) bool { return p.Presence == wire.Offline })
}

// TestVisitorGoneBeforeTheFirstTick: the site had no agent, so that nobody
// followed its presence when the agent opened the conversation.
func TestVisitorGoneBeforeTheFirstTick(t *testing.T) {
	w := newWorld(t, 1, func(c *live.Config) { c.PresenceEvery = 300 * time.Millisecond })
	visitor := w.nodes[0].visitor(1)
	ack := visitor.send(chat.ConversationUUID{}, "see me")
	agent := w.nodes[0].agent(ann)
	agent.open(ack.C)
	visitor.leave()
	await(agent, "presence", func(p wire.ServerPresence) bool { return p.C == ack.C && p.Presence == wire.Offline })
}

func TestNodeThatDiedFades(t *testing.T) {
	w := newWorld(t, 2)
	agent := w.nodes[0].agent(ann)
	w.nodes[1].agent(bob)
	await(agent, "presence", func(p wire.ServerPresence) bool { return p.Who.Name == "Bob" && p.Presence == wire.Online })
	w.registry.On("dead").SetAgent(dora, 2)
	await(agent, "presence", func(p wire.ServerPresence) bool { return p.Who.Name == "Dora" && p.Presence == wire.Online })
	w.clock.pass(20 * time.Second)
	await(agent, "presence", func(p wire.ServerPresence) bool { return p.Who.Name == "Dora" && p.Presence == wire.Offline })
}
