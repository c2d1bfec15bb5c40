package live_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/wire"
)

// drain drains a node; the channel gets what Drain returned.
func (n *node) drain(d live.Drain) <-chan error {
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
		defer cancel()
		done <- n.Drain(ctx, d)
	}()
	return done
}

func ended(t *testing.T, done <-chan error) {
	t.Helper()
	if err := <-done; err != nil {
		t.Errorf("drain: %v", err)
	}
}

func TestDrainOfALoneNodeIsShort(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	if !n.Ready() || !n.Accepts() {
		t.Error("a node that has started is not ready")
	}
	peers := []*peer{n.visitor(1), n.agent(ann), n.stranger()}
	done := n.drain(live.Drain{})
	for _, p := range peers {
		p.closedWith(wire.CloseRestart)
		none(p, "move", yes[wire.ServerMove])
	}
	ended(t, done)
	n.stranger().closedWith(wire.CloseRestart)
	if n.Ready() || n.Accepts() {
		t.Error("a drained node is ready")
	}
}

// TestDrainServesWhileItSendsAway: everybody is told to move, is served until
// it has, and only who stays is closed.
func TestDrainServesWhileItSendsAway(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.nodes[0], w.nodes[1]
	visitor, agent, stays, stranger := a.visitor(1), a.agent(ann), a.visitor(2), a.stranger()
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	agent.open(ack.C)
	done := a.drain(live.Drain{Delay: 200 * time.Millisecond, Spread: 300 * time.Millisecond, Grace: 700 * time.Millisecond})
	eventually(t, "the node is not ready", func() bool { return !a.Ready() })
	late := a.visitor(3) // within the delay: the load balancer has not seen it yet
	late.send(chat.ConversationUUID{}, "just in time")
	for _, p := range []*peer{visitor, agent, stays, late} {
		move := await(p, "move", yes[wire.ServerMove])
		if move.Within <= 0 || move.Within > 1000 {
			t.Errorf("told to move within %d ms, at most 1,000 are left", move.Within)
		}
	}
	if a.Accepts() {
		t.Error("new sessions are accepted while the old ones are sent away")
	}
	visitor.send(chat.ConversationUUID{}, "still here")
	agent.heard("hello", "still here")
	moved, console := b.visitor(1, &wire.Position{}), b.agent(ann)
	console.open(ack.C)
	moved.heard("hello", "still here")
	moved.send(chat.ConversationUUID{}, "over there")
	visitor.leave()
	late.leave()
	agent.leave()
	console.heard("hello", "still here", "over there")
	stays.closedWith(wire.CloseRestart)
	stranger.closedWith(wire.CloseRestart)
	none(stranger, "move", yes[wire.ServerMove])
	ended(t, done)
}

// TestWhoComesLateIsSentAwayToo: hellos that come when their sessions' turn has passed.
func TestWhoComesLateIsSentAwayToo(t *testing.T) {
	const half = 8 // at random some of the late ones had their turn before the last of the others
	w := newWorld(t, 1)
	n := w.nodes[0]
	var early, late []*peer
	for i := range half {
		early, late = append(early, n.visitor(byte(i+1))), append(late, n.stranger())
	}
	done := n.drain(live.Drain{Spread: time.Millisecond, Grace: time.Minute})
	for _, p := range early {
		await(p, "move", yes[wire.ServerMove])
	}
	for i, p := range late {
		p.say(wire.ClientHello{Site: "ShopKey", Secret: secret(byte(half + i + 1))})
	}
	for _, p := range late {
		await(p, "move", yes[wire.ServerMove])
		p.leave()
	}
	for _, p := range early {
		p.leave()
	}
	ended(t, done)
	for _, p := range append(early, late...) {
		p.mu.Lock()
		if moves := all[wire.ServerMove](p, "move"); len(moves) != 1 || p.frames[0].t != "hello" {
			t.Errorf("told to move %d times, first of all %q", len(moves), p.frames[0].t)
		}
		p.mu.Unlock()
	}
}

// TestDrainIsSpread: nobody's turn comes at the same time as all the others'.
func TestDrainIsSpread(t *testing.T) {
	const sessions = 20
	w := newWorld(t, 1)
	n := w.nodes[0]
	at := make(chan time.Time, sessions)
	var peers []*peer
	for i := range sessions {
		p := n.visitor(byte(i + 1))
		p.mu.Lock()
		p.delay, p.before = "move", func() { at <- time.Now() }
		p.mu.Unlock()
		peers = append(peers, p)
	}
	begun := time.Now()
	done := n.drain(live.Drain{Spread: 400 * time.Millisecond, Grace: time.Millisecond})
	early := 0
	for range sessions {
		if (<-at).Sub(begun) < 100*time.Millisecond {
			early++
		}
	}
	if early > sessions/2 {
		t.Errorf("%d of %d were told in the first quarter", early, sessions)
	}
	for _, p := range peers {
		p.closedWith(wire.CloseRestart)
	}
	ended(t, done)
}

// TestDrainEndsAsSoonAsEverybodyHasGone does not wait out its grace.
func TestDrainEndsAsSoonAsEverybodyHasGone(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	p := n.visitor(1)
	done := n.drain(live.Drain{Spread: time.Millisecond, Grace: time.Minute})
	await(p, "move", yes[wire.ServerMove])
	p.leave()
	ended(t, done)
}

func TestDrainIsCutShort(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	p := n.visitor(1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Drain(ctx, live.Drain{Delay: time.Minute, Spread: time.Minute}) }()
	eventually(t, "the node is not ready", func() bool { return !n.Ready() })
	cancel()
	p.closedWith(wire.CloseRestart)
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("drain: %v", err)
	}
}

func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(8 * time.Second); !so(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}
