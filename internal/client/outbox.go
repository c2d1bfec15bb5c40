package client

import (
	"math/rand/v2"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// State is what has become of an item.
type State int

// The states of an item.
const (
	Waiting State = iota
	Acked
	Failed // refused, or too big to pass
)

// Item is a command on its way. What the server answered may be read once Done is closed,
// and by Observer.Settled.
type Item struct {
	ID     chat.ClientID
	T      string // send, note, edit, recall, take, assign, release, resolve
	Text   string
	Target int64        // of edit and recall
	Agent  chat.AgentID // of assign

	State State
	// Ack is the position that the ack gave, ByEvent if instead of the ack the event itself came.
	Ack     wire.Position
	AckedIn chat.ConversationUUID
	ByEvent bool
	// Refusal is the error that ended it; nil if a frame was too big.
	Refusal *wire.ServerError

	c      *Conversation
	tries  int
	sentAt time.Time
	done   chan struct{}
}

// Conversation is where the item belongs.
func (i *Item) Conversation() *Conversation { return i.c }

// Done is closed when the item is settled.
func (i *Item) Done() <-chan struct{} {
	s := i.c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.done == nil {
		i.done = make(chan struct{})
		if i.State != Waiting {
			close(i.done)
		}
	}
	return i.done
}

// NewID makes a client_id.
func NewID() chat.ClientID { return uuid.Must(uuid.NewV7()) }

// Put queues a command, whose ID is made if it has none.
func (c *Conversation) Put(i *Item) *Item {
	if i.ID.IsNil() {
		i.ID = NewID()
	}
	i.c = c
	s := c.s
	s.mu.Lock()
	c.queue = append(c.queue, i)
	item, frame := c.pump()
	conn := s.conn
	s.mu.Unlock()
	s.out(conn, item, frame)
	return i
}

// out writes a frame, and tells of the item if it is one that goes out.
func (s *Session) out(conn line, item *Item, frame []byte) {
	if f := s.cfg.Observer.Sent; f != nil && item != nil {
		f(item, item.tries)
	}
	s.write(conn, frame)
}

// pump starts the next item, if it may; under s.mu.
func (c *Conversation) pump() (*Item, []byte) {
	s := c.s
	if !s.open || s.halted || c.under != nil || c.resting != nil || len(c.queue) == 0 {
		return nil, nil
	}
	item := c.queue[0]
	c.under = item
	item.tries++
	item.sentAt = time.Now()
	if s.late == nil {
		s.late = s.after(s.cfg.AckTimeout, s.doubt)
	}
	return item, appendItem(nil, item)
}

// doubt drops a connection on which an ack is late; under s.mu, by the alarm.
func (s *Session) doubt() (*Item, []byte) {
	s.late = nil
	oldest := time.Time{}
	s.each(func(c *Conversation) {
		if u := c.under; u != nil && (oldest.IsZero() || u.sentAt.Before(oldest)) {
			oldest = u.sentAt
		}
	})
	if oldest.IsZero() {
		return nil, nil
	}
	left := s.cfg.AckTimeout - time.Since(oldest)
	if left <= 0 {
		_ = s.conn.Close()
		return nil, nil
	}
	s.late = s.after(left, s.doubt)
	return nil, nil
}

// settle takes an item out of the outbox; under s.mu.
func (c *Conversation) settle(i *Item, state State) {
	i.State = state
	if i.done != nil {
		close(i.done)
	}
	if c.under == i {
		c.under = nil
	}
	c.pauses = 0
	for k, other := range c.queue {
		if other == i {
			c.queue = append(c.queue[:k], c.queue[k+1:]...)
			return
		}
	}
}

// settled tells of an item, and starts the next.
func (s *Session) settled(c *Conversation, i *Item) {
	if i == nil {
		return
	}
	if f := s.cfg.Observer.Settled; f != nil {
		f(i)
	}
	s.resume(c)
}

func (s *Session) resume(c *Conversation) {
	s.mu.Lock()
	item, frame := c.pump()
	conn := s.conn
	s.mu.Unlock()
	s.out(conn, item, frame)
}

// ack takes an ack frame.
func (s *Session) ack(data []byte) {
	var ack Item
	o := walk(data)
	for {
		name, value, ok := o.member()
		if !ok {
			break
		}
		switch string(name) {
		case "id":
			ack.ID = id(value)
		case "c":
			ack.AckedIn = id(value)
		case "n":
			ack.Ack.N = number(value)
		case "tag":
			ack.Ack.Tag = uint32(number(value))
		}
	}
	s.mu.Lock()
	c := s.find(ack.AckedIn)
	if c == nil || c.under == nil || c.under.ID != ack.ID {
		s.mu.Unlock()
		return
	}
	item := c.under
	if c.id.IsNil() {
		c.id, c.known = ack.AckedIn, true
	}
	item.Ack, item.AckedIn = ack.Ack, ack.AckedIn
	c.settle(item, Acked)
	s.mu.Unlock()
	s.settled(c, item)
}

// refused takes an error frame about an item; false if it is about none.
func (s *Session) refused(e *wire.ServerError) bool {
	s.mu.Lock()
	var c *Conversation
	s.each(func(other *Conversation) {
		if other.under != nil && other.under.ID == e.ID {
			c = other
		}
	})
	if c == nil {
		s.mu.Unlock()
		return false
	}
	item := c.under
	if e.Do == wire.Retry {
		c.under = nil
		c.rest(e.RetryAfter)
		s.mu.Unlock()
		return true
	}
	s.halted = s.halted || e.Do == wire.Stop
	item.Refusal = e
	c.settle(item, Failed)
	s.mu.Unlock()
	s.settled(c, item)
	return true
}

// rest pauses the outbox as an error advised; under s.mu.
func (c *Conversation) rest(millis int) {
	pause := time.Duration(millis) * time.Millisecond
	if pause <= 0 {
		pause = min(time.Second<<min(c.pauses, 5), 30*time.Second)
	}
	c.pauses++
	pause += time.Duration(rand.Int64N(int64(pause)/4 + 1))
	c.resting = c.s.after(pause, func() (*Item, []byte) {
		c.resting = nil
		return c.pump()
	})
}
