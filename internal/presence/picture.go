package presence

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/kefu-chat/kefu/internal/chat"
)

// historyLength bounds how many changes of a site are remembered for Changed.
const historyLength = 1024

// picture is who is where. It is not safe for concurrent use.
type picture struct {
	sites  map[chat.SiteID]*sitePicture
	agents map[chat.AgentID][]agentOn
}

type agentOn struct {
	node  string
	state State
}

func newPicture() picture {
	return picture{sites: map[chat.SiteID]*sitePicture{}, agents: map[chat.AgentID][]agentOn{}}
}

// sitePicture is who is here of one site's visitors.
type sitePicture struct {
	id       chat.SiteID
	visitors map[Key]*entry
	ids      map[chat.VisitorID]Key
	order    []*entry // by compare, the newest last
	revision uint64
	history  []*Visitor // of the last revisions, a ring; nil: only the count changed
}

// entry is a visitor: as each node sees it, and as all of them together do.
type entry struct {
	shown *Visitor
	parts []part
}

type part struct {
	node string
	v    *Visitor
}

func (p *picture) site(id chat.SiteID) *sitePicture {
	s := p.sites[id]
	if s == nil {
		s = &sitePicture{id: id, visitors: map[Key]*entry{}, ids: map[chat.VisitorID]Key{}}
		p.sites[id] = s
	}
	return s
}

// set takes over what a node says of a visitor.
func (s *sitePicture) set(node string, v *Visitor) {
	e := s.visitors[v.Key]
	if e == nil {
		if v.State == Offline {
			return
		}
		e = &entry{}
		s.visitors[v.Key] = e
	}
	was := e.shown
	s.show(e, was, e.with(node, v))
}

// with is the visitor as all nodes see it after this one saw v; nil: it has gone.
func (e *entry) with(node string, v *Visitor) *Visitor {
	i := slices.IndexFunc(e.parts, func(p part) bool { return p.node == node })
	switch {
	case v.State == Offline && i >= 0:
		e.parts = slices.Delete(e.parts, i, i+1)
	case v.State == Offline:
	case i >= 0:
		e.parts[i].v = v
	case e.parts == nil:
		e.parts = []part{{node, v}} // nearly always the only one
	default:
		e.parts = append(e.parts, part{node, v})
	}
	return together(e.parts)
}

// show puts the entry where it belongs, and remembers the change; nil: it was or
// is not here.
func (s *sitePicture) show(e *entry, was, now *Visitor) {
	if was == nil && now == nil || was != nil && now != nil && *was == *now {
		e.shown = now
		return
	}
	moved := was == nil || now == nil || was.Since != now.Since
	if was != nil {
		if moved {
			s.unorder(was)
		}
		s.unname(was, now)
	}
	e.shown = now
	if now == nil {
		delete(s.visitors, was.Key)
		return
	}
	if moved {
		i, _ := s.place(now)
		s.order = slices.Insert(s.order, i, e)
	}
	if id := now.Conversation.Visitor; id != 0 {
		s.ids[id] = now.Key
	}
	s.remember(now)
}

// place is where a visitor stands, or has to stand, in the order.
func (s *sitePicture) place(v *Visitor) (int, bool) {
	return slices.BinarySearchFunc(s.order, v, func(e *entry, v *Visitor) int { return compare(e.shown, v) })
}

func (s *sitePicture) unorder(was *Visitor) {
	i, _ := s.place(was)
	s.order = slices.Delete(s.order, i, i+1)
}

// unname ends what a visitor is called no longer.
func (s *sitePicture) unname(was, now *Visitor) {
	if now == nil || was.ID() != now.ID() {
		s.remember(was.gone())
	}
	id := was.Conversation.Visitor
	if (now == nil || id != now.Conversation.Visitor) && s.ids[id] == was.Key {
		delete(s.ids, id)
	}
}

// compare orders visitors by when they came.
func compare(a, b *Visitor) int {
	return cmp.Or(cmp.Compare(a.Since, b.Since), bytes.Compare(a.Key[:], b.Key[:]))
}

