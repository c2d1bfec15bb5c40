package ws

import (
	"sync"
	"sync/atomic"
	"time"
)

// wheel holds every open connection in the slot of the tick at which it must be
// looked at next, so that a tick costs only those that are due.
type wheel struct {
	now atomic.Uint32 // the coarse clock; starts at 1

	mu      sync.Mutex
	slots   []*Conn // heads of doubly linked lists
	looking *Conn   // out of its slot, being looked at
	turns   uint32  // spreads connections that came together
}

// Values of Conn.slot outside the wheel.
const (
	slotNone int32 = -1 // being looked at
	slotGone int32 = -2 // closed: must not come back
)

func newWheel(slots uint32) *wheel {
	w := &wheel{slots: make([]*Conn, slots)}
	w.now.Store(1)
	return w
}

// add puts a new connection in, due within the last half of d ticks.
func (w *wheel) add(c *Conn, d uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turns++
	w.insertLocked(c, d-w.turns%(d/2+1))
}

// insertLocked makes c due in d ticks, 1 ≤ d < the number of slots.
func (w *wheel) insertLocked(c *Conn, d uint32) {
	d = min(max(d, 1), uint32(len(w.slots)-1))
	slot := (w.now.Load() + d) % uint32(len(w.slots))
	head := w.slots[slot]
	c.slot, c.prev, c.next = int32(slot), nil, head
	if head != nil {
		head.prev = c
	}
	w.slots[slot] = c
}

func (w *wheel) unlinkLocked(c *Conn) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		w.slots[c.slot] = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.next, c.prev, c.slot = nil, nil, slotNone
}

// remove takes a closed connection out for good.
func (w *wheel) remove(c *Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.slot >= 0 {
		w.unlinkLocked(c)
	}
	c.slot = slotGone
}

// advance moves the clock one tick and looks at those that are due.
func (w *wheel) advance(look func(c *Conn, now uint32) (next uint32)) {
	now := w.now.Add(1)
	slot := now % uint32(len(w.slots))
	for {
		w.mu.Lock()
		c := w.slots[slot]
		if c == nil {
			w.mu.Unlock()
			return
		}
		w.unlinkLocked(c)
		w.looking = c
		w.mu.Unlock()
		next := look(c, now)
		w.mu.Lock()
		w.looking = nil
		if c.slot == slotNone {
			w.insertLocked(c, next)
		}
		w.mu.Unlock()
	}
}

// all lists the connections.
func (w *wheel) all() []*Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []*Conn
	if w.looking != nil {
		list = append(list, w.looking)
	}
	for _, c := range w.slots {
		for ; c != nil; c = c.next {
			list = append(list, c)
		}
	}
	return list
}

// sweep is the server's one goroutine for time. It moves one tick each time it
// is woken, however late: after a pause of the whole process nobody is dropped
// for silence before the bytes that wait in the kernel could be read.
func (s *Server) sweep(ticks <-chan time.Time) {
	defer close(s.swept)
	for {
		select {
		case <-s.stop:
			return
		case <-ticks:
			s.wheel.advance(s.look)
		}
	}
}

// look decides what a due connection needs, and when to look again.
func (s *Server) look(c *Conn, now uint32) (next uint32) {
	seen := c.seen.Load()
	if seen == busy || c.closing() {
		return s.pongTicks // closing has deadlines of its own
	}
	if begun := c.begun.Load(); begun != 0 && now-begun > s.messageTicks {
		c.fail(CodePolicy, "message not finished in time",
			&ProtocolError{Code: CodePolicy, Text: "message not finished in time"})
		return s.pongTicks
	}
	if c.pingAt != 0 && seen >= c.pingAt {
		c.pingAt = 0
	}
	if c.pingAt != 0 {
		if now-c.pingAt < s.pongTicks {
			return s.pongTicks - (now - c.pingAt)
		}
		s.stats.lost.Add(1)
		c.lose()
		return s.pongTicks
	}
	// The first look comes at a random point of the interval's second half, and
	// its ping spreads connections that came together over all ticks to come.
	if silent := now - seen; silent < s.pingTicks/2 {
		return s.pingTicks - silent
	}
	c.pingAt = now
	c.ping()
	return s.pongTicks
}
