package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/wire"
)

// The paths of the streaming doors, for clients whose network blocks
// WebSocket: what comes down is the answer to a POST that begins a session, and
// each frame goes up in a POST of its own, to …/frame, on any node.
const (
	VisitorStream = "/stream/v1/visitor"
	AgentStream   = "/stream/v1/agent"
	streamFrame   = "/frame"
)

// Headers of the streaming doors.
const (
	headerSite   = "Kefu-Site"   // the widget key, where a visitor's frame goes up
	headerStream = "Kefu-Stream" // a client's name for its line: the next stream takes the place of the last
	headerPoll   = "Kefu-Poll"   // what the last poll said in "seen", or "0": answer at once or when there is news
)

// Bounds of what begins a stream.
const (
	maxStreamName  = 64
	maxStreamBody  = 64 << 10 // bytes
	maxStreamLines = 64
)

// mountStreams registers the streaming doors.
func (s *Server) mountStreams(mux *http.ServeMux) {
	mux.HandleFunc("POST "+VisitorStream, s.visitorStream)
	mux.HandleFunc("POST "+AgentStream, s.agentStream)
	mux.HandleFunc("POST "+VisitorStream+streamFrame, s.visitorFrame)
	mux.HandleFunc("POST "+AgentStream+streamFrame, s.agentFrame)
}

// visitorStream begins a visitor's session. The secret stands in the header, as
// in every request of a visitor, and in its hello.
func (s *Server) visitorStream(w http.ResponseWriter, r *http.Request) {
	if !s.stays(w) {
		return
	}
	meta, secret, ok := s.visitorKnocks(w, r)
	if !ok {
		return
	}
	begin, ok := s.readBegin(w, r)
	if !ok {
		return
	}
	if f, _, err := wire.Decode(begin.frames[0]); err == nil {
		if hello, is := f.(*wire.ClientHello); is && hello.Secret != secret {
			problemJSON(w, problem(wire.BadSecret, "The secret in hello is not the one in the header Authorization."))
			return
		}
	}
	begin.key.who = sha256.Sum256([]byte("visitor\x00" + secret))
	s.stream(w, r, begin, func(c live.Conn) *live.Session { return s.parts.Hub.NewVisitor(c, meta) })
}

// agentStream begins an agent's session, by its cookie.
func (s *Server) agentStream(w http.ResponseWriter, r *http.Request) {
	if !s.stays(w) {
		return
	}
	login, agent, ok := s.agentKnocks(w, r)
	if !ok {
		return
	}
	begin, ok := s.readBegin(w, r)
	if !ok {
		return
	}
	begin.key.who = sha256.Sum256([]byte("agent\x00" + strconv.FormatInt(int64(agent.ID), 10)))
	s.stream(w, r, begin, func(c live.Conn) *live.Session { return s.parts.Hub.NewAgent(c, login, agent) })
}

// visitorFrame takes one frame of a visitor, and answers it.
func (s *Server) visitorFrame(w http.ResponseWriter, r *http.Request) {
	meta, secret, ok := s.visitorKnocks(w, r)
	if !ok {
		return
	}
	s.answerFrame(w, r, func(ctx context.Context, data []byte) []byte {
		return s.parts.Hub.AnswerVisitor(ctx, meta, r.Header.Get(headerSite), secret, data)
	})
}

// agentFrame takes one frame of an agent, and answers it.
func (s *Server) agentFrame(w http.ResponseWriter, r *http.Request) {
	login, agent, ok := s.agentKnocks(w, r)
	if !ok {
		return
	}
	s.answerFrame(w, r, func(ctx context.Context, data []byte) []byte {
		return s.parts.Hub.AnswerAgent(ctx, login, agent, data)
	})
}

// visitorKnocks checks what is known of a visitor's request before its body is
// read. Requests of other websites were refused before: a page of theirs holds
// the widget's frame, which is a page of ours.
func (s *Server) visitorKnocks(w http.ResponseWriter, r *http.Request) (meta live.Meta, secret string, ok bool) {
	meta, ok = s.visitorMeta(w, r)
	if !ok || !s.mayKnock(w, whenceOf(r.Context()).network) {
		return meta, "", false
	}
	secret, ok = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if _, err := identity.ReadSent(secret); !ok || err != nil {
		problemJSON(w, badBearer(err))
		return meta, "", false
	}
	return meta, strings.Clone(secret), true
}

// badBearer refuses a header Authorization that names no visitor.
func badBearer(err error) *Problem {
	if chat.CodeOf(err) == identity.LogInEnded {
		return problem(identity.LogInEnded, "The header Authorization carries no log-in.")
	}
	return problem(wire.BadSecret, "The header Authorization carries no visitor's secret: send Bearer and a log-in, or 32 bytes in base64url without padding.")
}

