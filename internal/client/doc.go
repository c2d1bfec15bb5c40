// Package client speaks the wire as the browser client does, for scenario
// tests and load: hello, an outbox with one command of a conversation under
// way, repetition with the same client_id, resume by position, marks, lists,
// and coming back by itself.
//
// A session costs one goroutine, parked in its read, and no timer while
// nothing is under way. What comes most often (acks, events, marks) is read
// without reflection. Everything seen is told to an Observer, on the session's
// goroutine, in the order in which it came.
package client

import (
	"net/http"
	"time"

	"github.com/kefu-chat/kefu/internal/wire"
)

// Config says where to connect and how; the zero value of each field but URL will do.
type Config struct {
	// URL is the WebSocket's address: ws://host:port/ws/v1/visitor or …/agent.
	URL string
	// Transport carries the frames (WebSocket); the streaming doors are found by URL.
	Transport Transport
	// Header goes along with the handshake: Origin and, for agents, Cookie.
	Header http.Header
	// LocalAddr is the IP to dial from, for instance 127.0.3.1.
	LocalAddr string
	// ReadBuffer is kept for the session's whole life, in bytes (1024).
	ReadBuffer int
	// BackoffMin and BackoffMax bound the pause before coming back; they go before what hello says.
	BackoffMin, BackoffMax time.Duration
	// AttemptTimeout bounds one attempt, from dialling to the server's hello (10 s).
	AttemptTimeout time.Duration
	// AckTimeout is after how long without an answer the connection is given up (15 s).
	AckTimeout time.Duration
	// WriteTimeout bounds one write to a server that does not read (20 s).
	WriteTimeout time.Duration
	// AcksOnly: an item is settled by its ack alone, never by its event. It
	// makes a lost ack end in a repetition, which is what tests want to see.
	AcksOnly bool
	// Marks sends how far this side has received and read, at most once a second for each conversation.
	Marks bool
	// Hear, for tests, is asked whether a frame arrives: if not, the connection is lost just before it.
	Hear func(t string, data []byte) bool
	// Stay stops the session from coming back by itself.
	Stay bool
	// Presence is what hello says: online or away.
	Presence wire.Presence
	// Name goes into hello's client.
	Name string

	Observer Observer
}

func (c Config) withDefaults() Config {
	if c.ReadBuffer == 0 {
		c.ReadBuffer = 1024
	}
	if c.AttemptTimeout == 0 {
		c.AttemptTimeout = 10 * time.Second
	}
	if c.AckTimeout == 0 {
		c.AckTimeout = 15 * time.Second
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = 20 * time.Second
	}
	if c.Name == "" {
		c.Name = "kefu-go/1"
	}
	return c
}

// Pauses before coming back until a hello says others.
const (
	backoffMin = 500 * time.Millisecond
	backoffMax = 30 * time.Second
	// settled: a connection that held this long starts the backoff anew.
	settled = 5 * time.Second
	// markEvery is the least time between two marks of a conversation.
	markEvery = time.Second
)

// Observer is told what a session sees. All but Sent are called on the session's
// own goroutine, one at a time; nil ones are left out. They may call the
// session's methods, but not wait for it.
type Observer struct {
	// Connected: the server said hello. What its page holds follows as Events.
	Connected func(h *wire.ServerHello)
	// Lost: the connection ended, with the close code (1006 without one).
	Lost func(code uint16, err error)
	// Moved: the server sent the session elsewhere, and it was greeted there before
	// it left. Connected follows.
	Moved func()
	// Stopped: the session will not come back.
	Stopped func(err error)
	// Sent: a command goes out now, again if tries > 1. Called by whoever sends.
	Sent func(item *Item, tries int)
	// Settled: an item was acked or refused; see its State.
	Settled func(item *Item)
	// Event: the copy of the conversation grew by this event. e is valid during the call only.
	Event func(c *Conversation, e *Event)
	// Based: the copy starts anew, after the event with number base.
	Based func(c *Conversation, why Base, base int64)
	// Gone: a conversation that was open cannot be opened any more.
	Gone func(c *Conversation, e *wire.ServerError)
	// Mark: somebody's marks moved.
	Mark func(m *wire.ServerMark)
	// List and Rows are the lists that are watched. Decoding them costs: leave them out in load tests.
	List func(l *wire.ServerList)
	Rows func(r *wire.ServerRows)
	// Opened is the answer to Open.
	Opened func(o *wire.ServerConversation)
	// Error is an error frame that answers no item and no request.
	Error func(e *wire.ServerError)
	// Frame gets every frame first, and those without a callback here nowhere else. data is valid during the call only.
	Frame func(t string, data []byte)
}

// Base says why a copy starts anew.
type Base string

// The reasons to start a copy anew.
const (
	First     Base = "first"     // there was none
	Reset     Base = "reset"     // the position was not of this log
	Truncated Base = "truncated" // what follows the position was removed
)
