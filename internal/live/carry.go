package live

import (
	"context"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

const wentAlong = "this chat went along with a log-in: come back with that"

// CarryOver takes the open round of an anonymous visitor, known by its secret's hash,
// along to a verified one. The same again changes nothing, and is answered as the first
// time. Whether the site wants it is for the caller to know.
func (h *Hub) CarryOver(ctx context.Context, on chat.SiteID, from []byte, to chat.Beginning) (carried bool, err error) {
	over, err := h.desk.Carry(ctx, on, from, to)
	if err != nil {
		return false, err
	}
	if len(over.To.Events) > 0 && len(to.SecretHash) == len(visitor{}.hash) {
		h.begunFor([32]byte(to.SecretHash), over.To.Conversation)
	}
	return over.Carried, nil
}

// begunFor gives a newcomer who is here the conversation that was begun for it.
func (h *Hub) begunFor(hash [32]byte, c chat.Conversation) {
	n := h.site(c.Site)
	n.mu.Lock()
	v := n.visitors[keyOf(hash)]
	n.mu.Unlock()
	if v == nil {
		return
	}
	if _, known := v.conversation(); !known {
		h.bind(v, c)
	}
}

// sendOn closes the sessions of the visitor of a conversation that has ended: they
// come back with their log-in, or learn that there is none. room.mu is held.
func (r *room) sendOn() {
	if r.head.CarriedTo == 0 || r.visitor == nil {
		return
	}
	for _, tab := range r.visitor.everyTab() {
		tab.close(wire.CloseCarried, wentAlong)
	}
}

// lead tells an agent who looks where the conversation goes on.
func (f *follow) lead(e *chat.Event) {
	if e.Kind != chat.Carried || f.session.agent == nil {
		return
	}
	if change, err := e.Body.RoundChange(); err == nil {
		f.session.send(wire.ServerCarried{C: f.room.conv.UUID, To: change.To})
	}
}

// takePages has what was appended read by all who follow: it is too much to be sent
// event by event. room.mu is held.
func (r *room) takePages(h *Hub, c *chat.Changed) {
	for i := range c.Events {
		r.row.see(&c.Events[i])
	}
	for _, f := range r.lookers {
		if f.live {
			h.catchUp(f)
		}
	}
	if r.visitor == nil {
		return
	}
	r.visitor.mu.Lock()
	defer r.visitor.mu.Unlock()
	for _, tab := range r.visitor.tabs {
		if tab.follow.live {
			h.catchUp(&tab.follow)
		}
	}
}

// wentTo is the name of the conversation in which this one goes on; the zero one for
// one that has not ended.
func (h *Hub) wentTo(s *chat.State) (chat.ConversationUUID, error) {
	if s.CarriedTo == 0 {
		return chat.ConversationUUID{}, nil
	}
	ctx, cancel := h.reading()
	defer cancel()
	c, err := h.Store.ConversationByID(ctx, s.CarriedTo)
	if chat.CodeOf(err) == chat.NotFound { // erased since
		return chat.ConversationUUID{}, nil
	}
	return c.UUID, err
}

// carriedOver is what a secret gets whose conversation has ended, and nothing else.
func carriedOver(s *chat.State) error {
	if s.CarriedTo == 0 {
		return nil
	}
	return chat.Refuse(wire.CarriedOver, wentAlong)
}
