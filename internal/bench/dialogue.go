package bench

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
)

// dialogue is a visitor and the agent who answers each of its messages, one
// message under way at a time.
type dialogue struct {
	talk    *talk
	name    string // begins each text, so that nobody takes another's for it
	visitor *client.Visitor
	desk    *desk

	asked    atomic.Int64 // when the visitor's last message went out, ns since the talk began
	replied  atomic.Int64 // when its answer did
	messages atomic.Int64 // of the visitor, sent
	due      atomic.Int64 // what the last one still waits for

	ofVisitor side // the visitor's session's own
	ofAgent   side // the agent's session's own
	opened    bool // of the visitor's session
}

// steps of a message: it is acked, its answer is acked, the answer has come.
const steps = 3

// side is what one end of a dialogue saw.
type side struct {
	acks, deliveries []time.Duration
	acked            int64
	heard            int64 // messages of the other side
	at               int64 // number of the last event
	wire             wireOrder
}

// desk is an agent with the dialogues that it answers, by conversation.
type desk struct {
	agent *client.Agent
	known atomic.Pointer[map[chat.ConversationUUID]*dialogue]
}

// filler makes a text about as long as the yardstick's.
const filler = " Is the blue one still there? I would take two of them."

// ask sends the visitor's next message.
func (d *dialogue) ask() {
	n := d.messages.Add(1)
	d.due.Store(steps)
	d.asked.Store(d.talk.now())
	d.visitor.Send(textOf(d.name, n))
}

func textOf(name string, n int64) string {
	return name + " " + strconv.FormatInt(n, 10) + filler
}

// settledVisitor takes what became of the visitor's message.
func (d *dialogue) settledVisitor(i *client.Item) {
	if !d.talk.settled(i, &d.ofVisitor, d.asked.Load()) {
		return
	}
	if !d.opened {
		d.opened = true
		d.desk.add(i.AckedIn, d)
		d.desk.agent.Open(i.AckedIn, true)
	}
	d.step()
}

// step is called for each of the steps: after the last comes the next message.
func (d *dialogue) step() {
	if d.due.Add(-1) == 0 && d.talk.closed.Load() {
		d.ask()
	}
}

func (d *dialogue) idle() bool { return d.due.Load() == 0 }

// eventVisitor takes an event at the visitor's end.
func (d *dialogue) eventVisitor(e *client.Event) {
	d.talk.order(d.name+"'s visitor", &d.ofVisitor, e)
	if e.By != chat.AgentActor || e.Kind != chat.Message {
		return
	}
	d.talk.heard(&d.ofVisitor, e, "re: "+d.name, d.replied.Load())
	d.step()
}

// settledAgent takes what became of the answer.
func (d *dialogue) settledAgent(i *client.Item) {
	if d.talk.settled(i, &d.ofAgent, d.replied.Load()) {
		d.step()
	}
}

// eventAgent takes an event at the agent's end, and answers a message.
func (d *dialogue) eventAgent(c *client.Conversation, e *client.Event) {
	d.talk.order(d.name+"'s agent", &d.ofAgent, e)
	if e.By != chat.VisitorActor || e.Kind != chat.Message {
		return
	}
	d.talk.heard(&d.ofAgent, e, d.name, d.asked.Load())
	d.replied.Store(d.talk.now())
	c.Put(&client.Item{T: "send", Text: textOf("re: "+d.name, d.ofAgent.heard)})
}

func (k *desk) add(c chat.ConversationUUID, d *dialogue) {
	for {
		old := k.known.Load()
		grown := map[chat.ConversationUUID]*dialogue{c: d}
		if old != nil {
			for id, other := range *old {
				grown[id] = other
			}
		}
		if k.known.CompareAndSwap(old, &grown) {
			return
		}
	}
}

func (k *desk) of(c chat.ConversationUUID) *dialogue {
	if known := k.known.Load(); known != nil {
		return (*known)[c]
	}
	return nil
}

// settled counts an ack; false: the message was refused.
func (t *talk) settled(i *client.Item, s *side, sent int64) bool {
	if i.State != client.Acked {
		t.anomaly("%q was refused: %+v", i.Text, i.Refusal)
		return false
	}
	s.acked++
	t.acked.Add(1)
	if t.counting.Load() {
		s.acks = append(s.acks, time.Duration(t.now()-sent))
	}
	return true
}

// order demands that events come once and in order.
func (t *talk) order(who string, s *side, e *client.Event) {
	if e.N != s.at+1 {
		t.anomaly("%s saw event %d after %d", who, e.N, s.at)
	}
	s.at = e.N
}

// heard demands that the other side's messages come once and in order.
func (t *talk) heard(s *side, e *client.Event, name string, sent int64) {
	s.heard++
	want := name + " " + strconv.FormatInt(s.heard, 10) + " "
	if text := e.Text(); !strings.HasPrefix(text, want) {
		t.anomaly("message %q came, and %q was next", text, want)
	}
	if t.counting.Load() {
		s.deliveries = append(s.deliveries, time.Duration(t.now()-sent))
	}
}

// wireOrder counts what the client would hide: events that come twice, and
// those that come before one they follow.
type wireOrder struct{ last int64 }

// see looks at an event frame, as it came.
func (o *wireOrder) see(data []byte) (repeat, gap bool) {
	n := eventNumber(data)
	switch {
	case n == 0 || o.last == 0:
	case n <= o.last:
		return true, false
	case n > o.last+1:
		gap = true
	}
	o.last = max(o.last, n)
	return false, gap
}

// eventNumber is the number in an event frame, 0 if there is none. The server
// writes it first.
func eventNumber(data []byte) (n int64) {
	_, rest, _ := bytes.Cut(data, []byte(`"e":{"n":`))
	for _, c := range rest {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

// eventConversation is the conversation that an event frame names.
func eventConversation(data []byte) (c chat.ConversationUUID, ok bool) {
	const begin = `{"t":"event","c":"`
	if len(data) < len(begin)+36 || string(data[:len(begin)]) != begin {
		return c, false
	}
	return c, c.UnmarshalText(data[len(begin):len(begin)+36]) == nil
}

func dialogueName(i int) string { return fmt.Sprintf("visitor %d", i) }
