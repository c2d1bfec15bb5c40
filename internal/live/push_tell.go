package live

import (
	"context"
	"maps"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/push"
)

// pushNotice tells the other nodes of a push, and asks how many got it. Without
// Carried the push itself, which was too big, is to be read.
type pushNotice struct {
	Site     chat.SiteID `json:"site"`
	Position int64       `json:"position"`
	Before   int64       `json:"before"`
	Carried  bool        `json:"carried,omitzero"`
	IDs      []string    `json:"ids,omitzero"`
	Payload  string      `json:"payload,omitzero"`
	Ask      uint64      `json:"ask"`
}

// reachedNotice answers pushNotice.
type reachedNotice struct {
	Ask     uint64 `json:"ask"`
	Reached int    `json:"reached"`
	Failed  bool   `json:"failed,omitzero"`
}

// Pushed is what became of a push until it was answered.
type Pushed struct {
	push.Push
	// Reached are the connections, on all nodes, to which it went by then. Complete is
	// false when a node did not answer within PushWait: it delivers within 5 s.
	Reached  int
	Complete bool
}

// pushAsk waits for the answers of the other nodes; under pushes.mu.
type pushAsk struct {
	missing map[string]bool
	heard   map[string]bool
	reached int
	failed  bool
	done    chan struct{}
}

// pushDue is an answer that is owed until the push was read.
type pushDue struct {
	node string
	p    pushNotice
}

// Push keeps a push and delivers it, here and on the other nodes. Refusals: BadText,
// ClientIDReused.
func (h *Hub) Push(ctx context.Context, o push.Order) (Pushed, error) {
	if err := o.Check(); err != nil {
		return Pushed{}, err
	}
	p, before, err := h.Pushes.AddPush(ctx, o)
	if err != nil {
		return Pushed{}, err
	}
	out := Pushed{Push: p}
	if h.cfg.DropDeliveries() {
		return out, nil
	}
	id, ask := h.askReached()
	defer h.forgetAsk(id)
	h.publish(topicAll, notice{Pushed: h.noticeOf(&p, before, id)})
	mine, ok := h.reachHere(&p, before)
	answered := h.await(ctx, ask)
	h.pushed.mu.Lock()
	defer h.pushed.mu.Unlock()
	out.Reached, out.Complete = mine+ask.reached, ok && answered && !ask.failed
	return out, nil
}

func (h *Hub) noticeOf(p *push.Push, before int64, ask uint64) *pushNotice {
	n := &pushNotice{Site: p.Site, Position: p.Position, Before: before, Ask: ask}
	size := len(p.Payload)
	for _, id := range p.IDs {
		size += len(id) + 4
	}
	if size <= h.cfg.NoticeBytes {
		n.Carried, n.IDs, n.Payload = true, p.IDs, p.Payload
	}
	return n
}

// askReached begins to wait for the other nodes that are alive.
func (h *Hub) askReached() (uint64, *pushAsk) {
	nodes, sure := h.Presence.Alive()
	a := &pushAsk{missing: map[string]bool{}, heard: map[string]bool{}, failed: !sure, done: make(chan struct{})}
	for _, node := range nodes {
		if node != h.Node {
			a.missing[node] = true
		}
	}
	if len(a.missing) == 0 {
		close(a.done)
	}
	p := &h.pushed
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	p.asks[p.asked] = a
	return p.asked, a
}

func (h *Hub) forgetAsk(id uint64) {
	h.pushed.mu.Lock()
	defer h.pushed.mu.Unlock()
	delete(h.pushed.asks, id)
}

// await waits for the answers; false: some did not come in time.
func (h *Hub) await(ctx context.Context, a *pushAsk) bool {
	select {
	case <-a.done:
		return true
	default:
	}
	if h.Bus.Alone() {
		return false // there are others, whom nobody can ask
	}
	timer := time.NewTimer(h.cfg.PushWait)
	defer timer.Stop()
	select {
	case <-a.done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	case <-h.ctx.Done():
	}
	return false
}

