package presence

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// maxExchanges bounds how many exchanges one turn takes; what is left comes with the next one.
const maxExchanges = 200

// rename takes a name that nobody has had: what was told under the one before
// fades as a whole, so that nothing of it can stay.
func (s *Shared) rename() {
	s.names++
	s.name = s.cfg.Node
	if s.names > 1 {
		s.name += "#" + strconv.Itoa(s.names)
	}
	s.begun, s.knownAgents = false, 0
	for agent := range s.agents {
		s.pendingAgents[agent] = true
	}
	for _, one := range s.sites {
		one.begun, one.doubts = false, 0
		clear(one.pending)
		for key := range one.own {
			one.pending[key] = true
		}
	}
}

// nodeOf is the node that has, or had, a name, and which of its names it is.
func nodeOf(name string) (node string, number int) {
	node, after, renamed := strings.Cut(name, "#")
	if !renamed {
		return node, 1
	}
	number, _ = strconv.Atoi(after)
	return node, number
}

// Sync tells the place what changed here and learns what changed there, as each
// tick does. An error has been logged already.
func (s *Shared) Sync(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	left := s.left
	s.expire()
	for _, one := range s.sites {
		one.due = true
		one.startRound()
	}
	s.mu.Unlock()
	if left {
		return nil
	}
	withAgents := true
	for range maxExchanges {
		again, err := s.exchange(ctx, withAgents)
		if err != nil {
			return err
		}
		if !again {
			return nil
		}
		s.mu.RLock()
		withAgents = !s.begun || len(s.pendingAgents) > 0
		s.mu.RUnlock()
	}
	return nil
}

// exchange is one exchange with the place. again says that there is more to be done.
func (s *Shared) exchange(ctx context.Context, withAgents bool) (again bool, err error) {
	limited, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	ask, rest := s.ask(withAgents)
	answer, err := s.place.Exchange(limited, ask)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.note(ctx, err); err != nil {
		return false, err
	}
	again = s.learn(ask, answer)
	return again || rest, nil
}

// note says once when the place is lost, and once when it is back.
func (s *Shared) note(ctx context.Context, err error) {
	switch {
	case err == nil:
		if s.lost {
			s.lost = false
			s.cfg.Log.Info("presence is shared with the other nodes again", "after", s.cfg.Now().Sub(s.heard).Round(time.Second))
		}
		if s.expired { // what may have been told meanwhile is counted first of all
			for _, one := range s.sites {
				one.doubts = 1
			}
		}
		s.heard, s.expired = s.cfg.Now(), false
	case errors.Is(err, context.Canceled) && ctx.Err() != nil: // who asked has gone, or this node stops
	default:
		s.failures++
		if !s.lost {
			s.lost = true
			s.cfg.Log.Warn("presence cannot be shared with the other nodes; who is connected to them is soon shown as offline", "error", err)
		}
	}
}

// expire forgets what the other nodes told when their leases may all be over.
func (s *Shared) expire() {
	passed := s.cfg.Now().Sub(s.heard)
	if passed < 0 { // a clock that was set back says nothing of what passed
		s.heard = s.cfg.Now()
	}
	if s.expired || passed < s.cfg.Lease {
		return
	}
	s.expired = true
	for id, one := range s.sites {
		one.unpage()
		for key := range one.held {
			one.forget(s.picture.site(id), key)
		}
		one.shared, one.names = 0, nil
		for _, w := range one.ids {
			w.known = false
		}
		for key := range one.pending {
			if one.own[key] == nil {
				delete(one.pending, key)
			}
		}
		s.picture.site(id).remember(nil)
	}
	s.setAgents(nil)
	s.knownAgents = 0
}

// startRound begins to look up those again who are followed by their ids, those
// who were never looked up first. A round that is not through goes on.
func (one *sharedSite) startRound() {
	var fresh, known []chat.VisitorID
	for id, w := range one.ids {
		if w.known {
			known = append(known, id)
		} else {
			fresh = append(fresh, id)
		}
	}
	if seen := map[chat.VisitorID]bool{}; len(one.turning) > 0 {
		known = slices.DeleteFunc(one.turning, func(id chat.VisitorID) bool {
			again := seen[id]
			seen[id] = true
			w := one.ids[id]
			return again || w == nil || !w.known
		})
	}
	one.turning = append(known, fresh...) // taken from the end
}

// ask puts together what is to be told and asked. rest says that other sites are due, too.
func (s *Shared) ask(withAgents bool) (ask *Ask, rest bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ask = &Ask{Name: s.name, Lease: s.cfg.Lease}
	if withAgents {
		ask.Agents = &AgentsAsk{Begin: !s.begun, Set: map[chat.AgentID]State{}, Known: s.knownAgents}
		for agent := range s.pendingAgents {
			ask.Agents.Set[agent] = s.agents[agent]
		}
	}
	for id, one := range s.sites {
		if !one.due {
			continue
		}
		if len(ask.Sites) == s.cfg.Sites {
			return ask, true
		}
		one.due = false
		if site, some := one.ask(id, s.cfg); some {
			ask.Sites = append(ask.Sites, site)
		} else if len(one.ids)+len(one.held) == 0 && s.picture.count(id) == 0 {
			delete(s.sites, id)
		}
	}
	return ask, false
}

