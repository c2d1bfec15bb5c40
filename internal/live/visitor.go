package live

import (
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/wire"
)

// visitor is a person on a website with the sessions (tabs) that it has on
// this node, all with the same secret.
type visitor struct {
	site *siteNode
	hash [sha256.Size]byte
	key  presence.Key

	mu   sync.Mutex // behind room.mu
	gone bool       // its last tab has left
	tabs []*Session
	// room is its conversation; nil for a newcomer, who has written nothing.
	room    *room
	profile *chat.Profile
	since   chat.Millis
	// proposed is the id that a newcomer gets with its first message; 0 for others.
	proposed chat.VisitorID
	verified bool // proposed is the id of a verified visitor, which stays
	told     *presence.Visitor
	said     time.Time // when a profile was last written
	words    *boardReader
}

// keyOf names a secret's owner without giving the hash away.
func keyOf(hash [sha256.Size]byte) (key presence.Key) {
	sum := sha256.Sum256(append([]byte("presence\x00"), hash[:]...))
	copy(key[:], sum[:])
	return key
}

// arrive adds a tab to its visitor.
func (n *siteNode) arrive(h *Hub, s *Session, hash [sha256.Size]byte) *visitor {
	key := keyOf(hash)
	for {
		n.mu.Lock()
		v := n.visitors[key]
		if v == nil {
			v = &visitor{site: n, hash: hash, key: key, since: chat.At(h.cfg.Now()), profile: &chat.Profile{}}
			n.visitors[key] = v
		}
		n.mu.Unlock()
		v.mu.Lock()
		gone := v.gone
		if !gone {
			v.tabs = append(v.tabs, s)
			v.closeOldestLocked(h.cfg.MaxTabs)
		}
		v.mu.Unlock()
		if !gone {
			return v
		}
	}
}

// closeOldestLocked bounds what one visitor's message costs: each of its tabs gets it.
func (v *visitor) closeOldestLocked(most int) {
	for _, tab := range v.tabs[:max(0, len(v.tabs)-most)] {
		tab.close(wire.CloseElsewhere, "too many tabs: this was the oldest")
	}
}

// forget is called with v.mu held: whoever waits for it finds v gone.
func (n *siteNode) forget(v *visitor) {
	v.gone = true
	n.mu.Lock()
	delete(n.visitors, v.key)
	n.mu.Unlock()
}

// propose gives a newcomer the id to begin with; anew, when the last one did not
// lead to a conversation: it may be somebody else's.
func (v *visitor) propose(h *Hub, anew bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.room == nil && !v.gone && !v.verified && (anew || v.proposed == 0) {
		v.proposed = chat.VisitorID(chat.NewID(h.cfg.Now()))
		v.tellLocked(h)
	}
}

// expect gives a verified visitor, who exists already, its id to begin with.
func (v *visitor) expect(verified *identity.VerifiedVisitor) {
	if verified == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.room == nil {
		v.proposed, v.verified = verified.ID, true
	}
}

// identity is the visitor's id; 0 for a newcomer.
func (v *visitor) identity() chat.VisitorID {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.identityLocked()
}

func (v *visitor) identityLocked() chat.VisitorID {
	if v.room == nil {
		return 0
	}
	return v.room.conv.Visitor
}

// conversation is the visitor's; false for a newcomer.
func (v *visitor) conversation() (chat.Conversation, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.room == nil {
		return chat.Conversation{}, false
	}
	return v.room.conv, true
}

// lock takes the locks of the visitor's room, if it has one, and its own.
func (v *visitor) lock() (r *room, unlock func()) {
	for {
		v.mu.Lock()
		r := v.room
		if r == nil {
			return nil, v.mu.Unlock
		}
		v.mu.Unlock()
		r.mu.Lock()
		v.mu.Lock()
		if v.room == r {
			return r, func() { v.mu.Unlock(); r.mu.Unlock() }
		}
		v.mu.Unlock()
		r.mu.Unlock()
	}
}

func (v *visitor) everyTab() []*Session {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.tabs)
}

func (n *siteNode) everyVisitor() []*visitor {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Values(n.visitors))
}

// inOrder are the visitors as they came: what belongs to one of them lies near what
// belongs to the next, in the system's memory, too.
func (n *siteNode) inOrder() []*visitor {
	all := n.everyVisitor()
	slices.SortFunc(all, func(a, b *visitor) int { return cmp.Compare(a.since, b.since) })
	return all
}

func (n *siteNode) hasVisitors() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.visitors) > 0
}

// tellLocked puts the best of the visitor's tabs into the registry; v.mu is held.
func (v *visitor) tellLocked(h *Hub) {
	now := presence.Visitor{Site: v.site.id, Key: v.key, Since: v.since, Profile: v.profile, Proposed: v.proposed}
	if v.room != nil {
		now.Conversation = v.room.conv
	}
	for _, tab := range v.tabs {
		if tab.state > now.State || now.Page == nil {
			now.Page = tab.page
		}
		now.State = max(now.State, tab.state)
	}
	if v.told != nil && *v.told == now {
		return
	}
	v.told = &now
	h.Presence.SetVisitor(v.told)
}

// leaveVisitor takes a tab away, and its visitor with the last one.
func (s *Session) leaveVisitor() {
	v, h := s.visitor, s.hub
	r, unlock := v.lock()
	defer unlock()
	v.tabs = slices.DeleteFunc(v.tabs, func(t *Session) bool { return t == s })
	s.follow.live, s.follow.gone = false, true
	s.state = presence.Offline
	v.tellLocked(h)
	if len(v.tabs) > 0 {
		return
	}
	v.site.forget(v)
	if r != nil && r.visitor == v {
		r.visitor = nil
		r.touched = h.cfg.Instant()
		r.retopic(h)
	}
}

// present is the command "presence".
func (s *Session) setPresence(state presence.State, page *presence.Page) {
	v := s.visitor
	v.mu.Lock()
	defer v.mu.Unlock()
	s.state = state
	if page != nil {
		s.page = page
	}
	v.tellLocked(s.hub)
}