// agentKnocks lets an agent in by its cookie, from Kefu's own pages only.
func (s *Server) agentKnocks(w http.ResponseWriter, r *http.Request) (login identity.Login, agent identity.Agent, ok bool) {
	if !s.fromOwnPage(w, r) || !s.mayKnock(w, whenceOf(r.Context()).network) {
		return login, agent, false
	}
	login, agent, err := s.authenticate(w, r)
	if err != nil {
		problemJSON(w, problemOf(r.Context(), s.log, err))
		return login, agent, false
	}
	return login, agent, true
}

// beginning is what a stream's request says.
type beginning struct {
	key    streamKey
	poll   bool
	seen   string // poll: what the client has seen of the beginning
	frames [][]byte
}

// readBegin reads a stream's request: frames, one on each line, hello first.
func (s *Server) readBegin(w http.ResponseWriter, r *http.Request) (b beginning, ok bool) {
	b.key.name = strings.Clone(r.Header.Get(headerStream))
	b.seen = strings.Clone(r.Header.Get(headerPoll))
	b.poll = b.seen != ""
	if b.key.name == "" || len(b.key.name) > maxStreamName || len(b.seen) > maxStreamName {
		problemJSON(w, problem(badRequest, "The header "+headerStream+" names the line: send 1 to 64 characters, the same ones each time."))
		return b, false
	}
	body, p := s.readBody(w, r, maxStreamBody)
	if p != nil {
		problemJSON(w, p)
		return b, false
	}
	for line := range bytes.Lines(body) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			b.frames = append(b.frames, line)
		}
	}
	if len(b.frames) == 0 || len(b.frames) > maxStreamLines {
		problemJSON(w, problem(badRequest, "A stream begins with 1 to 64 frames, one on each line, hello first."))
		return b, false
	}
	return b, true
}

// readBody reads a body of at most so many bytes, within the time that a head may
// take. What comes slowly is kept in memory meanwhile: so it is bounded for a network.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, *Problem) {
	network := whenceOf(r.Context()).network
	if !s.bodies.take(network) {
		p := problem(wire.TooMany, "Too many bodies of requests are under way from this address.")
		p.RetryAfter = seatPause
		return nil, p
	}
	defer s.bodies.leave(network)
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(s.cfg.HeaderTimeout)) // where there is none, the server's holds
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, problem(tooLarge, "The body is longer than "+strconv.FormatInt(most, 10)+" bytes.")
	case err != nil: // the deadline stays: the rest of the body is not waited for
		return nil, problem(badRequest, "The body did not come in time, or not whole.")
	}
	_ = control.SetReadDeadline(time.Time{}) // nothing more is to come while the answer lasts
	return body, nil
}

// answerFrame reads a frame, has it carried out, and writes what answers it.
func (s *Server) answerFrame(w http.ResponseWriter, r *http.Request, answer func(context.Context, []byte) []byte) {
	w.Header().Set("Cache-Control", "no-store")
	body, p := s.readBody(w, r, int64(s.cfg.FrameBytes))
	if p != nil {
		problemJSON(w, p)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	data := answer(ctx, body)
	if data == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data) // the client may be gone; it asks again
}

// answerWithin is how long a command's commit is waited for: longer than a
// transaction may take.
const answerWithin = 10 * time.Second

// stream seats a session, runs it, and keeps it for a moment when it has ended.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, b beginning, begin func(live.Conn) *live.Session) {
	network := whenceOf(r.Context()).network
	if !s.takeSeat(w, network) {
		return
	}
	conn := newStreamConn(s.cfg.QueueBytes, s.cfg.QueueFrames)
	one := &stream{server: s, conn: conn, session: begin(conn), network: network, begin: b}
	defer s.streams.ended(one)
	if !s.streams.add(one) {
		conn.Close(uint16(wire.CloseRestart), "the server restarts")
	}
	one.run(r.Context(), w)
}

// leave frees the seat and ends the session.
func (one *stream) leave(gone bool) {
	if gone {
		one.session.Silent()
	}
	one.session.Closed()
	one.server.watch.Closed(one.conn.closeCode())
	one.server.seats.leave(one.network)
}

// stream is a session whose frames come down as the answer to a request.
type stream struct {
	server  *Server
	conn    *streamConn
	session *live.Session
	network netip.Prefix
	begin   beginning
	until   time.Time // its end, if nothing else ends it
	out     *streamWriter
}

// staysAway tells whether a stream with this code has no successor.
func staysAway(code uint16) bool { return code != 0 && !wire.CloseCode(code).ComeBack() }
