package live

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// AnswerVisitor carries out one frame of a visitor who needs no session on this
// node, and returns the frame that answers it; nil where there is none. ctx bounds
// the wait: what was not answered by then may have been kept.
func (h *Hub) AnswerVisitor(ctx context.Context, meta Meta, siteKey, secret string, data []byte) []byte {
	sent, err := identity.ReadSent(secret)
	if err != nil {
		return refusalFrame(err)
	}
	one, refusal := h.takeAlone(talkerKey{hash: sent.Hash}, data)
	if refusal != nil {
		return refusal
	}
	on, ok := h.siteByKey(siteKey)
	if !ok || !meta.allowedOn(on) {
		return errorFrame(wire.UnknownSite, "no site has this widget key, or this page's origin is not among its origins")
	}
	reading, cancel := h.reading()
	defer cancel()
	who, err := h.who(reading, on, sent)
	if err != nil {
		return refusalFrame(err)
	}
	s := &Session{hub: h, ready: true, visitor: h.site(on.ID).sought(h, who.Hash)}
	s.visitor.expect(who.Verified)
	if err := s.recogniseAlone(); err != nil {
		return errorFrame(wire.Unavailable, "the visitor could not be looked up: try again")
	}
	return h.answerAlone(ctx, s, one)
}

// AnswerAgent is AnswerVisitor for an agent who has been authenticated.
func (h *Hub) AnswerAgent(ctx context.Context, login identity.Login, agent identity.Agent, data []byte) []byte {
	one, refusal := h.takeAlone(talkerKey{agent: agent.ID}, data)
	if refusal != nil {
		return refusal
	}
	s := &Session{hub: h, ready: true, agent: &agentSide{id: agent.ID, login: login.ID, agent: agent}}
	return h.answerAlone(ctx, s, one)
}

// refusalFrame answers a visitor who is not let in.
func refusalFrame(err error) []byte {
	var refusal *chat.Refusal
	if errors.As(err, &refusal) {
		return errorFrame(refusal.Code, refusal.Reason)
	}
	return errorFrame(wire.Unavailable, "the visitor could not be looked up: try again")
}

func errorFrame(code chat.Code, reason string) []byte {
	data, _ := wire.Encode(wire.ErrorOf(code, reason, chat.ClientID{}, 0)) // an error frame always encodes
	return data
}

// sought is the visitor as this node knows it or, when it is not connected
// here, one that nobody else sees.
func (n *siteNode) sought(h *Hub, hash [32]byte) *visitor {
	key := keyOf(hash)
	n.mu.Lock()
	v := n.visitors[key]
	n.mu.Unlock()
	if v != nil {
		return v
	}
	return &visitor{site: n, hash: hash, key: key, since: chat.At(h.cfg.Now()), profile: &chat.Profile{}, gone: true}
}

// recogniseAlone finds the conversation of a visitor who is not connected here:
// it gets a room of its own, which delivers nothing.
func (s *Session) recogniseAlone() error {
	v := s.visitor
	if _, known := v.conversation(); known {
		return nil
	}
	ctx, cancel := s.hub.reading()
	defer cancel()
	found, err := s.hub.Visitors.Visitor(ctx, v.site.id, v.hash[:])
	absent := errors.Is(err, &chat.Refusal{Code: chat.NotFound})
	if err != nil && !absent {
		return err
	}
	v.mu.Lock()
	connected := !v.gone
	if !connected && absent && v.proposed == 0 {
		v.proposed = chat.VisitorID(chat.NewID(s.hub.cfg.Now()))
	} else if !connected && !absent {
		v.profile, v.room = &found.Profile, &room{conv: found.Conversation, site: v.site, gone: true, cold: true}
	}
	v.mu.Unlock()
	switch {
	case connected && absent:
		v.propose(s.hub, false)
	case connected: // it began on another node
		s.hub.bind(v, found.Conversation)
	}
	return nil
}

