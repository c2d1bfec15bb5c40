package ws

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// DialOptions are for Dial; the zero value will do.
type DialOptions struct {
	Header       http.Header // sent along with the handshake (Cookie, Origin, ...)
	Subprotocols []string
	LocalAddr    string // IP to dial from, for instance 127.0.3.1
	TLS          *tls.Config
	ReadLimit    int64 // bytes of a message (4 MiB)
	ReadBuffer   int   // bytes kept per connection (4096)
}

// DialError is the server's refusal of a handshake.
type DialError struct {
	Status int
	Body   string // its first 4 KiB
}

func (e *DialError) Error() string {
	return fmt.Sprintf("ws: the server answered the handshake with %d: %s", e.Status, e.Body)
}

// CloseError is what ClientConn.Read gives after the server's close frame.
type CloseError struct {
	Code   uint16
	Reason string
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("ws: the server closed with %d %q", e.Code, e.Reason)
}

// ClientConn is the client's side, for tests and load: plain, blocking, without
// a goroutine of its own. One goroutine may read while others write.
type ClientConn struct {
	nc       net.Conn
	br       *bufio.Reader
	protocol string
	limit    int64
	msg      []byte
	binary   bool

	mu  sync.Mutex // of the writing side
	buf []byte
}

// Dial connects to a ws: or wss: address. ctx bounds the dialling and the
// handshake only. A refusal is a *DialError.
func Dial(ctx context.Context, address string, opts DialOptions) (*ClientConn, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("ws: dial: %w", err)
	}
	nc, err := dialTCP(ctx, u, opts)
	if err != nil {
		return nil, fmt.Errorf("ws: dial %s: %w", u.Host, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	c, err := newClient(nc, u, opts)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return c, nil
}

func dialTCP(ctx context.Context, u *url.URL, opts DialOptions) (net.Conn, error) {
	var d net.Dialer
	if opts.LocalAddr != "" {
		ip := net.ParseIP(opts.LocalAddr)
		if ip == nil {
			return nil, fmt.Errorf("local address %q: expected an IP address", opts.LocalAddr)
		}
		d.LocalAddr = &net.TCPAddr{IP: ip}
	}
	host := u.Host
	switch {
	case u.Scheme != "ws" && u.Scheme != "wss":
		return nil, fmt.Errorf("scheme %q: expected ws or wss", u.Scheme)
	case u.Port() == "" && u.Scheme == "ws":
		host = net.JoinHostPort(u.Hostname(), "80")
	case u.Port() == "":
		host = net.JoinHostPort(u.Hostname(), "443")
	}
	if u.Scheme == "ws" {
		return d.DialContext(ctx, "tcp", host)
	}
	t := tls.Dialer{NetDialer: &d, Config: opts.TLS}
	return t.DialContext(ctx, "tcp", host)
}

// newClient does the handshake.
func newClient(nc net.Conn, u *url.URL, opts DialOptions) (*ClientConn, error) {
	c := &ClientConn{nc: nc, limit: opts.ReadLimit}
	orDefault(&c.limit, 4<<20)
	orDefault(&opts.ReadBuffer, 4096)
	key := base64.StdEncoding.EncodeToString(randomBytes(16))
	var req bytes.Buffer
	fmt.Fprintf(&req, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n", u.RequestURI(), u.Host, key)
	if len(opts.Subprotocols) > 0 {
		fmt.Fprintf(&req, "Sec-WebSocket-Protocol: %s\r\n", strings.Join(opts.Subprotocols, ", "))
	}
	if err := opts.Header.Write(&req); err != nil {
		return nil, err
	}
	req.WriteString("\r\n")
	if _, err := nc.Write(req.Bytes()); err != nil {
		return nil, fmt.Errorf("ws: handshake: %w", err)
	}
	bounded := &io.LimitedReader{R: nc, N: 64 << 10}
	c.br = bufio.NewReaderSize(bounded, opts.ReadBuffer)
	resp, err := http.ReadResponse(c.br, &http.Request{Method: http.MethodGet}) //nolint:bodyclose // the body is the connection
	if err != nil {
		return nil, fmt.Errorf("ws: handshake: %w", err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		return nil, &DialError{Status: resp.StatusCode, Body: strings.TrimSpace(string(body))}
	}
	if resp.Header.Get("Sec-Websocket-Accept") != acceptKey(key) {
		return nil, errors.New("ws: handshake: the server did not prove that it read the key")
	}
	bounded.N = 1<<63 - 1
	c.protocol = resp.Header.Get("Sec-Websocket-Protocol")
	return c, nil
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// Subprotocol is what the server chose.
func (c *ClientConn) Subprotocol() string { return c.protocol }

// NetConn is the connection below, for deadlines and for tests of bad behaviour.
func (c *ClientConn) NetConn() net.Conn { return c.nc }

// SetReadDeadline bounds the Reads to come.
func (c *ClientConn) SetReadDeadline(t time.Time) error { return c.nc.SetReadDeadline(t) }

// Binary tells whether the message of the last Read is binary.
func (c *ClientConn) Binary() bool { return c.binary }

// Read returns the next message, valid until the next Read, and answers pings
// meanwhile. The server's close frame it answers, hangs up, and gives a *CloseError.
func (c *ClientConn) Read() ([]byte, error) {
	c.msg = c.msg[:0]
	for {
		h, err := c.readHeader()
		if err != nil {
			return nil, err
		}
		if h.OpCode.IsControl() {
			if err := c.control(h); err != nil {
				return nil, err
			}
			continue
		}
		if h.OpCode != ws.OpContinuation {
			c.binary = h.OpCode == ws.OpBinary
		}
		if h.Length > c.limit-int64(len(c.msg)) {
			return nil, fmt.Errorf("ws: message over the client's limit of %d bytes", c.limit)
		}
		had := len(c.msg)
		c.msg = append(c.msg, make([]byte, h.Length)...)
		if _, err := io.ReadFull(c.br, c.msg[had:]); err != nil {
			return nil, err
		}
		if h.Fin {
			return c.msg, nil
		}
	}
}

// readHeader reads what a server may send: unmasked and without extensions.
func (c *ClientConn) readHeader() (h ws.Header, err error) {
	start, err := c.br.Peek(ws.MinHeaderSize)
	if err != nil {
		return h, err
	}
	n := headerSize(start[1])
	whole, err := c.br.Peek(n)
	if err != nil {
		return h, err
	}
	if h, _, err = parseHeader(whole); err != nil {
		return h, err
	}
	state := ws.StateClientSide
	if h.OpCode == ws.OpContinuation {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return h, err
	}
	_, err = c.br.Discard(n)
	return h, err
}

func (c *ClientConn) control(h ws.Header) error {
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(c.br, payload); err != nil {
		return err
	}
	switch h.OpCode {
	case ws.OpPing:
		return c.WriteFrame(ws.OpPong, true, payload)
	case ws.OpClose:
		_ = c.WriteFrame(ws.OpClose, true, payload)
		_ = c.nc.Close()
		code, reason, err := parseClose(payload)
		if err != nil {
			return err
		}
		return &CloseError{Code: code, Reason: reason}
	}
	return nil
}

// Write sends a text message.
func (c *ClientConn) Write(data []byte) error { return c.WriteFrame(ws.OpText, true, data) }

// WriteFrame sends one masked frame, also one that the protocol forbids.
func (c *ClientConn) WriteFrame(op ws.OpCode, fin bool, payload []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buf = appendMasked(c.buf[:0], op, fin, payload)
	_, err := c.nc.Write(c.buf)
	if cap(c.buf) > largeBuffer {
		c.buf = nil
	}
	return err
}

// appendMasked appends a frame as a client sends it.
func appendMasked(b []byte, op ws.OpCode, fin bool, payload []byte) []byte {
	at := len(b)
	b = appendHeader(b, op, len(payload))
	if !fin {
		b[at] &^= 0x80
	}
	b[at+1] |= 0x80
	var mask [4]byte
	binary.NativeEndian.PutUint32(mask[:], mathrand.Uint32())
	b = append(b, mask[:]...)
	from := len(b)
	b = append(b, payload...)
	ws.Cipher(b[from:], mask, 0)
	return b
}

// CloseWith sends a close frame; Read then gives what still comes, and at last
// the server's close frame as a *CloseError.
func (c *ClientConn) CloseWith(code uint16, reason string) error {
	return c.WriteFrame(ws.OpClose, true, closePayload(code, reason))
}

// Close drops the connection without a goodbye.
func (c *ClientConn) Close() error { return c.nc.Close() }
