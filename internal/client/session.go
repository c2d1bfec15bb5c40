package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// Session is what visitors' and agents' sessions have in common. Its methods
// may be called from any goroutine.
type Session struct {
	cfg    Config
	agent  bool
	secret string // of a visitor
	site   string
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	alarms sync.WaitGroup
	// scratch is the event being read; of the session's own goroutine.
	scratch Event
	deaf    bool // until the next connection

	mu      sync.Mutex
	conn    line
	open    bool // the server has said hello on conn
	halted  bool // an error said: stop
	ended   bool
	err     error
	limits  wire.Limits
	refusal *wire.ServerError // the last error before hello
	own     *Conversation     // a visitor's
	others  map[chat.ConversationUUID]*Conversation
	watched map[chat.View]*watch
	pending map[int64]*request
	lastR   int64
	late    *alarm // looks for acks that do not come
	// sought gets what came of a move; nil while there is none.
	sought    chan *arrival
	continues string // what the next hello says, where a person may have one connection
}

func newSession(ctx context.Context, cfg Config) *Session {
	s := &Session{cfg: cfg.withDefaults(), done: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

// Close ends the session without a goodbye, and waits for it. What was not
// acked stays in the outbox. It must not be called by an Observer.
func (s *Session) Close() {
	s.cancel()
	s.Drop()
	<-s.done
	s.alarms.Wait()
}

// End asks the session to end, without waiting: for Observers.
func (s *Session) End() {
	s.cancel()
	s.Drop()
}

// Drop cuts the connection; the session comes back by itself.
func (s *Session) Drop() {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		_ = conn.Close()
	}
}

// Done is closed when the session has ended for good; Err then says why.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err is why the session ended: nil while it lives.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Limits are what the last hello told; zero before it.
func (s *Session) Limits() wire.Limits {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits
}

// Conn is the present WebSocket, for tests that misbehave; nil while there is none.
func (s *Session) Conn() *ws.ClientConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.conn.(*socket); ok {
		return l.ClientConn
	}
	return nil
}

// run is the session's goroutine.
func (s *Session) run() {
	defer close(s.done)
	var next *arrival
	for attempts := 1; ; attempts++ {
		begun := time.Now()
		err := s.attempt(next)
		code := codeOf(err)
		s.down(code)
		if next = s.arrived(); next != nil {
			if f := s.cfg.Observer.Moved; f != nil {
				f()
			}
			attempts = 0
			continue
		}
		if f := s.cfg.Observer.Lost; f != nil {
			f(code, err)
		}
		if s.ctx.Err() != nil || s.cfg.Stay || !returns(code, err) {
			s.end(err)
			return
		}
		if time.Since(begun) >= settled {
			attempts = 0
		}
		s.mu.Lock()
		busy := s.refusal
		s.mu.Unlock()
		if !s.rest(attempts, busy) {
			s.end(s.ctx.Err())
			return
		}
	}
}

// attempt connects, or goes on with next, and reads until the connection ends,
// which is never without an error.
func (s *Session) attempt(next *arrival) error {
	if next != nil {
		return s.goOn(next)
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.AttemptTimeout)
	defer cancel()
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	hello, err := s.begin(conn)
	if err != nil {
		return err
	}
	s.write(conn, hello)
	return s.read(conn)
}

func (s *Session) goOn(next *arrival) error {
	defer next.conn.Close()
	s.mu.Lock()
	s.conn, s.refusal, s.deaf = next.conn, nil, false
	err := s.ctx.Err()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.frame(next.conn, next.hello)
	return s.read(next.conn)
}

func (s *Session) read(conn line) error {
	for {
		data, err := conn.Read()
		if err != nil {
			return err
		}
		s.frame(conn, data)
	}
}

func (s *Session) begin(conn line) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	s.conn, s.refusal, s.deaf = conn, nil, false
	return s.hello()
}

// hello is the first frame of a connection; under s.mu.
func (s *Session) hello() ([]byte, error) {
	hello := wire.ClientHello{Presence: s.cfg.Presence, Client: s.cfg.Name, Continues: s.continues}
	if !s.agent {
		hello.Site, hello.Secret = s.site, s.secret
		if s.own.known {
			at := s.own.at
			hello.At = &at
		}
	}
	return wire.Encode(hello)
}

