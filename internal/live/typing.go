package live

import (
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// typingEvery is how often "still writing" is passed on at most; that somebody has
// stopped is passed on at once.
const typingEvery = time.Second

// typed is where somebody writes, and whether a note: a change is passed on at once.
type typed struct {
	conversation chat.ConversationUUID
	note         bool
}

// typing is the command that tells that somebody writes; it is never stored.
func (s *Session) typing(f *wire.ClientTyping) {
	now := s.hub.cfg.Instant()
	what := typed{conversation: f.C, note: f.Note}
	if f.On && s.typed == what && now.Sub(s.typedAt) < typingEvery {
		return
	}
	c, actor, err := s.target(f.C)
	if err != nil {
		return // a newcomer, or somebody who has no business there
	}
	s.typed, s.typedAt = what, now
	if !f.On {
		s.typed = typed{}
	}
	note := f.Note && s.agent != nil
	t := typingNotice{Who: actor.Ref(), On: f.On, Note: note}
	if r, known := s.hub.enterKnown(c.ID); known {
		r.passTyping(s.hub, t)
		r.mu.Unlock()
	}
	s.hub.publish(conversationTopic(c.ID), notice{Typing: &t, Conversation: c})
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
