package live_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/wire"
)

// slowly keeps healing and presence out of a test that is about notices.
func slowly(c *live.Config) { c.HealEvery = time.Hour }

func TestEventsReachOtherNodes(t *testing.T) {
	w := newWorld(t, 2, slowly)
	agent, visitor := w.nodes[0].agent(ann), w.nodes[1].visitor(1)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	agent.open(ack.C)
	agent.send(ack.C, "good morning")
	visitor.heard("hello", "good morning")
	visitor.send(ack.C, "bye")
	agent.heard("hello", "good morning", "bye")
	big := strings.Repeat("界", 6000) // beyond what a notice carries
	agent.send(ack.C, big)
	visitor.heard("hello", "good morning", "bye", big)
}

func TestReplyWithoutRoundReachesVisitorOnOtherNode(t *testing.T) {
	w := newWorld(t, 2, slowly)
	agent, visitor := w.nodes[0].agent(ann), w.nodes[1].visitor(1)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	agent.open(ack.C)
	agent.do("resolve", ack.C)
	await(visitor, "event", func(e wire.ServerEvent) bool { return e.E.Kind == chat.Resolution })
	agent.send(ack.C, "one more thing")
	visitor.heard("hello", "one more thing")
}

func TestTabsOfANewcomerJoinItsConversation(t *testing.T) {
	w := newWorld(t, 2)
	first, second, elsewhere := w.nodes[0].visitor(1), w.nodes[0].visitor(1), w.nodes[1].visitor(1)
	other := w.nodes[0].visitor(2)
	first.send(chat.ConversationUUID{}, "hello")
	for _, tab := range []*peer{first, second, elsewhere} {
		tab.heard("hello")
	}
	second.send(chat.ConversationUUID{}, "from the second tab")
	for _, tab := range []*peer{first, second, elsewhere} {
		tab.heard("hello", "from the second tab")
	}
	none(other, "event", yes[wire.ServerEvent])
}

// TestHealing drops every notice and every delivery after commit.
func TestHealing(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.nodes[0], w.nodes[1]
	agent, colleague, visitor := a.agent(ann), b.agent(bob), b.visitor(1)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	visitor.heard("hello")
	agent.say(wire.ClientList{R: 1, View: chat.ViewWaiting})
	colleague.say(wire.ClientList{R: 1, View: chat.ViewOpen})
	agent.say(wire.ClientList{R: 2, View: chat.ViewMine})
	await(agent, "list", func(l wire.ServerList) bool { return l.R == 2 })
	await(colleague, "list", func(l wire.ServerList) bool { return len(l.Rows) == 1 && l.Counts.Waiting == 1 })
	agent.open(ack.C)
	a.drop.Store(true)
	b.drop.Store(true)

	agent.send(ack.C, "good morning")
	visitor.send(ack.C, "thanks")
	agent.heard("hello", "good morning", "thanks")
	visitor.heard("hello", "good morning", "thanks")
	await(colleague, "rows", func(r wire.ServerRows) bool {
		return r.Counts.Waiting == 0 && r.Counts.Open == 1
	})
	await(colleague, "rows", func(r wire.ServerRows) bool {
		return len(r.Put) == 1 && r.Put[0].Last != nil && r.Put[0].Last.Text == "thanks" && r.Put[0].Unread == 1
	})
	await(agent, "rows", func(r wire.ServerRows) bool { return r.Counts.Mine == 1 })

	visitor.say(wire.ClientMark{Received: 5, Read: 5})
	await(agent, "mark", func(m wire.ServerMark) bool { return m.Who.Kind == chat.VisitorActor && m.Marks.Read > 0 })
	agent.say(wire.ClientMark{C: ack.C, Received: 5, Read: 5})
	await(visitor, "mark", func(m wire.ServerMark) bool { return m.Who.Kind == chat.AgentActor && m.Marks.Read > 0 })
	await(agent, "rows", func(r wire.ServerRows) bool { return len(r.Put) == 1 && r.Put[0].Unread == 0 })
}

func TestNewcomerWithDroppedDelivery(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	agent := n.agent(ann)
	agent.say(wire.ClientList{R: 1, View: chat.ViewWaiting})
	first, second := n.visitor(1), n.visitor(1)
	n.drop.Store(true)
	ack := first.send(chat.ConversationUUID{}, "hello")
	first.heard("hello")
	second.heard("hello")
	await(agent, "rows", func(r wire.ServerRows) bool { return len(r.Put) == 1 && r.Put[0].C == ack.C && r.Counts.Waiting == 1 })
}

func TestTypingAndLookingReachOtherNodes(t *testing.T) {
	w := newWorld(t, 2, slowly)
	agent, colleague, visitor := w.nodes[0].agent(ann), w.nodes[1].agent(bob), w.nodes[1].visitor(1)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	agent.open(ack.C)
	if opened := colleague.open(ack.C); len(opened.Looking) == 0 {
		await(colleague, "looking", func(l wire.ServerLooking) bool { return len(l.Agents) == 1 && l.Agents[0].Name == "Ann" })
	}
	await(agent, "looking", func(l wire.ServerLooking) bool { return len(l.Agents) == 1 && l.Agents[0].Name == "Bob" })
	agent.say(wire.ClientTyping{C: ack.C, On: true, Note: true})
	await(colleague, "typing", func(f wire.ServerTyping) bool { return f.On && f.Note && f.Who.Name == "Ann" })
	agent.say(wire.ClientTyping{C: ack.C})
	agent.say(wire.ClientTyping{C: ack.C, On: true})
	await(visitor, "typing", func(f wire.ServerTyping) bool { return f.On && f.Who.Kind == chat.AgentActor })
	none(visitor, "typing", func(f wire.ServerTyping) bool { return f.Note })
	none(agent, "typing", yes[wire.ServerTyping])
	visitor.say(wire.ClientTyping{On: true})
	await(agent, "typing", func(f wire.ServerTyping) bool { return f.On && f.Who.Kind == chat.VisitorActor })
	colleague.leave()
	await(agent, "looking", func(l wire.ServerLooking) bool { return len(l.Agents) == 0 })
}
