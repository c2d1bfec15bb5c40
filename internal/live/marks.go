package live

import (
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// readMarks are everybody's marks, from the room if they are there.
func (h *Hub) readMarks(c chat.Conversation) ([]chat.Mark, error) {
	if r, known := h.enterKnown(c.ID); known {
		marks, read := append([]chat.Mark(nil), r.marks...), r.marksRead
		r.mu.Unlock()
		if read {
			return marks, nil
		}
	}
	ctx, cancel := h.reading()
	defer cancel()
	marks, err := h.Store.Marks(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	h.takeMarks(c, marks)
	return marks, nil
}

// takeMarks folds what was read from the store into the room.
func (h *Hub) takeMarks(c chat.Conversation, marks []chat.Mark) {
	r := h.enter(c)
	moved := false
	for _, m := range marks {
		moved = r.mark(h, m) || moved
	}
	r.marksRead = true
	r.mu.Unlock()
	if moved {
		r.site.touch(r)
	}
}

// Marked is told by the store of marks that moved, in commit order.
func (h *Hub) Marked(marks []chat.Mark) {
	if h.cfg.DropDeliveries() {
		return
	}
	for _, m := range marks {
		h.deliverMark(m)
		h.noticeMark(m)
	}
}

func (h *Hub) deliverMark(m chat.Mark) {
	r, known := h.enterKnown(m.Conversation)
	if !known {
		return
	}
	moved := r.mark(h, m)
	r.mu.Unlock()
	if moved && m.Who.Kind == chat.AgentActor {
		r.site.touch(r)
	}
}

// mark takes over a mark if it moved, and tells who follows. room.mu is held.
func (r *room) mark(h *Hub, m chat.Mark) (moved bool) {
	slot := -1
	for i := range r.marks {
		if r.marks[i].Who.Same(m.Who) {
			slot = i
		}
	}
	if slot < 0 {
		r.marks = append(r.marks, chat.Mark{Who: m.Who})
		slot = len(r.marks) - 1
	}
	old := r.marks[slot]
	if m.Read <= old.Read && m.Received <= old.Received {
		return false
	}
	before := r.furthest()
	r.marks[slot] = m
	r.tellAgents(h, m)
	if m.Who.Kind == chat.VisitorActor || r.furthest() != before {
		r.tellVisitor(h, m)
	}
	return true
}

// furthest are the furthest marks of all agents, in the visitor's numbers.
func (r *room) furthest() (far wire.Marks) {
	for _, m := range r.marks {
		if m.Who.Kind != chat.VisitorActor {
			far.Received, far.Read = max(far.Received, m.ReceivedPublic), max(far.Read, m.ReadPublic)
		}
	}
	return far
}

// tellAgents tells who looks; the participant's own sessions learn its unread.
func (r *room) tellAgents(h *Hub, m chat.Mark) {
	var all, own *ws.Prepared
	for _, f := range r.lookers {
		mine := m.Who.Kind == chat.AgentActor && m.Who.ID == int64(f.session.agent.id)
		if mine && own == nil {
			frame := h.markFrame(r, m, wire.ForAgents)
			unread := wire.UnreadFor(r.head, m, wire.ForAgents)
			frame.Unread = &unread
			own = h.prepared(frame)
		}
		if !mine && all == nil {
			all = h.prepared(h.markFrame(r, m, wire.ForAgents))
		}
		if mine {
			f.session.sendPrepared(own)
		} else {
			f.session.sendPrepared(all)
		}
	}
}

// tellVisitor tells the visitor's tabs; for them all agents are one.
func (r *room) tellVisitor(h *Hub, m chat.Mark) {
	if r.visitor == nil {
		return
	}
	frame := h.markFrame(r, m, wire.ForVisitor)
	if m.Who.Kind == chat.VisitorActor {
		unread := wire.UnreadFor(r.head, m, wire.ForVisitor)
		frame.Unread = &unread
	} else {
		frame.Marks = r.furthest()
	}
	p := h.prepared(frame)
	r.visitor.mu.Lock()
	defer r.visitor.mu.Unlock()
	for _, tab := range r.visitor.tabs {
		if tab.ready {
			tab.sendPrepared(p)
		}
	}
}

func (h *Hub) markFrame(r *room, m chat.Mark, a wire.Audience) wire.ServerMark {
	frame := wire.MarkFor(r.conv.UUID, m, a)
	if frame.Who.ID != 0 && m.Who.Kind == chat.AgentActor {
		frame.Who.Name = h.nameOf(chat.AgentID(m.Who.ID))
	}
	return frame
}

// mark is the command by which a client tells how far it has received and read.
func (s *Session) mark(f *wire.ClientMark) {
	c, _, err := s.target(f.C)
	if err != nil {
		s.fail(err, chat.ClientID{}, 0)
		return
	}
	h := s.hub
	h.desk.Mark(&chat.MarkChange{
		Conversation: c.ID, Who: s.self(), Received: f.Received, Read: f.Read, Public: s.agent == nil,
		Done: func(_ chat.Mark, _ bool, err error) {
			if err != nil { // the client marks again with its next one
				h.Log.Debug("a mark was not kept", "conversation", c.ID, "error", err)
			}
		},
	})
}
