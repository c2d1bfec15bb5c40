package live

import (
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Stats are what a hub has counted since its start; the first five are now.
type Stats struct {
	// Visitors, Agents and Strangers are sessions; strangers have not said hello.
	Visitors, Agents, Strangers int64
	Rooms                       int
	// FillsWaiting are rooms and sessions for which the store has yet to be read.
	FillsWaiting int

	// GapEvents were delivered after they had been read from the store, because the
	// hub had learned that they were there.
	GapEvents int64
	// CatchUpEvents were read from the store for one session that was behind.
	CatchUpEvents int64
	// Healed are conversations of which healing knew more than notices had told.
	Healed int64
	// HealFailures are looks at the store for what no notice told that failed.
	HealFailures int64
	// Unreadable are notices that could not be read, or are of another version.
	Unreadable int64
	// PushConns are connections that wait for pushes now; Pushed the texts that went to them.
	PushConns, Pushed int64
	// Jobs are how often each regular work was done: one that stands still is stuck.
	Jobs Jobs
}

// Jobs are counts of a hub's regular work: changed rows and presence told to those
// here, healing, absent agents' rounds given back, and who was seen written down.
type Jobs struct{ Rows, Presence, Heal, Return, Seen int64 }

type counters struct {
	sessions                                                   atomic.Int64
	gapEvents, catchUpEvents, healed, healFailures, unreadable atomic.Int64
	rows, presence, heal, returned, seen                       atomic.Int64 // jobs
	pushConns, pushed                                          atomic.Int64
	// ahead is how far the database's clock was ahead of this node's when they were
	// last compared, in ms; unknown until compared is set.
	ahead    atomic.Int64
	compared atomic.Bool
}

// Stats reads the counters.
func (h *Hub) Stats() Stats {
	n := &h.stats
	s := Stats{
		Agents: int64(len(*h.people.Load())), GapEvents: n.gapEvents.Load(), CatchUpEvents: n.catchUpEvents.Load(),
		Healed: n.healed.Load(), HealFailures: n.healFailures.Load(), Unreadable: n.unreadable.Load(),
		Jobs: Jobs{Rows: n.rows.Load(), Presence: n.presence.Load(), Heal: n.heal.Load(), Return: n.returned.Load(), Seen: n.seen.Load()},
	}
	s.PushConns, s.Pushed = n.pushConns.Load(), n.pushed.Load()
	h.mu.Lock()
	s.Strangers, s.Rooms = int64(len(h.strangers)), len(h.rooms)
	h.mu.Unlock()
	s.Visitors = max(0, n.sessions.Load()-s.Agents-s.Strangers)
	h.fills.mu.Lock()
	s.FillsWaiting = len(h.fills.rooms) + len(h.fills.follows)
	h.fills.mu.Unlock()
	return s
}

// compareClocks remembers what the database's clock said, by this node's, to the
// time that the question took.
func (n *counters) compareClocks(asked, answered time.Time, database chat.Millis) {
	between := asked.Add(answered.Sub(asked) / 2)
	n.ahead.Store(int64(database) - between.UnixMilli())
	n.compared.Store(true)
}

// since is how long ago it was at by the database's clock; false if that is not known.
func (n *counters) since(at chat.Millis, now time.Time) (time.Duration, bool) {
	if !n.compared.Load() {
		return 0, false
	}
	passed := now.UnixMilli() + n.ahead.Load() - int64(at)
	return time.Duration(max(0, passed)) * time.Millisecond, true
}

// observe tells how late a change was handed over that this node committed.
func (h *Hub) observe(c *chat.Changed) {
	if c.Kept.IsZero() {
		return
	}
	late := time.Since(c.Kept)
	for range c.Events {
		h.cfg.Delivered(late)
	}
}

// observeFrom does so for a change that another node committed.
func (h *Hub) observeFrom(c *chat.Changed) {
	now := time.Now()
	for i := range c.Events {
		if late, known := h.stats.since(c.Events[i].At, now); known {
			h.cfg.DeliveredFrom(late)
		}
	}
}
