package presence

import (
	"context"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Memory is the picture inside one process: of its only node, or in tests of several.
type Memory struct {
	now func() time.Time

	view
	until map[string]time.Time // the leases of the nodes
}

// NewMemory makes an empty picture; now is the clock of the leases.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, view: view{picture: newPicture()}, until: map[string]time.Time{}}
}

// On is a node's part in the picture.
func (m *Memory) On(node string) Registry { return &onMemory{Memory: m, node: node} }

// onMemory is Memory as one node uses it.
type onMemory struct {
	*Memory
	node string
}

func (m *onMemory) hold() {
	if _, held := m.until[m.node]; !held {
		m.until[m.node] = m.now().Add(LeaseFor)
	}
}

// SetVisitor implements Registry.
func (m *onMemory) SetVisitor(v *Visitor) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hold()
	m.picture.site(v.Site).set(m.node, v)
}

// SetAgent implements Registry.
func (m *onMemory) SetAgent(agent chat.AgentID, state State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hold()
	m.picture.setAgent(m.node, agent, state)
}

// Renew implements Registry. What is wanted does not matter: all is here.
func (m *onMemory) Renew([]Want) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.until[m.node] = now.Add(LeaseFor)
	for other, until := range m.until {
		if until.Before(now) {
			m.leaveLocked(other)
		}
	}
}

// Learn implements Registry.
func (m *onMemory) Learn(context.Context, chat.SiteID, []chat.VisitorID) {}

// Alive implements Registry.
func (m *onMemory) Alive() (nodes []string, sure bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	now := m.now()
	nodes = []string{m.node}
	for node, until := range m.until {
		if node != m.node && !until.Before(now) {
			nodes = append(nodes, node)
		}
	}
	return nodes, true
}

// Leave implements Registry.
func (m *onMemory) Leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leaveLocked(m.node)
}

func (m *Memory) leaveLocked(node string) {
	if _, held := m.until[node]; !held {
		return
	}
	delete(m.until, node)
	m.picture.leave(node)
}
