package live

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

var _ chat.Surroundings = (*Hub)(nil)

// Now implements chat.Surroundings.
func (h *Hub) Now() time.Time { return h.cfg.Now() }

// Here implements chat.Surroundings.
func (h *Hub) Here(site chat.SiteID, agent chat.AgentID) bool {
	if _, works := h.People.Member(site, agent); !works {
		return false
	}
	return h.Presence.Agent(agent).Here()
}

// Absent implements chat.Surroundings: the agent no longer works on the site, or
// it has not been connected to any node for AbsentAfter.
func (h *Hub) Absent(site chat.SiteID, agent chat.AgentID) bool {
	if _, works := h.People.Member(site, agent); !works {
		return true
	}
	return h.away(agent) >= chat.AbsentAfter
}

// commandWorld is what the commands of sessions know of the world. An agent who has
// just come to another node looks absent for a moment, for longer while presence is
// not shared: then the database is asked by a sweep, which returns the round at once
// if the agent has really gone.
type commandWorld struct{ *Hub }

// Absent implements chat.Surroundings.
func (w commandWorld) Absent(site chat.SiteID, agent chat.AgentID) bool {
	if !w.Hub.Absent(site, agent) {
		return false
	}
	if _, works := w.People.Member(site, agent); !works || w.Bus.Alone() {
		return true
	}
	select {
	case w.sweepAsked <- struct{}{}:
	default:
	}
	return false
}

// returnForever seeks the rounds of absent agents in a steady rhythm, and when asked to.
func (h *Hub) returnForever() {
	ticks := time.NewTicker(h.cfg.ReturnEvery)
	defer ticks.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.sweepAsked:
		case <-ticks.C:
		}
		h.returnAbsent()
		h.stats.returned.Add(1)
	}
}

// away is how long an agent has been offline; who was never here has been for long.
func (h *Hub) away(agent chat.AgentID) time.Duration {
	if h.Presence.Agent(agent).Here() {
		return 0
	}
	if a, ok := h.People.Agent(agent); ok && a.LastSeenAt > 0 {
		h.learnSeen(map[chat.AgentID]chat.Millis{agent: a.LastSeenAt})
	}
	last, known := h.seen.at(agent)
	if !known {
		return chat.AbsentAfter
	}
	return h.cfg.Instant().Sub(last)
}

// lastSeen is when agents were last connected, to any node, and what of it is
// yet to be written down. What is stored is by the clocks of the nodes, any of
// which may be set; here it is by the one that nobody sets.
type lastSeen struct {
	mu      sync.Mutex // a leaf
	last    map[chat.AgentID]time.Time
	stored  map[chat.AgentID]chat.Millis // as it was last read
	unsaved map[chat.AgentID]chat.Millis
	changed chan struct{}
}

func (l *lastSeen) init() {
	l.last, l.stored = map[chat.AgentID]time.Time{}, map[chat.AgentID]chat.Millis{}
	l.unsaved = map[chat.AgentID]chat.Millis{}
	l.changed = make(chan struct{}, 1)
}

func (l *lastSeen) at(agent chat.AgentID) (last time.Time, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, known = l.last[agent]
	return last, known
}

// seenNow notes that the agent is connected here, to be written down at once.
func (h *Hub) seenNow(agent chat.AgentID) {
	l := &h.seen
	l.mu.Lock()
	at := chat.At(h.cfg.Now())
	l.last[agent] = h.cfg.Instant()
	l.unsaved[agent] = max(l.unsaved[agent], at)
	l.stored[agent] = max(l.stored[agent], at) // to read it back tells nothing
	l.mu.Unlock()
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// notice notes that the agent is connected to some node, which writes it down.
func (l *lastSeen) notice(agent chat.AgentID, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last[agent] = at
}

// learnSeen takes over what is stored. What lies ahead of this node's clock, which
// may have been set back, is as if it were now.
func (h *Hub) learnSeen(read map[chat.AgentID]chat.Millis) {
	now, instant := h.cfg.Now(), h.cfg.Instant()
	l := &h.seen
	l.mu.Lock()
	defer l.mu.Unlock()
	for agent, at := range read {
		if at <= l.stored[agent] {
			continue
		}
		l.stored[agent] = at
		if seen := instant.Add(-max(0, now.Sub(at.Time()))); seen.After(l.last[agent]) {
			l.last[agent] = seen
		}
	}
}

func (l *lastSeen) take() map[chat.AgentID]chat.Millis {
	l.mu.Lock()
	defer l.mu.Unlock()
	unsaved := l.unsaved
	l.unsaved = map[chat.AgentID]chat.Millis{}
	return unsaved
}

// giveBack keeps what could not be written for the next time.
func (l *lastSeen) giveBack(unsaved map[chat.AgentID]chat.Millis) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for agent, at := range unsaved {
		l.unsaved[agent] = max(l.unsaved[agent], at)
	}
}