// frameAlone is a frame that came by itself, or why it is none.
type frameAlone struct {
	frame  wire.Frame
	t      string
	err    error
	id     chat.ClientID // what errors about it refer to
	r      int64
	isText bool
}

// takeAlone decodes a frame and takes a token for it, before anything is looked up.
// refusal is the answer when there is none.
func (h *Hub) takeAlone(who talkerKey, data []byte) (one frameAlone, refusal []byte) {
	one.frame, one.t, one.err = wire.Decode(data)
	text, isText := one.frame.(*wire.ClientText)
	one.isText = isText
	one.id, one.r = answers(one.frame, one.err)
	if isText {
		one.id = text.ID
	}
	ok, wait := h.talkers.take(who, isText, h.cfg, h.cfg.Now())
	if ok {
		return one, nil
	}
	e := wire.ErrorOf(wire.RateLimited, "too many at once: send it again after the pause", one.id, one.r)
	e.RetryAfter = int(wait.Milliseconds())
	refusal, _ = wire.Encode(e) // an error frame always encodes
	return one, refusal
}

// answerAlone carries one frame out and waits for its answer.
func (h *Hub) answerAlone(ctx context.Context, s *Session, one frameAlone) []byte {
	answer := make(reply, 1)
	s.conn = answer
	_, isCommand := one.frame.(*wire.ClientCommand)
	switch {
	case one.err != nil:
		s.fail(one.err, one.id, one.r)
	case !alone(one.frame):
		s.send(wire.ErrorOf(wire.UnknownFrame, "this frame needs a session, and belongs into a stream's request: "+one.t, one.id, one.r))
	case one.isText || isCommand:
		s.carryOut(one.frame, one.t)
		return answer.wait(ctx, one.id)
	default:
		s.carryOut(one.frame, one.t)
	}
	return answer.now()
}

// alone tells which frames need no session: the others are about what one is told of.
func alone(f wire.Frame) bool {
	switch f.(type) {
	case *wire.ClientText, *wire.ClientCommand, *wire.ClientMark, *wire.ClientBroadcasts, *wire.ClientTyping, *wire.ClientPage, *wire.ClientList, *wire.ClientPing:
		return true
	}
	return false
}

// reply is the Conn of a frame that came by itself: its first frame is the answer.
type reply chan []byte

// Send implements Conn.
func (r reply) Send(data []byte) error {
	select {
	case r <- append([]byte(nil), data...):
	default:
	}
	return nil
}

// SendPrepared implements Conn.
func (r reply) SendPrepared(p *ws.Prepared) error { return r.Send(p.Payload()) }

// Close implements Conn: there is nothing to close.
func (reply) Close(uint16, string) {}

// SetReadLimit implements Conn: the frame has been read.
func (reply) SetReadLimit(int64) {}

// now is the answer that is there.
func (r reply) now() []byte {
	select {
	case data := <-r:
		return data
	default:
		return nil
	}
}

// wait is the answer to a command.
func (r reply) wait(ctx context.Context, id chat.ClientID) []byte {
	select {
	case data := <-r:
		return data
	case <-ctx.Done():
		data, _ := wire.Encode(wire.ErrorOf(chat.Unknown, "it is not known whether this was kept: send it again with the same id", id, 0))
		return data
	}
}

// talkers hold the rates of those whose frames come one by one, each in a
// request of its own.
type talkers struct {
	mu  sync.Mutex // a leaf
	all recent[talkerKey, talker]
}

// talkerKey is a visitor, by its secret's hash, or an agent.
type talkerKey struct {
	hash  [32]byte
	agent chat.AgentID
}

type talker struct{ messages, others bucket }

func (k *talkers) take(who talkerKey, message bool, cfg Config, now time.Time) (ok bool, wait time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	one := k.all.of(who)
	if message {
		return one.messages.take(now, cfg.Messages)
	}
	return one.others.take(now, cfg.Others)
}
