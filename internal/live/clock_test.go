package live_test

import (
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/wire"
)

// TestAClockSetBackHoldsNothingUp: what lasts seconds or minutes still does when
// a node's clock, or that of the database too, is set back by two hours.
func TestAClockSetBackHoldsNothingUp(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	agent, colleague, visitor := n.agent(ann), n.agent(bob), n.visitor(1)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	agent.do("take", ack.C)
	colleague.open(ack.C)
	say := func(name string) {
		visitor.say(wire.ClientSays{Says: wire.Says{Name: name}})
		visitor.say(wire.ClientTyping{C: ack.C, On: true})
	}
	say("Wang")
	typing := func(count int) {
		colleague.until("typing", func() bool { return len(all[wire.ServerTyping](colleague, "typing")) == count })
	}
	typing(1)
	stranger := n.stranger()
	w.clock.set(-2 * time.Hour)
	w.clock.pass(2 * time.Second)
	say("Li")
	typing(2)
	none(visitor, "error", func(e wire.ServerError) bool { return e.Code == wire.RateLimited })
	agent.leave()
	w.clock.pass(9 * time.Second)
	stranger.closedWith(wire.CloseNoHello)
	w.clock.pass(chat.AbsentAfter)
	await(colleague, "event", func(e wire.ServerEvent) bool { return e.E.Kind == chat.Returned })
}

// TestSeenInTheFuture: when an agent was last here was written down before the
// clock was set back, and read after it.
func TestSeenInTheFuture(t *testing.T) {
	w := newWorld(t, 0, func(c *live.Config) { c.ReturnEvery = time.Hour })
	w.seen[ann] = chat.At(w.clock.now())
	w.clock.set(-2 * time.Hour)
	n := w.make()
	w.start(n)
	if n.Absent(shop, ann) {
		t.Error("Ann is absent when she was last here in the future")
	}
	w.clock.pass(chat.AbsentAfter)
	if !n.Absent(shop, ann) {
		t.Error("Ann is not absent three minutes after that was read")
	}
	if !n.Absent(shop, bob) {
		t.Error("Bob, who was never here, is not absent")
	}
}
