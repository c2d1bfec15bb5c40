package live

import (
	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
)

var _ broadcast.Here = (*Hub)(nil)

// mostCounted bounds the visitors who are looked at for how many a broadcast is.
const mostCounted = 100_000

// Online implements broadcast.Here.
func (h *Hub) Online(on chat.SiteID, a broadcast.Audience) (known []chat.VisitorID, newcomers int64, exact bool) {
	visitors, _ := h.Presence.Visitors(on, mostCounted)
	for _, v := range visitors {
		w := broadcast.Who{Key: v.Key[:], ID: v.Conversation.Visitor}
		if v.Profile != nil {
			w.Language, w.Verified = v.Profile.Language, v.Profile.Vouched != nil
		}
		if v.Page != nil {
			w.Page = v.Page.URL
		}
		if !a.Has(w) {
			continue
		}
		if id := v.Conversation.Visitor; id != 0 {
			known = append(known, id)
		} else {
			newcomers++
		}
	}
	exact = int64(len(visitors)) >= h.Presence.Count(on) && (h.Bus.Alone() || h.site(on).hasAgents())
	return known, newcomers, exact
}