// down makes everything wait for the next hello.
func (s *Session) down(code uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn, s.open = nil, false
	s.late.stop()
	s.late = nil
	failed := s.pending
	s.pending = nil
	for _, r := range failed {
		r.answer("", nil, ErrOffline)
	}
	s.each(func(c *Conversation) { c.offline(code) })
	for _, w := range s.watched {
		w.again.stop()
		w.again, w.asked = nil, 0
	}
}

func (s *Session) end(err error) {
	s.mu.Lock()
	if s.ctx.Err() != nil {
		err = context.Canceled
	}
	if s.refusal != nil {
		err = fmt.Errorf("%s: %s (%w)", s.refusal.Code, s.refusal.Text, err)
	}
	s.err, s.ended = err, true
	s.mu.Unlock()
	s.cancel()
	if f := s.cfg.Observer.Stopped; f != nil {
		f(err)
	}
}

// rest waits a random time before the next attempt, and at least as long as the
// last refusal, if any, asks for; false when the session ends meanwhile.
func (s *Session) rest(attempts int, refusal *wire.ServerError) bool {
	s.mu.Lock()
	least := orElse(s.cfg.BackoffMin, orElse(time.Duration(s.limits.BackoffMin)*time.Millisecond, backoffMin))
	most := orElse(s.cfg.BackoffMax, orElse(time.Duration(s.limits.BackoffMax)*time.Millisecond, backoffMax))
	s.mu.Unlock()
	span := min(most, least<<min(attempts+1, 20)) - least
	pause := least + time.Duration(rand.Float64()*float64(max(span, 0)))
	if refusal != nil {
		pause = max(pause, time.Duration(refusal.RetryAfter)*time.Millisecond)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

func orElse(d, other time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return other
}

// each goes over all conversations; under s.mu.
func (s *Session) each(f func(c *Conversation)) {
	if s.own != nil {
		f(s.own)
	}
	for _, c := range s.others {
		f(c)
	}
}

// find is the conversation that a frame names; under s.mu.
func (s *Session) find(c chat.ConversationUUID) *Conversation {
	if s.own != nil {
		return s.own
	}
	return s.others[c]
}

// write sends a frame if there is one; a failure shows in the next read.
func (s *Session) write(conn line, frame []byte) {
	if conn != nil && frame != nil && conn.Write(frame) != nil {
		_ = conn.Close()
	}
}

// send writes a frame of any kind if the session is open, else says ErrOffline.
func (s *Session) send(f wire.Frame) error {
	frame, err := wire.Encode(f)
	if err != nil {
		return err
	}
	s.mu.Lock()
	conn, open := s.conn, s.open
	s.mu.Unlock()
	if !open {
		return ErrOffline
	}
	s.write(conn, frame)
	return nil
}

// Ping asks for a pong, which Observer.Frame sees.
func (s *Session) Ping() error { return s.send(wire.ClientPing{}) }

// SetPresence says online or away.
func (s *Session) SetPresence(presence wire.Presence) error {
	return s.send(wire.ClientPresence{Presence: presence})
}

// ErrOffline is what a request gets while there is no connection, or when it is lost.
var ErrOffline = errors.New("client: there is no connection")

// codeOf is the close code that an attempt ended with, 1006 without one.
func codeOf(err error) uint16 {
	var closed *ws.CloseError
	if errors.As(err, &closed) {
		return closed.Code
	}
	return ws.CodeAbnormal
}

func returns(code uint16, err error) bool {
	var refused *ws.DialError
	if errors.As(err, &refused) {
		return refused.Status == http.StatusTooManyRequests || refused.Status >= http.StatusInternalServerError
	}
	return wire.CloseCode(code).ComeBack()
}

func unmarshal[T any](data []byte) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(data, v); err != nil {
		return nil, fmt.Errorf("client: the server sent %.80q: %w", data, err)
	}
	return v, nil
}
