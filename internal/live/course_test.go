package live_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/wire"
)

// client is a well-behaved client over many connections: it keeps its copy and
// its position, asks for pages while there are more, and repeats what was not acked.
type client struct {
	t     *rapid.T
	n     *node
	who   byte         // a visitor, or
	agent chat.AgentID // an agent
	p     *peer
	read  int // frames that were read

	c      chat.ConversationUUID
	at     wire.Position
	copied []string // number, tag and text of each event, in order
	outbox []wire.ClientText
	acked  map[chat.ClientID]wire.ServerAck
	asked  bool
	later  []wire.Event // what came by itself while pages were under way
	head   int64        // what came by itself reaches this number
}

func (c *client) connect() {
	if c.p != nil {
		return
	}
	c.read, c.asked, c.later, c.head = 0, false, nil, 0
	at := c.at
	if c.agent != 0 {
		c.p = c.n.agent(c.agent)
		if !c.c.IsNil() {
			c.p.say(wire.ClientOpen{T: "open", R: 1, C: c.c, At: &at})
		}
	} else {
		c.p = c.n.stranger()
		hello := wire.ClientHello{Site: "ShopKey", Secret: secret(c.who), At: &at}
		c.p.say(hello)
	}
	for _, m := range c.outbox {
		c.p.say(m)
	}
}

func (c *client) disconnect() {
	if c.p != nil {
		c.p.leave()
		c.absorb()
		c.p = nil
	}
}

// absorb reads what came.
func (c *client) absorb() {
	c.p.mu.Lock()
	frames := c.p.frames[c.read:]
	c.read = len(c.p.frames)
	c.p.mu.Unlock()
	for _, f := range frames {
		one := &peer{w: c.n.w, frames: []frame{f}}
		switch f.t {
		case "hello":
			if h := all[wire.ServerHello](one, f.t)[0]; h.Page != nil {
				c.greeted(h.Page)
			}
		case "conversation":
			c.greeted(&all[wire.ServerConversation](one, f.t)[0].Page)
		case "page":
			p := all[wire.ServerPage](one, f.t)[0]
			if p.R == 0 {
				c.live(p.Page.Events)
				continue
			}
			c.asked = false
			c.page(&p.Page)
		case "event":
			c.live([]wire.Event{all[wire.ServerEvent](one, f.t)[0].E})
		case "ack":
			a := all[wire.ServerAck](one, f.t)[0]
			c.acked[a.ID], c.c = a, a.C
		case "error":
			c.t.Fatalf("an error: %s", f.data)
		}
	}
}

// greeted takes the page from whose head on events come by themselves.
func (c *client) greeted(p *wire.Page) {
	c.head = p.Head.N
	c.page(p)
}

// page takes a page that was asked for; it may reach into what comes by itself.
func (c *client) page(p *wire.Page) {
	if p.Reset || p.Truncated {
		c.t.Fatalf("a log that was not touched is told anew: %+v", p)
	}
	for _, e := range p.Events {
		c.append(e)
	}
	if p.More {
		c.asked = true
		at := c.at
		c.p.say(wire.ClientPage{R: 1, C: c.c, After: &at, Limit: 3})
		return
	}
	for _, e := range c.later {
		c.append(e)
	}
	c.later = nil
}

// live holds the promise: what comes by itself comes once, in order, without a gap.
func (c *client) live(events []wire.Event) {
	for _, e := range events {
		if e.N != c.head+1 {
			c.t.Fatalf("%s: event %d came behind %d", c.name(), e.N, c.head)
		}
		if e.Private && c.agent == 0 {
			c.t.Fatalf("a note reached the visitor: %+v", e)
		}
		c.head = e.N
		if c.asked {
			c.later = append(c.later, e)
		} else {
			c.append(e)
		}
	}
}

// append adds an event to the copy, unless it is there.
func (c *client) append(e wire.Event) {
	if e.N <= c.at.N {
		return
	}
	if e.N != c.at.N+1 {
		c.t.Fatalf("%s: event %d came; the copy reaches only %d", c.name(), e.N, c.at.N)
	}
	c.at = wire.Position{N: e.N, Tag: e.Tag}
	c.copied = append(c.copied, fmt.Sprintf("%d %d %s|%s", e.N, e.Tag, e.Kind, e.Text))
}

func (c *client) name() string {
	if c.agent != 0 {
		return fmt.Sprint("agent ", c.agent)
	}
	return fmt.Sprint("visitor ", c.who)
}

