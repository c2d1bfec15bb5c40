package live_test

import (
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/retention"
	"github.com/kefu-chat/kefu/internal/wire"
)

// looked is a conversation on two nodes: its visitor has a tab on each, and an agent of
// each looks at it. Its first round is resolved, the second one is open.
func (w *world) looked() (c chat.Conversation, visitors, agents []*peer) {
	w.t.Helper()
	for _, n := range w.nodes {
		visitors = append(visitors, n.visitor(1))
	}
	agents = []*peer{w.nodes[0].agent(ann), w.nodes[len(w.nodes)-1].agent(bob)}
	name := visitors[0].send(chat.ConversationUUID{}, "old").C
	for _, a := range agents {
		a.watch()
		a.open(name)
	}
	agents[0].send(name, "old answer")
	agents[0].do("resolve", name)
	w.clock.pass(chat.ReopenWithin * 2)
	visitors[0].send(chat.ConversationUUID{}, "new")
	for _, p := range append(append([]*peer{}, visitors...), agents...) {
		p.heard("old", "old answer", "new")
	}
	c, err := w.db.Conversation(w.t.Context(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return c, visitors, agents
}

// TestWhatIsRemovedIsNoLongerLookedAt, on any node, whether a notice comes or healing finds it.
func TestWhatIsRemovedIsNoLongerLookedAt(t *testing.T) {
	for name, told := range map[string]bool{"by a notice": true, "by healing": false} {
		t.Run(name, func(t *testing.T) {
			var change []settings
			if told {
				change = append(change, slowly)
			}
			w := newWorld(t, 2, change...)
			c, visitors, agents := w.looked()
			before, err := w.db.Cutoff(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			w.clock.pass(chat.ReopenWithin)
			step, err := w.db.RemoveOld(t.Context(), c.ID, before)
			if err != nil || step.Removed.Rounds != 1 {
				t.Fatalf("%+v, %v", step, err)
			}
			if told {
				w.nodes[0].Shortened(c, step.State)
			}
			for _, p := range append(append([]*peer{}, visitors...), agents...) {
				page := await(p, "page", func(f wire.ServerPage) bool { return f.Page.Truncated })
				first := page.Page.Events[0]
				if first.Kind != chat.Opened || len(page.Page.Events) > 3 || page.Page.More {
					t.Errorf("the page is %+v", page.Page)
				}
			}
			visitors[1].send(chat.ConversationUUID{}, "and on") // nobody was cut off from what follows
			for _, p := range append(append([]*peer{}, visitors...), agents...) {
				await(p, "event", func(e wire.ServerEvent) bool { return e.E.Text == "and on" })
			}
		})
	}
}

// TestWhoWasErasedIsGone on every node, whether a notice comes or healing finds it.
func TestWhoWasErasedIsGone(t *testing.T) {
	for name, told := range map[string]bool{"by a notice": true, "by healing": false} {
		t.Run(name, func(t *testing.T) {
			var change []settings
			if told {
				change = append(change, slowly)
			}
			w := newWorld(t, 2, change...)
			c, visitors, agents := w.looked()
			s, err := w.db.Subject(t.Context(), c.Site, c.Visitor)
			if err != nil {
				t.Fatal(err)
			}
			for more := true; more && err == nil; {
				_, more, err = w.db.RemoveEvents(t.Context(), s)
			}
			if err == nil {
				_, err = w.db.RemoveSubject(t.Context(), s, retention.Erasure{ID: 1, Hash: s.Hash(), Site: s.Site})
			}
			if err != nil {
				t.Fatal(err)
			}
			if told {
				w.nodes[0].Erased(c, s.SecretHash)
			}
			for _, a := range agents {
				await(a, "gone", func(g wire.ServerGone) bool { return g.C == c.UUID })
				await(a, "rows", func(r wire.ServerRows) bool { return len(r.Drop) == 1 && r.Drop[0] == c.UUID && r.Counts.Waiting == 0 })
				a.say(wire.ClientOpen{T: "open", R: 77, C: c.UUID})
				await(a, "error", func(e wire.ServerError) bool { return e.R == 77 && e.Code == chat.NotFound })
			}
			for _, v := range visitors {
				v.closedWith(wire.CloseChanged)
			}
			w.mu.Lock()
			clear(w.visitors) // what the double of the database's table remembers
			w.mu.Unlock()
			back := w.nodes[1].visitor(1, &wire.Position{N: 2, Tag: 1})
			hello := await(back, "hello", yes[wire.ServerHello])
			if hello.Conversation != nil || hello.Page == nil || !hello.Page.Reset {
				t.Errorf("who comes back is told %+v", hello)
			}
			if again := back.send(chat.ConversationUUID{}, "hello"); again.C == c.UUID {
				t.Error("who was erased goes on where it was")
			}
		})
	}
}
