package client

import (
	"context"
	"fmt"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// typeOf is the frame's "t", which the server writes first.
func typeOf(data []byte) string {
	o := walk(data)
	for {
		name, value, ok := o.member()
		if !ok {
			return ""
		}
		if string(name) == "t" {
			switch string(inner(value)) {
			case "event":
				return "event"
			case "ack":
				return "ack"
			case "rows":
				return "rows"
			case "mark":
				return "mark"
			}
			return text(value)
		}
	}
}

// frame takes what the server sent.
func (s *Session) frame(conn line, data []byte) {
	t := typeOf(data)
	if s.cfg.Hear != nil && !s.deaf {
		s.deaf = !s.cfg.Hear(t, data)
	}
	if s.deaf {
		_ = conn.Close()
		return
	}
	if f := s.cfg.Observer.Frame; f != nil {
		f(t, data)
	}
	switch t {
	case "event":
		s.event(data)
	case "ack":
		s.ack(data)
	case "hello":
		s.greeted(conn, data)
	case "error":
		s.error(data)
	case "page":
		s.page(data)
	case "mark":
		s.marks(data)
	case "conversation":
		s.opened(data)
	case "list":
		s.list(data)
	case "rows":
		decoded(s.cfg.Observer.Rows, data)
	case "visitors":
		s.visitors(data)
	case "move":
		s.move()
	}
}

// decoded calls f, if there is one, with the whole frame.
func decoded[T any](f func(*T), data []byte) {
	if f == nil {
		return
	}
	if v, err := unmarshal[T](data); err == nil {
		f(v)
	}
}

// greeted takes the server's hello: the session is open.
func (s *Session) greeted(conn line, data []byte) {
	hello, err := unmarshal[wire.ServerHello](data)
	if err != nil {
		_ = conn.Close()
		return
	}
	conn.greeted()
	s.mu.Lock()
	s.open, s.halted, s.refusal, s.limits, s.continues = true, false, nil, hello.Limits, hello.Continues
	asked := s.askAnew() // under the same lock: who watches or opens more from now on asks by itself
	s.mu.Unlock()
	for _, frame := range asked {
		s.write(conn, frame)
	}
	if f := s.cfg.Observer.Connected; f != nil {
		f(hello)
	}
	if s.agent {
		s.resumeAll()
		return
	}
	s.restore(hello, data)
	s.resume(s.own)
}

// restore brings a visitor's copy up to date with what hello says.
func (s *Session) restore(hello *wire.ServerHello, data []byte) {
	c := s.own
	s.mu.Lock()
	lost := hello.Conversation == nil && c.known && c.at.N > 0
	if info := hello.Conversation; info != nil {
		c.id, c.mine, c.theirs, c.unread = info.C, info.Mine, info.Theirs, info.Unread
	} else {
		c.id, c.known = chat.ConversationUUID{}, false
	}
	s.mu.Unlock()
	if lost { // the server's log does not have this conversation at all
		s.takePage(c, page{reset: true})
		s.mu.Lock()
		c.known = false
		s.mu.Unlock()
	}
	o := walk(data)
	for {
		name, value, ok := o.member()
		if !ok {
			return
		}
		if string(name) == "page" && len(value) > 0 && value[0] == '{' {
			s.takePage(c, readPage(value))
			return
		}
	}
}

// error takes an error frame: about an item, a request, or neither.
func (s *Session) error(data []byte) {
	e, err := unmarshal[wire.ServerError](data)
	if err != nil {
		return
	}
	if !e.ID.IsNil() && s.refused(e) {
		return
	}
	if e.R != 0 && s.failed(e) {
		return
	}
	s.mu.Lock()
	if !s.open {
		s.refusal = e
	}
	s.mu.Unlock()
	if f := s.cfg.Observer.Error; f != nil {
		f(e)
	}
}

// page takes a page that was asked for, or that fills a gap.
func (s *Session) page(data []byte) {
	var r int64
	var c chat.ConversationUUID
	var p page
	o := walk(data)
	for {
		name, value, ok := o.member()
		if !ok {
			break
		}
		switch string(name) {
		case "r":
			r = number(value)
		case "c":
			c = id(value)
		case "page":
			p = readPage(value)
		}
	}
	if r != 0 && s.answered(r, "page", data) {
		return
	}
	s.mu.Lock()
	conv := s.find(c)
	mine := conv != nil && conv.follow && (r == 0 || r == conv.asked)
	if mine && r != 0 {
		conv.asked = 0
	}
	s.mu.Unlock()
	if mine {
		s.takePage(conv, p)
	}
}

// visitors takes who is online, if somebody waits for it.
func (s *Session) visitors(data []byte) {
	s.mu.Lock()
	asked := len(s.pending) > 0
	s.mu.Unlock()
	if !asked {
		return
	}
	if v, err := unmarshal[wire.ServerVisitors](data); err == nil && v.R != 0 {
		s.answered(v.R, "visitors", data)
	}
}

// marks takes a mark frame: ours from another device, or somebody's.
func (s *Session) marks(data []byte) {
	m, err := unmarshal[wire.ServerMark](data)
	if err != nil {
		return
	}
	s.mu.Lock()
	if c := s.find(m.C); c != nil {
		c.moved(m)
	}
	s.mu.Unlock()
	if f := s.cfg.Observer.Mark; f != nil {
		f(m)
	}
}

// moved keeps the furthest marks; under s.mu.
func (c *Conversation) moved(m *wire.ServerMark) {
	if m.Unread != nil {
		c.unread = *m.Unread
	}
	theirs := (m.Who.Kind == chat.VisitorActor) == c.s.agent
	switch {
	case theirs:
		c.theirs = furthest(c.theirs, m.Marks)
	case m.Unread != nil: // told to the participant's own sessions
		c.mine = furthest(c.mine, m.Marks)
	}
}

func furthest(a, b wire.Marks) wire.Marks {
	return wire.Marks{Received: max(a.Received, b.Received), Read: max(a.Read, b.Read)}
}

// request waits for its answer.
type request struct {
	answer func(t string, data []byte, err error) // under s.mu
}

// nextR numbers a request; under s.mu.
func (s *Session) nextR() int64 {
	s.lastR++
	return s.lastR
}

// answered gives a frame to the request it answers, if somebody waits.
func (s *Session) answered(r int64, t string, data []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := s.pending[r]
	if waiting == nil {
		return false
	}
	delete(s.pending, r)
	waiting.answer(t, data, nil)
	return true
}

// failed takes an error that answers a request.
func (s *Session) failed(e *wire.ServerError) bool {
	s.mu.Lock()
	if waiting := s.pending[e.R]; waiting != nil {
		delete(s.pending, e.R)
		waiting.answer("error", nil, &RequestError{*e})
		s.mu.Unlock()
		return true
	}
	var c *Conversation
	s.each(func(other *Conversation) {
		if other.asked == e.R || other.looked == e.R {
			c = other
		}
	})
	if c == nil {
		view := s.unwatched(e)
		s.mu.Unlock()
		return view
	}
	c.asked, c.unheard = 0, c.unheard || c.looked == e.R
	gone := e.Do != wire.Retry
	if gone {
		c.follow = false
	} else {
		c.askLater(millis(e.RetryAfter))
	}
	s.mu.Unlock()
	if f := s.cfg.Observer.Gone; f != nil && gone {
		f(c, e)
	}
	return true
}

// unwatched has a view asked for again, if it is one that was refused for now; under s.mu.
func (s *Session) unwatched(e *wire.ServerError) bool {
	for view, w := range s.watched {
		if w.asked != e.R {
			continue
		}
		if e.Do == wire.Retry {
			w.again.stop()
			w.again = s.after(millis(e.RetryAfter), func() (*Item, []byte) { return nil, s.ask(view) })
		}
		return true
	}
	return false
}

// RequestError is a refused request.
type RequestError struct{ Frame wire.ServerError }

func (e *RequestError) Error() string { return fmt.Sprintf("%s: %s", e.Frame.Code, e.Frame.Text) }

// call sends a request and waits for its answer: ErrOffline, *RequestError, ctx's error.
func call[T any](ctx context.Context, s *Session, build func(r int64) wire.Frame) (*T, error) {
	type outcome struct {
		v   *T
		err error
	}
	got := make(chan outcome, 1)
	s.mu.Lock()
	if !s.open {
		s.mu.Unlock()
		return nil, ErrOffline
	}
	r := s.nextR()
	if s.pending == nil {
		s.pending = map[int64]*request{}
	}
	s.pending[r] = &request{answer: func(_ string, data []byte, err error) {
		if err != nil {
			got <- outcome{err: err}
			return
		}
		v, err := unmarshal[T](data)
		got <- outcome{v, err}
	}}
	s.mu.Unlock()
	if err := s.send(build(r)); err != nil {
		return nil, err
	}
	select {
	case o := <-got:
		return o.v, o.err
	case <-ctx.Done():
		s.mu.Lock()
		delete(s.pending, r)
		s.mu.Unlock()
		return nil, ctx.Err()
	}
}
