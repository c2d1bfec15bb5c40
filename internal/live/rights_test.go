package live_test

import (
	"sync"
	"testing"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/wire"
)

func TestAbsentAndForbiddenLookTheSame(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	visitor, stranger, foreign := n.visitor(1), n.visitor(2), n.agent(carol)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	absent := uuid.Must(uuid.NewV7())
	frames := map[string]func(c chat.ConversationUUID, id chat.ClientID, r int64) wire.Frame{
		"send": func(c chat.ConversationUUID, id chat.ClientID, _ int64) wire.Frame {
			return wire.ClientText{T: "send", ID: id, C: c, Text: "x"}
		},
		"note": func(c chat.ConversationUUID, id chat.ClientID, _ int64) wire.Frame {
			return wire.ClientText{T: "note", ID: id, C: c, Text: "x"}
		},
		"edit": func(c chat.ConversationUUID, id chat.ClientID, _ int64) wire.Frame {
			return wire.ClientText{T: "edit", ID: id, C: c, N: 1, Text: "x"}
		},
		"recall": func(c chat.ConversationUUID, id chat.ClientID, _ int64) wire.Frame {
			return wire.ClientCommand{T: "recall", ID: id, C: c, N: 1}
		},
		"take": func(c chat.ConversationUUID, id chat.ClientID, _ int64) wire.Frame {
			return wire.ClientCommand{T: "take", ID: id, C: c}
		},
		"assign": func(c chat.ConversationUUID, id chat.ClientID, _ int64) wire.Frame {
			return wire.ClientCommand{T: "assign", ID: id, C: c, Agent: carol}
		},
		"release": func(c chat.ConversationUUID, id chat.ClientID, _ int64) wire.Frame {
			return wire.ClientCommand{T: "release", ID: id, C: c}
		},
		"resolve": func(c chat.ConversationUUID, id chat.ClientID, _ int64) wire.Frame {
			return wire.ClientCommand{T: "resolve", ID: id, C: c}
		},
		"open": func(c chat.ConversationUUID, _ chat.ClientID, r int64) wire.Frame {
			return wire.ClientOpen{T: "open", R: r, C: c}
		},
		"page": func(c chat.ConversationUUID, _ chat.ClientID, r int64) wire.Frame { return wire.ClientPage{R: r, C: c} },
		"list": func(c chat.ConversationUUID, _ chat.ClientID, r int64) wire.Frame {
			return wire.ClientList{R: r, View: chat.ViewOpen, After: c}
		},
	}
	r := int64(0)
	for name, make := range frames {
		for _, p := range []*peer{foreign, stranger} {
			if p == stranger && (name == "open" || name == "list") {
				continue // not for visitors at all
			}
			var answers []wire.ServerError
			for _, c := range []chat.ConversationUUID{ack.C, absent} {
				id := newID()
				r++
				p.say(make(c, id, r))
				e := await(p, "error", func(e wire.ServerError) bool { return e.ID == id || e.R == r })
				e.ID, e.R = chat.ClientID{}, 0
				answers = append(answers, e)
			}
			if answers[0].Code != chat.NotFound || answers[0] != answers[1] {
				t.Errorf("%s: %+v for a foreign conversation, %+v for none", name, answers[0], answers[1])
			}
		}
	}
	foreign.say(wire.ClientList{R: 99, View: chat.ViewOpen})
	if l := await(foreign, "list", func(l wire.ServerList) bool { return l.R == 99 }); len(l.Rows) != 0 || l.Counts.Open != 0 {
		t.Errorf("an agent of the blog sees the shop's list: %+v", l)
	}
	foreign.say(wire.ClientVisitors{R: 100, On: true})
	if v := await(foreign, "visitors", func(v wire.ServerVisitors) bool { return v.R == 100 }); v.Count != 0 || len(v.Put) != 0 {
		t.Errorf("an agent of the blog sees the shop's visitors: %+v", v)
	}
	visitor.send(chat.ConversationUUID{}, "again")
	none(foreign, "rows", func(r wire.ServerRows) bool { return len(r.Put)+len(r.Drop) > 0 })
	none(foreign, "event", yes[wire.ServerEvent])
}

func TestFramesOfTheOtherKindAreRefused(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	visitor, agent := n.visitor(1), n.agent(ann)
	for r, f := range []wire.Frame{
		wire.ClientOpen{T: "open", R: 1, C: newID()}, wire.ClientList{R: 2, View: chat.ViewOpen}, wire.ClientVisitors{R: 3, On: true},
	} {
		visitor.say(f)
		await(visitor, "error", func(e wire.ServerError) bool { return e.R == int64(r+1) && e.Code == wire.UnknownFrame })
	}
	agent.say(wire.ClientSays{Says: wire.Says{Name: "x"}})
	await(agent, "error", func(e wire.ServerError) bool { return e.Code == wire.UnknownFrame })
	agent.raw(`{"t":"dance"}`)
	await(agent, "error", func(e wire.ServerError) bool { return e.Code == wire.UnknownFrame && e.Text != "" })
	agent.raw(`nonsense`)
	await(agent, "error", func(e wire.ServerError) bool { return e.Code == wire.BadFrame })
}

