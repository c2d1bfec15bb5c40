package checker

import (
	"sync"

	"github.com/kefu-chat/kefu/internal/client"
)

// Observe makes o record into the history as well, under the client's name.
func (h *History) Observe(name string, visitor bool, o client.Observer) client.Observer {
	r := &recorder{h: h, name: name, visitor: visitor, copies: map[*client.Conversation]*Copy{}, next: o}
	o.Sent, o.Settled, o.Event, o.Based = r.sent, r.settled, r.event, r.based
	return o
}

type recorder struct {
	h       *History
	name    string
	visitor bool
	next    client.Observer

	mu     sync.Mutex
	copies map[*client.Conversation]*Copy
}

func (r *recorder) copy(c *client.Conversation) *Copy {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.copies[c]
	if known == nil {
		known = r.h.Copy(r.name, r.visitor)
		r.copies[c] = known
	}
	return known
}

func (r *recorder) sent(i *client.Item, tries int) {
	r.h.Sent(Command{
		ID: i.ID, By: r.name, ByVisitor: r.visitor, T: i.T, Text: i.Text, Conversation: i.Conversation().ID(),
	})
	if r.next.Sent != nil {
		r.next.Sent(i, tries)
	}
}

func (r *recorder) settled(i *client.Item) {
	fate := Acked
	if i.State != client.Acked {
		fate = Refused
	}
	r.h.Settled(i.ID, fate, i.Ack, i.AckedIn, i.Refusal)
	if r.next.Settled != nil {
		r.next.Settled(i)
	}
}

func (r *recorder) event(c *client.Conversation, e *client.Event) {
	r.h.Saw(r.copy(c), Seen{
		Conversation: c.ID(), N: e.N, Tag: e.Tag, Kind: e.Kind, By: e.By, Private: e.Private, Text: e.Text(),
	})
	if r.next.Event != nil {
		r.next.Event(c, e)
	}
}

func (r *recorder) based(c *client.Conversation, why client.Base, base int64) {
	r.h.Based(r.copy(c), why, base)
	if r.next.Based != nil {
		r.next.Based(c, why, base)
	}
}
