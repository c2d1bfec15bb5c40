package live

import (
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// clocksApart is how far the steps of this node's clock and the database's may
// differ before healing no longer trusts them to find what changed.
const clocksApart = 5 * time.Second

// transactionsEnd is when all have ended that began before a clock jumped; they
// are cut after 5 s. What they wrote bears the time before the jump.
const transactionsEnd = 6 * time.Second

// reached is up to where healing has read one kind of change: when that was by
// the monotonic clock of this node, and by the database's. The zero value is nowhere.
type reached struct {
	read     time.Time
	database chat.Millis
	again    time.Time // when to look at everything once more; zero: no need
}

// span is how far to look back, in ms: to the last read, and over it.
func (r *reached) span(h *Hub, now time.Time) int64 {
	span := h.cfg.HealOverlap
	if r.database != 0 {
		span += now.Sub(r.read)
	}
	return span.Milliseconds()
}

// lost tells that no span finds all that changed, so that everything has to be
// looked at: nothing was read before, or one of the clocks has jumped since, as
// the database's does when it is set, and this node's when the node was paused.
func (r *reached) lost(now time.Time, database chat.Millis) bool {
	return r.jumped(now, database) || !r.again.IsZero() && !now.Before(r.again)
}

func (r *reached) jumped(now time.Time, database chat.Millis) bool {
	if r.database == 0 {
		return true
	}
	ours, theirs := now.Sub(r.read), database.Time().Sub(r.database.Time())
	return (ours - theirs).Abs() > clocksApart
}

// to notes that all has been found up to now.
func (r *reached) to(now time.Time, database chat.Millis) {
	switch {
	case r.database != 0 && r.jumped(now, database):
		r.again = now.Add(transactionsEnd)
	case !r.again.IsZero() && !now.Before(r.again):
		r.again = time.Time{}
	}
	r.read, r.database = now, database
}