// ask is what is to be told and asked about a site; false: nothing.
func (one *sharedSite) ask(id chat.SiteID, cfg SharedConfig) (SiteAsk, bool) {
	a := SiteAsk{Site: id, Writes: len(one.own)+len(one.pending) > 0, Shared: one.shared, Feed: cfg.Batch}
	a.Begin = a.Writes && !one.begun
	if !a.Writes {
		one.begun = false // whoever holds nothing lets the lease end
		a.Feed = 0
	}
	for key := range one.pending {
		if len(a.Put)+len(a.Drop) >= cfg.Batch {
			break
		}
		if v := one.own[key]; v != nil {
			a.Put = append(a.Put, v)
		} else {
			a.Drop = append(a.Drop, key)
		}
	}
	one.expect = int64(len(one.own))
	if len(a.Put)+len(a.Drop) < len(one.pending) { // first the rest: it would be read in vain
		one.expect, a.Feed = -1, 0
		return a, true
	}
	one.read(&a, cfg)
	return a, a.Writes || one.wanted || len(a.IDs)+len(a.Keys) > 0
}

// read is what is asked about a site.
func (one *sharedSite) read(a *SiteAsk, cfg SharedConfig) {
	if one.wanted {
		a.Page, a.After = cfg.Page, one.after
	}
	for key := range one.missing {
		if len(a.Keys) >= cfg.Batch {
			break
		}
		a.Keys = append(a.Keys, LookKey{Key: key})
	}
	asked := map[chat.VisitorID]bool{}
	for len(one.turning) > 0 && len(a.IDs) < cfg.Batch {
		last := len(one.turning) - 1
		next := one.turning[last]
		one.turning = one.turning[:last]
		w := one.ids[next]
		if w == nil || asked[next] || w.known && one.own[w.key] != nil { // of one's own one hears without asking
			continue
		}
		asked[next] = true
		look := LookID{ID: next}
		if h := one.held[w.key]; w.known && h != nil {
			look.Known = h.revision
		}
		a.IDs = append(a.IDs, look)
	}
}

// learn takes an answer over. again says that there is more to be done in this turn.
func (s *Shared) learn(ask *Ask, answer *Answer) (again bool) {
	lost := false
	if a := answer.Agents; a != nil {
		lost = a.Lost
		if !a.Lost {
			s.learnAgents(ask.Agents, a)
		}
	}
	for i := range ask.Sites {
		lost = lost || answer.Sites[i].Lost
	}
	if lost {
		s.rename()
		for _, one := range s.sites {
			one.due = true
		}
		return true
	}
	for i := range ask.Sites {
		one := s.sites[ask.Sites[i].Site]
		if one == nil {
			continue
		}
		picture := s.picture.site(ask.Sites[i].Site)
		before := one.count
		more := one.learn(&ask.Sites[i], &answer.Sites[i], s, picture)
		if one.count != before {
			picture.remember(nil)
		}
		one.due = one.due || more
		again = again || more
		if one.doubts > 1 {
			s.cfg.Log.Warn("the other nodes were told of other visitors than are here: all are told anew",
				"site", ask.Sites[i].Site, "here", len(one.own), "told", answer.Sites[i].Mine)
			s.rename()
			return true
		}
	}
	return again
}

func (s *Shared) learnAgents(ask *AgentsAsk, a *AgentsAnswer) {
	s.begun, s.knownAgents = true, a.Revision
	for agent, state := range ask.Set {
		if s.agents[agent] == state {
			delete(s.pendingAgents, agent)
		}
	}
	if a.Changed {
		s.setAgents(a.On)
	}
	s.alive = append(s.alive[:0:0], s.cfg.Node)
	for _, name := range a.Alive {
		if node, _ := nodeOf(name); !slices.Contains(s.alive, node) {
			s.alive = append(s.alive, node)
		}
	}
}

// setAgents replaces what is known of agents on other nodes.
func (s *Shared) setAgents(on []AgentOn) {
	type where struct {
		agent chat.AgentID
		node  string
	}
	states, numbers := map[where]State{}, map[where]int{}
	for _, a := range on {
		node, number := nodeOf(a.Name)
		at := where{a.Agent, node}
		if node == s.cfg.Node || numbers[at] > number {
			continue
		}
		states[at], numbers[at] = a.State, number
	}
	for _, agent := range slices.Collect(maps.Keys(s.picture.agents)) {
		for _, a := range slices.Clone(s.picture.agents[agent]) {
			if _, still := states[where{agent, a.node}]; !still && a.node != s.cfg.Node {
				s.picture.setAgent(a.node, agent, Offline)
			}
		}
	}
	for at, state := range states {
		s.picture.setAgent(at.node, at.agent, state)
	}
}

// Learn implements Registry.
func (s *Shared) Learn(ctx context.Context, site chat.SiteID, ids []chat.VisitorID) {
	s.mu.Lock()
	unknown := false
	one := s.site(site)
	for _, id := range ids {
		if w := one.want(id); w != nil {
			w.until = s.cfg.Now().Add(learnFor)
			if _, here := s.picture.byID(site, id); !w.known && !here {
				one.turning = append(one.turning, id)
				unknown = true
			}
		}
	}
	lost := s.lost || s.left
	s.mu.Unlock()
	if !unknown || lost {
		return
	}
	limited, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-limited.Done():
		return
	}
	s.mu.Lock()
	for _, other := range s.sites { // they wait for the next tick
		other.due = other == one
	}
	s.mu.Unlock()
	_, _ = s.exchange(limited, false) // it has been logged; the next tick tries again
}

// Leave implements Registry.
func (s *Shared) Leave() {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Timeout)
	defer cancel()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return
	}
	s.mu.Lock()
	s.left = true
	var sites []chat.SiteID
	for id, one := range s.sites {
		if one.begun {
			sites = append(sites, id)
		}
	}
	name := s.name
	s.mu.Unlock()
	if err := s.place.Leave(ctx, name, sites); err != nil {
		s.cfg.Log.Warn("the other nodes were not told that this one leaves: they find out when its lease is over", "error", err)
	}
}