// writeSeenForever writes down which agents are connected: in a steady rhythm,
// and at once when one comes or goes; a last time when the hub closes.
func (h *Hub) writeSeenForever() {
	ticks := time.NewTicker(h.cfg.SeenEvery)
	defer ticks.Stop()
	for {
		select {
		case <-h.ctx.Done():
			h.noteConnected()
			h.writeSeen()
			return
		case <-h.seen.changed:
		case <-ticks.C:
			h.noteConnected()
		}
		h.writeSeen()
		h.stats.seen.Add(1)
	}
}

func (h *Hub) noteConnected() {
	for _, s := range *h.people.Load() {
		h.seenNow(s.agent.id)
	}
}

// writeSeen is not cut short when the hub closes: what it writes is needed after the next start.
func (h *Hub) writeSeen() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), h.cfg.ReadTimeout)
	defer cancel()
	unsaved := h.seen.take()
	for agent, at := range maps.Clone(unsaved) {
		if err := h.Seen.Seen(ctx, agent, at); err != nil {
			h.Log.Warn("it was not written down when agents were last here", "error", err)
			h.seen.giveBack(unsaved)
			return
		}
		delete(unsaved, agent)
	}
}

// returnAbsent lets the rounds of absent agents wait again if their visitors
// await an answer. Every node may do it: the Desk decides under the lock.
func (h *Hub) returnAbsent() {
	if err := h.tryReturnAbsent(); err != nil && h.ctx.Err() == nil {
		h.Log.Warn("the rounds of absent agents could not be sought", "error", err)
	}
}

func (h *Hub) readSeen(ctx context.Context) error {
	seen, err := h.Parts.Seen.LastSeen(ctx)
	if err != nil {
		return fmt.Errorf("read when agents were last here: %w", err)
	}
	h.learnSeen(seen)
	return nil
}

func (h *Hub) tryReturnAbsent() error {
	ctx, cancel := h.reading()
	defer cancel()
	if err := h.readSeen(ctx); err != nil {
		return err
	}
	var sites []chat.SiteID
	for _, one := range h.Sites.All() {
		sites = append(sites, one.ID)
	}
	if len(sites) == 0 {
		return nil
	}
	counts, err := h.Store.Counts(ctx, sites)
	if err != nil {
		return err
	}
	asked := map[chat.AgentID]bool{}
	for site, c := range counts {
		for agent, n := range c.Assigned {
			if n == 0 || asked[agent] || !h.Absent(site, agent) {
				continue
			}
			asked[agent] = true
			if err := h.returnRoundsOf(ctx, agent); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *Hub) returnRoundsOf(ctx context.Context, agent chat.AgentID) error {
	rounds, err := h.Store.OpenRoundsOf(ctx, agent)
	if err != nil {
		return err
	}
	for _, s := range rounds {
		if s.Round.Assignee != agent || s.UnansweredSince == 0 || !h.Absent(s.Site, agent) {
			continue
		}
		h.sweeper.ReturnAbsent(s.Conversation, agent, func(_ chat.Changed, err error) {
			if err != nil {
				h.Log.Warn("an absent agent's round was not returned", "conversation", s.Conversation, "error", err)
			}
		})
	}
	return nil
}
