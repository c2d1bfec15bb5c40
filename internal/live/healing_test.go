package live_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/bus"
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

// TestRevokedBeforeAJump: a log-in was revoked, and the database's clock ran ahead
// before this node looked, or this node stood still.
func TestRevokedBeforeAJump(t *testing.T) {
	w := newWorld(t, 1)
	revoked, other := w.nodes[0].agent(bob), w.nodes[0].agent(ann)
	w.healed()
	w.mu.Lock() // no pass looks between the two
	w.revoked[int64(bob)] = chat.At(w.clock.now())
	w.clock.pass(time.Minute)
	w.mu.Unlock()
	revoked.closedWith(wire.CloseRevoked)
	w.healed()
	other.say(wire.ClientPing{})
	await(other, "pong", yes[wire.ServerPong])
}

// TestResolvedBeforeAJump: a round that ended elsewhere, of which no notice told,
// before one of the clocks jumped.
func TestResolvedBeforeAJump(t *testing.T) {
	for _, jump := range []time.Duration{time.Minute, -2 * time.Hour} {
		t.Run(jump.String(), func(t *testing.T) {
			w := newWorld(t, 2)
			a, b := w.nodes[0], w.nodes[1]
			visitor, looker, lister := b.visitor(1), b.agent(ann), b.agent(dora)
			ack := visitor.send(chat.ConversationUUID{}, "hello")
			looker.open(ack.C)
			lister.say(wire.ClientList{T: "list", R: 7, View: chat.ViewOpen})
			await(lister, "list", func(l wire.ServerList) bool { return len(l.Rows) == 1 })
			w.healed()
			a.drop.Store(true)
			b.fails.Store(true)
			w.healed()
			there := a.agent(bob)
			there.do("resolve", ack.C)
			w.clock.pass(jump)
			b.fails.Store(false)
			resolved := func(e wire.ServerEvent) bool { return e.E.Kind == chat.Resolution }
			await(looker, "event", resolved)
			await(visitor, "event", resolved)
			await(lister, "rows", func(r wire.ServerRows) bool { return len(r.Drop) == 1 && r.Drop[0] == ack.C })
		})
	}
}

// TestWhatCannotBeReadHidesNothing: neither a conversation whose marks cannot be
// read, nor a database that answers few questions at once.
func TestWhatCannotBeReadHidesNothing(t *testing.T) {
	const visitors = 6
	w := newWorld(t, 1, func(c *live.Config) { c.ReadTimeout = 500 * time.Millisecond })
	n := w.nodes[0]
	agent := n.agent(ann)
	var tabs []*peer
	var acks []wire.ServerAck
	for i := range visitors {
		tabs = append(tabs, n.visitor(byte(i+1)))
		acks = append(acks, tabs[i].send(chat.ConversationUUID{}, "hello"))
	}
	unreadable, err := w.db.Conversation(t.Context(), acks[0].C)
	if err != nil {
		t.Fatal(err)
	}
	broken := func(_ context.Context, ids []chat.ConversationID) error {
		if slices.Contains(ids, unreadable.ID) {
			return errors.New("the page is broken")
		}
		return nil
	}
	slow := func(ctx context.Context, ids []chat.ConversationID) error {
		if len(ids) > 1 {
			<-ctx.Done()
		}
		return ctx.Err()
	}
	for i, before := range []func(context.Context, []chat.ConversationID) error{broken, slow} {
		n.drop.Store(true)
		n.marks.Store(&before)
		read := int64(i) + 1
		for _, a := range acks {
			agent.say(wire.ClientMark{C: a.C, Received: read, Read: read})
		}
		for _, tab := range tabs[1-i:] { // in the end all can be read
			await(tab, "mark", func(m wire.ServerMark) bool { return m.Marks.Read == read })
		}
		none(tabs[0], "mark", func(m wire.ServerMark) bool { return m.Marks.Read == 1 })
	}
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

// TestNodesWithoutABusAreTold: two nodes on one database that cannot hear one
// another are slow, and whoever runs them is told why, once; a lone one is not.
func TestNodesWithoutABusAreTold(t *testing.T) {
	w := newWorld(t, 1)
	var said safeBuffer
	w.log = slog.New(slog.NewTextHandler(&said, nil))
	w.network = bus.NewNetwork() // nobody else is on it
	other := w.make()
	w.start(other)
	visitor, agent := w.nodes[0].visitor(1), other.agent(ann)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	agent.open(ack.C)
	agent.send(ack.C, "mine")
	const told = "no bus connects it"
	for i := range 6 {
		if i == 0 && strings.Contains(said.String(), told) {
			t.Error("it was said before anything was late")
		}
		text := fmt.Sprint("message ", i)
		visitor.send(ack.C, text)
		agent.until(text, func() bool {
			for _, e := range all[wire.ServerEvent](agent, "event") {
				if e.E.Text == text {
					return true
				}
			}
			return false
		})
	}
	if n := strings.Count(said.String(), told); n != 1 {
		t.Errorf("it was said %d times: %s", n, &said)
	}
}

// safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