func TestTwoAgentsTakeTheSameRound(t *testing.T) {
	w := newWorld(t, 2)
	first, second := w.nodes[0].agent(ann), w.nodes[1].agent(bob)
	visitor := w.nodes[0].visitor(1)
	ack := visitor.send(chat.ConversationUUID{}, "hello")
	ids := []chat.ClientID{newID(), newID()}
	var both sync.WaitGroup
	for i, p := range []*peer{first, second} {
		both.Go(func() { p.say(wire.ClientCommand{T: "take", ID: ids[i], C: ack.C}) })
	}
	both.Wait()
	outcome := func(p *peer, id chat.ClientID) (has bool, refusal wire.ServerError) {
		p.until("an answer to take", func() bool {
			for _, a := range all[wire.ServerAck](p, "ack") {
				has = has || a.ID == id
			}
			for _, e := range all[wire.ServerError](p, "error") {
				if e.ID == id {
					refusal = e
				}
			}
			return has || refusal.Code != ""
		})
		return has, refusal
	}
	annHas, annRefusal := outcome(first, ids[0])
	bobHas, bobRefusal := outcome(second, ids[1])
	if annHas == bobHas {
		t.Fatalf("ann has it: %t, bob has it: %t", annHas, bobHas)
	}
	refusal, winner := annRefusal, "Bob"
	if annHas {
		refusal, winner = bobRefusal, "Ann"
	}
	if refusal.Code != chat.NotYours || refusal.Round == nil || refusal.Round.Agent == nil || refusal.Round.Agent.Name != winner {
		t.Errorf("the other one reads %+v, want not_yours with %s", refusal, winner)
	}
}

func TestRevokedLoginIsDisconnected(t *testing.T) {
	w := newWorld(t, 2)
	told, found, other := w.nodes[1].agent(ann), w.nodes[1].agent(bob), w.nodes[1].agent(dora)
	w.nodes[0].LoginsRevoked(ann, []int64{int64(ann)})
	told.closedWith(wire.CloseRevoked)
	w.revoke(int64(bob)) // nobody told: healing finds it
	found.closedWith(wire.CloseRevoked)
	if other.code != 0 {
		t.Errorf("another log-in was closed with %d", other.code)
	}
}

func TestChangedRightsEndTheSession(t *testing.T) {
	w := newWorld(t, 1, slowly)
	n := w.nodes[0]
	demoted, disabled, other := n.agent(dora), n.agent(bob), n.agent(ann)
	w.change(func(p *people) {
		d := p.agents[dora]
		d.Roles = map[chat.SiteID]chat.Role{shop: chat.RoleAgent}
		p.agents[dora] = d
		b := p.agents[bob]
		b.Disabled = true
		p.agents[bob] = b
	})
	n.AgentChanged(dora)
	demoted.closedWith(wire.CloseChanged)
	disabled.closedWith(wire.CloseRevoked)
	if other.code != 0 {
		t.Errorf("another agent was closed with %d", other.code)
	}
	// The role is looked up for each command: dora is but an agent of the shop now.
	again := n.agent(dora)
	ack := n.visitor(1).send(chat.ConversationUUID{}, "hello")
	id := newID()
	again.refused(wire.ClientCommand{T: "assign", ID: id, C: ack.C, Agent: ann}, id, chat.NotAllowed)
}

func TestChangedSiteIsToldByANewHello(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	visitor, agent, other := n.visitor(1), n.agent(ann), n.agent(carol)
	w.change(func(p *people) {
		for i := range p.sites {
			if p.sites[i].ID == shop {
				p.sites[i].Version++
			}
		}
	})
	visitor.closedWith(wire.CloseChanged)
	agent.closedWith(wire.CloseChanged)
	if other.code != 0 {
		t.Errorf("an agent of another site was closed with %d", other.code)
	}
}

func TestOriginOfAnotherWebsiteIsRefused(t *testing.T) {
	w := newWorld(t, 1)
	for origin, ok := range map[string]bool{"": true, "https://Shop.example": true, "https://evil.example": false} {
		p := &peer{w: w, news: make(chan struct{})}
		p.session = w.nodes[0].NewVisitor(p, live.Meta{Origin: origin})
		p.say(wire.ClientHello{Site: "ShopKey", Secret: secret(1)})
		if ok {
			await(p, "hello", yes[wire.ServerHello])
			p.leave()
			continue
		}
		await(p, "error", func(e wire.ServerError) bool { return e.Code == wire.UnknownSite })
		p.closedWith(wire.CloseRefused)
	}
}

func TestHelloIsRefused(t *testing.T) {
	w := newWorld(t, 1)
	for _, c := range []struct {
		first wire.Frame
		code  chat.Code
	}{
		{wire.ClientHello{Site: "nobody", Secret: secret(1)}, wire.UnknownSite},
		{wire.ClientHello{Site: "ShopKey", Secret: "short"}, wire.BadSecret},
		{wire.ClientPing{}, wire.HelloFirst},
	} {
		p := w.nodes[0].stranger()
		p.say(c.first)
		await(p, "error", func(e wire.ServerError) bool { return e.Code == c.code && e.Do == wire.Stop })
		p.closedWith(wire.CloseRefused)
	}
	twice := w.nodes[0].visitor(1)
	twice.say(wire.ClientHello{Site: "ShopKey", Secret: secret(1)})
	await(twice, "error", func(e wire.ServerError) bool { return e.Code == wire.HelloFirst })
	twice.closedWith(wire.CloseRefused)
}
