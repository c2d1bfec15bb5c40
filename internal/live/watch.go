package live

import (
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// siteWatch is what this node last told of a site's presence. Only tellPresence
// touches it, except for here.
type siteWatch struct {
	revision uint64 // of the registry
	begun    bool
	// here is as visitors were last told, if told; worse is since when it is worse
	// than that. The three are under siteNode.mu.
	here  presence.State
	told  bool
	worse time.Time
}

// watchVisitors is an agent's request to be told who is online.
func (s *Session) watchVisitors(f *wire.ClientVisitors) {
	s.agent.telling.Lock()
	defer s.agent.telling.Unlock()
	if !f.On {
		s.agent.visitors.Store(0)
		return
	}
	s.agent.visitors.Store(f.R)
	s.tellAllVisitors(f.R)
}

// tellAllVisitors sends the snapshot of who is online on the agent's sites;
// s.agent.telling is held, so that no change overtakes it.
func (s *Session) tellAllVisitors(r int64) {
	h := s.hub
	out := wire.ServerVisitors{R: r, Put: []wire.Visitor{}}
	for _, site := range s.siteIDs() {
		out.Count += h.Presence.Count(site)
		if left := h.cfg.MaxVisitors - len(out.Put); left > 0 {
			all, _ := h.Presence.Visitors(site, left)
			for _, v := range all {
				out.Put = append(out.Put, h.visitorFor(v))
			}
		}
	}
	s.send(out)
}

// tellPresence tells agents and visitors here what changed in the registry
// since the last tick.
func (h *Hub) tellPresence() {
	h.closeSilent()
	h.Presence.Renew(h.wanted())
	h.tellAgents()
	changed := map[chat.SiteID]*siteChange{}
	for _, n := range h.everySite() {
		if c := n.changes(h); c != nil {
			changed[n.id] = c
		}
		n.tellHere(h)
	}
	if len(changed) == 0 {
		return
	}
	for _, s := range *h.people.Load() {
		if r := s.agent.visitors.Load(); r != 0 {
			s.tellVisitors(r, changed)
		}
	}
}

// wanted are the visitors of whom this node shows something to agents: the newest
// ones of their sites, and those whose conversation is in a list or open here.
func (h *Hub) wanted() []presence.Want {
	var wants []presence.Want
	at := map[chat.SiteID]int{}
	for _, n := range h.everySite() {
		if n.hasAgents() {
			at[n.id] = len(wants)
			wants = append(wants, presence.Want{Site: n.id})
		}
	}
	for _, r := range h.everyRoom() {
		if i, ok := at[r.conv.Site]; ok {
			wants[i].Visitors = append(wants[i].Visitors, r.conv.Visitor)
		}
	}
	return wants
}

// learnVisitors has the registry look up whose presence is about to be shown.
func (h *Hub) learnVisitors(all ...chat.Conversation) {
	ctx, cancel := h.reading()
	defer cancel()
	of := map[chat.SiteID][]chat.VisitorID{}
	for _, c := range all {
		of[c.Site] = append(of[c.Site], c.Visitor)
	}
	for site, ids := range of {
		h.Presence.Learn(ctx, site, ids)
	}
}

// siteChange is what changed among a site's visitors in one tick.
type siteChange struct {
	put   []wire.Visitor
	drop  []string
	all   bool // too much changed: take a snapshot
	count int64
}

// changes asks the registry, and brings rooms and newcomers here up to date.
func (n *siteNode) changes(h *Hub) *siteChange {
	agents := n.hasAgents()
	if !agents && (h.Bus.Alone() || !n.hasVisitors()) {
		n.forgetCounts(h)
		n.watch.begun = false
		return nil
	}
	if !n.watch.begun {
		_, n.watch.revision = h.Presence.Visitors(n.id, 0)
		n.watch.begun = true
		n.greetNewcomers(h)
		n.followAnew(h)
		return n.everything(h)
	}
	changed, revision, known := h.Presence.Changed(n.id, n.watch.revision)
	if known && revision == n.watch.revision {
		return nil
	}
	n.watch.revision = revision
	out := n.everything(h)
	out.all = !known
	if !known {
		n.greetNewcomers(h)
		n.followAnew(h)
	}
	for _, v := range changed {
		out.add(h, v)
		n.follow(h, v)
	}
	return out
}

// forgetCounts drops the site's counts, unless an agent has come meanwhile who
// may have asked for them.
func (n *siteNode) forgetCounts(h *Hub) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.agents == 0 {
		h.counts.forget(n.id)
	}
}

