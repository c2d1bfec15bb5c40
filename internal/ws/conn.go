package ws

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gobwas/ws"
)

// Handler is what the connections of a door do with their messages. It is
// usually one object per connection. The methods run on the connection's own
// goroutine: OnMessage may take its time, and holds up nobody else.
type Handler interface {
	// OnMessage gets one whole message; data is valid during the call only.
	OnMessage(c *Conn, data []byte)
	// OnClose comes once, after the last OnMessage. code and reason are of the
	// close frame that ended the connection, the peer's or ours (CodeNone,
	// CodeAbnormal when there was none). err is nil when both sides said goodbye.
	OnClose(c *Conn, code uint16, reason string, err error)
}

// Conn is a server's side of a WebSocket connection. A million of them may be
// idle: think before adding a field.
type Conn struct {
	srv      *Server
	nc       net.Conn
	raw      syscall.RawConn // nil: blocking reads and writes
	handler  Handler
	protocol string

	limit  atomic.Int64
	seen   atomic.Uint32 // coarse time of the last bytes, or busy
	begun  atomic.Uint32 // coarse time of the unfinished message's start, 0 without one
	binary bool          // the message in OnMessage is binary
	worked bool          // a message came since the reader woke
	closed atomic.Bool   // the descriptor is closed

	dec     decoder
	in      *buffer // from the poller's callback to the reader
	inLen   int
	inErr   error
	ctlTick uint32 // for the rate of control frames
	ctlN    int

	mu  sync.Mutex
	out *outbox // nil when nothing waits to be written
	end *ending // nil while open

	next, prev *Conn // in a slot of the wheel, under its lock
	slot       int32
	pingAt     uint32 // coarse time of the unanswered ping; the sweeper's
}

// busy in Conn.seen means that the reader is at work, so the peer is not silent.
const busy = ^uint32(0)

// ending is why and how far a connection is closed; under Conn.mu.
type ending struct {
	code       uint16
	reason     string
	err        error
	deadline   time.Time // for what is still to be flushed
	sent       bool      // our close frame is written
	received   bool      // the peer's has come
	unreadable bool      // what the peer sends cannot be parsed any more
	shut       bool      // our half of the connection is shut
	drained    int       // bytes read and dropped since
}

// RemoteAddr is the address of the other end of the TCP connection, which may be a proxy.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// Subprotocol is what the handshake settled on, "" when none was asked for.
func (c *Conn) Subprotocol() string { return c.protocol }

// Handler is what Upgrade was given.
func (c *Conn) Handler() Handler { return c.handler }

// Binary tells OnMessage whether its message is binary.
func (c *Conn) Binary() bool { return c.binary }

// SetReadLimit bounds the messages of this connection, in bytes, from the next
// frame on.
func (c *Conn) SetReadLimit(n int64) { c.limit.Store(n) }

func (c *Conn) readLimit() int64 { return c.limit.Load() }

// Close flushes what is queued, sends a close frame, waits for the peer's, each
// within its bound, and then has OnClose called. It returns at once; messages
// that still come are dropped. A code that may not be sent becomes 1000, and the
// reason is cut to 123 bytes.
func (c *Conn) Close(code uint16, reason string) {
	if !validCode(code) {
		code = CodeNormal
	}
	c.shut(&ending{code: code, reason: reason}, false)
}

// fail closes because of err: what is queued but not begun is dropped.
func (c *Conn) fail(code uint16, reason string, err error) {
	c.shut(&ending{code: code, reason: reason, err: err, unreadable: true}, true)
}

// shut begins the closing as e says, unless it has begun.
func (c *Conn) shut(e *ending, drop bool) {
	c.mu.Lock()
	broken := c.shutLocked(e, drop)
	c.mu.Unlock()
	if broken {
		c.kill()
	}
}

// shutLocked reports whether the connection is beyond a goodbye.
func (c *Conn) shutLocked(e *ending, drop bool) bool {
	if c.end != nil {
		c.end.unreadable = c.end.unreadable || e.unreadable
		c.end.received = c.end.received || e.received
		c.shutWriteLocked()
		return false
	}
	bound := c.srv.cfg.WriteTimeout
	if drop {
		bound = c.srv.cfg.CloseWait
	}
	e.deadline = time.Now().Add(bound)
	c.end = e
	if c.out != nil {
		if drop {
			c.out.drop(&c.srv.buffers)
		}
		_ = c.nc.SetWriteDeadline(e.deadline)
	}
	frame := appendFrame(nil, ws.OpClose, closePayload(e.code, e.reason))
	if c.writeLocked(frame, nil) != nil {
		return true
	}
	if c.out == nil {
		c.closeSentLocked()
	}
	return false
}

// closeSentLocked starts the wait for the peer's end of the closing.
func (c *Conn) closeSentLocked() {
	c.end.sent = true
	_ = c.nc.SetReadDeadline(time.Now().Add(c.srv.cfg.CloseWait))
	c.shutWriteLocked()
}

// shutWriteLocked tells the peer that nothing more comes, once both close frames
// are through. Closing the descriptor instead, with bytes unread, would reset
// the connection and could destroy the close frame on its way.
func (c *Conn) shutWriteLocked() {
	e := c.end
	if !e.sent || e.shut || !e.received && !e.unreadable {
		return
	}
	e.shut = true
	if half, ok := under(c.nc).(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// under is the connection below TLS, whose own closing would wait for a peer
// that does not read. The close frames say what TLS's alert would.
func under(nc net.Conn) net.Conn {
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		return t.NetConn()
	}
	return nc
}

// lose ends a connection whose peer is silent. The close frame is for one that
// is merely slow; nothing is awaited.
func (c *Conn) lose() {
	c.shut(&ending{code: c.srv.cfg.SilentCode, reason: "no answer to a ping", err: ErrPingTimeout, unreadable: true}, true)
	c.kill()
}

// abort ends the connection without a goodbye, because of err.
func (c *Conn) abort(err error) {
	c.mu.Lock()
	if c.end == nil {
		c.end = &ending{code: CodeAbnormal, err: err, unreadable: true}
	} else if c.end.err == nil && !c.end.received {
		c.end.err = err
	}
	c.mu.Unlock()
	c.kill()
}

// kill closes the descriptor, which wakes the reader and the writer.
func (c *Conn) kill() {
	if c.closed.CompareAndSwap(false, true) {
		_ = under(c.nc).Close()
	}
}

// closing reports whether messages are no longer delivered.
func (c *Conn) closing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end != nil
}
