package live

import (
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// How often it is passed on that somebody writes in a conversation: "still" once
// in typingEvery, and a few changes in a row, whatever the number of tabs, doors
// and nodes that say so.
const (
	typingEvery   = time.Second
	typingChanges = 4
)

// typing is the command that tells that somebody writes; it is never stored.
func (s *Session) typing(f *wire.ClientTyping) {
	c, actor, err := s.target(f.C)
	if err != nil {
		return // a newcomer, or somebody who has no business there
	}
	t := typingNotice{Who: actor.Ref(), On: f.On, Note: f.Note && s.agent != nil}
	if !s.hub.typists.pass(c.ID, t, s.hub.cfg.Instant()) {
		return
	}
	if r, known := s.hub.enterKnown(c.ID); known {
		r.passTyping(s.hub, t)
		r.mu.Unlock()
	}
	s.hub.publish(conversationTopic(c.ID), notice{Typing: &t, Conversation: c})
}

// hearTyping is a typing of another node; room.mu is held.
func (r *room) hearTyping(h *Hub, t typingNotice) {
	if h.typists.pass(r.conv.ID, t, h.cfg.Instant()) {
		r.passTyping(h, t)
	}
}

// passTyping passes it on to everybody but the one who writes; a note's writer is
// hidden from the visitor. room.mu is held.
func (r *room) passTyping(h *Hub, t typingNotice) {
	frame := wire.ServerTyping{C: r.conv.UUID, Who: wire.PersonOf(t.Who), On: t.On, Note: t.Note}
	p := h.prepared(frame)
	for _, f := range r.lookers {
		if t.Who.Kind == chat.AgentActor && t.Who.ID == int64(f.session.agent.id) {
			continue
		}
		f.session.sendPrepared(p)
	}
	if r.visitor == nil || t.Note || t.Who.Kind == chat.VisitorActor {
		return
	}
	r.visitor.mu.Lock()
	defer r.visitor.mu.Unlock()
	for _, tab := range r.visitor.tabs {
		if tab.ready {
			tab.sendPrepared(p)
		}
	}
}

// typists remember what was told of who writes where.
type typists struct {
	mu  sync.Mutex // a leaf
	all recent[typistKey, typist]
}

type typistKey struct {
	conversation chat.ConversationID
	kind         chat.ActorKind
	id           int64
}

type typist struct {
	on, note bool
	at       time.Time
	changes  bucket
}

// pass tells whether others are to hear of it. Who is shown as writing and has
// stopped without a word is no longer shown after a few seconds, by each client.
func (k *typists) pass(c chat.ConversationID, t typingNotice, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	one := k.all.of(typistKey{conversation: c, kind: t.Who.Kind, id: t.Who.ID})
	switch {
	case t.On && one.on && t.Note == one.note:
		if now.Sub(one.at) < typingEvery {
			return false
		}
	case !t.On && !one.on:
		return false
	default:
		if ok, _ := one.changes.take(now, Rate{Burst: typingChanges, PerSecond: 1 / typingEvery.Seconds()}); !ok {
			return false
		}
	}
	one.on, one.note, one.at = t.On, t.Note, now
	return true
}
