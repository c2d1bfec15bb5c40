package client

import (
	"context"

	"github.com/kefu-chat/kefu/internal/wire"
)

// arrival is a connection that was greeted while the session had another one.
type arrival struct {
	conn  line
	hello []byte // the server's
}

// move opens a second connection, because the server asks the session to go
// elsewhere, and leaves the first one when it is greeted on the second.
func (s *Session) move() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sought != nil || s.cfg.Stay || s.ctx.Err() != nil {
		return
	}
	old, sought := s.conn, make(chan *arrival, 1)
	s.sought = sought
	s.alarms.Go(func() {
		next := s.seek(old)
		sought <- next
		if next != nil {
			_ = old.Close() // the session's goroutine goes on with next
		}
	})
}

// seek tries to arrive elsewhere until it has, or the first connection is gone.
func (s *Session) seek(old line) *arrival {
	for attempts := 1; ; attempts++ {
		next, busy := s.arrive()
		if next != nil {
			return next
		}
		s.mu.Lock()
		gone := s.conn != old
		s.mu.Unlock()
		if gone || !s.rest(attempts, busy) {
			return nil
		}
	}
}

// arrive connects and says hello; nil if that leads nowhere, with the error frame
// that said why, if one came.
func (s *Session) arrive() (*arrival, *wire.ServerError) {
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.AttemptTimeout)
	defer cancel()
	conn, err := s.dial(ctx)
	if err != nil {
		return nil, nil
	}
	stop := context.AfterFunc(s.ctx, func() { _ = conn.Close() })
	defer stop()
	s.mu.Lock()
	hello, err := s.hello()
	s.mu.Unlock()
	if err == nil {
		err = conn.Write(hello)
	}
	for err == nil {
		var data []byte
		if data, err = conn.Read(); err != nil {
			break
		}
		switch typeOf(data) {
		case "hello":
			return &arrival{conn, append([]byte(nil), data...)}, nil
		case "error":
			_ = conn.Close()
			refusal, _ := unmarshal[wire.ServerError](data)
			return nil, refusal
		}
	}
	_ = conn.Close()
	return nil, nil
}

// arrived waits for a move under way and is what came of it; nil without one.
func (s *Session) arrived() *arrival {
	s.mu.Lock()
	sought := s.sought
	s.mu.Unlock()
	if sought == nil {
		return nil
	}
	next := <-sought
	s.mu.Lock()
	s.sought = nil
	s.mu.Unlock()
	return next
}
