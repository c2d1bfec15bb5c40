package live

import (
	"maps"
	"slices"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/wire"
)

// healer finds what no notice told: it compares this node with the database.
type healer struct {
	h      *Hub
	passes int
	// Up to where the database was read for each kind of change.
	logins, visitors, heads, entered, erased reached
	// undone are conversations that are to be compared, and could not be yet.
	undone  map[chat.ConversationID]bool
	recount bool // the counts are to be read anew
	chunk   int  // how many conversations are read at once
	late    bool // a read of the last pass took too long
	foreign int  // passes that found what nobody here committed, although this node seems to be the only one
}

func (h *Hub) healForever() {
	one := healer{h: h, undone: map[chat.ConversationID]bool{}, chunk: healChunk}
	ticks := time.NewTicker(h.cfg.HealEvery)
	defer ticks.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.kicked:
			one.rights()
			continue
		case <-ticks.C:
		}
		one.pass()
		h.stats.heal.Add(1)
	}
}

// wakeHealer has people, sites and log-ins looked at now.
func (h *Hub) wakeHealer() {
	select {
	case h.kicked <- struct{}{}:
	default:
	}
}

// sweepEvery is after how many passes rooms are swept: 10 s by default.
const sweepEvery = 5

func (d *healer) pass() {
	d.rights()
	d.endedLogins()
	d.endedKeys()
	d.endedVisitors()
	d.conversations()
	d.erasures()
	d.entrances()
	d.boards()
	d.arrivals()
	if d.passes++; d.passes%sweepEvery == 0 {
		d.h.sweepRooms()
	}
}

// rights renews the pictures of people and sites, and ends the sessions whose
// rights or settings are others now.
func (d *healer) rights() {
	ctx, cancel := d.h.reading()
	defer cancel()
	if _, err := d.h.People.Heal(ctx); err != nil {
		d.warn("people and sites could not be read", err)
		return
	}
	for _, s := range *d.h.people.Load() {
		d.h.checkRights(s)
	}
	for _, n := range d.h.everySite() {
		d.h.checkSite(n)
	}
}

// checkRights ends a session whose agent may now do something else than at hello.
func (h *Hub) checkRights(s *Session) {
	now, ok := h.People.Agent(s.agent.id)
	was := s.agent.agent
	switch {
	case !ok || now.Disabled:
		s.close(wire.CloseRevoked, "this agent may no longer enter")
	case now.Owner != was.Owner || !maps.Equal(now.Roles, was.Roles):
		s.close(wire.CloseChanged, "your roles changed")
	case !slices.Equal(h.siteIDsOf(now), s.agent.sites):
		s.close(wire.CloseChanged, "there are other sites now")
	case now.Name != was.Name:
		s.close(wire.CloseChanged, "your name changed")
	}
}

// checkSite ends the sessions of a site that was changed since they were greeted.
func (h *Hub) checkSite(n *siteNode) {
	now, ok := h.Sites.ByID(n.id)
	n.mu.Lock()
	was := n.version
	n.version = now.Version
	n.mu.Unlock()
	if ok && (was == 0 || was == now.Version) {
		return
	}
	for _, v := range n.everyVisitor() {
		for _, tab := range v.everyTab() {
			tab.close(wire.CloseChanged, "the site's settings changed")
		}
	}
	for _, s := range *h.people.Load() {
		if s.agent.agent.RoleOn(n.id) != chat.NoRole {
			s.close(wire.CloseChanged, "a site's settings changed")
		}
	}
}

// greets notes that a session, which can be found already, is told this version
// of the site; false if the sessions of that version have been ended.
func (n *siteNode) greets(version int64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.version == 0 {
		n.version = version
	}
	return n.version <= version
}

// endedLogins ends the sessions of log-ins that were revoked or ran out.
func (d *healer) endedLogins() {
	ctx, cancel := d.h.reading()
	defer cancel()
	now := time.Now()
	revoked, database, err := d.h.Logins.RevokedSince(ctx, d.logins.span(d.h, now))
	if err == nil && d.logins.lost(now, database) {
		revoked, err = d.h.Logins.EndedOf(ctx, d.h.loginsHere())
	}
	if err != nil {
		d.warn("revoked log-ins could not be read", err)
		return
	}
	d.logins.to(now, database)
	d.h.closeLogins(revoked)
}

// loginsHere are the log-ins of the sessions of this node, each once.
func (h *Hub) loginsHere() []int64 {
	var ids []int64
	for _, s := range h.everyAgent() {
		if s.agent.login != 0 { // else a door vouches for it
			ids = append(ids, s.agent.login)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (d *healer) warn(what string, err error) {
	if d.h.ctx.Err() == nil {
		d.h.stats.healFailures.Add(1)
		d.h.Log.Warn(what, "error", err)
	}
}

// sitesHere are the sites of whom somebody is here.
func (h *Hub) sitesHere() []chat.SiteID {
	var ids []chat.SiteID
	for _, n := range h.everySite() {
		n.mu.Lock()
		if n.agents > 0 || len(n.visitors) > 0 {
			ids = append(ids, n.id)
		}
		n.mu.Unlock()
	}
	return ids
}

// closeLogins ends the sessions of revoked log-ins.
func (h *Hub) closeLogins(revoked []int64) {
	if len(revoked) == 0 {
		return
	}
	gone := map[int64]bool{}
	for _, id := range revoked {
		gone[id] = true
	}
	for _, s := range h.everyAgent() {
		if gone[s.agent.login] {
			s.close(wire.CloseRevoked, "the log-in was revoked")
		}
	}
}

// everyAgent are all sessions of agents, greeted or not.
func (h *Hub) everyAgent() []*Session {
	all := *h.people.Load()
	h.mu.Lock()
	defer h.mu.Unlock()
	all = all[:len(all):len(all)]
	for s := range h.strangers {
		if s.agent != nil {
			all = append(all, s)
		}
	}
	return all
}

var _ identity.Told = (*Hub)(nil)

// LoginsRevoked implements identity.Told: their sessions end now, on every node.
func (h *Hub) LoginsRevoked(_ chat.AgentID, logins []int64) {
	h.closeLogins(logins)
	h.publish(topicAll, notice{Revoked: logins})
}

// AgentChanged implements identity.Told: sessions with other rights end now, on every node.
func (h *Hub) AgentChanged(agent chat.AgentID) {
	h.wakeHealer()
	h.publish(topicAll, notice{Agent: agent})
}

// SiteChanged implements site.Told: sessions that were told other settings end now, on every node.
func (h *Hub) SiteChanged(id chat.SiteID) {
	h.wakeHealer()
	h.publish(topicAll, notice{Site: id})
}
