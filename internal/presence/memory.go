package presence

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// historyLength bounds how many changes of a site are remembered for Changed.
const historyLength = 1024

// Memory is a registry inside one process: of its only node, or in tests of several.
type Memory struct {
	now func() time.Time

	mu     sync.RWMutex
	nodes  map[string]*node
	sites  map[chat.SiteID]*site
	agents map[chat.AgentID][]agentOn
}

type node struct{ until time.Time }

type agentOn struct {
	node  *node
	state State
}

// on is a visitor as one node sees it; next as another one does.
type on struct {
	node *node
	v    *Visitor
	next *on
}

type site struct {
	visitors map[Key]on
	ids      map[chat.VisitorID]Key
	revision uint64
	history  []*Visitor // of the last revisions, a ring
}

// NewMemory makes an empty registry; now is the clock of the leases.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, nodes: map[string]*node{}, sites: map[chat.SiteID]*site{}, agents: map[chat.AgentID][]agentOn{}}
}

var _ Registry = (*Memory)(nil)

func (m *Memory) nodeLocked(name string) *node {
	n := m.nodes[name]
	if n == nil {
		n = &node{until: m.now().Add(LeaseFor)}
		m.nodes[name] = n
	}
	return n
}

// SetVisitor implements Registry.
func (m *Memory) SetVisitor(name string, v *Visitor) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.nodeLocked(name)
	s := m.sites[v.Site]
	if s == nil {
		s = &site{visitors: map[Key]on{}, ids: map[chat.VisitorID]Key{}}
		m.sites[v.Site] = s
	}
	s.set(n, v)
}

func (s *site) set(n *node, v *Visitor) {
	first, known := s.visitors[v.Key]
	switch {
	case !known && v.State == Offline:
		return
	case !known:
		first = on{node: n, v: v}
	default:
		first = first.with(n, v)
	}
	if first.v == nil {
		delete(s.visitors, v.Key)
		delete(s.ids, v.Conversation.Visitor)
	} else {
		s.visitors[v.Key] = first
		if id := v.Conversation.Visitor; id != 0 {
			s.ids[id] = v.Key
		}
	}
	s.remember(v)
}

// with is the chain after node n saw v; its first v is nil when nobody sees it any more.
func (o on) with(n *node, v *Visitor) on {
	all := make([]on, 0, 2)
	seen := false
	for p := &o; p != nil; p = p.next {
		one := on{node: p.node, v: p.v}
		if p.node == n {
			one.v, seen = v, true
		}
		if one.v.State != Offline {
			all = append(all, one)
		}
	}
	if !seen && v.State != Offline {
		all = append(all, on{node: n, v: v})
	}
	if len(all) == 0 {
		return on{}
	}
	for i := len(all) - 1; i > 0; i-- {
		all[i-1].next = &all[i]
	}
	return all[0]
}

// best is the visitor as the node sees it where it is most present.
func (o on) best() *Visitor {
	best := o.v
	for p := o.next; p != nil; p = p.next {
		if p.v.State > best.State {
			best = p.v
		}
	}
	return best
}

func (s *site) remember(v *Visitor) {
	if len(s.history) < historyLength {
		s.history = append(s.history, v)
	} else {
		s.history[s.revision%historyLength] = v
	}
	s.revision++
}

// SetAgent implements Registry.
func (m *Memory) SetAgent(name string, agent chat.AgentID, state State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.nodeLocked(name)
	all := slices.DeleteFunc(m.agents[agent], func(a agentOn) bool { return a.node == n })
	if state != Offline {
		all = append(all, agentOn{n, state})
	}
	if len(all) == 0 {
		delete(m.agents, agent)
		return
	}
	m.agents[agent] = all
}

// Renew implements Registry.
func (m *Memory) Renew(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.nodeLocked(name).until = now.Add(LeaseFor)
	for other, n := range m.nodes {
		if n.until.Before(now) {
			m.leaveLocked(other)
		}
	}
}

