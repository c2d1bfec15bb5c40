package live_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/wire"
)

// Carry notes whose hub is told of it.
func (f *front) Carry(c *chat.Carry) {
	done := c.Done
	c.Done = func(over chat.CarriedOver, err error) {
		f.n.w.noteCarry(f.n, c, &over)
		done(over, err)
	}
	f.DB.Carry(c)
}

func (w *world) noteCarry(n *node, c *chat.Carry, over *chat.CarriedOver) {
	if len(over.To.Events) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, changed := range []chat.Changed{over.From, over.To} {
		w.authors[author{changed.Conversation.ID, changed.State.Seq}] = n
	}
	for _, m := range over.Marks {
		w.markers[chat.ActorRef{Kind: m.Who.Kind, ID: m.Who.ID}] = n
	}
	to := over.To.Conversation
	w.visitors[string(c.To.SecretHash)] = identity.Visitor{ID: to.Visitor, Site: to.Site, Conversation: to, Profile: c.To.Profile}
}

// carry takes the chat of one secret along to another, which stands for a log-in.
func (n *node) carry(from, to byte) bool {
	n.w.t.Helper()
	carried, err := n.CarryOver(context.Background(), shop, n.hash(from), chat.Beginning{Site: shop, SecretHash: n.hash(to)})
	if err != nil {
		n.w.t.Fatal(err)
	}
	return carried
}

func (n *node) hash(who byte) []byte {
	n.w.t.Helper()
	hash, err := identity.HashSecret(secret(who))
	if err != nil {
		n.w.t.Fatal(err)
	}
	return hash
}

// ledFrom waits until a looker was told where the conversation goes on.
func (p *peer) ledFrom(c chat.ConversationUUID) chat.ConversationUUID {
	p.w.t.Helper()
	e := await(p, "event", func(e wire.ServerEvent) bool { return e.E.Kind == chat.Carried })
	f := await(p, "carried", func(f wire.ServerCarried) bool { return f.C == c })
	if f.To.IsNil() || e.E.To != f.To || !e.E.Private {
		p.w.t.Errorf("the event %+v and the frame %+v do not say where to", e.E, f)
	}
	return f.To
}

// TestACarriedChatLeadsOver has people of two nodes look on, with notices, and without any.
func TestACarriedChatLeadsOver(t *testing.T) {
	for name, told := range map[string]bool{"told": true, "healed": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2, func(c *live.Config) {
				if told {
					c.HealEvery = time.Hour
				}
			})
			first, second := w.nodes[0], w.nodes[1]
			visitor, tab := first.visitor(1), second.visitor(1)
			ack := visitor.send(chat.ConversationUUID{}, "hello")
			tab.heard("hello")
			here, there := first.agent(ann), second.agent(bob)
			for _, agent := range []*peer{here, there} {
				agent.watch()
				agent.open(ack.C)
			}
			here.send(ack.C, "what is it?")
			there.heard("hello", "what is it?")
			there.text("note", ack.C, "a note")
			here.put(ack.C, func(r wire.Row, _ wire.Counts) bool { return r.Round.State == chat.Assigned })
			there.put(ack.C, func(r wire.Row, _ wire.Counts) bool { return r.Round.State == chat.Assigned })
			for _, n := range w.nodes {
				n.drop.Store(!told)
			}
			if !first.carry(1, 2) || !second.carry(1, 2) {
				t.Fatal("nothing was carried")
			}
			to := here.ledFrom(ack.C)
			if there.ledFrom(ack.C) != to {
				t.Error("the two nodes lead to different conversations")
			}
			visitor.closedWith(wire.CloseCarried)
			tab.closedWith(wire.CloseCarried)
			for _, agent := range []*peer{here, there} {
				await(agent, "rows", func(r wire.ServerRows) bool { return slices.Contains(r.Drop, ack.C) })
				agent.put(to, func(r wire.Row, n wire.Counts) bool {
					return r.Round.State == chat.Assigned && r.Round.Agent.ID == ann && r.Unread == 0 && n.Open == 1
				})
			}
			afterwards(w, ack.C, to, here)
		})
	}
}