// together is a visitor as several nodes see it: as it is where it is most
// present, and with what the others know beyond that.
func together(parts []part) *Visitor {
	switch len(parts) {
	case 0:
		return nil
	case 1:
		return parts[0].v
	}
	best := slices.MaxFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.v.State, b.v.State), cmp.Compare(a.v.Since, b.v.Since), strings.Compare(a.node, b.node))
	})
	out := *best.v
	for _, p := range parts {
		if out.Conversation.ID == 0 {
			out.Conversation = p.v.Conversation
		}
		if p.v.Proposed != 0 && (out.Proposed == 0 || p.v.Proposed < out.Proposed) {
			out.Proposed = p.v.Proposed // the same one, whoever of them is the most present
		}
		if out.Page == nil {
			out.Page = p.v.Page
		}
		if out.Profile == nil {
			out.Profile = p.v.Profile
		}
		out.Since = min(out.Since, p.v.Since)
	}
	return &out
}

func (s *sitePicture) remember(v *Visitor) {
	if len(s.history) < historyLength {
		s.history = append(s.history, v)
	} else {
		s.history[s.revision%historyLength] = v
	}
	s.revision++
}

func (p *picture) setAgent(node string, agent chat.AgentID, state State) {
	all := slices.DeleteFunc(p.agents[agent], func(a agentOn) bool { return a.node == node })
	if state != Offline {
		all = append(all, agentOn{node, state})
	}
	if len(all) == 0 {
		delete(p.agents, agent)
		return
	}
	p.agents[agent] = all
}

// leave forgets what a node told.
func (p *picture) leave(node string) {
	for _, agent := range slices.Collect(maps.Keys(p.agents)) {
		p.setAgent(node, agent, Offline)
	}
	for _, s := range p.sites {
		for _, e := range slices.Collect(maps.Values(s.visitors)) {
			s.forget(node, e)
		}
	}
}

func (s *sitePicture) forget(node string, e *entry) {
	for _, on := range e.parts {
		if on.node == node {
			s.set(node, on.v.gone())
			return
		}
	}
}

func (p *picture) agent(agent chat.AgentID) State {
	best := Offline
	for _, a := range p.agents[agent] {
		best = max(best, a.state)
	}
	return best
}

func (p *picture) entryByID(site chat.SiteID, id chat.VisitorID) *entry {
	s := p.sites[site]
	if s == nil || id == 0 {
		return nil
	}
	key, ok := s.ids[id]
	if !ok {
		return nil
	}
	return s.visitors[key]
}

func (p *picture) byID(site chat.SiteID, id chat.VisitorID) (*Visitor, bool) {
	e := p.entryByID(site, id)
	if e == nil {
		return nil, false
	}
	return e.shown, true
}

func (p *picture) byKey(site chat.SiteID, key Key) (*Visitor, bool) {
	if s := p.sites[site]; s != nil {
		if e := s.visitors[key]; e != nil {
			return e.shown, true
		}
	}
	return nil, false
}

func (p *picture) nodes(site chat.SiteID, id chat.VisitorID) []string {
	e := p.entryByID(site, id)
	if e == nil {
		return nil
	}
	var names []string
	for _, on := range e.parts {
		names = append(names, on.node)
	}
	return names
}

func (p *picture) count(site chat.SiteID) int64 {
	if s := p.sites[site]; s != nil {
		return int64(len(s.visitors))
	}
	return 0
}

func (p *picture) newest(site chat.SiteID, limit int) ([]*Visitor, uint64) {
	s := p.sites[site]
	if s == nil {
		return nil, 0
	}
	var out []*Visitor
	for i := len(s.order) - 1; i >= 0 && len(out) < limit; i-- {
		out = append(out, s.order[i].shown)
	}
	return out, s.revision
}

func (p *picture) changed(site chat.SiteID, after uint64) ([]*Visitor, uint64, bool) {
	s := p.sites[site]
	switch {
	case s == nil:
		return nil, 0, after == 0
	case after == s.revision:
		return nil, s.revision, true
	case after > s.revision || s.revision-after > uint64(len(s.history)):
		return nil, s.revision, false
	}
	type name struct {
		key Key
		id  chat.VisitorID
	}
	told := map[name]bool{}
	var changed []*Visitor
	for r := s.revision; r > after; r-- {
		v := s.history[(r-1)%historyLength]
		if v == nil || told[name{v.Key, v.ID()}] {
			continue
		}
		told[name{v.Key, v.ID()}] = true
		e := s.visitors[v.Key]
		switch {
		case e != nil && e.shown.ID() == v.ID():
			v = e.shown
		case v.State != Offline:
			v = v.gone()
		}
		changed = append(changed, v)
	}
	return changed, s.revision, true
}
