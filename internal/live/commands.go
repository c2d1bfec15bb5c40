package live

import (
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/wire"
)

// absent is the answer for a conversation that does not exist and for one that
// is not the asker's: they look the same.
func absent() error { return chat.Refuse(chat.NotFound, "there is no such conversation") }

// target is the conversation that a frame is about, with the actor as it may
// act there. A visitor has but one. Errors: NotFound, or the store's.
func (s *Session) target(id chat.ConversationUUID) (chat.Conversation, chat.Actor, error) {
	if s.agent == nil {
		c, known := s.visitor.conversation()
		if !known || !id.IsNil() && id != c.UUID {
			return c, chat.Actor{}, absent()
		}
		return c, chat.Actor{Kind: chat.VisitorActor, ID: int64(c.Visitor)}, nil
	}
	c, err := s.hub.conversation(id)
	if err != nil {
		return c, chat.Actor{}, err
	}
	actor := s.actor(c.Site)
	if actor.Role == chat.NoRole {
		return chat.Conversation{}, chat.Actor{}, absent()
	}
	return c, actor, nil
}

// text is the command "send", "note" or "edit".
func (s *Session) text(f *wire.ClientText, t string) {
	cmd, err := s.toDesk(f.ID, f.C, t == "send")
	if err != nil {
		s.fail(err, f.ID, 0)
		return
	}
	if len(f.Files) > 0 {
		cmd.Files, cmd.Owner = f.Files, s.fileOwner()
	}
	if s.agent == nil && t == "send" {
		cmd.Broadcast, cmd.Named = s.answered(f.Broadcast), f.Broadcast
	}
	done := s.answer(f.ID)
	switch t {
	case "send":
		s.hub.desk.Send(cmd, f.Text, done)
	case "note":
		s.hub.desk.Note(cmd, f.Text, done)
	default:
		s.hub.desk.Edit(cmd, f.N, f.Text, done)
	}
}

// fileOwner is whose the uploads are that this session may name.
func (s *Session) fileOwner() chat.FileOwner {
	if s.agent == nil {
		return chat.VisitorFiles(s.visitor.hash[:])
	}
	return chat.AgentFiles(s.agent.id)
}

// toDesk is the command without its verb. A newcomer's first message begins
// the conversation.
func (s *Session) toDesk(id chat.ClientID, in chat.ConversationUUID, mayBegin bool) (chat.Command, error) {
	cmd := chat.Command{ClientID: id}
	c, actor, err := s.target(in)
	if err != nil && s.agent == nil && mayBegin && in.IsNil() {
		v := s.visitor
		v.mu.Lock()
		cmd.Begin = &chat.Beginning{Site: v.site.id, SecretHash: slices.Clone(v.hash[:]), Profile: *v.profile, Visitor: v.proposed}
		v.mu.Unlock()
		cmd.By = chat.Actor{Kind: chat.VisitorActor}
		return cmd, nil
	}
	cmd.Conversation, cmd.By = c.ID, actor
	return cmd, err
}

// act is a command without a text.
func (s *Session) act(f *wire.ClientCommand, t string) {
	c, actor, err := s.target(f.C)
	if err != nil {
		s.fail(err, f.ID, 0)
		return
	}
	cmd := chat.Command{By: actor, ClientID: f.ID, Conversation: c.ID}
	done, desk := s.answer(f.ID), s.hub.desk
	switch t {
	case "recall":
		desk.Recall(cmd, f.N, done)
	case "take":
		desk.Take(cmd, done)
	case "assign":
		desk.Assign(cmd, c.Site, f.Agent, done)
	case "release":
		desk.Release(cmd, done)
	case "resolve":
		desk.Resolve(cmd, done)
	}
}

// answer is what the sender of a command gets: ack after the commit, or error.
func (s *Session) answer(id chat.ClientID) chat.Done {
	return func(c chat.Changed, err error) {
		if err != nil {
			s.fail(err, id, 0)
			if s.agent == nil {
				s.visitor.propose(s.hub, true)
			}
			return
		}
		s.send(wire.AckFor(&c, id, s.audience()))
		if s.agent == nil {
			s.hub.begun(s.visitor, &c)
		}
	}
}

// begun gives a newcomer the conversation that its first message made, and all
// its tabs what stands in it.
func (h *Hub) begun(v *visitor, c *chat.Changed) {
	if _, known := v.conversation(); known {
		return
	}
	first := !c.Repeat && len(c.Events) > 0 && c.Events[0].Seq == 1
	if first && !h.cfg.DropDeliveries() {
		h.beginAtZero(v, c)
		return
	}
	h.bind(v, c.Conversation)
}

// beginAtZero makes all tabs live from before the first event: Committed, which
// comes next, sends it.
func (h *Hub) beginAtZero(v *visitor, c *chat.Changed) {
	r := h.enter(c.Conversation)
	defer r.mu.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.room != nil || v.gone {
		return
	}
	if r.cold {
		r.head, r.cold = chat.NewState(c.Conversation), false
	}
	v.room, r.visitor = r, v
	v.beginBoard()
	v.tellLocked(h)
	for _, tab := range v.tabs {
		tab.follow = follow{session: tab, room: r, live: tab.ready}
		if tab.ready && r.head.Seq > 0 {
			h.catchUp(&tab.follow)
		}
	}
	r.row.profile, r.row.loaded = v.profile, true
	r.marksRead = true
	if !r.joined {
		r.joined = true
		h.Bus.Join(conversationTopic(c.Conversation.ID))
	}
}

// pageRequest answers with a stretch of a conversation.
func (s *Session) pageRequest(f *wire.ClientPage) {
	c, _, err := s.target(f.C)
	if err != nil {
		s.fail(err, chat.ClientID{}, f.R)
		return
	}
	q := chat.PageQuery{Conversation: c.ID, Public: s.agent == nil, Before: f.Before, Limit: f.Limit}
	if q.Limit == 0 {
		q.Limit = s.hub.cfg.PageEvents
	}
	if f.After != nil {
		q.After = &chat.Position{Number: f.After.N, Tag: f.After.Tag}
	}
	leave := s.resuming(f.R)
	if leave == nil {
		return
	}
	page, err := s.hub.page(q)
	leave()
	if err == nil && s.agent == nil {
		err = carriedOver(&page.State)
	}
	if err != nil {
		s.fail(err, chat.ClientID{}, f.R)
		return
	}
	s.send(wire.ServerPage{R: f.R, C: c.UUID, Page: wire.PageFor(page, s.audience(), s.self())})
}

// present is the command "presence": what the page or the console is now.
func (s *Session) present(f *wire.ClientPresence) {
	state := presence.ParseState(string(f.Presence))
	if s.agent != nil {
		s.hub.setAgent(s, state)
		return
	}
	s.setPresence(state, pageOf(f.Page))
}
