// Package checker tells whether what clients saw and what the database holds
// keep Kefu's promises: acked means kept, once; one order without a gap; shown
// once, in order; no note reaches a visitor. A History records, a Database is
// read, Check compares.
package checker

import (
	"slices"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/wire"
)

// History is what the clients of one test did and saw. Its methods may be
// called from any goroutine.
type History struct {
	mu       sync.Mutex
	begun    time.Time
	commands map[chat.ClientID]*Command
	copies   []*Copy
}

// New makes an empty history.
func New() *History {
	return &History{begun: time.Now(), commands: map[chat.ClientID]*Command{}}
}

// Fate is what the client knows of a command.
type Fate int

// The fates of a command.
const (
	Pending Fate = iota // may have been kept or not
	Acked
	Refused
)

// Command is one that a client sent, perhaps more than once.
type Command struct {
	ID           chat.ClientID
	By           string // the client's name in the test
	ByVisitor    bool
	T            string // send, note, take, …
	Text         string
	Conversation chat.ConversationUUID // zero for a visitor who has none yet
	Fate         Fate
	// At and In are what the ack said.
	At wire.Position
	In chat.ConversationUUID
	// Code and Holder are of the refusal: the agent who has the round.
	Code   chat.Code
	Holder chat.AgentID
	// Tries counts how often it was sent; First and Last are when it was first
	// sent and settled, since the history began.
	Tries       int
	First, Last time.Duration
}

// Seen is an event that a client applied to its copy.
type Seen struct {
	Conversation chat.ConversationUUID
	N            int64
	Tag          uint32
	Kind         chat.Kind
	By           chat.ActorKind
	Private      bool
	Text         string
}

// Copy is a client's copy of a conversation, from where it began.
type Copy struct {
	Name    string
	Visitor bool
	// Why it began anew the last time, and how often that was a reset.
	Why    client.Base
	Resets int
	Base   int64
	Events []Seen
}

func (c *Copy) last() wire.Position {
	if len(c.Events) == 0 {
		return wire.Position{N: c.Base}
	}
	e := c.Events[len(c.Events)-1]
	return wire.Position{N: e.N, Tag: e.Tag}
}

// Sent records a command that goes out.
func (h *History) Sent(c Command) {
	h.mu.Lock()
	defer h.mu.Unlock()
	known := h.commands[c.ID]
	if known == nil {
		c.First = time.Since(h.begun)
		known = &c
		h.commands[c.ID] = known
	}
	known.Tries++
}

// Settled records what became of a command.
func (h *History) Settled(id chat.ClientID, fate Fate, at wire.Position, in chat.ConversationUUID, refusal *wire.ServerError) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.commands[id]
	if c == nil {
		return
	}
	c.Fate, c.At, c.In, c.Last = fate, at, in, time.Since(h.begun)
	if refusal != nil {
		c.Code = refusal.Code
		if r := refusal.Round; r != nil && r.Agent != nil {
			c.Holder = r.Agent.ID
		}
	}
}

// Copy adds a copy of a conversation.
func (h *History) Copy(name string, visitor bool) *Copy {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := &Copy{Name: name, Visitor: visitor}
	h.copies = append(h.copies, c)
	return c
}

// Based records that a copy begins anew.
func (h *History) Based(c *Copy, why client.Base, base int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.Why, c.Base, c.Events = why, base, nil
	if why == client.Reset {
		c.Resets++
	}
}

// Saw records an event that a copy took.
func (h *History) Saw(c *Copy, e Seen) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.Events = append(c.Events, e)
}

// Commands are all commands, in no order.
func (h *History) Commands() []Command {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]Command, 0, len(h.commands))
	for _, c := range h.commands {
		out = append(out, *c)
	}
	return out
}

// Copies are all copies.
func (h *History) Copies() []Copy {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]Copy, 0, len(h.copies))
	for _, c := range h.copies {
		dup := *c
		dup.Events = slices.Clone(c.Events)
		out = append(out, dup)
	}
	return out
}

// Acked counts the commands that were acked.
func (h *History) Acked() int { return h.count(func(c *Command) bool { return c.Fate == Acked }) }

// Repeated counts the commands that were sent more than once.
func (h *History) Repeated() int { return h.count(func(c *Command) bool { return c.Tries > 1 }) }

// Repetitions counts how often commands were sent beyond their first time.
func (h *History) Repetitions() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.commands {
		n += c.Tries - 1
	}
	return n
}

func (h *History) count(which func(*Command) bool) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.commands {
		if which(c) {
			n++
		}
	}
	return n
}
