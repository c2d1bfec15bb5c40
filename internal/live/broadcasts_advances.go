package live

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
)

// siteBoard is a site's board on this node, with what is to be written about who got what.
type siteBoard struct {
	now atomic.Pointer[board] // nil: not read yet
	// loading lets one at a time read it; failed is when that went wrong last, and why.
	loading  sync.Mutex
	failedAt time.Time
	failure  error

	mu sync.Mutex // a leaf
	// advances are of visitors who have a row; begun of those who have just got one.
	advances map[chat.VisitorID]*broadcast.Advance
	begun    []broadcast.Advance
	writing  []broadcast.Advance // of both, what is being written now
	// unsure are visitors whose row another node writes, too.
	unsure map[chat.VisitorID]bool
	off    []chat.VisitorID // of begun, those who want none
	tally  tally            // of those who have no row
}

// tally counts deliveries and readings by the number of the entry.
type tally struct{ delivered, read map[int64]int64 }

func (t *tally) came(number, n int64) { plus(&t.delivered, number, n) }
func (t *tally) seen(number, n int64) { plus(&t.read, number, n) }

func plus(to *map[int64]int64, number, n int64) {
	if *to == nil {
		*to = map[int64]int64{}
	}
	(*to)[number] += n
}

func (t *tally) empty() bool { return len(t.delivered) == 0 && len(t.read) == 0 }

// goOn notes how far a visitor has come whose row, with what is yet to be written, was
// like this before.
func (s *siteBoard) goOn(before broadcast.Reader, a broadcast.Advance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.advances[a.Visitor] == nil && !s.unsure[a.Visitor] {
		from := before
		a.From = &from
	}
	s.advanceLocked(a)
}

// advance notes how far a visitor has come, to be written soon.
func (s *siteBoard) advance(a broadcast.Advance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advanceLocked(a)
}

func (s *siteBoard) advanceLocked(a broadcast.Advance) {
	if a.Counted {
		s.begun = append(s.begun, a)
		return
	}
	if s.advances == nil {
		s.advances = map[chat.VisitorID]*broadcast.Advance{}
	}
	if s.unsure[a.Visitor] {
		a.From = nil
	}
	if before := s.advances[a.Visitor]; before != nil {
		before.Merge(a)
		return
	}
	s.advances[a.Visitor] = &a
}

// mostUnsure bounds what is remembered of rows that other nodes write.
const mostUnsure = 10_000

// doubt remembers whose rows are not as this node thought: they are read from now on.
func (s *siteBoard) doubt(otherwise []chat.VisitorID) {
	if len(otherwise) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsure == nil || len(s.unsure) > mostUnsure {
		s.unsure = map[chat.VisitorID]bool{}
	}
	for _, id := range otherwise {
		s.unsure[id] = true
	}
}

// again notes an advance that could not be written: it comes before those noted since.
func (s *siteBoard) again(a broadcast.Advance) {
	s.mu.Lock()
	later := s.advances[a.Visitor]
	if later != nil && !a.Counted {
		delete(s.advances, a.Visitor)
		a.Merge(*later)
	}
	s.mu.Unlock()
	s.advance(a)
}

// unwritten adds to what a visitor's row said what is yet to be written into it.
func (s *siteBoard) unwritten(id chat.VisitorID, r *broadcast.Reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.advances[id]; a != nil {
		*r, _, _ = r.Apply(*a)
	}
	for _, some := range [][]broadcast.Advance{s.begun, s.writing} {
		for _, a := range some {
			if a.Visitor == id {
				*r, _, _ = r.Apply(a)
			}
		}
	}
}

func (s *siteBoard) count(t tally) {
	if t.empty() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for number, n := range t.delivered {
		s.tally.came(number, n)
	}
	for number, n := range t.read {
		s.tally.seen(number, n)
	}
}

// writeAdvancesForever writes down who got what; a last time when the hub closes.
func (h *Hub) writeAdvancesForever() {
	ticks := time.NewTicker(h.cfg.BroadcastsEvery)
	defer ticks.Stop()
	for {
		select {
		case <-h.ctx.Done():
			h.writeAdvances()
			return
		case <-ticks.C:
			h.writeAdvances()
		}
	}
}

// advancesAtOnce bounds a transaction that writes how far visitors have come.
const advancesAtOnce = 1000

// writeAdvances writes down who got what since the last time; what cannot be written is
// kept for the next one.
func (h *Hub) writeAdvances() {
	for _, n := range h.everySite() {
		h.writeAdvancesOf(n)
	}
}

func (h *Hub) writeAdvancesOf(n *siteNode) {
	s := &n.board
	s.mu.Lock()
	all := s.begun
	var known []broadcast.Advance
	for _, a := range s.advances {
		if a.From == nil {
			all = append(all, *a)
		} else {
			known = append(known, *a)
		}
	}
	// Rows that were made together lie together: in their order, each page is written
	// once. One row that has to be read has all rows of its part read.
	slices.SortFunc(known, func(a, b broadcast.Advance) int { return cmp.Compare(a.Visitor, b.Visitor) })
	all = append(all, known...)
	count, off := s.tally, s.off
	s.writing = all
	s.begun, s.advances, s.off, s.tally = nil, nil, nil, tally{}
	s.mu.Unlock()
	for _, id := range off {
		if err := h.keepOff(id, true); err != nil {
			h.Log.Warn("it was not written down that a visitor wants no broadcasts", "site", n.id, "error", err)
			s.mu.Lock()
			s.off = append(s.off, id)
			s.mu.Unlock()
		}
	}
	for len(all) > 0 || !count.empty() {
		part := all[:min(len(all), advancesAtOnce)]
		if err := h.writeAdvance(n.id, part, count); err != nil {
			h.Log.Warn("it was not written down to whom broadcasts came", "site", n.id, "error", err)
			for _, a := range all {
				s.again(a)
			}
			s.count(count)
			return
		}
		all, count = all[len(part):], tally{}
	}
	s.mu.Lock()
	s.writing = nil
	s.mu.Unlock()
}

func (h *Hub) writeAdvance(on chat.SiteID, part []broadcast.Advance, count tally) error {
	// Not cut short when the hub closes: the counts are needed after the next start.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), h.cfg.ReadTimeout)
	defer cancel()
	otherwise, err := h.Broadcasts.Advance(ctx, on, part, count.delivered, count.read)
	h.site(on).board.doubt(otherwise)
	return err
}
