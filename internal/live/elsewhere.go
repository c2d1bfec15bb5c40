package live

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
)

// place is what a session goes by where its person may have but one. It is
// immutable.
type place struct {
	token string
	// number is that of its entrance; 0 for a newcomer, who has none before its first
	// message.
	number int64
}

// onlyOne tells whether one of the sites allows but one connection per person.
func onlyOne(sites []site.Site) bool {
	return slices.ContainsFunc(sites, func(s site.Site) bool { return s.Settings.OneConnection })
}

// enter takes the person's only place for the session, or finds that another
// connection has it: then the session ends. continues is what its hello said.
func (s *Session) enter(p identity.Person, continues string) bool {
	mine, how := place{token: continues}, identity.ComesBack
	if continues == "" {
		mine.token, how = rand.Text(), identity.TakesOver
	}
	number, err := s.hub.enterAs(p, mine.token, how)
	switch {
	case chat.CodeOf(err) == identity.Elsewhere:
		s.end(wire.CloseElsewhere, signedInElsewhere)
		return false
	case err != nil:
		s.fail(err, chat.ClientID{}, 0)
		s.end(wire.CloseTryLater, "it could not be read whether this is the person's only connection")
		return false
	}
	mine.number = number
	s.place.Store(&mine)
	return true
}

const signedInElsewhere = "signed in elsewhere"

func (h *Hub) enterAs(p identity.Person, token string, how identity.Way) (int64, error) {
	ctx, cancel := h.reading()
	defer cancel()
	return h.Entrances.Enter(ctx, p, token, how)
}

// continues is what the client's next hello says; empty where nobody asks.
func (s *Session) continues() string {
	if mine := s.place.Load(); mine != nil {
		return mine.token
	}
	return ""
}

// entered tells all nodes, this one too, that a session which can be found by now
// has taken its person's place: the others end. Healing finds who was not told.
func (s *Session) entered(p identity.Person) {
	mine := s.place.Load()
	if mine == nil || mine.number == 0 {
		return
	}
	h := s.hub
	e := identity.Entrance{Person: p, Number: mine.number}
	h.hearEntered(e)
	if h.cfg.DropDeliveries() {
		return
	}
	n := notice{Entered: &e}
	if p.Agent != 0 {
		h.publish(agentTopic(p.Agent), n)
		return
	}
	h.publish(conversationTopic(p.Conversation), n)
	if c, known := s.visitor.conversation(); known && !h.Bus.Alone() {
		for _, node := range h.Presence.Nodes(c.Site, c.Visitor) {
			if node != h.Node {
				h.publish(nodeTopic(node), n)
			}
		}
	}
}

// hearEntered ends the person's sessions here that came in before.
func (h *Hub) hearEntered(e identity.Entrance) {
	var all []*Session
	if e.Agent != 0 {
		h.mu.Lock()
		if n := h.agents[e.Agent]; n != nil {
			all = slices.Clone(n.sessions)
		}
		h.mu.Unlock()
	} else if r, known := h.enterKnown(e.Conversation); known {
		v := r.visitor
		r.mu.Unlock()
		if v != nil {
			all = v.everyTab()
		}
	}
	for _, s := range all {
		if mine := s.place.Load(); mine != nil && mine.number > 0 && mine.number < e.Number {
			s.close(wire.CloseElsewhere, signedInElsewhere)
		}
	}
}

// enterNewcomer is enter for a visitor of whom nothing is stored: only this node
// knows of it. Of two at the same instant one sees the other's place.
func (s *Session) enterNewcomer(continues string) bool {
	mine := place{token: continues}
	if continues == "" {
		mine.token = rand.Text()
	}
	var before []*Session
	taken := false
	v := s.visitor
	v.mu.Lock()
	for _, tab := range v.tabs {
		other := tab.place.Load()
		if tab == s || other == nil {
			continue
		}
		before = append(before, tab)
		taken = taken || continues != "" && continues != other.token
	}
	if !taken {
		s.place.Store(&mine)
	}
	v.mu.Unlock()
	if taken {
		s.end(wire.CloseElsewhere, signedInElsewhere)
		return false
	}
	for _, tab := range before {
		tab.close(wire.CloseElsewhere, signedInElsewhere)
	}
	return true
}

// enterVisitor is enter for a visitor, if its site asks for it.
func (s *Session) enterVisitor(on site.Site, continues string) bool {
	if !on.Settings.OneConnection {
		return true
	}
	c, known := s.visitor.conversation()
	if !known {
		return s.enterNewcomer(continues)
	}
	return s.enter(identity.Person{Conversation: c.ID}, continues)
}

// forgetEnteredEvery is in passes: 10 min by default. What is older than a month
// is forgotten, so many at a time.
const (
	forgetEnteredEvery = 300
	forgetEnteredAge   = 30 * 24 * time.Hour
	forgetEnteredMost  = 500
)

// entrances is the part of healing that finds sessions whose place another one
// has taken, and gives newcomers who have written meanwhile a place.
func (d *healer) entrances() {
	h := d.h
	if !onlyOne(h.Sites.All()) {
		d.entered = reached{}
		return
	}
	d.enterLate()
	ctx, cancel := h.reading()
	defer cancel()
	if d.passes%forgetEnteredEvery == 0 {
		if err := h.Entrances.ForgetEntered(ctx, forgetEnteredAge.Milliseconds(), forgetEnteredMost); err != nil {
			d.warn("old entrances could not be removed", err)
		}
	}
	now := time.Now()
	found, database, err := h.Entrances.EnteredSince(ctx, d.entered.span(h, now))
	if err == nil && d.entered.lost(now, database) {
		found, err = d.lastEntered(ctx)
	}
	if err != nil {
		d.warn("who came in last could not be read", err)
		return
	}
	d.entered.to(now, database)
	for _, e := range found {
		h.hearEntered(e)
	}
}

// lastEntered reads the last entrances of everybody who is here by one.
func (d *healer) lastEntered(ctx context.Context) ([]identity.Entrance, error) {
	seen := map[identity.Person]bool{}
	for _, s := range d.h.everybody() {
		if mine := s.place.Load(); mine == nil || mine.number == 0 {
			continue
		}
		if s.agent != nil {
			seen[identity.Person{Agent: s.agent.id}] = true
		} else if c, known := s.visitor.conversation(); known {
			seen[identity.Person{Conversation: c.ID}] = true
		}
	}
	all := make([]identity.Person, 0, len(seen))
	for p := range seen {
		all = append(all, p)
	}
	return d.h.Entrances.LastEntered(ctx, all)
}

// enterLate gives the newcomers who exist by now their place.
func (d *healer) enterLate() {
	for _, n := range d.h.everySite() {
		if on, ok := d.h.Sites.ByID(n.id); !ok || !on.Settings.OneConnection {
			continue
		}
		for _, v := range n.everyVisitor() {
			if c, known := v.conversation(); known {
				v.enterLate(d, identity.Person{Conversation: c.ID})
			}
		}
	}
}

func (v *visitor) enterLate(d *healer, p identity.Person) {
	for _, tab := range v.everyTab() {
		mine := tab.place.Load()
		if mine == nil || mine.number != 0 {
			continue
		}
		number, err := d.h.enterAs(p, mine.token, identity.IsFirst)
		switch {
		case chat.CodeOf(err) == identity.Elsewhere:
			tab.close(wire.CloseElsewhere, signedInElsewhere)
		case err != nil:
			d.warn("a visitor's connection was not written down", err)
		default:
			tab.place.Store(&place{token: mine.token, number: number})
			tab.entered(p)
		}
	}
}
