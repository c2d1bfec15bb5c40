package server

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/push"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// PushPath is where connections wait for the pushes to an id.
const PushPath = "/websocket/{id}"

// Bounds of what comes up a connection that waits for pushes: nobody reads it.
const (
	pushFrame     = 64 << 10 // bytes
	pushBurst     = 200      // messages at once, and then
	pushPerSecond = 20
)

// mountPush registers the door of push by id, if there is one.
func (s *Server) mountPush(mux *http.ServeMux) {
	if s.cfg.Push.Mode != "" {
		mux.HandleFunc("GET "+PushPath, s.pushDoor)
	}
}

// pushDoor lets a connection wait for the pushes to an id. With the parameter
// "after", pushes come with their positions, and from that one on.
func (s *Server) pushDoor(w http.ResponseWriter, r *http.Request) {
	network := whenceOf(r.Context()).network
	if !s.stays(w) || !s.mayKnock(w, network) {
		return
	}
	id := r.PathValue("id")
	if !push.GoodID(id) {
		problemJSON(w, problem(badRequest, "The id in the address has 1 to "+strconv.Itoa(push.MaxID)+" bytes of well-formed Unicode."))
		return
	}
	after, ok := afterOf(r)
	if !ok {
		problemJSON(w, problem(badRequest, "The parameter after is the position of the last push that was received, a whole number; 0: none."))
		return
	}
	in, err := s.enterLegacy(r, s.cfg.Push, legacy.PushDoor, id)
	if err != nil {
		problemJSON(w, problemOf(r.Context(), s.log, err))
		return
	}
	if !s.takeSeat(w, network) {
		return
	}
	tied := s.enrol(in)
	seat := &pushSeat{server: s, leave: func() { tied.leave(); s.seats.leave(network) }, frames: pushBurst}
	if seat.conn, err = s.parts.Hub.OpenPush(in.site.ID, strings.Clone(id), in.login != 0, after); err != nil {
		seat.leave()
		problemJSON(w, problemOf(r.Context(), s.log, err))
		return
	}
	c, err := s.parts.PlainSockets.Upgrade(w, r, seat)
	switch {
	case err != nil: // refused, or the server is stopping: there is no OnClose
		seat.conn.End()
		seat.leave()
		s.log.DebugContext(r.Context(), "a handshake was refused", "error", err)
	default:
		tied.conn.Store(c)
		c.SetReadLimit(pushFrame)
		seat.conn.Begin(c)
	}
}

// afterOf is the position from which a connection wants pushes; nil: it wants none.
func afterOf(r *http.Request) (after *int64, ok bool) {
	values, there := r.URL.Query()["after"]
	if !there {
		return nil, true
	}
	n, err := strconv.ParseInt(values[0], 10, 64)
	return &n, err == nil && n >= 0
}

// pushSeat is a connection that waits for pushes.
type pushSeat struct {
	server *Server
	conn   *live.PushConn
	leave  func()
	frames float64 // that may still come at once
	at     time.Time
}

// OnMessage drops what the page sends: nobody has ever read it.
func (p *pushSeat) OnMessage(c *ws.Conn, _ []byte) {
	now := time.Now()
	p.frames = min(pushBurst, p.frames+max(0, now.Sub(p.at).Seconds())*pushPerSecond)
	p.at = now
	if p.frames--; p.frames < 0 {
		c.Close(uint16(wire.CloseRate), "far too many messages")
	}
}

// OnClose gives the seat back.
func (p *pushSeat) OnClose(_ *ws.Conn, code uint16, _ string, err error) {
	p.server.watch.Closed(code)
	p.conn.End()
	p.leave()
	var panicked *ws.PanicError
	if errors.As(err, &panicked) {
		p.server.log.Error("a connection's frame made the server panic", "panic", panicked.Value, "stack", string(panicked.Stack))
	}
}
