package live

import (
	"fmt"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// cameTo are the broadcasts that came to the visitor of a conversation, as agents see
// them; nil if the site never had any.
func (h *Hub) cameTo(c chat.Conversation) (*wire.Broadcasts, error) {
	if h.Broadcasts == nil {
		return nil, nil
	}
	b, err := h.boardOf(h.site(c.Site))
	if err != nil || b.head.Number == 0 {
		return nil, err
	}
	ctx, cancel := h.reading()
	defer cancel()
	came, err := h.Broadcasts.Came(ctx, c.Site, []chat.VisitorID{c.Visitor})
	if err != nil {
		return nil, err
	}
	return arrivals(came[c.Visitor]), nil
}

func arrivals(came []broadcast.Arrival) *wire.Broadcasts {
	out := &wire.Broadcasts{Reset: true}
	for i := range came {
		a := &came[i]
		f := broadcastFrame(&a.Broadcast, a.Seen, a.Read)
		by := wire.PersonOf(a.Broadcast.By)
		f.By, f.Withdrawn = &by, a.Broadcast.State == broadcast.Withdrawn
		out.Put = append(out.Put, f)
	}
	return out
}

// arrivalsSum tells two states of what came to a visitor apart.
func arrivalsSum(b *wire.Broadcasts) string {
	sum := ""
	for _, p := range b.Put {
		sum += fmt.Sprint(p.N, p.Read, p.Withdrawn, ";")
	}
	return sum
}

// arrivals tells agents who look at a conversation what has come to its visitor.
func (d *healer) arrivals() {
	h := d.h
	if h.Broadcasts == nil {
		return
	}
	looked := map[chat.SiteID]map[chat.VisitorID]*room{}
	for _, r := range h.everyRoom() {
		if b := r.site.board.now.Load(); b == nil || b.head.Number == 0 {
			continue
		}
		r.mu.Lock()
		if len(r.lookers) > 0 {
			if looked[r.conv.Site] == nil {
				looked[r.conv.Site] = map[chat.VisitorID]*room{}
			}
			looked[r.conv.Site][r.conv.Visitor] = r
		}
		r.mu.Unlock()
	}
	for on, rooms := range looked {
		ids := make([]chat.VisitorID, 0, len(rooms))
		for id := range rooms {
			ids = append(ids, id)
		}
		ctx, cancel := h.reading()
		came, err := h.Broadcasts.Came(ctx, on, ids)
		cancel()
		if err != nil {
			d.warn("what came to visitors could not be read", err)
			continue
		}
		for id, r := range rooms {
			h.tellArrivals(r, arrivals(came[id]))
		}
	}
}

// tellArrivals tells those who look at a conversation, if there is something new.
func (h *Hub) tellArrivals(r *room, b *wire.Broadcasts) {
	sum := arrivalsSum(b)
	r.mu.Lock()
	defer r.mu.Unlock()
	if sum == r.arrivals {
		return
	}
	r.arrivals = sum
	p := h.prepared(wire.ServerBroadcasts{C: r.conv.UUID, Broadcasts: *b})
	for _, f := range r.lookers {
		f.session.sendPrepared(p)
	}
}
