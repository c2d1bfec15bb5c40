package live

import (
	"context"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// wantBroadcasts takes down that the visitor wants broadcasts, or none any more, and
// tells its tabs. What cannot be written is not so, and the tab that asked is told.
func (s *Session) wantBroadcasts(want bool) {
	v, h := s.visitor, s.hub
	v.mu.Lock()
	defer v.mu.Unlock()
	for written := chat.VisitorID(0); ; {
		id := v.identityLocked()
		if id == written { // nobody yet: what begins it writes that, too
			break
		}
		v.mu.Unlock()
		err := h.keepOff(id, !want)
		v.mu.Lock()
		if err != nil {
			s.fail(err, chat.ClientID{}, 0)
			return
		}
		written = id
	}
	w := v.words
	if w == nil {
		return
	}
	w.Off, w.turns = !want, w.turns+1
	tag := uint32(0)
	if b := v.site.board.now.Load(); b != nil {
		tag = b.tagOf(w.at)
	}
	news := h.prepared(wire.ServerBroadcasts{Broadcasts: wire.Broadcasts{At: wire.Position{N: w.at, Tag: tag}, Off: w.Off}})
	for _, tab := range v.tabs {
		if tab.ready {
			tab.sendPrepared(news)
		}
	}
}

func (h *Hub) keepOff(id chat.VisitorID, off bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), h.cfg.ReadTimeout)
	defer cancel()
	return h.Broadcasts.SetOff(ctx, id, off)
}

// learnOff takes over who of the visitors here said on another node that it wants no
// broadcasts: no notice tells of that.
func (h *Hub) learnOff(n *siteNode) {
	if h.Bus.Alone() {
		return
	}
	type reader struct {
		v     *visitor
		turns int
	}
	here, ids := map[chat.VisitorID]reader{}, []chat.VisitorID(nil)
	for _, v := range n.everyVisitor() {
		v.mu.Lock()
		if id := v.identityLocked(); id != 0 && v.words != nil && !v.words.Off {
			here[id], ids = reader{v, v.words.turns}, append(ids, id)
		}
		v.mu.Unlock()
	}
	ctx, cancel := h.reading()
	defer cancel()
	off, err := h.Broadcasts.OffAmong(ctx, ids)
	if err != nil {
		h.Log.Warn("who wants no broadcasts could not be read", "site", n.id, "error", err)
	}
	for _, id := range off {
		r := here[id]
		r.v.mu.Lock()
		if w := r.v.words; w != nil && w.turns == r.turns {
			w.Off = true
		}
		r.v.mu.Unlock()
	}
}
