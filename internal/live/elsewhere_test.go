package live_test

import (
	"sync"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/wire"
)

// onlyOne makes a site allow one connection per person.
func (w *world) onlyOne(on chat.SiteID, only bool) {
	w.change(func(p *people) {
		for i := range p.sites {
			if p.sites[i].ID == on {
				p.sites[i].Settings.OneConnection = only
				p.sites[i].Version++
			}
		}
	})
}

// back says hello as somebody who was greeted with a token before.
func (n *node) again(who byte, continues string) *peer {
	n.w.t.Helper()
	p := n.stranger()
	p.say(wire.ClientHello{Site: "ShopKey", Secret: secret(who), Continues: continues})
	return p
}

func (p *peer) token() string {
	p.w.t.Helper()
	return await(p, "hello", yes[wire.ServerHello]).Continues
}

// TestTheNewestConnectionStays: on the same node and on another, for visitors
// and for agents one of whose sites wants it.
func TestTheNewestConnectionStays(t *testing.T) {
	w := newWorld(t, 2, slowly)
	a, b := w.nodes[0], w.nodes[1]
	w.onlyOne(shop, true)
	first := a.visitor(1)
	ack := first.send(chat.ConversationUUID{}, "hello")
	second := b.visitor(1)
	if second.token() == "" {
		t.Fatal("hello does not say what the next one continues")
	}
	third := b.visitor(1)
	second.closedWith(wire.CloseElsewhere)
	fourth := a.visitor(1)
	third.closedWith(wire.CloseElsewhere)
	fourth.send(chat.ConversationUUID{}, "from here")
	fourth.heard("hello", "from here")
	a.again(1, third.token()).closedWith(wire.CloseElsewhere) // it only comes back
	b.visitor(2)
	fourth.send(chat.ConversationUUID{}, "still here")

	ann1, carol1, dora1 := a.agent(ann), a.agent(carol), a.agent(dora)
	carol2, dora2 := b.agent(carol), b.agent(dora)
	ann2 := b.agent(ann)
	ann1.closedWith(wire.CloseElsewhere)
	dora1.closedWith(wire.CloseElsewhere)
	ann2.open(ack.C)
	dora2.say(wire.ClientPing{})
	await(dora2, "pong", yes[wire.ServerPong])
	for _, p := range []*peer{carol1, carol2} {
		if p.token() != "" {
			t.Error("an agent whose site allows many is told to continue")
		}
		p.say(wire.ClientPing{})
		await(p, "pong", yes[wire.ServerPong])
	}
}

// TestTheNewestConnectionStaysThoughNobodyTells: every notice is lost.
func TestTheNewestConnectionStaysThoughNobodyTells(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.nodes[0], w.nodes[1]
	w.onlyOne(shop, true)
	a.visitor(1).send(chat.ConversationUUID{}, "hello")
	visitor, agent := a.visitor(1), a.agent(ann)
	a.drop.Store(true)
	b.drop.Store(true)
	newVisitor, newAgent := b.visitor(1), b.agent(ann)
	begun := time.Now()
	visitor.closedWith(wire.CloseElsewhere)
	agent.closedWith(wire.CloseElsewhere)
	t.Logf("found after %s", time.Since(begun))
	for _, p := range []*peer{newVisitor, newAgent} {
		p.say(wire.ClientPing{})
		await(p, "pong", yes[wire.ServerPong])
	}
}

// TestWhoComesBackKeepsItsPlace: a lost connection, a move and a lost answer are
// no sign-in.
func TestWhoComesBackKeepsItsPlace(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.nodes[0], w.nodes[1]
	w.onlyOne(shop, true)
	first := a.visitor(1)
	first.send(chat.ConversationUUID{}, "hello")
	token := first.token()
	moved := b.again(1, token)
	if got := moved.token(); got != token {
		t.Errorf("the token is %q after a move, before %q", got, token)
	}
	first.closedWith(wire.CloseElsewhere) // its client has left it
	again := a.again(1, token)            // it never heard the answer of b
	again.token()
	moved.closedWith(wire.CloseElsewhere)
	again.send(chat.ConversationUUID{}, "here I am")
}

// TestTheNewConnectionIsThereBeforeTheOldOneGoes: a person who is sent to another
// node, as by a drain, is always connected.
func TestTheNewConnectionIsThereBeforeTheOldOneGoes(t *testing.T) {
	w := newWorld(t, 2, slowly)
	a, b := w.nodes[0], w.nodes[1]
	w.onlyOne(shop, true)
	first := a.visitor(1)
	first.send(chat.ConversationUUID{}, "hello")
	first.leave()
	old := a.visitor(1)
	done := a.drain(live.Drain{Spread: time.Millisecond, Grace: time.Minute})
	await(old, "move", yes[wire.ServerMove])
	moved := b.stranger()
	open := false
	moved.delayed("hello", func() {
		old.shortly(func() bool { return old.code != 0 })
		old.mu.Lock()
		defer old.mu.Unlock()
		open = old.code == 0
	})
	moved.say(wire.ClientHello{Site: "ShopKey", Secret: secret(1), Continues: old.token(), At: &wire.Position{}})
	await(moved, "hello", yes[wire.ServerHello])
	if !open {
		t.Error("the old connection had gone before the new one was greeted")
	}
	old.closedWith(wire.CloseElsewhere)
	ended(t, done)
}

