package live_test

import (
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// Whoever writes in whatever rhythm, by however many tabs and nodes, is told of a
// few times and not more.
func TestTypingFloodsNobody(t *testing.T) {
	w := newWorld(t, 2, slowly)
	agent := w.nodes[0].agent(ann)
	tabs := []*peer{w.nodes[0].visitor(1), w.nodes[0].visitor(1), w.nodes[1].visitor(1)}
	ack := tabs[0].send(chat.ConversationUUID{}, "hello")
	tabs[2].heard("hello")
	agent.open(ack.C)
	flood := func(frames ...bool) int {
		before := len(all[wire.ServerTyping](agent, "typing"))
		for _, tab := range tabs {
			for range 10 {
				for _, on := range frames {
					tab.say(wire.ClientTyping{C: ack.C, On: on})
				}
			}
		}
		for _, tab := range tabs { // behind what each of them said
			last := tab.send(ack.C, "there")
			agent.until("the message", func() bool {
				for _, e := range all[wire.ServerEvent](agent, "event") {
					if e.E.N == last.N {
						return true
					}
				}
				return false
			})
		}
		return len(all[wire.ServerTyping](agent, "typing")) - before
	}
	if n := flood(false); n != 0 {
		t.Errorf("of who never wrote, that it stopped was told %d times", n)
	}
	// The second node has a count of its own, and what it passes on counts at the first, too.
	if n := flood(true, false); n == 0 || n > 5 {
		t.Errorf("a flood of changes was told %d times, want about 4", n)
	}
	w.clock.pass(10 * time.Second)
	if n := flood(true); n != 1 {
		t.Errorf("that somebody still writes was told %d times in no time, want once", n)
	}
}