// everything is the change that stands for all of them.
func (n *siteNode) everything(h *Hub) *siteChange {
	count := h.Presence.Count(n.id)
	if n.hasAgents() {
		h.counts.setVisitors(n.id, count)
	}
	return &siteChange{all: true, count: count}
}

// greetNewcomers looks every newcomer up of whom another node may know more.
func (n *siteNode) greetNewcomers(h *Hub) {
	for _, v := range n.everyVisitor() {
		if v.identity() != 0 {
			continue
		}
		if known, ok := h.Presence.ByKey(n.id, v.key); ok && known.Conversation.ID != 0 {
			h.bind(v, known.Conversation)
		}
	}
}

func (c *siteChange) add(h *Hub, v *presence.Visitor) {
	if v.State == presence.Offline {
		c.drop = append(c.drop, keyOfID(v.ID()))
	} else {
		c.put = append(c.put, h.visitorFor(v))
	}
	if v.Proposed != 0 && v.Proposed != v.ID() { // it began on another node
		c.drop = append(c.drop, keyOfID(v.Proposed))
	}
}

// follow tells who has the visitor's conversation open, touches its row, and
// gives a newcomer here the conversation that it began on another node.
func (n *siteNode) follow(h *Hub, v *presence.Visitor) {
	if v.Conversation.ID == 0 {
		return
	}
	if r, known := h.enterKnown(v.Conversation.ID); known {
		r.tellPresent(h, v)
		if v.Profile != nil && r.row.loaded {
			r.row.profile = v.Profile
		}
		open := r.head.Round.State.Open()
		r.mu.Unlock()
		if open {
			n.touch(r)
		}
	}
	n.mu.Lock()
	here := n.visitors[v.Key]
	n.mu.Unlock()
	if here != nil && here.identity() == 0 {
		h.bind(here, v.Conversation)
	}
}

// followAnew tells who has a conversation of the site open how its visitor is,
// when the registry cannot say what has changed since they were told.
func (n *siteNode) followAnew(h *Hub) {
	for _, r := range h.everyRoom() {
		if r.site != n {
			continue
		}
		v, here := h.Presence.ByID(n.id, r.conv.Visitor)
		if !here {
			v = &presence.Visitor{Site: n.id, State: presence.Offline}
		}
		r.mu.Lock()
		r.tellPresent(h, v)
		r.mu.Unlock()
	}
}

// tellPresent tells who has the conversation open how its visitor is. r.mu is held.
func (r *room) tellPresent(h *Hub, v *presence.Visitor) {
	if len(r.lookers) == 0 {
		return
	}
	who := wire.Person{Kind: chat.VisitorActor, ID: int64(r.conv.Visitor)}
	p := h.prepared(wire.ServerPresence{C: r.conv.UUID, Who: &who, Presence: said(v.State), Page: pageInfo(v.Page)})
	for _, f := range r.lookers {
		f.session.sendPrepared(p)
	}
}

// tellVisitors tells one session what changed on its sites.
func (s *Session) tellVisitors(r int64, changed map[chat.SiteID]*siteChange) {
	s.agent.telling.Lock()
	defer s.agent.telling.Unlock()
	out := wire.ServerVisitors{}
	some := false
	for _, site := range s.siteIDs() {
		c := changed[site]
		if c == nil {
			out.Count += s.hub.Presence.Count(site)
			continue
		}
		if c.all || len(c.put)+len(out.Put) > s.hub.cfg.MaxVisitors {
			s.tellAllVisitors(r)
			return
		}
		some = true
		out.Count += c.count
		out.Put, out.Drop = append(out.Put, c.put...), append(out.Drop, c.drop...)
	}
	if some {
		s.send(out)
	}
}

