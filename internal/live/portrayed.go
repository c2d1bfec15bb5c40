package live

import (
	"crypto/sha256"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
)

// portrayedNotice is another picture of a verified visitor.
type portrayedNotice struct {
	Site    chat.SiteID  `json:"site"`
	Key     presence.Key `json:"key"`
	Address string       `json:"address"`
}

// Portrayed implements portrait.Told: agents see a visitor's picture as soon as it is
// there. Of one who has gone meanwhile they see it when they read it again.
func (h *Hub) Portrayed(on chat.SiteID, secretHash []byte, address string) {
	if h.cfg.DropDeliveries() {
		return
	}
	var hash [sha256.Size]byte
	copy(hash[:], secretHash)
	n := portrayedNotice{Site: on, Key: keyOf(hash), Address: address}
	h.portray(&n)
	h.publish(topicAll, notice{Portrayed: &n})
}

// portray shows the picture of a visitor who is connected here.
func (h *Hub) portray(p *portrayedNotice) {
	n := h.site(p.Site)
	n.mu.Lock()
	v := n.visitors[p.Key]
	n.mu.Unlock()
	if v == nil {
		return
	}
	r, unlock := v.lock()
	changed := v.profile.Vouched != nil && v.profile.Vouched.Portrait != p.Address
	if changed {
		after, vouched := *v.profile, *v.profile.Vouched
		vouched.Portrait = p.Address
		after.Vouched, v.profile = &vouched, &after
		v.tellLocked(h)
		if r != nil && r.row.profile != nil {
			r.row.profile = &after
		}
	}
	unlock()
	if changed && r != nil {
		r.site.touch(r)
	}
}
