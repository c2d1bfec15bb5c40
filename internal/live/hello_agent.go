package live

import (
	"crypto/rand"
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
)

// helloAgent lets an agent in, with its sites and its colleagues.
func (s *Session) helloAgent(f *wire.ClientHello) {
	h := s.hub
	a, ok := h.People.Agent(s.agent.id)
	if !ok || a.Disabled {
		s.end(wire.CloseRevoked, "this agent may no longer enter")
		return
	}
	s.agent.agent = a
	on := h.sitesOf(a)
	if onlyOne(on) && !s.enterAgent(f.Continues) {
		return
	}
	s.agent.telling.Lock()
	defer s.agent.telling.Unlock()
	h.addAgent(s, presence.ParseState(string(f.Presence)), on)
	colleagues := h.colleagues(s.agent.sites)
	s.agent.roster = h.rosterSum(colleagues)
	s.send(wire.ServerHello{
		Session: rand.Text(), You: wire.Person{Kind: chat.AgentActor, ID: int64(a.ID), Name: a.Name},
		Sites: siteFrames(on, a), Limits: h.limits(h.cfg.AgentFileBytes), Now: s.now().UnixMilli(), Agents: colleagues,
		Continues: s.continues(),
	})
	s.ready = true
	h.greeted(s)
	s.entered(identity.Person{Agent: a.ID})
}

// enterAgent is enter for an agent.
func (s *Session) enterAgent(continues string) bool {
	leave := s.resuming(0)
	if leave == nil {
		s.end(wire.CloseTryLater, "too many come back at once")
		return false
	}
	defer leave()
	return s.enter(identity.Person{Agent: s.agent.id}, continues)
}

// sitesOf are the sites on which the agent works.
func (h *Hub) sitesOf(a identity.Agent) []site.Site {
	var on []site.Site
	for _, one := range h.Sites.All() {
		if a.RoleOn(one.ID) != chat.NoRole {
			on = append(on, one)
		}
	}
	return on
}

// siteFrames are sites as hello tells them, with the agent's role.
func siteFrames(on []site.Site, a identity.Agent) []wire.Site {
	sites := make([]wire.Site, len(on))
	for i, one := range on {
		sites[i] = wire.Site{ID: one.ID, Name: one.Name, Role: a.RoleOn(one.ID).String(), AnswerGoal: one.Settings.AnswerGoalSeconds}
	}
	return sites
}

// siteIDs are the sites of a session's agent, as it is now.
func (s *Session) siteIDs() []chat.SiteID {
	a, _ := s.hub.People.Agent(s.agent.id)
	return s.hub.siteIDsOf(a)
}

func (h *Hub) siteIDsOf(a identity.Agent) []chat.SiteID {
	var ids []chat.SiteID
	for _, one := range h.Sites.All() {
		if a.RoleOn(one.ID) != chat.NoRole {
			ids = append(ids, one.ID)
		}
	}
	return ids
}

// colleagues are the agents who work on these sites, the asker among them.
func (h *Hub) colleagues(sites []chat.SiteID) []wire.AgentInfo {
	var all []wire.AgentInfo
	place := map[chat.AgentID]int{}
	for _, site := range sites {
		for _, a := range h.People.AgentsOf(site) {
			i, ok := place[a.ID]
			if !ok {
				i = len(all)
				place[a.ID] = i
				state := h.Presence.Agent(a.ID)
				h.told.ahead(a.ID, state)
				all = append(all, wire.AgentInfo{ID: a.ID, Name: a.Name, Presence: said(state), Portrait: a.Portrait.Address()})
			}
			all[i].Sites = append(all[i].Sites, site)
		}
	}
	return all
}

// addAgent enters the session among the agents, and joins what it must hear.
func (h *Hub) addAgent(s *Session, state presence.State, sites []site.Site) {
	id := s.agent.id
	for _, one := range sites {
		s.agent.sites = append(s.agent.sites, one.ID)
	}
	h.mu.Lock()
	n := h.agents[id]
	if n == nil {
		n = &agentNode{id: id}
		h.agents[id] = n
		h.Bus.Join(agentTopic(id))
	}
	n.sessions = append(n.sessions, s)
	s.state = state
	people := append(slices.Clone(*h.people.Load()), s)
	h.people.Store(&people)
	h.tellAgentLocked(n)
	h.mu.Unlock()
	h.seenNow(id)
	for _, one := range sites {
		n := h.site(one.ID)
		n.addAgent(h, 1)
		if !n.greets(one.Version) {
			s.close(wire.CloseChanged, "a site's settings changed")
		}
	}
}

// leaveAgent takes the session out of everything.
func (s *Session) leaveAgent() {
	for _, f := range s.agent.open {
		s.hub.closeFollow(f)
	}
	s.agent.open = nil
	h, id := s.hub, s.agent.id
	h.mu.Lock()
	n := h.agents[id]
	if n == nil || !slices.Contains(n.sessions, s) {
		h.mu.Unlock()
		return
	}
	without := func(all []*Session) []*Session {
		return slices.DeleteFunc(slices.Clone(all), func(o *Session) bool { return o == s })
	}
	n.sessions = without(n.sessions)
	people := without(*h.people.Load())
	h.people.Store(&people)
	h.tellAgentLocked(n)
	last := len(n.sessions) == 0
	if last {
		delete(h.agents, id)
		h.Bus.Leave(agentTopic(id))
		h.seenNow(id)
	}
	h.mu.Unlock()
	for _, id := range s.agent.sites {
		n := h.site(id)
		n.addAgent(h, -1)
		if s.agent.silent {
			n.lost(h)
		}
	}
}

// setAgent changes what one of the agent's sessions is: online or away.
func (h *Hub) setAgent(s *Session, state presence.State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.state = state
	if n := h.agents[s.agent.id]; n != nil {
		h.tellAgentLocked(n)
	}
}

// tellAgentLocked puts the best of the agent's sessions into the registry.
func (h *Hub) tellAgentLocked(n *agentNode) {
	best := presence.Offline
	for _, s := range n.sessions {
		best = max(best, s.state)
	}
	if best != n.told {
		n.told = best
		h.Presence.SetAgent(n.id, best)
	}
}

// addAgent counts a session of an agent in or out; lists are kept, and the
// site's topic is joined, while there is one.
func (n *siteNode) addAgent(h *Hub, by int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.agents
	n.agents += by
	switch {
	case before == 0 && n.agents > 0:
		h.Bus.Join(siteTopic(n.id))
	case before > 0 && n.agents == 0:
		h.Bus.Leave(siteTopic(n.id))
		clear(n.dirty)
	}
}

func (n *siteNode) hasAgents() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.agents > 0
}

// touch marks a room's row as changed, for agents who watch lists here.
func (n *siteNode) touch(r *room) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.agents > 0 {
		n.dirty[r.conv.ID] = r
	}
}