// afterwards is what those find who come later, with the old secret and with the log-in.
func afterwards(w *world, old, to chat.ConversationUUID, agent *peer) {
	w.t.Helper()
	for _, n := range w.nodes {
		late := n.stranger()
		late.say(wire.ClientHello{Site: "ShopKey", Secret: secret(1)})
		await(late, "error", func(e wire.ServerError) bool { return e.Code == wire.CarriedOver && e.Do == wire.Stop })
		late.closedWith(wire.CloseRefused)
		none(late, "hello", yes[wire.ServerHello])
	}
	known := w.nodes[1].visitor(2)
	known.heard("hello", "what is it?")
	known.send(chat.ConversationUUID{}, "I am back")
	opened := agent.open(old)
	if opened.Conversation.To != to || opened.Row.Round.State != chat.Resolved {
		w.t.Errorf("opened later, the old conversation says %+v", opened.Conversation)
	}
	for _, e := range opened.Page.Events {
		if isText := e.Kind == chat.Message || e.Kind == chat.Note; e.Text != "" || isText != e.Erased || isText != e.Carried {
			w.t.Errorf("in the old conversation stands %+v", e)
		}
	}
	now := agent.open(to)
	for _, e := range now.Page.Events {
		if e.Kind == chat.Note && (e.Origin == nil || e.Origin.C != old || !e.Private) {
			w.t.Errorf("the note became %+v", e)
		}
	}
	id := newID()
	agent.refused(wire.ClientText{T: "send", ID: id, C: old, Text: "too late"}, id, chat.Ended)
}

// TestACarriedChatComesToAnOpenPage: another device of the log-in, which has written nothing, has it at once.
func TestACarriedChatComesToAnOpenPage(t *testing.T) {
	w := newSharing(t, 2, slowly)
	device, elsewhere := w.nodes[0].visitor(2), w.nodes[1].visitor(2)
	phone := w.nodes[0].visitor(1)
	phone.send(chat.ConversationUUID{}, "hello")
	if !w.nodes[0].carry(1, 2) {
		t.Fatal("nothing was carried")
	}
	device.heard("hello")
	elsewhere.heard("hello")
	phone.closedWith(wire.CloseCarried)
	device.send(chat.ConversationUUID{}, "from here")
	device.heard("hello", "from here")
	elsewhere.heard("hello", "from here")
}

// TestALongCarriedRoundComesInPages, and in order.
func TestALongCarriedRoundComesInPages(t *testing.T) {
	const texts = wire.MaxPage + 10
	w := newWorld(t, 1, slowly)
	n := w.nodes[0]
	device := n.visitor(2)
	want := []string{"mine"}
	own := device.send(chat.ConversationUUID{}, "mine")
	agent := n.agent(ann)
	agent.open(own.C)
	for i := range texts {
		want = append(want, fmt.Sprint("from the phone ", i))
	}
	n.writes(1, want[1:])
	if !n.carry(1, 2) {
		t.Fatal("nothing was carried")
	}
	device.heard(want...)
	agent.heard(want...)
	device.mu.Lock()
	defer device.mu.Unlock()
	if single := all[wire.ServerEvent](device, "event"); len(single) > 20 {
		t.Errorf("%d of the events came one by one", len(single))
	}
}

// writes has a visitor who is not connected here write.
func (n *node) writes(who byte, texts []string) {
	n.w.t.Helper()
	store, by := &front{DB: n.w.db, n: n}, chat.Actor{Kind: chat.VisitorActor}
	done := make(chan error, len(texts))
	for _, text := range texts {
		store.Change(&chat.Change{
			Begin: &chat.Beginning{Site: shop, SecretHash: n.hash(who)}, By: by, ClientID: newID(), Decide: chat.SendMessage(by, text, n),
			Done: func(_ chat.Changed, err error) { done <- err },
		})
	}
	for range texts {
		if err := <-done; err != nil {
			n.w.t.Fatal(err)
		}
	}
}

// TestNothingIsCarried without the secret's own open round.
func TestNothingIsCarried(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	visitor, agent := n.visitor(1), n.agent(ann)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	if n.carry(3, 2) {
		t.Error("somebody else's secret carried")
	}
	agent.open(ack.C)
	agent.do("resolve", ack.C)
	if n.carry(1, 2) {
		t.Error("a resolved round was carried")
	}
	visitor.send(chat.ConversationUUID{}, "still me")
	if visitor.code != 0 {
		t.Errorf("the visitor was closed with %d", visitor.code)
	}
}
