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
	on, ok := h.Sites.ByKey(siteKey)
	if !ok || !meta.allowedOn(on) {
		return errorFrame(wire.UnknownSite, "no site has this widget key, or this page's origin is not among its origins")
	}
	raw, err := identity.HashSecret(secret)
	if err != nil {
		return errorFrame(wire.BadSecret, "the secret is not 32 bytes in base64url without padding")
	}
	s := &Session{hub: h, ready: true, visitor: h.site(on.ID).sought(h, [32]byte(raw))}
	if err := s.recogniseAlone(); err != nil {
		return errorFrame(wire.Unavailable, "the visitor could not be looked up: try again")
	}
	return h.answerAlone(ctx, s, talkerKey{hash: [32]byte(raw)}, data)
}

// AnswerAgent is AnswerVisitor for an agent who has been authenticated.
func (h *Hub) AnswerAgent(ctx context.Context, login identity.Login, agent identity.Agent, data []byte) []byte {
	s := &Session{hub: h, ready: true, agent: &agentSide{id: agent.ID, login: login.ID, agent: agent}}
	return h.answerAlone(ctx, s, talkerKey{agent: agent.ID}, data)
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
	if !connected && absent {
		v.proposed = chat.VisitorID(chat.NewID(s.hub.cfg.Now()))
	} else if !connected {
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

// answerAlone takes one frame and waits for its answer.
func (h *Hub) answerAlone(ctx context.Context, s *Session, who talkerKey, data []byte) []byte {
	answer := make(reply, 1)
	s.conn = answer
	f, t, err := wire.Decode(data)
	text, isText := f.(*wire.ClientText)
	id, r := answers(f, err)
	if isText {
		id = text.ID
	}
	if ok, wait := h.talkers.take(who, isText, h.cfg, h.cfg.Now()); !ok {
		e := wire.ErrorOf(wire.RateLimited, "too many at once: send it again after the pause", id, r)
		e.RetryAfter = int(wait.Milliseconds())
		s.send(e)
		return answer.now()
	}
	_, isCommand := f.(*wire.ClientCommand)
	switch {
	case err != nil:
		s.fail(err, id, r)
	case !alone(f):
		s.send(wire.ErrorOf(wire.UnknownFrame, "this frame needs a session, and belongs into a stream's request: "+t, id, r))
	case isText || isCommand:
		s.carryOut(f, t)
		return answer.wait(ctx, id)
	default:
		s.carryOut(f, t)
	}
	return answer.now()
}

// alone tells which frames need no session: the others are about what one is told of.
func alone(f wire.Frame) bool {
	switch f.(type) {
	case *wire.ClientText, *wire.ClientCommand, *wire.ClientMark, *wire.ClientTyping, *wire.ClientPage, *wire.ClientList, *wire.ClientPing:
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
// request of its own. Two generations, as conversations: who says nothing while
// one fills up begins anew.
type talkers struct {
	mu       sync.Mutex // a leaf
	now, old map[talkerKey]*talker
}

// talkerKey is a visitor, by its secret's hash, or an agent.
type talkerKey struct {
	hash  [32]byte
	agent chat.AgentID
}

type talker struct{ messages, others bucket }

// knownTalkers bounds how many are remembered in each generation.
const knownTalkers = 4096

func (k *talkers) init() { k.now = map[talkerKey]*talker{} }

func (k *talkers) take(who talkerKey, message bool, cfg Config, now time.Time) (ok bool, wait time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	one := k.now[who]
	if one == nil {
		if one = k.old[who]; one == nil {
			one = &talker{}
		}
		if len(k.now) >= knownTalkers {
			k.old, k.now = k.now, map[talkerKey]*talker{}
		}
		k.now[who] = one
	}
	if message {
		return one.messages.take(now, cfg.Messages)
	}
	return one.others.take(now, cfg.Others)
}
