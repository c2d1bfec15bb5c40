package live_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/live"
)

// late counts the deliveries that a hub told of, and the latest of them.
type late struct{ here, elsewhere, worst atomic.Int64 }

func (l *late) settings(c *live.Config) {
	count := func(n *atomic.Int64) func(time.Duration) {
		return func(d time.Duration) {
			n.Add(1)
			l.worst.Store(max(l.worst.Load(), int64(d)))
		}
	}
	c.Delivered, c.DeliveredFrom = count(&l.here), count(&l.elsewhere)
}

func until(t *testing.T, what string, right func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !right(); {
		if time.Now().After(end) {
			t.Fatalf("%s does not come", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func TestStats(t *testing.T) {
	var told late
	w := newWorld(t, 2, told.settings)
	a, b := w.nodes[0], w.nodes[1]
	agent, visitor := a.agent(ann), b.visitor(1)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	agent.open(ack.C)
	if s := a.Stats(); s.Agents != 1 || s.Visitors != 0 || s.Strangers != 0 || s.Rooms != 1 {
		t.Errorf("the agent's node: %+v", s)
	}
	if s := b.Stats(); s.Agents != 0 || s.Visitors != 1 || s.Strangers != 0 {
		t.Errorf("the visitor's node: %+v", s)
	}
	until(t, "the delivery where it was committed", func() bool { return told.here.Load() >= 2 }) // opened, message
	// How late an event of another node is, is known once the clocks were compared.
	until(t, "an event of another node", func() bool {
		visitor.send(chat.ConversationUUID{}, "more")
		return told.elsewhere.Load() > 0
	})
	if worst := time.Duration(told.worst.Load()); worst > 10*time.Second {
		t.Errorf("something was delivered %s late", worst)
	}
	if before := a.Stats(); before.Unreadable != 0 || before.HealFailures != 0 {
		t.Errorf("something failed: %+v", before)
	}
	a.drop.Store(true)
	healed, filled := a.Stats().Healed, a.Stats().GapEvents
	visitor.send(chat.ConversationUUID{}, "unheard")
	until(t, "all regular work", func() bool {
		j := a.Stats().Jobs
		return j.Rows > 0 && j.Presence > 0 && j.Heal > 0 && j.Return > 0 && j.Seen > 0
	})
	until(t, "what healing found", func() bool { s := a.Stats(); return s.Healed > healed && s.GapEvents > filled })
	a.drop.Store(false)
	a.fails.Store(true)
	until(t, "a failure of healing", func() bool { return a.Stats().HealFailures > 0 })
	a.fails.Store(false)

	again := b.visitor(2)
	if s := b.Stats(); s.Visitors != 2 {
		t.Errorf("two visitors: %+v", s)
	}
	again.leave()
	agent.leave()
	until(t, "the end of two sessions", func() bool { return b.Stats().Visitors == 1 && a.Stats().Agents == 0 && a.Stats().Visitors == 0 })
}
