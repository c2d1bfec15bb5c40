package live

import (
	"maps"
	"slices"
	"sync"

	"github.com/kefu-chat/kefu/internal/chat"
)

// countsPicture is how many rounds are open on the sites of the agents who are
// here, as the database last said. It is read again when a round turned, and by
// healing, so it cannot drift.
type countsPicture struct {
	mu       sync.Mutex // a leaf
	open     map[chat.SiteID]chat.Counts
	visitors map[chat.SiteID]int64
}

func (p *countsPicture) init() {
	p.open, p.visitors = map[chat.SiteID]chat.Counts{}, map[chat.SiteID]int64{}
}

// want reads the counts of sites that are not known yet.
func (p *countsPicture) want(h *Hub, sites []chat.SiteID) {
	p.mu.Lock()
	lacking := slices.DeleteFunc(slices.Clone(sites), func(id chat.SiteID) bool { _, ok := p.open[id]; return ok })
	p.mu.Unlock()
	for _, id := range lacking {
		p.setVisitors(id, h.Presence.Count(id))
	}
	p.refresh(h, lacking)
}

// refresh reads the counts of sites; false: it could not.
func (p *countsPicture) refresh(h *Hub, sites []chat.SiteID) bool {
	if len(sites) == 0 {
		return true
	}
	ctx, cancel := h.reading()
	defer cancel()
	counts, err := h.Store.Counts(ctx, sites)
	if err != nil { // healing reads them again
		h.Log.Warn("the counts of open rounds could not be read", "error", err)
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range sites {
		p.open[id] = counts[id]
	}
	return true
}

// known are the sites whose counts are kept.
func (p *countsPicture) known() []chat.SiteID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.open))
}

func (p *countsPicture) setVisitors(id chat.SiteID, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.visitors[id] = n
}

// forget drops a site on which no agent is here any more.
func (p *countsPicture) forget(id chat.SiteID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, id)
	delete(p.visitors, id)
}
