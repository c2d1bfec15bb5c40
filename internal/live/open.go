package live

import (
	"fmt"
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// roundsTold bounds the past rounds that "conversation" tells.
const roundsTold = 50

// openOrClose is an agent's request to look at a conversation, or its end.
func (s *Session) openOrClose(f *wire.ClientOpen, t string) {
	c, _, err := s.target(f.C)
	if err != nil {
		s.fail(err, chat.ClientID{}, f.R)
		return
	}
	before := slices.IndexFunc(s.agent.open, func(o *follow) bool { return o.room.conv.ID == c.ID })
	if before >= 0 { // anew, with the position that the client has now
		s.hub.closeFollow(s.agent.open[before])
		s.agent.open = slices.Delete(s.agent.open, before, before+1)
	}
	if t == "close" {
		return
	}
	if len(s.agent.open) >= s.hub.cfg.MaxOpen {
		reason := fmt.Sprintf("at most %d conversations are open at the same time: close one", s.hub.cfg.MaxOpen)
		s.send(wire.ErrorOf(wire.TooMany, reason, chat.ClientID{}, f.R))
		return
	}
	leave := s.resuming(f.R)
	if leave == nil {
		return
	}
	defer leave()
	follow := s.hub.openFollow(s, c)
	if err := s.tellConversation(f, follow); err != nil {
		s.hub.closeFollow(follow)
		s.fail(err, chat.ClientID{}, f.R)
		return
	}
	s.agent.open = append(s.agent.open, follow)
}

// openFollow lets the session into the room: nothing is sent before it is settled.
func (h *Hub) openFollow(s *Session, c chat.Conversation) *follow {
	r := h.enter(c)
	defer r.mu.Unlock()
	f := &follow{session: s, room: r}
	r.lookers = append(r.lookers, f)
	if !r.joined {
		r.joined = true
		h.Bus.Join(conversationTopic(c.ID))
	}
	if len(r.lookers) == 1 {
		h.publish(conversationTopic(c.ID), notice{Conversation: c, AskLooking: true})
	}
	r.tellLooking(h)
	return f
}

func (h *Hub) closeFollow(f *follow) {
	r := f.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.gone {
		return
	}
	r.removeLooker(h, f)
	r.tellLooking(h)
}

// tellConversation answers open with all that the agent sees of a conversation,
// and makes the follower live.
func (s *Session) tellConversation(f *wire.ClientOpen, follow *follow) error {
	h, c := s.hub, follow.room.conv
	q := chat.PageQuery{Conversation: c.ID, Limit: h.cfg.PageEvents}
	if f.At != nil {
		q.After, q.Limit = &chat.Position{Number: f.At.N, Tag: f.At.Tag}, wire.MaxPage
	}
	page, err := h.page(q)
	if err != nil {
		return err
	}
	marks, err := h.readMarks(c)
	if err != nil {
		return err
	}
	ctx, cancel := h.reading()
	defer cancel()
	rows, err := h.Store.Rows(ctx, s.agent.id, []chat.ConversationID{c.ID})
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return absent()
	}
	rounds, err := h.Store.Rounds(ctx, c.ID, 0, roundsTold)
	if err != nil {
		return err
	}
	came, err := h.cameTo(c)
	if err != nil {
		return err
	}
	info := wire.InfoFor(c, page.State, marks, s.self(), h.nameOf)
	if info.To, err = h.wentTo(&page.State); err != nil {
		return err
	}
	h.learnVisitors(c)
	r := follow.room
	r.mu.Lock()
	defer r.mu.Unlock()
	visitor := h.visitorOf(c, rows[0].Profile)
	s.send(wire.ServerConversation{
		R: f.R, Row: wire.RowFor(rows[0], visitor, h.nameOf),
		Conversation: info,
		Page:         wire.PageFor(page, wire.ForAgents, s.self()),
		Visitor:      visitor, Rounds: wire.RoundsOf(rounds, h.nameOf),
		Looking: r.looking(h, s.agent.id), Broadcasts: came,
	})
	if came != nil && len(r.lookers) == 1 {
		r.arrivals = arrivalsSum(came)
	}
	r.settle(h, follow, chat.Position{Number: page.State.Seq, Tag: page.State.Tag}, &page.State)
	r.learnRow(&rows[0])
	return nil
}
