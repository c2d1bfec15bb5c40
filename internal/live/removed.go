package live

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/retention"
	"github.com/kefu-chat/kefu/internal/wire"
)

var _ retention.Told = (*Hub)(nil)

// Shortened implements retention.Told: who looks at what was removed begins anew, on every node.
func (h *Hub) Shortened(c chat.Conversation, s chat.State) {
	if h.cfg.DropDeliveries() {
		return
	}
	h.shorten(c.ID, s)
	h.publish(conversationTopic(c.ID), notice{Conversation: c, Shortened: &s})
}

func (h *Hub) shorten(id chat.ConversationID, s chat.State) {
	r, known := h.enterKnown(id)
	if !known {
		return
	}
	defer r.mu.Unlock()
	if !r.cold && s.Seq == r.head.Seq && s.FirstSeq > r.head.FirstSeq { // else what comes with newer events says it
		r.advance(h, s)
	}
}

// beginLater has all followers drop what was removed; room.mu is held, and head is new.
func (r *room) beginLater(h *Hub) {
	if r.row.last != nil && r.row.last.Seq < r.head.FirstSeq {
		r.row.last = nil
	}
	follows := r.lookers[:len(r.lookers):len(r.lookers)]
	if r.visitor != nil {
		r.visitor.mu.Lock()
		defer r.visitor.mu.Unlock()
		for _, tab := range r.visitor.tabs {
			if tab.follow.session != nil {
				follows = append(follows, &tab.follow)
			}
		}
	}
	for _, f := range follows {
		if f.live || f.reading { // else it has not been sent anything yet
			f.anew = r.head.FirstSeq
			h.catchUp(f)
		}
	}
}

// Erased implements retention.Told: nobody goes on seeing anything of the visitor, on any node.
func (h *Hub) Erased(c chat.Conversation, secretHash []byte) {
	if h.cfg.DropDeliveries() {
		return
	}
	var hash [sha256.Size]byte
	copy(hash[:], secretHash)
	key := keyOf(hash)
	h.erase(c, key)
	h.publish(topicAll, notice{Conversation: c, Erased: &key})
}

// erase forgets a visitor and its conversation, if this node knows them. Its tabs come
// back as a newcomer's.
func (h *Hub) erase(c chat.Conversation, key presence.Key) {
	h.forgotten.add(c.Visitor)
	h.announced(SomebodyErased)
	n := h.site(c.Site)
	n.mu.Lock()
	v := n.visitors[key]
	n.mu.Unlock()
	if v != nil {
		h.expel(v)
	}
	if c.ID == 0 {
		return
	}
	h.known.forget(c.UUID)
	if r, there := h.enterKnown(c.ID); there {
		h.closeRoom(r)
		if v := r.visitor; v != nil { // under another secret than was told
			r.mu.Unlock()
			h.expel(v)
			r.mu.Lock()
		}
		r.mu.Unlock()
	}
	if n.hasAgents() {
		n.mu.Lock()
		n.erased = append(n.erased, c.UUID)
		n.mu.Unlock()
	}
}

// forgotten remembers ids in two generations, as conversations does.
type forgotten struct {
	mu       sync.Mutex // a leaf
	now, old map[chat.VisitorID]bool
}

const forgottenMost = 4096

func (f *forgotten) add(id chat.VisitorID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now == nil || len(f.now) >= forgottenMost {
		f.old, f.now = f.now, map[chat.VisitorID]bool{}
	}
	f.now[id] = true
}

func (f *forgotten) has(id chat.VisitorID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now[id] || f.old[id]
}

// closeRoom ends a room whose conversation is no more; room.mu is held.
func (h *Hub) closeRoom(r *room) {
	r.gone, r.erased = true, true
	h.mu.Lock()
	delete(h.rooms, r.conv.ID)
	h.mu.Unlock()
	r.site.mu.Lock()
	delete(r.site.dirty, r.conv.ID)
	delete(r.site.changed, r.conv.ID)
	r.site.mu.Unlock()
	if r.joined {
		r.joined = false
		h.Bus.Leave(conversationTopic(r.conv.ID))
	}
	gone := h.prepared(wire.ServerGone{C: r.conv.UUID})
	for _, f := range r.lookers {
		f.live, f.gone = false, true
		f.session.sendPrepared(gone)
	}
	r.lookers = nil
}

// expel makes a visitor a newcomer again, and closes its tabs.
func (h *Hub) expel(v *visitor) {
	r, unlock := v.lock()
	if r != nil {
		r.visitor = nil
		v.room = nil
		for _, tab := range v.tabs {
			tab.follow.live, tab.follow.gone = false, true
		}
	}
	v.profile, v.proposed, v.verified = &chat.Profile{}, 0, false
	v.tellLocked(h)
	tabs := v.tabs[:len(v.tabs):len(v.tabs)]
	unlock()
	for _, tab := range tabs {
		tab.close(wire.CloseChanged, "this visitor was erased: say hello anew")
	}
}

// afterJump is how far back erasures are looked for when a clock has jumped.
const afterJump = 24 * time.Hour

// erasures forgets visitors of whose erasure no notice told.
func (d *healer) erasures() {
	h := d.h
	if h.Erasures == nil {
		return
	}
	ctx, cancel := h.reading()
	defer cancel()
	now := time.Now()
	hashes, database, err := h.Erasures.ErasedSince(ctx, d.erased.span(h, now))
	if err == nil && d.erased.lost(now, database) {
		hashes, _, err = h.Erasures.ErasedSince(ctx, afterJump.Milliseconds())
	}
	if err != nil {
		d.warn("who was erased could not be read", err)
		return
	}
	d.erased.to(now, database)
	if len(hashes) == 0 {
		return
	}
	h.announced(SomebodyErased)
	d.endedWithTheirVisitors(ctx)
	erased := make(map[retention.Hash]bool, len(hashes))
	for _, hash := range hashes {
		erased[hash] = true
	}
	for _, r := range h.everyRoom() {
		if erased[retention.HashOf(r.conv.Site, r.conv.Visitor)] {
			h.eraseFound(r.conv)
		}
	}
	for _, n := range h.everySite() {
		for _, v := range n.everyVisitor() {
			v.mu.Lock()
			id := v.proposed // of a verified one who has written nothing
			v.mu.Unlock()
			if id != 0 && erased[retention.HashOf(n.id, id)] {
				h.expel(v)
			}
		}
	}
	for _, c := range h.known.which(func(c chat.Conversation) bool { return erased[retention.HashOf(c.Site, c.Visitor)] }) {
		h.eraseFound(c)
	}
}

// endedWithTheirVisitors cuts the connections of log-ins of which there is nothing any more.
func (d *healer) endedWithTheirVisitors(ctx context.Context) {
	here := d.h.loggedIn.keys()
	if len(here) == 0 {
		return
	}
	ended, err := d.h.VisitorLogins.EndedOf(ctx, here)
	if err != nil {
		d.warn("the log-ins of erased visitors could not be read", err)
		return
	}
	for _, cut := range d.h.loggedIn.of(ended) {
		cut()
	}
}

// eraseFound is erase for a conversation whose visitor's secret is not at hand.
func (h *Hub) eraseFound(c chat.Conversation) {
	h.stats.healed.Add(1)
	h.erase(c, presence.Key{})
}
