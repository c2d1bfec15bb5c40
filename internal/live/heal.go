package live

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/wire"
)

// clocksApart is how far the steps of this node's clock and the database's may
// differ before healing no longer trusts them to find what changed.
const clocksApart = 5 * time.Second

// healer finds what no notice told: it compares this node with the database.
type healer struct {
	h *Hub
	// read is when, by the monotonic clock, the database was last read, and
	// database what its clock said then.
	read     time.Time
	database chat.Millis
	passes   int
	entered  entranceHealer
}

func (h *Hub) healForever() {
	one := healer{h: h, read: time.Now()}
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
	now := time.Now()
	d.rights()
	revoked := d.logins(now)
	database, compared := d.conversations(now)
	entered := d.entrances(now)
	if revoked && compared && entered { // otherwise the next pass looks further back
		d.read, d.database = now, database
	}
	if d.passes++; d.passes%sweepEvery == 0 {
		d.h.sweepRooms()
	}
}

// span is how far to look back: to the last read, and over it.
func (d *healer) span(now time.Time) int64 {
	return (now.Sub(d.read) + d.h.cfg.HealOverlap).Milliseconds()
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

// logins ends the sessions of log-ins that were revoked.
func (d *healer) logins(now time.Time) (done bool) {
	if len(d.h.everyAgent()) == 0 {
		return true
	}
	ctx, cancel := d.h.reading()
	defer cancel()
	revoked, _, err := d.h.Logins.RevokedSince(ctx, d.span(now))
	if err != nil {
		d.warn("revoked log-ins could not be read", err)
		return false
	}
	d.h.closeLogins(revoked)
	return true
}

// conversations compares the heads that changed with what was delivered here.
func (d *healer) conversations(now time.Time) (database chat.Millis, done bool) {
	sites := d.h.sitesHere()
	if len(sites) == 0 {
		return 0, true
	}
	ctx, cancel := d.h.reading()
	defer cancel()
	asked := time.Now()
	heads, database, err := d.h.Store.ChangedSince(ctx, sites, d.span(now))
	if err != nil {
		d.warn("what changed could not be read", err)
		return 0, false
	}
	d.h.stats.compareClocks(asked, time.Now(), database)
	if d.clockJumped(now, database) {
		open, err := d.h.Store.OpenRounds(ctx, sites)
		if err != nil {
			d.warn("the open rounds could not be read", err)
			return 0, false
		}
		heads = append(heads, open...)
	}
	for i := range heads {
		if err := d.compare(ctx, &heads[i]); err != nil {
			d.warn("a conversation could not be compared", err)
			return 0, false
		}
	}
	if len(heads) > 0 {
		d.h.counts.refresh(d.h, d.h.counts.known())
	}
	return database, true
}

func (d *healer) clockJumped(now time.Time, database chat.Millis) bool {
	if d.database == 0 {
		return false
	}
	ours := now.Sub(d.read)
	theirs := database.Time().Sub(d.database.Time())
	return (ours - theirs).Abs() > clocksApart
}

// compare makes this node know what the database knows of a conversation.
func (d *healer) compare(ctx context.Context, s *chat.State) error {
	h := d.h
	r, known := h.enterKnown(s.Conversation)
	if !known {
		if !h.site(s.Site).hasAgents() {
			return nil
		}
		c, err := h.Store.ConversationByID(ctx, s.Conversation)
		if err != nil {
			return err
		}
		h.hearHead(c, *s)
		return nil
	}
	c, wanted := r.conv, r.marksRead || r.followed()
	cold := r.cold
	r.mu.Unlock()
	if h.hearHead(c, *s) && !cold {
		h.stats.healed.Add(1)
	}
	if !wanted { // whoever needs them reads them
		return nil
	}
	marks, err := h.Store.Marks(ctx, c.ID)
	if err != nil {
		return err
	}
	h.takeMarks(c, marks)
	return nil
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
