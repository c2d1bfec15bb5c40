package atp

import (
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// Conn is one connection of a legacy page. Toward the hub it is the connection of
// a session (live.Conn), whose frames it translates.
type Conn struct {
	room  *Room
	who   Who
	token string
	hash  [32]byte
	desk  *desk // of the account that answers
	begin sync.Once
	inflow

	session *live.Session // behind begin

	mu       sync.Mutex // a leaf
	out      live.Conn  // the page; nil until Begin
	last     int64      // the customer's: up to which public number it has been told
	greeted  bool       // the session has said hello
	replaced bool
	ended    bool
}

var _ live.Conn = (*Conn)(nil)

// Begin gives the connection its page. It is called once or more, by the door or
// with the first frame.
func (c *Conn) Begin(out live.Conn) {
	c.begin.Do(func() {
		out.SetReadLimit(4 * int64(c.room.cfg.FrameBytes))
		c.mu.Lock()
		c.out = out
		replaced := c.replaced
		c.mu.Unlock()
		if replaced {
			c.sayReplaced(out)
			return
		}
		hello := wire.ClientHello{Client: "atp", Presence: wire.Online}
		if c.desk != nil {
			c.session = c.room.Hub.NewAgent(c, c.who.Login, c.who.Agent)
			c.frame(hello)
			c.frame(wire.ClientList{T: "list", R: 1, View: chat.ViewOpen}) // whatever happens there wakes the room
		} else {
			meta := c.who.Meta
			meta.Known = &live.KnownVisitor{Site: c.who.Site, Hash: c.hash}
			hello.Says = &wire.Says{Name: c.who.Name}
			c.session = c.room.Hub.NewVisitor(c, meta)
			c.frame(hello)
		}
		c.mu.Lock()
		c.greeted = true
		c.mu.Unlock()
		c.room.Hub.Announce(announced)
		c.room.kick()
	})
}

func (c *Conn) frame(f wire.Frame) {
	data, err := wire.Encode(f)
	if err != nil {
		c.room.Log.Error("a frame could not be encoded", "error", err)
		return
	}
	c.session.Frame(data)
}

// Said takes a frame of the page.
func (c *Conn) Said(data []byte) {
	if c.session == nil { // it was replaced before it began
		return
	}
	if !c.inflow.take(time.Now()) {
		if c.inflow.refused > maxRefused {
			c.Close(uint16(wire.CloseRate), "far too many frames")
			return
		}
		c.refuse(legacy.TooFast)
		return
	}
	if len(data) > c.room.cfg.FrameBytes {
		c.refuse(legacy.TooLong)
		return
	}
	said, ok := legacy.ReadSaid(data)
	if !ok {
		c.refuse(legacy.Malformed)
		return
	}
	if words, ok := said.Check(c.who.Name); !ok {
		c.refuse(words)
		return
	}
	id, err := uuid.NewV7()
	if err != nil {
		c.refuse(legacy.NotNow)
		return
	}
	if c.desk != nil {
		c.write(id, said)
		return
	}
	c.frame(wire.ClientText{T: "send", ID: id, Text: said.Text})
}

// refuse answers a frame that changes nothing.
func (c *Conn) refuse(words legacy.Words) { c.sendRaw(legacy.Refusal(words)) }

func (c *Conn) sendRaw(data []byte) {
	c.mu.Lock()
	out := c.out
	c.mu.Unlock()
	if out != nil {
		_ = out.Send(data) // a page that is gone gets an OnClose
	}
}

// Silent says, before End, that nothing came from the page any more.
func (c *Conn) Silent() {
	if c.session != nil {
		c.session.Silent()
	}
}

// End says that the page has gone, or was never there.
func (c *Conn) End() {
	c.begin.Do(func() {}) // whoever did not begin never will
	c.mu.Lock()
	was := c.ended
	c.ended = true
	c.mu.Unlock()
	if was {
		return
	}
	if c.session != nil {
		c.session.Closed()
	}
	r, at := c.room, place{c.who.Site, c.who.Name}
	r.mu.Lock()
	if r.conns[at] == c {
		delete(r.conns, at)
	}
	r.seats.Add(-1)
	r.mu.Unlock()
	r.leave(c)
}

// replace says that the name came in elsewhere, and ends the connection.
func (c *Conn) replace() {
	c.mu.Lock()
	was, out := c.replaced, c.out
	c.replaced = true
	c.mu.Unlock()
	if !was && out != nil {
		c.sayReplaced(out)
	}
}

func (c *Conn) sayReplaced(out live.Conn) {
	_ = out.Send(legacy.Frame{Key: legacy.Replaced}.Encode())
	out.Close(uint16(wire.CloseElsewhere), "signed in elsewhere")
}

// recognise has a customer look whether it was written to first.
func (c *Conn) recognise() {
	c.mu.Lock()
	unknown := c.desk == nil && c.last == 0 && c.greeted && !c.ended
	c.mu.Unlock()
	if !unknown {
		return
	}
	if err := c.session.Recognise(); err != nil {
		c.room.Log.Warn("a customer's conversation could not be looked up", "error", err)
	}
}

// heard is what is read of a session's frames.
type heard struct {
	T    string                `json:"t"`
	C    chat.ConversationUUID `json:"c"`
	E    wire.Event            `json:"e"`
	Page wire.Page             `json:"page"`
	Code chat.Code             `json:"code"`
}

// Send implements live.Conn: a frame of the session comes, for the page.
func (c *Conn) Send(data []byte) error {
	c.mu.Lock()
	out, replaced := c.out, c.replaced
	c.mu.Unlock()
	if out == nil || replaced {
		return ws.ErrClosed
	}
	var head struct {
		T string `json:"t"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		c.room.Log.Error("a frame could not be read", "error", err)
		return nil
	}
	switch {
	case head.T == "move": // a page of this protocol can only come back
		out.Close(uint16(wire.CloseRestart), "the server restarts")
		return nil
	case c.desk != nil && (head.T == "rows" || head.T == "ack"):
		c.room.kick()
		return nil
	case head.T != "error" && (c.desk != nil || head.T != "event" && head.T != "page" && head.T != "hello"):
		return nil
	}
	var f heard
	if err := json.Unmarshal(data, &f); err != nil {
		c.room.Log.Error("a frame could not be read", "error", err)
		return nil
	}
	return c.pass(out, &f)
}

// pass tells the page what came.
func (c *Conn) pass(out live.Conn, f *heard) error {
	switch f.T {
	case "error":
		return out.Send(legacy.Refusal(legacy.WordsFor(f.Code)))
	case "event":
		return c.tell(out, f.C, f.E)
	case "page":
		for _, e := range f.Page.Events {
			if err := c.tell(out, f.C, e); err != nil {
				return err
			}
		}
		return nil
	}
	c.mu.Lock() // hello: what stands there already the page reads as its history
	defer c.mu.Unlock()
	c.last = max(c.last, f.Page.Head.N)
	return nil
}

// tell tells the customer a message, unless it has been told.
func (c *Conn) tell(out live.Conn, in chat.ConversationUUID, e wire.Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.N <= c.last {
		return nil
	}
	c.last = e.N
	if e.Kind != chat.Message || e.Erased {
		return nil
	}
	names := make([]string, len(e.Files))
	for i, file := range e.Files {
		names[i] = file.Name
	}
	told := legacy.TellOf(c.who.Name, in, e.N, e.By.Kind, chat.Millis(e.At), legacy.TextOf(e.Text, names))
	return out.Send(legacy.Frame{Key: legacy.Message, Data: &told}.Encode())
}

// SendPrepared implements live.Conn.
func (c *Conn) SendPrepared(p *ws.Prepared) error { return c.Send(p.Payload()) }

// SetReadLimit implements live.Conn: the page's frames have a bound of their own.
func (c *Conn) SetReadLimit(int64) {}

// Close implements live.Conn.
func (c *Conn) Close(code uint16, reason string) {
	c.mu.Lock()
	out := c.out
	c.mu.Unlock()
	if out != nil {
		out.Close(code, reason)
	}
}

// The rate of a page's frames: so many at once, then so many a second. Who goes on
// regardless is disconnected.
const (
	frameBurst     = 200
	framePerSecond = 20
	maxRefused     = 400
)

// inflow bounds them; it is used by the connection's own goroutine.
type inflow struct {
	left    float64
	at      time.Time
	refused int
}

func newInflow() inflow { return inflow{left: frameBurst, at: time.Now()} }

func (f *inflow) take(now time.Time) bool {
	f.left = min(frameBurst, f.left+max(0, now.Sub(f.at).Seconds())*framePerSecond)
	f.at = now
	if f.left < 1 {
		f.refused++
		return false
	}
	f.left--
	f.refused = max(0, f.refused-1)
	return true
}
