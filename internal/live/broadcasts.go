package live

import (
	"context"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// board is this node's picture of a site's log of broadcasts; it never changes.
type board struct {
	head    broadcast.Position
	entries []broadcast.Entry // the newest, oldest first, without a gap
	about   map[broadcast.ID]*broadcast.Broadcast
}

// from are the entries behind a number, as far as they are kept.
func (b *board) from(number int64) []broadcast.Entry {
	i := sort.Search(len(b.entries), func(i int) bool { return b.entries[i].Number > number })
	return b.entries[i:]
}

// by is the broadcast that an entry is about; nil if the entry is too old.
func (b *board) by(number int64) *broadcast.Broadcast {
	if e := b.from(number - 1); len(e) > 0 && e[0].Number == number {
		return b.about[e[0].Broadcast]
	}
	return nil
}

// proves tells whether a position is of this log.
func (b *board) proves(p broadcast.Position) bool {
	switch e := b.from(p.Number - 1); {
	case p.Number == 0:
		return p.Tag == 0
	case p.Number == b.head.Number:
		return p.Tag == b.head.Tag
	case len(e) == 0 || e[0].Number != p.Number:
		return false
	default:
		return e[0].Tag == p.Tag
	}
}

// siteBoard is a site's board on this node, with what is to be written about who got what.
type siteBoard struct {
	now atomic.Pointer[board] // nil: not read yet
	// loading lets one at a time read it.
	loading sync.Mutex

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

// advance notes how far a visitor has come, to be written soon.
func (s *siteBoard) advance(a broadcast.Advance) {
	s.mu.Lock()
	defer s.mu.Unlock()
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

// boards are the sites whose board is to be read anew.
type boards struct {
	mu    sync.Mutex // a leaf
	due   map[chat.SiteID]bool
	awake chan struct{}
}

func (b *boards) init() { b.due, b.awake = map[chat.SiteID]bool{}, make(chan struct{}, 1) }

// renew has a site's board read anew, and its visitors told.
func (b *boards) renew(on chat.SiteID) {
	b.mu.Lock()
	b.due[on] = true
	b.mu.Unlock()
	select {
	case b.awake <- struct{}{}:
	default:
	}
}

func (b *boards) take() []chat.SiteID {
	b.mu.Lock()
	defer b.mu.Unlock()
	var due []chat.SiteID
	for id := range b.due {
		due = append(due, id)
	}
	clear(b.due)
	return due
}

// BroadcastChanged implements broadcast.Told: visitors are told now, on every node.
func (h *Hub) BroadcastChanged(on chat.SiteID) {
	if h.cfg.DropDeliveries() {
		return
	}
	h.boards.renew(on)
	h.publish(topicAll, notice{Broadcasts: on})
}

// broadcastForever reads boards that have grown, and tells the visitors here.
func (h *Hub) broadcastForever() {
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.boards.awake:
			for _, id := range h.boards.take() {
				h.renewBoard(h.site(id))
			}
		}
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

// renewBoard reads a site's log and tells its visitors what is new. What cannot be read
// now, healing has read again.
func (h *Hub) renewBoard(n *siteNode) {
	before := n.board.now.Load()
	b, err := h.readBoard(n)
	if err != nil {
		if h.ctx.Err() == nil {
			h.Log.Warn("a site's broadcasts could not be read", "site", n.id, "error", err)
		}
		return
	}
	if before != nil && !b.proves(before.head) { // the database is another one now
		for _, v := range n.everyVisitor() {
			for _, tab := range v.everyTab() {
				tab.close(wire.CloseChanged, "the site's broadcasts begin anew")
			}
		}
		return
	}
	h.tellBoard(n, b)
}

func (h *Hub) readBoard(n *siteNode) (*board, error) {
	n.board.loading.Lock()
	defer n.board.loading.Unlock()
	ctx, cancel := h.reading()
	defer cancel()
	entries, about, err := h.Broadcasts.BroadcastLog(ctx, n.id, broadcast.LogWindow)
	if err != nil {
		return nil, err
	}
	b := &board{entries: entries, about: make(map[broadcast.ID]*broadcast.Broadcast, len(about))}
	if len(entries) > 0 {
		b.head = entries[len(entries)-1].Position()
	}
	for i := range about {
		b.about[about[i].ID] = &about[i]
	}
	n.board.now.Store(b)
	return b, nil
}

// boardOf is a site's board; it is read when somebody comes for the first time.
func (h *Hub) boardOf(n *siteNode) (*board, error) {
	if b := n.board.now.Load(); b != nil || h.Broadcasts == nil {
		return b, nil
	}
	return h.readBoard(n)
}

// healBoards finds logs that have grown, or are others now, unheard of.
func (d *healer) boards() {
	h := d.h
	if h.Broadcasts == nil {
		return
	}
	var known []chat.SiteID
	nodes := map[chat.SiteID]*siteNode{}
	for _, n := range h.everySite() {
		if n.board.now.Load() != nil {
			known, nodes[n.id] = append(known, n.id), n
		}
	}
	ctx, cancel := h.reading()
	defer cancel()
	heads, err := h.Broadcasts.BroadcastHeads(ctx, known)
	if err != nil {
		d.warn("the heads of broadcasts could not be read", err)
		return
	}
	for id, n := range nodes {
		if n.board.now.Load().head != heads[id] {
			h.boards.renew(id)
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
	all = append(all, known...) // one whose row has to be read has all rows of its part read
	count, off := s.tally, s.off
	s.writing = all
	s.begun, s.advances, s.off, s.tally = nil, nil, nil, tally{}
	s.mu.Unlock()
	for _, id := range off {
		h.keepOff(id, true)
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

var (
	_ broadcast.Told = (*Hub)(nil)
	_ broadcast.Here = (*Hub)(nil)
)

// mostCounted bounds the visitors who are looked at for how many a broadcast is.
const mostCounted = 100_000

// Online implements broadcast.Here.
func (h *Hub) Online(on chat.SiteID, a broadcast.Audience) (all, newcomers int64, exact bool) {
	visitors, _ := h.Presence.Visitors(on, mostCounted)
	for _, v := range visitors {
		w := broadcast.Who{Key: v.Key[:]}
		if v.Profile != nil {
			w.Language = v.Profile.Language
		}
		if v.Page != nil {
			w.Page = v.Page.URL
		}
		if !a.Has(w) {
			continue
		}
		all++
		if v.Conversation.Visitor == 0 {
			newcomers++
		}
	}
	exact = int64(len(visitors)) >= h.Presence.Count(on) && (h.Bus.Alone() || h.site(on).hasAgents())
	return all, newcomers, exact
}
