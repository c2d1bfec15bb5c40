package live

import (
	"maps"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/push"
)

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
				if p.Reaches(c.id, c.verified) && c.conn.SendPrepared(text.of(c)) == nil {
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
