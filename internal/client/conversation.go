package client

import (
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// fillSize is how many events are asked for at once.
const fillSize = 200

// Conversation is a session's copy of one, of which it keeps the position
// only, and its outbox.
type Conversation struct {
	s      *Session
	id     chat.ConversationUUID // nil until a visitor's is known
	follow bool                  // events are wanted

	known   bool // there is a copy, if only an empty one
	at      wire.Position
	highest int64  // the highest number that was heard of
	looked  int64  // the last request to look at it: each stream asks it anew
	unheard bool   // that request was refused for now
	asked   int64  // the request for a page under way, 0 for none
	again   *alarm // asks for a page later, or to look at it
	vain    int    // pages in a row that brought nothing

	queue   []*Item
	under   *Item
	resting *alarm // pauses the outbox
	pauses  int

	marked   int64 // the last mark that went out
	markedAt time.Time
	marking  *alarm
	mine     wire.Marks
	theirs   wire.Marks
	unread   int64
}

// ID is the conversation's UUID; zero for a visitor who has not written yet.
func (c *Conversation) ID() chat.ConversationUUID {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.id
}

// At is how far the copy reaches.
func (c *Conversation) At() wire.Position {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.at
}

// Marks are our own marks and the furthest of the other side, and the unread
// count, as the server told them last.
func (c *Conversation) Marks() (mine, theirs wire.Marks, unread int64) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.mine, c.theirs, c.unread
}

// Read says how far a person has read, at once: for sessions without Config.Marks.
func (c *Conversation) Read(n int64) error {
	c.s.mu.Lock()
	mark := wire.ClientMark{Received: c.at.N, Read: n}
	if c.s.agent {
		mark.C = c.id
	}
	c.s.mu.Unlock()
	return c.s.send(mark)
}

// Pending are the items that are not settled, oldest first.
func (c *Conversation) Pending() []*Item {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return append([]*Item(nil), c.queue...)
}

// offline is the loss of the connection; under s.mu.
func (c *Conversation) offline(code uint16) {
	c.asked, c.marked, c.vain, c.unheard = 0, 0, 0, false
	for _, a := range []**alarm{&c.again, &c.resting, &c.marking} {
		(*a).stop()
		*a = nil
	}
	item := c.under
	c.under = nil
	if item != nil && code == uint16(wire.CloseTooBig) {
		c.settle(item, Failed)
	}
}

// event takes an event that was pushed.
func (s *Session) event(data []byte) {
	e := &s.scratch
	var c chat.ConversationUUID
	o := walk(data)
	for {
		name, value, ok := o.member()
		if !ok {
			break
		}
		switch string(name) {
		case "c":
			c = id(value)
		case "e":
			readEvent(e, value)
		}
	}
	s.mu.Lock()
	conv := s.find(c)
	if conv == nil || !conv.follow {
		s.mu.Unlock()
		return
	}
	if conv.id.IsNil() {
		conv.id, conv.known = c, true // a visitor's first event: its log begins here
	}
	s.mu.Unlock()
	s.apply(conv, e)
	s.mu.Lock()
	frames := [2][]byte{conv.fill(), conv.mark()}
	conn := s.conn
	s.mu.Unlock()
	s.write(conn, frames[0])
	s.write(conn, frames[1])
}

// apply puts an event at the end of the copy, if it belongs there.
func (s *Session) apply(c *Conversation, e *Event) {
	s.mu.Lock()
	c.highest = max(c.highest, e.N)
	if e.N == c.at.N && e.Tag != c.at.Tag {
		c.known, c.at = false, wire.Position{} // another log: start anew
	}
	if e.N != c.at.N+1 || !c.known {
		s.mu.Unlock()
		return
	}
	c.at = wire.Position{N: e.N, Tag: e.Tag}
	var item *Item
	if len(c.queue) > 0 && c.queue[0].ID == e.ID && !s.cfg.AcksOnly {
		item = c.queue[0]
		item.ByEvent, item.Ack, item.AckedIn = true, c.at, c.id
		c.settle(item, Acked)
	}
	s.mu.Unlock()
	if f := s.cfg.Observer.Event; f != nil {
		f(c, e)
	}
	s.settled(c, item)
}

// takePage applies a page of whichever origin.
func (s *Session) takePage(c *Conversation, p page) {
	events := walk(p.events)
	first, some := events.element()
	s.mu.Lock()
	before := c.at.N
	var why Base
	switch {
	case p.reset:
		why = Reset
	case p.truncated:
		why = Truncated
	case !c.known:
		why = First
	}
	if why != "" {
		c.known, c.at, c.highest = true, wire.Position{}, 0
		if some {
			readEvent(&s.scratch, first)
			c.at.N = s.scratch.N - 1
		}
	}
	base := c.at.N
	c.highest = max(c.highest, p.head.N)
	s.mu.Unlock()
	if f := s.cfg.Observer.Based; f != nil && why != "" {
		f(c, why, base)
	}
	for raw := first; some; raw, some = events.element() {
		readEvent(&s.scratch, raw)
		s.apply(c, &s.scratch)
	}
	s.mu.Lock()
	if c.at.N != before || why != "" {
		c.vain = 0
	} else {
		c.vain++
	}
	frames := [2][]byte{c.fill(), c.mark()}
	conn := s.conn
	s.mu.Unlock()
	s.write(conn, frames[0])
	s.write(conn, frames[1])
}

// fill asks for what is missing, if anything is and nobody has asked; under s.mu.
func (c *Conversation) fill() []byte {
	missing := c.highest > c.at.N || !c.known && c.follow && !c.id.IsNil()
	if !missing || c.asked != 0 || c.again != nil || !c.s.open {
		return nil
	}
	if c.vain > 0 {
		c.askLater(time.Second << min(c.vain-1, 5))
		return nil
	}
	return c.ask()
}

func (c *Conversation) ask() []byte {
	c.asked = c.s.nextR()
	request := wire.ClientPage{R: c.asked, Limit: fillSize}
	if c.s.agent {
		request.C = c.id
	}
	if at := c.at; c.known {
		request.After = &at
	}
	frame, err := wire.Encode(request)
	if err != nil { // a position and a UUID always encode
		panic(err)
	}
	return frame
}

// askLater asks once more after a pause: for a page, or to be told of the
// conversation at all; under s.mu.
func (c *Conversation) askLater(pause time.Duration) {
	if c.again != nil {
		return
	}
	c.again = c.s.after(pause, func() (*Item, []byte) {
		c.again = nil
		switch {
		case c.asked != 0:
			return nil, nil
		case c.unheard:
			return nil, c.look()
		}
		return nil, c.ask()
	})
}

// mark tells how far the copy reaches, at once or when a second has passed; under s.mu.
func (c *Conversation) mark() []byte {
	if !c.s.cfg.Marks || c.at.N <= max(c.marked, c.mine.Read) || c.marking != nil || !c.s.open {
		return nil
	}
	now := time.Now()
	if wait := markEvery - now.Sub(c.markedAt); wait > 0 {
		c.marking = c.s.after(wait, func() (*Item, []byte) {
			c.marking = nil
			return nil, c.mark()
		})
		return nil
	}
	c.marked, c.markedAt = c.at.N, now
	return appendMark(nil, c)
}
