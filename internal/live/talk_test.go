package live_test

import (
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

func TestVisitorAndAgentTalk(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	agent := n.agent(ann)
	visitor := n.visitor(1)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	visitor.heard("hello")
	opened := agent.open(ack.C)
	if got := opened.Page.Head.N; got != 2 {
		t.Errorf("the head is %d, want 2: opened and message", got)
	}
	agent.send(ack.C, "good morning")
	agent.heard("hello", "good morning")
	visitor.heard("hello", "good morning")
	agent.text("note", ack.C, "a secret")
	visitor.send(ack.C, "bye")
	agent.heard("hello", "good morning", "a secret", "bye")
	visitor.heard("hello", "good morning", "bye")
	own := await(visitor, "event", func(e wire.ServerEvent) bool { return e.E.Text == "hello" })
	if own.E.ID == "" {
		t.Error("the sender's own event has no client_id")
	}
	none(agent, "event", func(e wire.ServerEvent) bool { return e.E.Text == "bye" && e.E.ID != "" })
	none(visitor, "event", func(e wire.ServerEvent) bool { return e.E.Text == "good morning" && e.E.ID != "" })
}