// hearReached takes a node's answer.
func (h *Hub) hearReached(node string, n *reachedNotice) {
	h.pushed.mu.Lock()
	defer h.pushed.mu.Unlock()
	a := h.pushed.asks[n.Ask]
	if a == nil || a.heard[node] {
		return
	}
	a.heard[node] = true
	a.reached += n.Reached
	a.failed = a.failed || n.Failed
	if a.missing[node] {
		if delete(a.missing, node); len(a.missing) == 0 {
			close(a.done)
		}
	}
}

// reachHere delivers a push of this node here; false: it could not be.
func (h *Hub) reachHere(p *push.Push, before int64) (n int, ok bool) {
	s := h.pushed.site(h, p.Site)
	s.mu.Lock()
	if !s.ready {
		s.mu.Unlock()
		return 0, true
	}
	if s.position == before || s.position >= p.Position {
		defer s.mu.Unlock()
		return s.deliver(p), true
	}
	s.mu.Unlock()
	if err := s.read(); err != nil {
		h.Log.Warn("pushes could not be read", "site", p.Site, "error", err)
		return 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[p.Position], true
}

// hearPushed delivers another node's push here and answers, or has it read first.
func (h *Hub) hearPushed(node string, n *pushNotice) {
	s := h.pushed.site(h, n.Site)
	s.mu.Lock()
	if s.ready && s.position < n.Position && (s.position != n.Before || !n.Carried) {
		s.mu.Unlock()
		h.oweAnswer(pushDue{node, *n})
		return
	}
	reached := 0
	if s.ready {
		reached = s.deliver(&push.Push{Site: n.Site, Position: n.Position, IDs: n.IDs, Payload: n.Payload})
	}
	s.mu.Unlock()
	h.publish(nodeTopic(node), notice{Reached: &reachedNotice{Ask: n.Ask, Reached: reached}})
}

// maxPushDues bounds the answers that are owed: whoever gets none knows that it is
// not complete.
const maxPushDues = 10_000

func (h *Hub) oweAnswer(d pushDue) {
	h.pushed.mu.Lock()
	if len(h.pushed.due) < maxPushDues {
		h.pushed.due = append(h.pushed.due, d)
	}
	h.pushed.mu.Unlock()
	h.pushed.kick()
}

// readPushesForever finds the pushes that no notice told, and reads for those who
// came back and for answers that are owed.
func (h *Hub) readPushesForever() {
	ticks := time.NewTicker(h.cfg.HealEvery)
	defer ticks.Stop()
	for passes := 0; ; {
		select {
		case <-h.ctx.Done():
			return
		case <-ticks.C:
			h.healPushes()
			if passes++; passes%sweepEvery == 0 {
				h.forgetPushes()
			}
		case <-h.pushed.wake:
		}
		h.payDues()
		for _, s := range h.pushed.everySite() {
			if err := s.catchUp(); err != nil {
				h.warnPushes(err)
			}
		}
	}
}

func (h *Hub) warnPushes(err error) {
	if h.ctx.Err() == nil {
		h.stats.healFailures.Add(1)
		h.Log.Warn("pushes could not be read", "error", err)
	}
}

// healPushes compares the sites that somebody waits on with the database.
func (h *Hub) healPushes() {
	waited, before := map[chat.SiteID]*pushSite{}, map[chat.SiteID]int64{}
	var ids []chat.SiteID
	for _, s := range h.pushed.everySite() {
		s.mu.Lock()
		if s.ready {
			waited[s.id], before[s.id] = s, s.position
			ids = append(ids, s.id)
		}
		s.mu.Unlock()
	}
	if len(ids) == 0 {
		return
	}
	ctx, cancel := h.reading()
	heads, err := h.Pushes.PushHeads(ctx, ids)
	cancel()
	if err != nil {
		h.warnPushes(err)
		return
	}
	for id, s := range waited {
		s.mu.Lock()
		behind := s.ready && s.position < heads[id]
		if heads[id] < before[id] && s.position == before[id] { // a restored copy: what is pushed now stands behind its clock
			s.position = heads[id]
		}
		s.mu.Unlock()
		if behind {
			if err := s.read(); err != nil {
				h.warnPushes(err)
			}
		}
	}
}

// payDues reads what the owed answers are about, and gives them.
func (h *Hub) payDues() {
	h.pushed.mu.Lock()
	dues := h.pushed.due
	h.pushed.due = nil
	h.pushed.mu.Unlock()
	failed := map[chat.SiteID]error{}
	for _, d := range dues {
		s := h.pushed.site(h, d.p.Site)
		s.mu.Lock()
		behind := s.ready && s.position < d.p.Position
		s.mu.Unlock()
		if behind && failed[d.p.Site] == nil {
			if failed[d.p.Site] = s.read(); failed[d.p.Site] != nil {
				h.warnPushes(failed[d.p.Site])
			}
		}
		s.mu.Lock()
		answer := reachedNotice{Ask: d.p.Ask, Reached: s.counts[d.p.Position], Failed: s.ready && s.position < d.p.Position}
		s.mu.Unlock()
		h.publish(nodeTopic(d.node), notice{Reached: &answer})
	}
}

// read delivers what the database has beyond the site's position.
func (s *pushSite) read() error {
	s.reading.Lock()
	defer s.reading.Unlock()
	for {
		s.mu.Lock()
		after, ready := s.position, s.ready
		s.mu.Unlock()
		if !ready {
			return nil
		}
		page, err := s.page(after)
		if err != nil {
			return err
		}
		s.mu.Lock()
		for i := range page {
			if s.ready {
				s.deliver(&page[i])
			}
		}
		s.mu.Unlock()
		if len(page) < pushPage {
			return nil
		}
	}
}

func (s *pushSite) page(after int64) ([]push.Push, error) {
	ctx, cancel := s.hub.reading()
	defer cancel()
	return s.hub.Pushes.PushesAfter(ctx, s.id, after, pushPage)
}

// catchUp reads for those who came back what they missed, from the one who missed
// most: one reading is for all of them.
func (s *pushSite) catchUp() error {
	for {
		s.mu.Lock()
		behind := map[*PushConn]bool{}
		from, upTo := int64(0), s.position
		for _, all := range s.conns {
			for _, c := range all {
				if !c.live {
					behind[c] = true
					if from == 0 || c.after < from {
						from = c.after
					}
				}
			}
		}
		s.mu.Unlock()
		if len(behind) == 0 {
			return nil
		}
		page, err := s.page(from)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.sendMissed(behind, page, upTo)
		s.mu.Unlock()
	}
}

// sendMissed sends a page to those who are behind, and makes them live who have all
// that the site delivered. The page was read when that was upTo. s.mu is held.
func (s *pushSite) sendMissed(behind map[*PushConn]bool, page []push.Push, upTo int64) {
	for c := range maps.Keys(behind) {
		if c.ended {
			delete(behind, c)
		}
	}
	for i := range page {
		p := &page[i]
		if p.Position > s.position { // the site itself has not got so far
			break
		}
		upTo = max(upTo, p.Position)
		text := pushText{p: p}
		for c := range behind {
			if p.Position > c.after {
				c.after = p.Position
				if p.Reaches(c.id) && c.conn.SendPrepared(text.of(c)) == nil {
					s.hub.stats.pushed.Add(1)
				}
			}
		}
	}
	through := len(page) < pushPage || page[len(page)-1].Position >= s.position
	for c := range behind {
		c.live = through && upTo >= s.position
	}
}

// forgetPushes removes what is older than it is kept.
func (h *Hub) forgetPushes() {
	const most = 200
	for h.ctx.Err() == nil {
		ctx, cancel := h.reading()
		n, err := h.Pushes.ForgetPushes(ctx, push.KeptFor, most)
		cancel()
		if err != nil {
			h.warnPushes(err)
		}
		if err != nil || n < most {
			return
		}
	}
}