// Leave implements Registry.
func (m *Memory) Leave(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leaveLocked(name)
}

func (m *Memory) leaveLocked(name string) {
	n := m.nodes[name]
	if n == nil {
		return
	}
	delete(m.nodes, name)
	for agent, all := range m.agents {
		if all = slices.DeleteFunc(all, func(a agentOn) bool { return a.node == n }); len(all) == 0 {
			delete(m.agents, agent)
		} else {
			m.agents[agent] = all
		}
	}
	for _, s := range m.sites {
		for _, first := range s.visitors {
			for p := &first; p != nil; p = p.next {
				if p.node == n {
					gone := *p.v
					gone.State = Offline
					s.set(n, &gone)
					break
				}
			}
		}
	}
}

// Agent implements Registry.
func (m *Memory) Agent(agent chat.AgentID) State {
	m.mu.RLock()
	defer m.mu.RUnlock()
	best := Offline
	for _, a := range m.agents[agent] {
		best = max(best, a.state)
	}
	return best
}

// ByID implements Registry.
func (m *Memory) ByID(id chat.SiteID, visitor chat.VisitorID) (*Visitor, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	first, ok := m.byIDLocked(id, visitor)
	if !ok {
		return nil, false
	}
	return first.best(), true
}

// ByKey implements Registry.
func (m *Memory) ByKey(id chat.SiteID, key Key) (*Visitor, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	s := m.sites[id]
	if s == nil {
		return nil, false
	}
	first, ok := s.visitors[key]
	if !ok {
		return nil, false
	}
	return first.best(), true
}

func (m *Memory) byIDLocked(id chat.SiteID, visitor chat.VisitorID) (on, bool) {
	s := m.sites[id]
	if s == nil || visitor == 0 {
		return on{}, false
	}
	key, ok := s.ids[visitor]
	if !ok {
		return on{}, false
	}
	first, ok := s.visitors[key]
	return first, ok
}

// Nodes implements Registry.
func (m *Memory) Nodes(id chat.SiteID, visitor chat.VisitorID) []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	first, ok := m.byIDLocked(id, visitor)
	if !ok {
		return nil
	}
	var names []string
	for name, n := range m.nodes {
		for p := &first; p != nil; p = p.next {
			if p.node == n {
				names = append(names, name)
			}
		}
	}
	return names
}

// Count implements Registry.
func (m *Memory) Count(id chat.SiteID) int64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if s := m.sites[id]; s != nil {
		return int64(len(s.visitors))
	}
	return 0
}

// Visitors implements Registry.
func (m *Memory) Visitors(id chat.SiteID, limit int) ([]*Visitor, uint64) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	s := m.sites[id]
	if s == nil {
		return nil, 0
	}
	all := make([]*Visitor, 0, len(s.visitors))
	for _, first := range s.visitors {
		all = append(all, first.best())
	}
	slices.SortFunc(all, func(a, b *Visitor) int {
		return cmp.Or(cmp.Compare(b.Since, a.Since), slices.Compare(a.Key[:], b.Key[:]))
	})
	return all[:min(limit, len(all))], s.revision
}

// Changed implements Registry.
func (m *Memory) Changed(id chat.SiteID, after uint64) ([]*Visitor, uint64, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	s := m.sites[id]
	switch {
	case s == nil:
		return nil, 0, after == 0
	case after == s.revision:
		return nil, s.revision, true
	case after > s.revision || s.revision-after > uint64(len(s.history)):
		return nil, s.revision, false
	}
	told := map[Key]bool{}
	var changed []*Visitor
	for r := s.revision; r > after; r-- {
		v := s.history[(r-1)%historyLength]
		if told[v.Key] {
			continue
		}
		told[v.Key] = true
		if first, here := s.visitors[v.Key]; here {
			v = first.best()
		}
		changed = append(changed, v)
	}
	return changed, s.revision, true
}
