package ws

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Upgrade answers a WebSocket handshake and starts the connection, whose
// messages go to h; the first may come before Upgrade returns. Who may connect
// (origin, log-in, limits) is the caller's to check before. When the request
// cannot be upgraded, the answer has been written and a *HandshakeError comes
// back: 405, 426 or 400 by what is wrong with it, 503 during a shutdown, 500
// when w gives no connection away (a wrapped ResponseWriter). Any other error
// means that the connection was lost, or a shutdown began, during the handshake.
func (s *Server) Upgrade(w http.ResponseWriter, r *http.Request, h Handler) (*Conn, error) {
	protocol, refusal := s.checkRequest(r)
	if refusal != nil {
		return nil, s.refuse(w, refusal)
	}
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, s.refuse(w, &HandshakeError{http.StatusInternalServerError, "this connection cannot become a WebSocket: " + err.Error()})
	}
	if err := s.accept(nc, r.Header.Get("Sec-Websocket-Key"), protocol); err != nil {
		s.stats.refused.Add(1)
		_ = under(nc).Close()
		return nil, err
	}
	c := &Conn{srv: s, nc: nc, raw: rawConn(nc), handler: h, protocol: protocol, slot: slotNone}
	c.limit.Store(s.cfg.ReadLimit)
	c.seen.Store(s.wheel.now.Load())
	early, n := s.early(rw.Reader)
	if err := s.start(c, early, n); err != nil {
		return nil, err
	}
	return c, nil
}

// start makes c one of the server's connections.
func (s *Server) start(c *Conn, early *buffer, n int) error {
	s.mu.Lock()
	if s.closing.Load() {
		// The 101 is out, so only a close frame can still say why.
		farewell := s.farewell
		s.mu.Unlock()
		_ = c.nc.SetWriteDeadline(time.Now().Add(s.cfg.HandshakeTimeout))
		_, _ = c.nc.Write(farewell)
		_ = under(c.nc).Close()
		return ErrClosed
	}
	s.wg.Add(1)
	s.stats.open.Add(1)
	s.stats.accepted.Add(1)
	s.wheel.add(c, s.pingTicks)
	s.mu.Unlock()
	go c.serve(early, n)
	return nil
}

// early saves the frames that came together with the handshake.
func (s *Server) early(r *bufio.Reader) (*buffer, int) {
	n := r.Buffered()
	if n == 0 {
		return nil, 0
	}
	b := s.buffers.get(n)
	held, _ := r.Peek(n)
	return b, copy(b.b, held)
}

// Check is what Upgrade checks of a request: nil, or the answer has been written. It is
// for who must do something before Upgrade that cannot be undone.
func (s *Server) Check(w http.ResponseWriter, r *http.Request) error {
	if _, refusal := s.checkRequest(r); refusal != nil {
		return s.refuse(w, refusal)
	}
	return nil
}

func (s *Server) refuse(w http.ResponseWriter, e *HandshakeError) error {
	s.stats.refused.Add(1)
	switch e.Status {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodGet)
	case http.StatusUpgradeRequired:
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Sec-WebSocket-Version", "13")
	}
	http.Error(w, e.Text, e.Status)
	return e
}

// checkRequest looks for everything RFC 6455 4.2.1 wants, and picks the subprotocol.
func (s *Server) checkRequest(r *http.Request) (protocol string, e *HandshakeError) {
	key := r.Header.Values("Sec-Websocket-Key")
	switch {
	case s.closing.Load():
		return "", &HandshakeError{http.StatusServiceUnavailable, "the server is shutting down: try again later"}
	case r.Method != http.MethodGet:
		return "", &HandshakeError{http.StatusMethodNotAllowed, "a WebSocket handshake is a GET request"}
	case !hasToken(r.Header, "Upgrade", "websocket") || !hasToken(r.Header, "Connection", "upgrade"):
		return "", &HandshakeError{http.StatusUpgradeRequired, "this address speaks WebSocket: send the headers Upgrade: websocket and Connection: Upgrade"}
	case r.Header.Get("Sec-Websocket-Version") != "13":
		return "", &HandshakeError{http.StatusUpgradeRequired, "unknown WebSocket version: send Sec-WebSocket-Version: 13"}
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return "", &HandshakeError{http.StatusBadRequest, "a WebSocket handshake is an HTTP/1.1 request"}
	case len(key) != 1 || !validKey(key[0]):
		return "", &HandshakeError{http.StatusBadRequest, "bad Sec-WebSocket-Key: expected 16 bytes in base64"}
	case r.ContentLength != 0:
		return "", &HandshakeError{http.StatusBadRequest, "a WebSocket handshake has no body"}
	case len(s.cfg.Subprotocols) == 0:
		return "", nil
	}
	for _, p := range s.cfg.Subprotocols {
		if hasProtocol(r.Header, p) {
			return p, nil
		}
	}
	return "", &HandshakeError{http.StatusBadRequest, "no common subprotocol: expected Sec-WebSocket-Protocol with one of " + strings.Join(s.cfg.Subprotocols, ", ")}
}

func validKey(key string) bool {
	raw, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(raw) == 16
}

// hasToken looks for a word in a comma-separated header, letter case aside.
func hasToken(h http.Header, name, token string) bool {
	return slices.ContainsFunc(listed(h, name), func(s string) bool { return strings.EqualFold(s, token) })
}

func hasProtocol(h http.Header, protocol string) bool {
	return slices.Contains(listed(h, "Sec-Websocket-Protocol"), protocol)
}

func listed(h http.Header, name string) []string {
	var words []string
	for _, line := range h.Values(name) {
		for word := range strings.SplitSeq(line, ",") {
			words = append(words, strings.TrimSpace(word))
		}
	}
	return words
}

// accept writes the 101 answer.
func (s *Server) accept(nc net.Conn, key, protocol string) error {
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + acceptKey(key) + "\r\n"
	if protocol != "" {
		answer += "Sec-WebSocket-Protocol: " + protocol + "\r\n"
	}
	// net/http's deadlines belong to requests; idle connections outlive them.
	if err := nc.SetDeadline(time.Time{}); err != nil {
		return err
	}
	if err := nc.SetWriteDeadline(time.Now().Add(s.cfg.HandshakeTimeout)); err != nil {
		return err
	}
	if _, err := nc.Write([]byte(answer + "\r\n")); err != nil {
		return err
	}
	return nc.SetWriteDeadline(time.Time{})
}

// acceptKey proves to the client that its key was read by a WebSocket server.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
