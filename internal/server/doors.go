package server

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// The paths of the WebSocket doors.
const (
	VisitorDoor = "/ws/v1/visitor"
	AgentDoor   = "/ws/v1/agent"
)

// visitorDoor lets a visitor's connection in; who it is comes with its first frame.
func (s *Server) visitorDoor(w http.ResponseWriter, r *http.Request) {
	if !s.stays(w) {
		return
	}
	meta, ok := s.visitorMeta(w, r)
	network := whenceOf(r.Context()).network
	if ok && s.mayKnock(w, network) {
		s.connect(w, r, network, func(c *ws.Conn) *live.Session { return s.parts.Hub.NewVisitor(c, meta) })
	}
}

// visitorMeta is what a visitor's request says of it; false if it was refused.
func (s *Server) visitorMeta(w http.ResponseWriter, r *http.Request) (live.Meta, bool) {
	from := whenceOf(r.Context())
	origin := r.Header.Get("Origin")
	if origin == "" {
		problemJSON(w, problem(crossOrigin, "A handshake names the origin of its page: send the header Origin."))
		return live.Meta{}, false
	}
	return live.Meta{
		Address: from.address.String(), UserAgent: strings.Clone(r.UserAgent()),
		Origin: strings.Clone(origin), OwnOrigin: origin == from.origin(),
	}, true
}

// agentDoor lets an agent in by its cookie, from Kefu's own pages only: another
// website's script would carry the cookie along.
func (s *Server) agentDoor(w http.ResponseWriter, r *http.Request) {
	from := whenceOf(r.Context())
	if !s.stays(w) {
		return
	}
	if !s.fromOwnPage(w, r) || !s.mayKnock(w, from.network) { // before the database is asked
		return
	}
	login, agent, err := s.authenticate(discardCookies{w}, r)
	if err != nil {
		problemJSON(w, problemOf(r.Context(), s.log, err))
		return
	}
	s.connect(w, r, from.network, func(c *ws.Conn) *live.Session { return s.parts.Hub.NewAgent(c, login, agent) })
}

// fromOwnPage refuses what another website's script may have sent.
func (s *Server) fromOwnPage(w http.ResponseWriter, r *http.Request) bool {
	own := whenceOf(r.Context()).origin()
	if r.Header.Get("Origin") != own {
		problemJSON(w, problem(crossOrigin, "This connection is for Kefu's own pages: the header Origin is not "+own+". Behind a proxy, set trusted_proxies."))
		return false
	}
	return true
}

// discardCookies is for answers that carry no headers of ours: the upgrade's.
type discardCookies struct{ http.ResponseWriter }

func (discardCookies) Header() http.Header { return http.Header{} }

// stays refuses a handshake while this node sends its connections away: another
// node answers the next one.
func (s *Server) stays(w http.ResponseWriter) bool {
	if s.parts.Hub.Accepts() {
		return true
	}
	p := problem(wire.Unavailable, "This server is about to stop. Try again: another one answers.")
	p.RetryAfter = leavePause
	problemJSON(w, p)
	return false
}

// leavePause is after how many ms whoever was refused may try again: a load
// balancer has looked once more by then.
const leavePause = 1_000

// mayKnock bounds the handshakes of a network.
func (s *Server) mayKnock(w http.ResponseWriter, network netip.Prefix) bool {
	wait := s.handshakes.take(network)
	if wait > 0 {
		p := problem(wire.RateLimited, "Too many connections were opened from this address just now. Try again after the pause.")
		p.RetryAfter = max(1, wait.Milliseconds())
		problemJSON(w, p)
	}
	return wait <= 0
}

// connect upgrades a request, if its network has a seat left.
func (s *Server) connect(w http.ResponseWriter, r *http.Request, network netip.Prefix, begin func(*ws.Conn) *live.Session) {
	if !s.takeSeat(w, network) {
		return
	}
	seat := &seat{leave: func() { s.seats.leave(network) }, begin: begin, server: s}
	c, err := s.parts.Sockets.Upgrade(w, r, seat)
	switch {
	case c == nil: // refused: it never gets an OnClose
		seat.leave()
		s.log.DebugContext(r.Context(), "a handshake was refused", "error", err)
	case err != nil: // the server is stopping
		seat.leave()
	default:
		seat.session(c)
	}
}

// takeSeat bounds the live connections of a network.
func (s *Server) takeSeat(w http.ResponseWriter, network netip.Prefix) bool {
	free := s.seats.take(network)
	if !free {
		p := problem(wire.TooMany, "Too many connections are open from this address.")
		p.RetryAfter = seatPause
		problemJSON(w, p)
	}
	return free
}

const seatPause = 10_000 // ms

// seat is a live connection at its door: it begins the session at the upgrade
// or, if that is earlier, at the first message.
type seat struct {
	once   sync.Once
	live   *live.Session
	begin  func(*ws.Conn) *live.Session // nil when done
	leave  func()
	server *Server
}

func (s *seat) session(c *ws.Conn) *live.Session {
	s.once.Do(func() {
		s.live = s.begin(c)
		s.begin = nil
	})
	return s.live
}

// OnMessage hands a message to the session. Only text passes the upgrader.
func (s *seat) OnMessage(c *ws.Conn, data []byte) { s.session(c).Frame(data) }

// OnClose ends the session and frees the seat.
func (s *seat) OnClose(c *ws.Conn, code uint16, _ string, err error) {
	s.server.watch.Closed(code)
	session := s.session(c)
	if errors.Is(err, ws.ErrPingTimeout) {
		session.Silent()
	}
	session.Closed()
	s.leave()
	var panicked *ws.PanicError
	if errors.As(err, &panicked) {
		s.server.log.Error("a connection's frame made the server panic", "panic", panicked.Value, "stack", string(panicked.Stack))
	}
}
