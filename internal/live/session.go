package live

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// Session is one live connection. Frame and Closed are called by one goroutine
// at a time; there may be a million sessions of visitors: think before adding a
// field.
type Session struct {
	hub  *Hub
	conn Conn
	// agent is set for sessions of agents, visitor after a visitor's hello.
	agent   *agentSide
	visitor *visitor
	meta    *Meta // until hello
	// leaveLogin is of verified visitors only.
	leaveLogin func()
	page       *presence.Page
	follow     follow // of the visitor's own conversation
	place      atomic.Pointer[place]

	messages, others bucket
	refused          int32
	state            presence.State // under visitor.mu or Hub.mu
	ready            bool           // hello was answered
	boardless        bool           // its door, the legacy chat room, shows no broadcasts: none comes to it
	ended            bool
}

// agentSide is what only sessions of agents have.
type agentSide struct {
	id    chat.AgentID
	login int64
	// agent is as it was at hello: another role later ends the session.
	agent identity.Agent
	sites []chat.SiteID // those of agent
	open  []*follow     // the session's own goroutine's

	views    atomic.Uint32 // watched views, bits
	visitors atomic.Int64  // the request by which it watches visitors; 0: it does not
	told     wire.Counts   // tellRows's
	recount  atomic.Bool   // tellRows tells the counts again
	telling  sync.Mutex    // orders a snapshot of presence against its changes; before h.mu and the leaves
	roster   uint64        // rosterSum of the colleagues it was told of; under telling
	silent   bool          // it was lost without a goodbye
}

// actor is who acts here on a site, with the role it has there now.
func (s *Session) actor(site chat.SiteID) chat.Actor {
	if s.agent == nil {
		return chat.Actor{Kind: chat.VisitorActor, ID: int64(s.visitor.identity())}
	}
	a, ok := s.hub.People.Agent(s.agent.id)
	if !ok {
		return chat.Actor{Kind: chat.AgentActor, ID: int64(s.agent.id)}
	}
	return a.Actor(site)
}

func (s *Session) audience() wire.Audience {
	if s.agent == nil {
		return wire.ForVisitor
	}
	return wire.ForAgents
}

func (s *Session) now() time.Time { return s.hub.cfg.Now() }

// Frame takes one message of the client. data is not kept.
func (s *Session) Frame(data []byte) {
	if s.ended {
		return
	}
	f, t, err := wire.Decode(data)
	if text, ok := f.(*wire.ClientText); ok {
		if s.allow(&s.messages, s.hub.cfg.Messages, text.ID, 0) {
			s.command(f, t)
		}
		return
	}
	id, r := answers(f, err)
	if !s.allow(&s.others, s.hub.cfg.Others, id, r) {
		return
	}
	if err != nil {
		s.fail(err, chat.ClientID{}, 0)
		if !s.ready {
			s.end(wire.CloseRefused, "the first frame is no hello")
		}
		return
	}
	s.command(f, t)
}

// answers says what an error about a frame refers to.
func answers(f wire.Frame, err error) (id chat.ClientID, r int64) {
	var bad *wire.FrameError
	if errors.As(err, &bad) {
		return bad.ID, bad.R
	}
	switch f := f.(type) {
	case *wire.ClientCommand:
		return f.ID, 0
	case *wire.ClientOpen:
		return id, f.R
	case *wire.ClientPage:
		return id, f.R
	case *wire.ClientList:
		return id, f.R
	case *wire.ClientVisitors:
		return id, f.R
	}
	return id, 0
}

// allow takes a token, or answers that there is none. Who goes on regardless is
// disconnected.
func (s *Session) allow(b *bucket, rate Rate, id chat.ClientID, r int64) bool {
	ok, wait := b.take(s.now(), rate)
	if ok {
		s.refused = max(0, s.refused-1)
		return true
	}
	s.refused++
	if int(s.refused) > s.hub.cfg.MaxRefused {
		s.end(wire.CloseRate, "far too many frames")
		return false
	}
	e := wire.ErrorOf(wire.RateLimited, "too many at once: send it again after the pause", id, r)
	e.RetryAfter = int(wait.Milliseconds())
	s.send(e)
	return false
}

