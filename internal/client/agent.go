package client

import (
	"context"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// Agent is an agent's session.
type Agent struct{ *Session }

// StartAgent begins an agent's session; cfg.Header holds its cookie and origin.
func StartAgent(ctx context.Context, cfg Config) *Agent {
	s := newSession(ctx, cfg)
	s.agent, s.others, s.watched = true, map[chat.ConversationUUID]*Conversation{}, map[chat.View]*watch{}
	go s.run()
	return &Agent{s}
}

// Conversation is the session's copy and outbox of a conversation, which need not be open.
func (a *Agent) Conversation(id chat.ConversationUUID) *Conversation {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.conversation(id)
}

func (s *Session) conversation(id chat.ConversationUUID) *Conversation {
	c := s.others[id]
	if c == nil {
		c = &Conversation{s: s, id: id}
		s.others[id] = c
	}
	return c
}

// Open looks at a conversation from now on, over every reconnect: from its newest page, or from its start.
func (a *Agent) Open(id chat.ConversationUUID, fromStart bool) *Conversation {
	a.mu.Lock()
	c := a.conversation(id)
	c.known = c.known || fromStart
	frame := c.look()
	conn := a.conn
	a.mu.Unlock()
	a.write(conn, frame)
	return c
}

// look is the request to open; nil while there is no connection. Under s.mu.
func (c *Conversation) look() []byte {
	c.follow = true
	if !c.s.open {
		return nil
	}
	c.again.stop()
	c.again = nil
	c.unheard, c.looked = false, c.s.nextR()
	c.asked = c.looked
	request := wire.ClientOpen{T: "open", R: c.asked, C: c.id}
	if at := c.at; c.known {
		request.At = &at
	}
	frame, err := wire.Encode(request)
	if err != nil { // a position and a UUID always encode
		panic(err)
	}
	return frame
}

// Shut looks at a conversation no longer, and forgets the copy, but not the outbox.
func (a *Agent) Shut(id chat.ConversationUUID) error {
	a.mu.Lock()
	if c := a.others[id]; c != nil {
		c.follow, c.known, c.at, c.highest, c.asked = false, false, wire.Position{}, 0, 0
		c.again.stop()
		c.again = nil
	}
	a.mu.Unlock()
	return a.send(wire.ClientOpen{T: "close", C: id})
}

// Watch subscribes to a view, over every reconnect; its snapshots go to Observer.List, its changes to Rows.
func (a *Agent) Watch(view chat.View) {
	a.mu.Lock()
	if a.watched[view] == nil {
		a.watched[view] = &watch{}
	}
	var frame []byte
	if a.open { // otherwise the next hello does it
		frame = a.ask(view)
	}
	conn := a.conn
	a.mu.Unlock()
	a.write(conn, frame)
}

// watch is a view that is watched over every reconnect.
type watch struct {
	asked int64  // its last request
	again *alarm // asks once more, after a refusal that may pass
}

// ask is the request for a watched view; under s.mu.
func (s *Session) ask(view chat.View) []byte {
	w := s.watched[view]
	w.again.stop()
	w.again, w.asked = nil, s.nextR()
	frame, err := wire.Encode(wire.ClientList{R: w.asked, View: view})
	if err != nil { // the name of a view always encodes
		panic(err)
	}
	return frame
}

// askAnew are the requests, after hello, for all that the session watches and looks at; under s.mu.
func (s *Session) askAnew() (frames [][]byte) {
	for view := range s.watched {
		frames = append(frames, s.ask(view))
	}
	for _, c := range s.others {
		if c.follow {
			frames = append(frames, c.look())
		}
	}
	return frames
}

// resumeAll goes on with all outboxes.
func (s *Session) resumeAll() {
	s.mu.Lock()
	var all []*Conversation
	for _, c := range s.others {
		if len(c.queue) > 0 {
			all = append(all, c)
		}
	}
	s.mu.Unlock()
	for _, c := range all {
		s.resume(c)
	}
}

// opened takes the answer to open.
func (s *Session) opened(data []byte) {
	var r int64
	var info, p []byte
	o := walk(data)
	for {
		name, value, ok := o.member()
		if !ok {
			break
		}
		switch string(name) {
		case "r":
			r = number(value)
		case "conversation":
			info = value
		case "page":
			p = value
		}
	}
	head, err := unmarshal[wire.ConversationInfo](info)
	if err != nil {
		return
	}
	s.mu.Lock()
	c := s.others[head.C]
	current := c != nil && c.follow && (c.asked == r || c.asked == 0) // 0: a stream began anew
	if current {
		c.asked = 0
		c.mine, c.theirs, c.unread = head.Mine, head.Theirs, head.Unread
	}
	s.mu.Unlock()
	decoded(s.cfg.Observer.Opened, data)
	if current {
		s.takePage(c, readPage(p))
	}
}

// list takes a snapshot of a view.
func (s *Session) list(data []byte) {
	s.mu.Lock()
	asked := len(s.pending) > 0
	s.mu.Unlock()
	if asked {
		if l, err := unmarshal[wire.ServerList](data); err == nil && s.answered(l.R, "list", data) {
			return
		}
	}
	decoded(s.cfg.Observer.List, data)
}

// Send queues a message to a conversation; Note, Take, Assign, Release and Resolve likewise.
func (a *Agent) Send(c chat.ConversationUUID, text string) *Item {
	return a.Conversation(c).Put(&Item{T: "send", Text: text})
}

// Note queues a note.
func (a *Agent) Note(c chat.ConversationUUID, text string) *Item {
	return a.Conversation(c).Put(&Item{T: "note", Text: text})
}

// Take queues the taking of the round.
func (a *Agent) Take(c chat.ConversationUUID) *Item { return a.Conversation(c).Put(&Item{T: "take"}) }

// Assign queues the giving of the round to an agent.
func (a *Agent) Assign(c chat.ConversationUUID, to chat.AgentID) *Item {
	return a.Conversation(c).Put(&Item{T: "assign", Agent: to})
}

// Release queues the giving back of the round.
func (a *Agent) Release(c chat.ConversationUUID) *Item {
	return a.Conversation(c).Put(&Item{T: "release"})
}

// Resolve queues the end of the round.
func (a *Agent) Resolve(c chat.ConversationUUID) *Item {
	return a.Conversation(c).Put(&Item{T: "resolve"})
}

// List asks for a page of a view once: the first, or what follows a row. The
// first page also watches the view until the connection ends.
func (a *Agent) List(ctx context.Context, view chat.View, after chat.ConversationUUID) (*wire.ServerList, error) {
	return call[wire.ServerList](ctx, a.Session, func(r int64) wire.Frame {
		return wire.ClientList{R: r, View: view, After: after}
	})
}

// Page asks for the events before a number (0: the newest), beside the copy.
func (a *Agent) Page(ctx context.Context, c chat.ConversationUUID, before int64, limit int) (*wire.ServerPage, error) {
	return call[wire.ServerPage](ctx, a.Session, func(r int64) wire.Frame {
		return wire.ClientPage{R: r, C: c, Before: before, Limit: limit}
	})
}

// Visitors asks who is online, and to be told of changes, which Observer.Frame sees.
func (a *Agent) Visitors(ctx context.Context) (*wire.ServerVisitors, error) {
	return call[wire.ServerVisitors](ctx, a.Session, func(r int64) wire.Frame {
		return wire.ClientVisitors{R: r, On: true}
	})
}

func millis(n int) time.Duration { return max(time.Duration(n)*time.Millisecond, 100*time.Millisecond) }
