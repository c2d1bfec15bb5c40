package bus

import "sync"

// linkState tells whether the network is there.
type linkState struct {
	mu         sync.RWMutex
	up         bool
	everUp     bool
	said       bool // that it is away
	reconnects int64
}

func (l *linkState) isUp() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.up
}

func (l *linkState) read() (up bool, reconnects int64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.up, l.reconnects
}

// up is called by a carrier whose connection is there. Kept tells that the topics
// that were joined still are; otherwise they are joined again.
func (r *Relay) up(kept bool) {
	r.topics.connected(kept)
	l := &r.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up || r.ctx.Err() != nil {
		return
	}
	text := "the bus is connected"
	if l.everUp {
		l.reconnects++
		text = "the bus is back"
	}
	l.up, l.everUp, l.said = true, true, false
	r.log.Info(text)
}

// down is called by a carrier that has no connection, as often as it likes: it is
// said once.
func (r *Relay) down(err error) {
	r.topics.disconnected()
	l := &r.link
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = false
	if l.said || r.ctx.Err() != nil {
		return
	}
	l.said = true
	text := "the bus cannot be reached; until it can, other nodes learn of changes from the database, a few seconds later"
	if l.everUp {
		text = "the bus is lost; until it is back, other nodes learn of changes from the database, a few seconds later"
	}
	r.log.Warn(text, "error", err)
}
