package live_test

import (
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// peer is the client's end of a session: what it was sent.
type peer struct {
	w       *world
	session *live.Session
	calls   sync.Mutex // Frame and Closed come one at a time
	// before is called once, when the first frame of type delay is about to come.
	before func()
	delay  string

	mu     sync.Mutex
	news   chan struct{} // closed and replaced when something came
	frames []frame
	code   wire.CloseCode // 0: open
	limit  int64
	gone   bool
	room   int // how many frames it takes before it is closed as too slow; 0: any number
}

type frame struct {
	t    string
	data []byte
}

func (p *peer) Send(data []byte) error {
	var head struct {
		T string `json:"t"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		p.w.t.Errorf("not JSON: %s: %v", data, err)
	}
	p.mu.Lock()
	before := p.before
	if head.T != p.delay {
		before = nil
	}
	if before != nil {
		p.before = nil
		p.mu.Unlock()
		before()
		p.mu.Lock()
	}
	defer p.mu.Unlock()
	if p.code != 0 || p.gone {
		return ws.ErrClosed
	}
	if p.room > 0 && len(p.frames) >= p.room {
		p.code = wire.CloseTryLater
		p.tell()
		return ws.ErrQueueFull
	}
	p.frames = append(p.frames, frame{head.T, append([]byte(nil), data...)})
	p.tell()
	return nil
}

func (p *peer) SendPrepared(f *ws.Prepared) error { return p.Send(f.Payload()) }

func (p *peer) Close(code uint16, _ string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.code == 0 {
		p.code = wire.CloseCode(code)
		p.tell()
	}
}

func (p *peer) SetReadLimit(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = n
}

func (p *peer) tell() {
	close(p.news)
	p.news = make(chan struct{})
}

// leave ends the connection from the client's side.
func (p *peer) leave() {
	p.calls.Lock()
	defer p.calls.Unlock()
	p.mu.Lock()
	was := p.gone
	p.gone = true
	p.mu.Unlock()
	if !was {
		p.session.Closed()
	}
}

// say sends a frame.
func (p *peer) say(f wire.Frame) {
	p.w.t.Helper()
	data, err := wire.Encode(f)
	if err != nil {
		p.w.t.Fatal(err)
	}
	p.raw(string(data))
}

func (p *peer) raw(data string) {
	p.calls.Lock()
	defer p.calls.Unlock()
	p.session.Frame([]byte(data))
}

// until waits for something to be so, and shows what came when it does not.
func (p *peer) until(what string, so func() bool) {
	p.w.t.Helper()
	if p.within(8*time.Second, so) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.frames {
		p.w.t.Logf("came: %s", f.data)
	}
	p.w.t.Fatalf("never: %s (closed with %d)", what, p.code)
}

// within waits for something to be so, but not for longer.
func (p *peer) within(limit time.Duration, so func() bool) bool {
	deadline := time.After(limit)
	for {
		p.mu.Lock()
		ok, news := so(), p.news
		p.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-news:
		case <-deadline:
			return false
		}
	}
}

func (p *peer) closedWith(code wire.CloseCode) {
	p.w.t.Helper()
	p.until(fmt.Sprintf("closed with %d", code), func() bool { return p.code == code })
	p.leave()
}

// all decodes the frames of a type that have come; p.mu is held by until.
func all[T any](p *peer, t string) (out []T) {
	for _, f := range p.frames {
		if f.t == t {
			var v T
			if err := json.Unmarshal(f.data, &v); err != nil {
				p.w.t.Fatalf("%s: %v", f.data, err)
			}
			out = append(out, v)
		}
	}
	return out
}

// await waits for a frame of a type. What healing found before it was delivered
// comes in a page: its events are looked at as if they had come one by one.
func await[T any](p *peer, t string, is func(T) bool) (found T) {
	p.w.t.Helper()
	p.until("a frame "+t+" as expected", func() bool {
		seen := all[T](p, t)
		if events, are := any(&seen).(*[]wire.ServerEvent); are {
			for _, e := range p.events() {
				*events = append(*events, wire.ServerEvent{E: e})
			}
		}
		for _, v := range seen {
			if is(v) {
				found = v
				return true
			}
		}
		return false
	})
	return found
}

// none fails if such a frame has come.
func none[T any](p *peer, t string, is func(T) bool) {
	p.w.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, v := range all[T](p, t) {
		if is(v) {
			p.w.t.Errorf("unexpected %s: %+v", t, v)
		}
	}
}

func yes[T any](T) bool { return true }

// visitor connects a visitor's tab and says hello.
func (n *node) visitor(who byte, at ...*wire.Position) *peer {
	n.w.t.Helper()
	p := n.stranger()
	hello := wire.ClientHello{Site: "ShopKey", Secret: secret(who)}
	if len(at) > 0 {
		hello.At = at[0]
	}
	p.say(hello)
	await(p, "hello", yes[wire.ServerHello])
	return p
}

// stranger connects a visitor who has said nothing yet.
func (n *node) stranger() *peer {
	p := &peer{w: n.w, news: make(chan struct{})}
	p.session = n.NewVisitor(p, live.Meta{UserAgent: "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/140.0"})
	n.w.t.Cleanup(p.leave)
	return p
}

// agent connects an agent's console and says hello; its log-in is the agent's id.
func (n *node) agent(id chat.AgentID) *peer {
	n.w.t.Helper()
	p := &peer{w: n.w, news: make(chan struct{})}
	a, _ := n.w.Agent(id)
	p.session = n.NewAgent(p, identity.Login{ID: int64(id), Agent: id}, a)
	n.w.t.Cleanup(p.leave)
	p.say(wire.ClientHello{})
	await(p, "hello", yes[wire.ServerHello])
	return p
}

// send sends a message and waits for its ack.
func (p *peer) send(c chat.ConversationUUID, text string) wire.ServerAck {
	p.w.t.Helper()
	return p.text("send", c, text)
}

func (p *peer) text(t string, c chat.ConversationUUID, text string) wire.ServerAck {
	p.w.t.Helper()
	id := newID()
	p.say(wire.ClientText{T: t, ID: id, C: c, Text: text})
	return await(p, "ack", func(a wire.ServerAck) bool { return a.ID == id })
}

// do sends a command and waits for its ack.
func (p *peer) do(t string, c chat.ConversationUUID) wire.ServerAck {
	p.w.t.Helper()
	id := newID()
	p.say(wire.ClientCommand{T: t, ID: id, C: c})
	return await(p, "ack", func(a wire.ServerAck) bool { return a.ID == id })
}

// refused sends a command and waits for its refusal.
func (p *peer) refused(f wire.Frame, id chat.ClientID, code chat.Code) wire.ServerError {
	p.w.t.Helper()
	p.say(f)
	e := await(p, "error", func(e wire.ServerError) bool { return e.ID == id })
	if e.Code != code {
		p.w.t.Errorf("refused with %s (%s), want %s", e.Code, e.Text, code)
	}
	return e
}

// open looks at a conversation.
func (p *peer) open(c chat.ConversationUUID) wire.ServerConversation {
	p.w.t.Helper()
	p.mu.Lock()
	r := int64(1000 + len(p.frames))
	p.mu.Unlock()
	p.say(wire.ClientOpen{T: "open", R: r, C: c})
	return await(p, "conversation", func(s wire.ServerConversation) bool { return s.R == r })
}

// heard waits until the texts of all events that came as such or in pages are these.
func (p *peer) heard(texts ...string) {
	p.w.t.Helper()
	p.until(fmt.Sprintf("the texts %q", texts), func() bool {
		got := p.texts()
		return len(got) >= len(texts) && fmt.Sprint(got) == fmt.Sprint(texts)
	})
}

// texts are those of the messages and notes in the order in which they came; p.mu is held.
func (p *peer) texts() (texts []string) {
	for _, e := range p.events() {
		if e.Text != "" {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

// events are all events that came without being asked for as a page; p.mu is held.
func (p *peer) events() (events []wire.Event) {
	for _, f := range p.frames {
		switch f.t {
		case "hello":
			var v wire.ServerHello
			_ = json.Unmarshal(f.data, &v)
			if v.Page != nil {
				events = append(events, v.Page.Events...)
			}
		case "conversation":
			var v wire.ServerConversation
			_ = json.Unmarshal(f.data, &v)
			events = append(events, v.Page.Events...)
		case "page":
			var v wire.ServerPage
			_ = json.Unmarshal(f.data, &v)
			if v.R == 0 {
				events = append(events, v.Page.Events...)
			}
		case "event":
			var v wire.ServerEvent
			_ = json.Unmarshal(f.data, &v)
			events = append(events, v.E)
		}
	}
	return events
}
