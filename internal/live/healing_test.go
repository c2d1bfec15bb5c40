package live_test

import (
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/wire"
)

// TestNothingIsMissedWhileAPageIsRead: what is committed after a page was read,
// and before its session follows, is sent to it.
func TestNothingIsMissedWhileAPageIsRead(t *testing.T) {
	w := newWorld(t, 1, slowly)
	n := w.nodes[0]
	first := n.visitor(1)
	ack := first.send(chat.ConversationUUID{}, "hello")
	first.heard("hello")
	during := func(text string) {
		then := func() {
			first.send(chat.ConversationUUID{}, text)
			await(first, "event", func(e wire.ServerEvent) bool { return e.E.Text == text })
		}
		n.paged.Store(&then)
	}
	during("while the tab said hello")
	tab := n.visitor(1)
	tab.heard("hello", "while the tab said hello")
	during("while the agent opened")
	agent := n.agent(ann)
	agent.open(ack.C)
	agent.heard("hello", "while the tab said hello", "while the agent opened")
	first.send(chat.ConversationUUID{}, "live")
	tab.heard("hello", "while the tab said hello", "while the agent opened", "live")
	agent.heard("hello", "while the tab said hello", "while the agent opened", "live")
}

// TestHealingLooksFurtherBackAfterAFailure: a database that did not answer for
// longer than the overlap hides nothing.
func TestHealingLooksFurtherBackAfterAFailure(t *testing.T) {
	w := newWorld(t, 1, func(c *live.Config) { c.HealOverlap = time.Millisecond })
	n := w.nodes[0]
	visitor, agent := n.visitor(1), n.agent(ann)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	agent.open(ack.C)
	n.drop.Store(true)
	n.fails.Store(true)
	w.clock.pass(time.Second + time.Millisecond) // rows are stamped once a second
	visitor.send(chat.ConversationUUID{}, "unheard")
	for range 5 { // passes of healing, each of which is told by the log-ins it asks for
		w.healed()
	}
	n.fails.Store(false)
	agent.heard("hello", "unheard")
}

// TestClockThatJumpedHidesNothing: the database's clock runs ahead, so that what
// was committed before looks older than it is.
func TestClockThatJumpedHidesNothing(t *testing.T) {
	w := newWorld(t, 1, func(c *live.Config) { c.HealOverlap = time.Millisecond })
	n := w.nodes[0]
	visitor, agent := n.visitor(1), n.agent(ann)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	agent.open(ack.C)
	w.healed()
	n.drop.Store(true)
	visitor.send(chat.ConversationUUID{}, "before the jump")
	w.clock.pass(time.Hour)
	agent.heard("hello", "before the jump")
}

// healed waits for the next pass of healing.
func (w *world) healed() {
	w.t.Helper()
	w.mu.Lock()
	before := w.passes
	w.mu.Unlock()
	deadline := time.Now().Add(8 * time.Second)
	for {
		w.mu.Lock()
		now := w.passes
		w.mu.Unlock()
		if now > before+1 { // a pass that began after the call has reached its end
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatal("nobody heals")
		}
		<-time.After(time.Millisecond)
	}
}