func (s *Session) command(f wire.Frame, t string) {
	if hello, ok := f.(*wire.ClientHello); ok != s.ready {
		if ok {
			s.hello(hello)
			return
		}
	} else {
		id, r := answers(f, nil)
		if text, is := f.(*wire.ClientText); is {
			id = text.ID
		}
		s.send(wire.ErrorOf(wire.HelloFirst, "the first frame of a connection is hello, and it comes once", id, r))
		s.end(wire.CloseRefused, "hello comes first, and once")
		return
	}
	s.carryOut(f, t)
}

// carryOut does what a frame behind hello asks for.
func (s *Session) carryOut(f wire.Frame, t string) {
	switch f := f.(type) {
	case *wire.ClientText:
		s.text(f, t)
	case *wire.ClientCommand:
		s.act(f, t)
	case *wire.ClientMark:
		s.mark(f)
	case *wire.ClientTyping:
		s.typing(f)
	case *wire.ClientPresence:
		s.present(f)
	case *wire.ClientPage:
		s.pageRequest(f)
	case *wire.ClientPing:
		s.send(wire.ServerPong{Now: s.now().UnixMilli()})
	default:
		s.special(f, t)
	}
}

// special are the frames of one kind of client only.
func (s *Session) special(f wire.Frame, t string) {
	switch f := f.(type) {
	case *wire.ClientBroadcasts:
		if s.agent == nil {
			s.ofBroadcasts(f)
			return
		}
	case *wire.ClientSays:
		if s.agent == nil {
			s.says(f)
			return
		}
	case *wire.ClientOpen:
		if s.agent != nil {
			s.openOrClose(f, t)
			return
		}
	case *wire.ClientList:
		if s.agent != nil {
			s.list(f)
			return
		}
	case *wire.ClientVisitors:
		if s.agent != nil {
			s.watchVisitors(f)
			return
		}
	}
	_, r := answers(f, nil)
	s.send(wire.ErrorOf(wire.UnknownFrame, "this frame is not for this kind of client: "+t, chat.ClientID{}, r))
}

func (s *Session) hello(f *wire.ClientHello) {
	if s.agent != nil {
		s.helloAgent(f)
		return
	}
	s.helloVisitor(f)
}

// refuse answers a hello that leads nowhere.
func (s *Session) refuse(code chat.Code, reason string) {
	s.send(wire.ErrorOf(code, reason, chat.ClientID{}, 0))
	s.end(wire.CloseRefused, string(code))
}

// end closes the connection; frames that still come are dropped.
func (s *Session) end(code wire.CloseCode, reason string) {
	s.ended = true
	s.close(code, reason)
}

// send sends a frame; a failure ends the connection, and Closed follows.
func (s *Session) send(f wire.Frame) {
	data, err := wire.Encode(f)
	if err != nil {
		s.hub.Log.Error("a frame could not be encoded", "error", err)
		return
	}
	_ = s.conn.Send(data)
}

// fail answers a command or a request with an error.
func (s *Session) fail(err error, id chat.ClientID, r int64) {
	var frame *wire.FrameError
	var refusal *chat.Refusal
	if !errors.As(err, &frame) && !errors.As(err, &refusal) {
		s.hub.Log.Warn("a request failed", "error", err)
	}
	s.send(wire.ErrorFor(err, id, r, s.hub.nameOf))
}

func (s *Session) close(code wire.CloseCode, reason string) { s.conn.Close(uint16(code), reason) }

// Silent says, before Closed, that the connection was given up because nothing
// came from its client any more: it is gone since long, and not for a moment only.
func (s *Session) Silent() {
	if s.agent != nil {
		s.agent.silent = true
	}
}

// Closed ends the session: nothing is delivered to it any more.
func (s *Session) Closed() {
	s.ended = true
	s.hub.stats.sessions.Add(-1)
	if s.leaveLogin != nil {
		s.leaveLogin()
	}
	s.hub.mu.Lock()
	delete(s.hub.strangers, s)
	s.hub.mu.Unlock()
	if s.agent != nil {
		s.leaveAgent()
		return
	}
	if s.visitor != nil {
		s.leaveVisitor()
	}
}

// prepared encodes a frame that goes to several sessions.
func (h *Hub) prepared(f wire.Frame) *ws.Prepared {
	data, err := wire.Encode(f)
	if err != nil {
		h.Log.Error("a frame could not be encoded", "error", err)
		return nil
	}
	return ws.Prepare(data)
}

func (s *Session) sendPrepared(p *ws.Prepared) {
	if p != nil {
		_ = s.conn.SendPrepared(p)
	}
}