// tellHere tells the site's visitors here when it changes whether anybody is
// here for them.
func (n *siteNode) tellHere(h *Hub) {
	now, at := h.agentsHere(n.id), h.cfg.Instant()
	n.mu.Lock()
	if len(n.visitors) == 0 || !n.watch.told {
		n.watch.told = false
		n.mu.Unlock()
		return
	}
	was := n.watch.here
	switch {
	case now == was:
		n.watch.worse = time.Time{}
	case now < was && n.watch.worse.IsZero():
		n.watch.worse = at
	case now > was || at.Sub(n.watch.worse) >= h.cfg.GoneAfter:
		n.watch.here, n.watch.worse = now, time.Time{}
	}
	tell := n.watch.here != was
	now = n.watch.here
	n.mu.Unlock()
	if !tell {
		return
	}
	p := h.prepared(wire.ServerPresence{Presence: said(now)})
	for _, v := range n.everyVisitor() {
		v.tell(p)
	}
}

// hereForHello is what a visitor who arrives is told, the same as the others were.
func (n *siteNode) hereForHello(h *Hub) presence.State {
	now := h.agentsHere(n.id)
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.watch.told {
		n.watch.here, n.watch.told, n.watch.worse = now, true, time.Time{}
	}
	return n.watch.here
}

// lost ends the patience with which an agent's return is awaited: this one has
// been silent for longer.
func (n *siteNode) lost(h *Hub) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.watch.worse = h.cfg.Instant().Add(-h.cfg.GoneAfter)
}

// hereTold is what the visitors here know of the agents.
func (n *siteNode) hereTold() presence.State {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.watch.here
}

// tell sends a frame to all tabs that have been greeted.
func (v *visitor) tell(p *ws.Prepared) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, tab := range v.tabs {
		if tab.ready {
			tab.sendPrepared(p)
		}
	}
}

// tellAgents tells agents here when a colleague came, went or changed its
// presence, and notes who is connected to any node.
func (h *Hub) tellAgents() {
	h.tellRosters()
	now := h.cfg.Instant()
	frames := map[chat.AgentID]*ws.Prepared{}
	for _, one := range h.Sites.All() {
		for _, a := range h.People.AgentsOf(one.ID) {
			state := h.Presence.Agent(a.ID)
			if state.Here() {
				h.seen.notice(a.ID, now)
			}
			if frames[a.ID] == nil && h.told.changed(a.ID, state) {
				who := wire.Person{Kind: chat.AgentActor, ID: int64(a.ID), Name: a.Name}
				frames[a.ID] = h.prepared(wire.ServerPresence{Who: &who, Presence: said(state)})
			}
		}
	}
	if len(frames) == 0 {
		return
	}
	// Whoever came after the states were read has read them later.
	for _, s := range *h.people.Load() {
		s.tellColleagues(frames)
	}
}

// tellColleagues sends the session what concerns its sites, behind its hello.
func (s *Session) tellColleagues(frames map[chat.AgentID]*ws.Prepared) {
	s.agent.telling.Lock()
	defer s.agent.telling.Unlock()
	for id, p := range frames {
		if s.hub.colleague(s, id) {
			s.sendPrepared(p)
		}
	}
}

// colleague tells whether an agent works on one of the session's sites.
func (h *Hub) colleague(s *Session, id chat.AgentID) bool {
	for _, site := range s.siteIDs() {
		if _, ok := h.People.Member(site, id); ok {
			return true
		}
	}
	return false
}

// agentsHere is the best presence of a site's agents, on all nodes.
func (h *Hub) agentsHere(site chat.SiteID) presence.State {
	best := presence.Offline
	for _, a := range h.People.AgentsOf(site) {
		if best = max(best, h.Presence.Agent(a.ID)); best == presence.Online {
			break
		}
	}
	return best
}
