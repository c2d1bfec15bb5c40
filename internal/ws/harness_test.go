package ws

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// closing is what a handler was told at the end.
type closing struct {
	code   uint16
	reason string
	err    error
}

// handler is a Handler made of functions, which checks that the calls come one
// at a time and OnClose last and once.
type handler struct {
	t       *testing.T
	message func(c *Conn, data []byte)
	closed  chan closing

	mu   sync.Mutex
	busy bool
	over bool
}

func (h *handler) enter(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.busy || h.over {
		h.t.Errorf("%s while busy=%v, after OnClose=%v", what, h.busy, h.over)
	}
	h.busy = true
}

func (h *handler) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.busy = false
}

func (h *handler) OnMessage(c *Conn, data []byte) {
	h.enter("OnMessage")
	defer h.leave()
	h.message(c, data)
}

func (h *handler) OnClose(_ *Conn, code uint16, reason string, err error) {
	h.enter("OnClose")
	h.over = true
	h.leave()
	h.closed <- closing{code, reason, err}
}

func echo(c *Conn, data []byte) {
	if c.Binary() {
		_ = c.SendBinary(data)
		return
	}
	_ = c.Send(data)
}

// door is a server under test with its HTTP server.
type door struct {
	t      *testing.T
	ws     *Server
	http   *httptest.Server
	url    string
	opened chan *Conn
	closed chan closing
}

// open starts a server with the real clock.
func open(t *testing.T, cfg Config, message func(c *Conn, data []byte)) *door {
	return openOn(t, NewServer(cfg), message, false)
}

func openOn(t *testing.T, s *Server, message func(c *Conn, data []byte), secure bool) *door {
	d := &door{t: t, ws: s, opened: make(chan *Conn, 1000), closed: make(chan closing, 1000)}
	answer := func(w http.ResponseWriter, r *http.Request) {
		h := &handler{t: t, message: message, closed: d.closed}
		if c, err := s.Upgrade(w, r, h); err == nil {
			d.opened <- c
		}
	}
	d.http = httptest.NewUnstartedServer(http.HandlerFunc(answer))
	if secure {
		d.http.StartTLS()
	} else {
		d.http.Start()
	}
	d.url = "ws" + strings.TrimPrefix(d.http.URL, "http")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = s.Shutdown(ctx, CodeGoingAway, "the test is over")
		d.http.Close()
		if n := s.Stats().Open; n != 0 {
			t.Errorf("%d connections open after Shutdown", n)
		}
	})
	return d
}

// dial connects a client that the test's end closes.
func (d *door) dial(opts DialOptions) *ClientConn {
	d.t.Helper()
	if strings.HasPrefix(d.url, "wss") {
		opts.TLS = &tls.Config{InsecureSkipVerify: true} // the certificate is httptest's own
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := Dial(ctx, d.url, opts)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		d.t.Fatal(err)
	}
	return c
}

// conn is the server's side of the connection dialled last.
func (d *door) conn() *Conn {
	d.t.Helper()
	select {
	case c := <-d.opened:
		return c
	case <-time.After(patience):
		d.t.Fatal("no connection was opened")
		return nil
	}
}

// end waits for the next OnClose.
func (d *door) end() closing {
	d.t.Helper()
	select {
	case c := <-d.closed:
		return c
	case <-time.After(patience):
		d.t.Fatal("OnClose did not come")
		return closing{}
	}
}

// until polls for what no event tells.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

func wantMessage(t *testing.T, c *ClientConn, want string) {
	t.Helper()
	got, err := c.Read()
	if err != nil {
		t.Fatalf("reading %.40q: %v", want, err)
	}
	if string(got) != want {
		t.Fatalf("got %d bytes %.40q, want %d bytes %.40q", len(got), got, len(want), want)
	}
}

// wantClose reads on to the server's close frame.
func wantClose(t *testing.T, c *ClientConn, code uint16) {
	t.Helper()
	for {
		_, err := c.Read()
		if err == nil {
			continue
		}
		var end *CloseError
		if !errors.As(err, &end) || end.Code != code {
			t.Fatalf("got %v, want close code %d", err, code)
		}
		return
	}
}

// frame is a masked frame as raw bytes.
func frame(op ws.OpCode, fin bool, payload string) []byte {
	return appendMasked(nil, op, fin, []byte(payload))
}

// handshake is a correct request as raw bytes, with changed or added lines.
func handshake(host string, lines ...string) string {
	return "GET / HTTP/1.1\r\nHost: " + host + "\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		strings.Join(append(lines, ""), "\r\n") + "\r\n"
}

// rawDial sends bytes to the door and gives a reader of what it answers.
func (d *door) rawDial(first string) (net.Conn, *bufio.Reader) {
	d.t.Helper()
	nc, err := net.Dial("tcp", d.http.Listener.Addr().String())
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(nc, first); err != nil {
		d.t.Fatal(err)
	}
	return nc, bufio.NewReader(nc)
}

// openManual starts a server whose clock only pass moves.
func openManual(t *testing.T, cfg Config, message func(c *Conn, data []byte)) *door {
	return openOn(t, newServer(cfg, nil), message, false)
}

// pass moves the coarse clock by d.
func (d *door) pass(by time.Duration) {
	for range d.ws.cfg.ticks(by) {
		d.ws.wheel.advance(d.ws.look)
	}
}

func bigText(n int) string { return strings.Repeat("客服-", n/7+1)[:n/7*7] }

func numbered(i int) []byte { return fmt.Appendf(nil, "message %d", i) }
