package live

import (
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Announce tells the doors of the other nodes that something of theirs has
// changed, in one word. It may be lost: they look themselves, too.
func (h *Hub) Announce(what string) {
	if !h.cfg.DropDeliveries() {
		h.publish(topicAll, notice{Announced: what})
	}
}

// SomebodyErased is announced on each node when a visitor was erased, maybe more than
// once: doors that remember people of their own look whom they still know.
const SomebodyErased = "erased"

// OnAnnounced is told what the doors of other nodes announce, and of erasures. It
// returns at once.
func (h *Hub) OnAnnounced(listen func(what string)) { h.listens.Store(&listen) }

func (h *Hub) announced(what string) {
	if listen := h.listens.Load(); listen != nil {
		(*listen)(what)
	}
}

// Recognise has a visitor's session look whether its visitor has a conversation by
// now, which somebody else began for it.
func (s *Session) Recognise() error {
	if s.visitor == nil {
		return nil
	}
	return s.recognise(s.visitor)
}

// Write is an agent's command "send" to a visitor who is known by a secret's hash,
// and who may have written nothing yet: then it begins the conversation. It is
// answered as a frame is.
func (s *Session) Write(id chat.ClientID, to KnownVisitor, p chat.Profile, text string) {
	if s.ended || !s.ready || !s.allow(&s.messages, s.hub.cfg.Messages, id, 0) {
		return
	}
	actor := s.actor(to.Site)
	if actor.Role == chat.NoRole {
		s.fail(absent(), id, 0)
		return
	}
	cmd := chat.Command{By: actor, ClientID: id, Begin: &chat.Beginning{Site: to.Site, SecretHash: slices.Clone(to.Hash[:]), Profile: p}}
	s.hub.desk.Send(cmd, text, s.answer(id))
}
