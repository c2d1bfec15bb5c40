//go:build linux

package scenario

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
)

// crowd are visitors who write one message after the other, and agents who
// answer them, each retrying until it is acked.
type crowd struct {
	s        *server
	visitors []*talker
	agents   []*desk
	still    atomic.Bool   // nobody begins anything more
	acks     chan struct{} // a signal for every ack, dropped when nobody counts
	lags     *lags         // nil: nobody measures
}

// talker is a visitor.
type talker struct {
	crowd  *crowd
	name   string
	secret string
	v      *client.Visitor
	n      int
	desk   *desk
	known  sync.Once
}

// desk is an agent with the visitors it answers.
type desk struct {
	crowd *crowd
	who   access
	a     *client.Agent
	n     atomic.Int64
}

// newCrowd starts visitors and agents; every second one settles by acks alone.
func newCrowd(s *server, visitors, agents int, change func(*client.Config)) *crowd {
	return measuredCrowd(s, visitors, agents, nil, change)
}

// measuredCrowd is a crowd whose lags are measured.
func measuredCrowd(s *server, visitors, agents int, lags *lags, change func(*client.Config)) *crowd {
	c := &crowd{s: s, acks: make(chan struct{}, 1), lags: lags}
	for i := range agents {
		d := &desk{crowd: c, who: s.in.agents[i]}
		d.a = s.agent(d.who, client.Observer{Event: d.answer, Settled: c.settled}, func(cfg *client.Config) {
			cfg.AcksOnly = i%2 == 0
			if change != nil {
				change(cfg)
			}
		})
		c.agents = append(c.agents, d)
	}
	for i := range visitors {
		t := &talker{crowd: c, name: fmt.Sprintf("visitor %d", i), secret: client.NewSecret(), desk: c.agents[i%agents]}
		t.v = s.visitor(t.name, t.secret, client.Observer{Settled: t.settled, Event: t.heard}, func(cfg *client.Config) {
			cfg.AcksOnly = i%2 == 0
			if change != nil {
				change(cfg)
			}
		})
		c.visitors = append(c.visitors, t)
	}
	for _, t := range c.visitors {
		t.write()
	}
	return c
}

func (c *crowd) settled(i *client.Item) {
	if i.State != client.Acked {
		c.s.t.Errorf("%s %q was refused: %+v", i.T, i.Text, i.Refusal)
		return
	}
	c.lags.acked(i)
	select {
	case c.acks <- struct{}{}:
	default:
	}
}

func (t *talker) write() {
	t.n++
	t.v.Send(fmt.Sprintf("%s 第 %d 条消息", t.name, t.n))
}

func (t *talker) settled(i *client.Item) {
	t.crowd.settled(i)
	t.known.Do(func() { t.desk.a.Open(i.AckedIn, true) })
	if !t.crowd.still.Load() {
		t.write()
	}
}

func (t *talker) heard(_ *client.Conversation, e *client.Event) { t.crowd.lags.seen(t.name, e) }

// answer replies to a visitor's message, and now and then adds a note.
func (d *desk) answer(c *client.Conversation, e *client.Event) {
	d.crowd.lags.seen(d.who.name, e)
	if d.crowd.still.Load() || e.By != chat.VisitorActor || e.Kind != chat.Message || len(c.Pending()) > 0 {
		return
	}
	n := d.n.Add(1)
	if n%5 == 0 {
		c.Put(&client.Item{T: "note", Text: fmt.Sprintf("note %d of %s", n, d.who.name)})
	}
	c.Put(&client.Item{T: "send", Text: fmt.Sprintf("reply %d of %s", n, d.who.name)})
}

// await waits until so many more commands were acked.
func (c *crowd) await(more int) {
	c.s.t.Helper()
	until := c.s.h.Acked() + more
	eventually(c.s.t, func() string {
		if n := c.s.h.Acked(); n < until {
			return fmt.Sprintf("%d commands were acked, want %d", n, until)
		}
		return ""
	})
}

// rest lets everybody finish, and waits until all are acked and every copy reaches the head.
func (c *crowd) rest() {
	c.s.t.Helper()
	c.still.Store(true)
	eventually(c.s.t, c.unfinished)
	c.caughtUp(c.heads())
}

func (c *crowd) unfinished() string {
	for _, t := range c.visitors {
		if n := len(t.v.Conversation().Pending()); n > 0 {
			return fmt.Sprintf("%s waits for %d acks", t.name, n)
		}
		if n := len(t.desk.a.Conversation(t.v.Conversation().ID()).Pending()); n > 0 {
			return fmt.Sprintf("%s waits for %d acks of %s", t.desk.who.name, n, t.name)
		}
	}
	return ""
}

// head is how long a conversation is, for agents and for its visitor.
type head struct{ all, public int64 }

// heads asks the server, over new sessions.
func (c *crowd) heads() []head {
	c.s.t.Helper()
	ctx, cancel := context.WithTimeout(c.s.t.Context(), patience)
	defer cancel()
	out := make([]head, len(c.visitors))
	for i, t := range c.visitors {
		id := t.v.Conversation().ID()
		eventually(c.s.t, func() string {
			page, err := t.desk.a.Page(ctx, id, 0, 1)
			if err != nil {
				return err.Error()
			}
			out[i].all = page.Page.Head.N
			return ""
		})
		out[i].public = c.s.publicHead(t.secret)
	}
	return out
}

func (c *crowd) caughtUp(heads []head) {
	c.s.t.Helper()
	eventually(c.s.t, func() string {
		for i, t := range c.visitors {
			if at := t.v.Conversation().At().N; at != heads[i].public {
				return fmt.Sprintf("%s stands at %d of %d", t.name, at, heads[i].public)
			}
			if at := t.desk.a.Conversation(t.v.Conversation().ID()).At().N; at != heads[i].all {
				return fmt.Sprintf("%s stands at %d of %d with %s", t.desk.who.name, at, heads[i].all, t.name)
			}
		}
		return ""
	})
}

// close ends all sessions.
func (c *crowd) close() {
	for _, t := range c.visitors {
		t.v.Close()
	}
	for _, d := range c.agents {
		d.a.Close()
	}
}