// TestOneOfTwoAtTheSameInstantStays: whatever is told, in whichever order.
func TestOneOfTwoAtTheSameInstantStays(t *testing.T) {
	w := newWorld(t, 2)
	w.onlyOne(shop, true)
	w.nodes[0].visitor(1).send(chat.ConversationUUID{}, "hello")
	for range 10 {
		var peers []*peer
		var both sync.WaitGroup
		for i := range 4 {
			p := w.nodes[i%2].stranger()
			peers = append(peers, p)
			both.Go(func() { p.say(wire.ClientHello{Site: "ShopKey", Secret: secret(1)}) })
		}
		both.Wait()
		left := func() (open []*peer) {
			for _, p := range peers {
				p.mu.Lock()
				if p.code == 0 {
					open = append(open, p)
				}
				p.mu.Unlock()
			}
			return open
		}
		eventually(t, "one stays", func() bool { return len(left()) == 1 })
		stays := left()[0]
		stays.send(chat.ConversationUUID{}, "me")
		if len(left()) != 1 {
			t.Fatal("none stays")
		}
		stays.leave()
	}
}

// TestOneOfSeveralNewcomersStays: they come at the same instant, and write nothing.
func TestOneOfSeveralNewcomersStays(t *testing.T) {
	w := newWorld(t, 1, slowly)
	w.onlyOne(shop, true)
	for who := range 100 {
		var peers []*peer
		var all sync.WaitGroup
		for range 4 {
			p := w.nodes[0].stranger()
			peers = append(peers, p)
			all.Go(func() { p.say(wire.ClientHello{Site: "ShopKey", Secret: secretOf(who + 1)}) })
		}
		all.Wait()
		left := 0
		for _, p := range peers {
			p.mu.Lock()
			if p.code == 0 {
				left++
			}
			p.mu.Unlock()
			p.leave()
		}
		if left != 1 {
			t.Fatalf("%d of four who came together stay", left)
		}
	}
}

// TestNewcomersWithOneSecret: nothing is stored of them, and one stays at last.
func TestNewcomersWithOneSecret(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.nodes[0], w.nodes[1]
	w.onlyOne(shop, true)
	first := a.visitor(1)
	second := a.visitor(1)
	first.closedWith(wire.CloseElsewhere)
	a.again(1, first.token()).closedWith(wire.CloseElsewhere)
	elsewhere := b.visitor(1)
	second.send(chat.ConversationUUID{}, "hello")
	one := func() bool {
		second.mu.Lock()
		defer second.mu.Unlock()
		elsewhere.mu.Lock()
		defer elsewhere.mu.Unlock()
		return (second.code == wire.CloseElsewhere) != (elsewhere.code == wire.CloseElsewhere)
	}
	eventually(t, "one of the two stays", one)
	last := b.visitor(1)
	eventually(t, "both make room", func() bool {
		second.mu.Lock()
		defer second.mu.Unlock()
		elsewhere.mu.Lock()
		defer elsewhere.mu.Unlock()
		return second.code == wire.CloseElsewhere && elsewhere.code == wire.CloseElsewhere
	})
	last.send(chat.ConversationUUID{}, "the last one")
}

// TestASiteThatBeginsToWantOneConnection sends all away; the last who comes stays.
func TestASiteThatBeginsToWantOneConnection(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.nodes[0], w.nodes[1]
	first, second := a.visitor(1), b.visitor(1)
	first.send(chat.ConversationUUID{}, "hello")
	if first.token() != "" {
		t.Error("a site that allows many says what continues")
	}
	w.onlyOne(shop, true)
	first.closedWith(wire.CloseChanged)
	second.closedWith(wire.CloseChanged)
	first, second = a.again(1, ""), b.again(1, "")
	first.closedWith(wire.CloseElsewhere)
	token := second.token()
	another := a.again(2, "") // whose close tells that its node has noticed, too
	another.token()
	w.onlyOne(shop, false)
	second.closedWith(wire.CloseChanged)
	another.closedWith(wire.CloseChanged)
	first, second = a.again(1, ""), b.again(1, token)
	if first.token() != "" || second.token() != "" {
		t.Error("a site that allows many again says what continues")
	}
	first.send(chat.ConversationUUID{}, "both")
	second.send(chat.ConversationUUID{}, "are here")
}