func (c *client) send(kind, text string) {
	m := wire.ClientText{T: kind, ID: newID(), Text: text}
	if c.agent != 0 {
		m.C = c.c
	}
	c.outbox = append(c.outbox, m)
	if c.p != nil {
		c.p.say(m)
	}
}

// TestAnyCourse sends, repeats, cuts and resumes over two nodes, of which each
// may lose deliveries and notices for a while: in the end everybody has every
// event once, in the same order, and every message was kept once.
func TestAnyCourse(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, 2, func(c *live.Config) { c.PageEvents = 3; c.PageBytes = 60 })
		defer w.close()
		visitor := &client{t: rt, n: w.nodes[0], who: 1, acked: map[chat.ClientID]wire.ServerAck{}}
		tab := &client{t: rt, n: w.nodes[1], who: 1, acked: map[chat.ClientID]wire.ServerAck{}}
		agent := &client{t: rt, n: w.nodes[1], agent: dora, acked: map[chat.ClientID]wire.ServerAck{}}
		everybody := []*client{visitor, tab, agent}
		visitor.connect()
		visitor.send("send", "first")
		visitor.settled()
		agent.c = visitor.c
		count := 0
		pick := func(t *rapid.T) *client { return everybody[rapid.IntRange(0, 2).Draw(t, "who")] }
		anyNode := func(t *rapid.T) *node { return w.nodes[rapid.IntRange(0, 1).Draw(t, "node")] }
		rt.Repeat(map[string]func(*rapid.T){
			"send": func(t *rapid.T) {
				count++
				pick(t).send("send", fmt.Sprint("text ", count))
			},
			"note": func(t *rapid.T) {
				count++
				agent.send("note", fmt.Sprint("note ", count))
			},
			"repeat": func(t *rapid.T) {
				c := pick(t)
				if c.p != nil && len(c.outbox) > 0 {
					c.p.say(c.outbox[rapid.IntRange(0, len(c.outbox)-1).Draw(t, "which")])
				}
			},
			"connect":    func(t *rapid.T) { pick(t).connect() },
			"disconnect": func(t *rapid.T) { pick(t).disconnect() },
			"move":       func(t *rapid.T) { c := pick(t); c.disconnect(); c.n = anyNode(t) },
			"lose":       func(t *rapid.T) { n := anyNode(t); n.drop.Store(!n.drop.Load()) },
			"read": func(t *rapid.T) {
				if c := pick(t); c.p != nil {
					c.absorb()
				}
			},
		})
		for _, c := range everybody {
			c.connect()
			c.settled()
		}
		for _, c := range everybody {
			c.reaches(w, visitor.c)
			c.disconnect()
		}
		if fmt.Sprint(visitor.copied) != fmt.Sprint(tab.copied) {
			rt.Fatalf("two tabs of one visitor differ:\n%v\n%v", visitor.copied, tab.copied)
		}
		agent.keptOnce(everybody)
	})
}

// settled waits until all that was sent is acked.
func (c *client) settled() {
	c.until("acked", func() bool { return len(c.acked) == len(c.outbox) })
}

// reaches waits until the copy reaches the head.
func (c *client) reaches(w *world, id chat.ConversationUUID) {
	c.until("at the head", func() bool {
		found, err := w.db.Conversation(w.t.Context(), id)
		if err != nil {
			return false
		}
		s, err := w.db.Head(w.t.Context(), found.ID)
		if err != nil {
			return false
		}
		if c.agent != 0 {
			return c.at.N == s.Seq
		}
		return c.at.N == s.PublicSeq
	})
}

func (c *client) until(what string, so func() bool) {
	deadline := time.Now().Add(8 * time.Second)
	for {
		c.absorb()
		if so() {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%s is never %s: at %d, %d of %d acked, copy %v", c.name(), what, c.at.N, len(c.acked), len(c.outbox), c.copied)
		}
		<-time.After(time.Millisecond)
	}
}

// keptOnce compares what everybody sent with the agent's copy of the log.
func (c *client) keptOnce(everybody []*client) {
	kept := map[string]int{}
	for _, line := range c.copied {
		_, text, _ := strings.Cut(line, "|")
		kept[text]++
	}
	for _, one := range everybody {
		for _, m := range one.outbox {
			if kept[m.Text] != 1 {
				c.t.Fatalf("%q is in the log %d times", m.Text, kept[m.Text])
			}
		}
	}
}
