package bus

import (
	"slices"
	"sync"
	"sync/atomic"
)

// memoryQueue bounds what waits for one node.
const memoryQueue = 4096

// Network connects the memory buses of one process.
type Network struct {
	mu     sync.RWMutex
	topics map[string][]*Memory
	buses  int
}

// NewNetwork makes a network without buses.
func NewNetwork() *Network { return &Network{topics: map[string][]*Memory{}} }

// Memory is a bus within one process: for the only node, or in tests for several.
type Memory struct {
	network *Network
	queue   chan carried
	stop    chan struct{}
	done    sync.WaitGroup
	closing sync.Once

	published, received, lost atomic.Int64
}

type carried struct {
	topic  string
	notice []byte
}

var _ Bus = (*Memory)(nil)

// NewMemory makes the bus of a node that is alone.
func NewMemory() *Memory { return NewNetwork().Bus() }

// Bus makes a bus that reaches all others of the network.
func (n *Network) Bus() *Memory {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.buses++
	return &Memory{network: n, queue: make(chan carried, memoryQueue), stop: make(chan struct{})}
}

// Start implements Bus.
func (m *Memory) Start(receive Receive) error {
	m.done.Go(func() {
		for {
			select {
			case <-m.stop:
				return
			case c := <-m.queue:
				m.received.Add(1)
				receive(c.topic, c.notice)
			}
		}
	})
	return nil
}

// Publish implements Bus: what a full queue does not take is lost, and counted.
func (m *Memory) Publish(topic string, notice []byte) {
	if len(notice) > MaxNotice {
		m.lost.Add(1)
		return
	}
	m.published.Add(1)
	m.network.mu.RLock()
	defer m.network.mu.RUnlock()
	for _, other := range m.network.topics[topic] {
		if other == m {
			continue
		}
		select {
		case other.queue <- carried{topic, notice}:
		default:
			other.lost.Add(1)
		}
	}
}

// Stats implements Bus.
func (m *Memory) Stats() Stats {
	return Stats{Up: true, Published: m.published.Load(), Received: m.received.Load(), Lost: m.lost.Load(), Arriving: int64(len(m.queue))}
}

// Join implements Bus.
func (m *Memory) Join(topic string) {
	m.network.mu.Lock()
	defer m.network.mu.Unlock()
	if all := m.network.topics[topic]; !slices.Contains(all, m) {
		m.network.topics[topic] = append(slices.Clip(all), m)
	}
}

// Leave implements Bus.
func (m *Memory) Leave(topic string) {
	m.network.mu.Lock()
	defer m.network.mu.Unlock()
	m.leaveLocked(topic)
}

func (m *Memory) leaveLocked(topic string) {
	left := slices.DeleteFunc(slices.Clone(m.network.topics[topic]), func(o *Memory) bool { return o == m })
	if len(left) == 0 {
		delete(m.network.topics, topic)
		return
	}
	m.network.topics[topic] = left
}

// Alone implements Bus.
func (m *Memory) Alone() bool {
	m.network.mu.RLock()
	defer m.network.mu.RUnlock()
	return m.network.buses < 2
}

// Features implements Bus.
func (m *Memory) Features() Features { return Features{Ordered: true, Filtered: true} }

// Close implements Bus.
func (m *Memory) Close() {
	m.closing.Do(func() {
		m.network.mu.Lock()
		m.network.buses--
		for topic := range m.network.topics {
			m.leaveLocked(topic)
		}
		m.network.mu.Unlock()
		close(m.stop)
	})
	m.done.Wait()
}
