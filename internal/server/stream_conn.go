package server

import (
	"sync"

	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// streamConn is the live.Conn of a stream: a bounded queue that its request
// empties.
type streamConn struct {
	maxBytes, maxFrames int
	// some is ready when there is something to write, or the end.
	some chan struct{}

	mu     sync.Mutex
	queue  [][]byte // each with its newline
	bytes  int
	code   uint16 // 0: open
	reason string
	mute   bool   // the request has ended
	closed func() // mute: told of Close, once
}

func newStreamConn(maxBytes, maxFrames int) *streamConn {
	return &streamConn{maxBytes: maxBytes, maxFrames: maxFrames, some: make(chan struct{}, 1)}
}

// Send implements live.Conn. Errors: ws.ErrClosed, ws.ErrQueueFull.
func (c *streamConn) Send(data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.mute:
		return nil
	case c.code != 0:
		return ws.ErrClosed
	case len(c.queue) > 0 && (c.bytes+len(data) >= c.maxBytes || len(c.queue) >= c.maxFrames):
		c.queue, c.bytes = nil, 0
		c.closeLocked(uint16(wire.CloseSlow), "reading too slowly")
		return ws.ErrQueueFull
	}
	line := make([]byte, 0, len(data)+1)
	c.queue = append(c.queue, append(append(line, data...), '\n'))
	c.bytes += len(data) + 1
	c.wake()
	return nil
}

// SendPrepared implements live.Conn.
func (c *streamConn) SendPrepared(p *ws.Prepared) error { return c.Send(p.Payload()) }

// Close implements live.Conn: what waits is written, then the code.
func (c *streamConn) Close(code uint16, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if closed := c.closed; c.mute && closed != nil {
		c.closed = nil
		closed()
		return
	}
	c.closeLocked(code, reason)
}

func (c *streamConn) closeLocked(code uint16, reason string) {
	if c.code == 0 {
		c.code, c.reason = code, reason
		c.wake()
	}
}

// closeCode is why it has ended; ws.CodeAbnormal when nobody closed it.
func (c *streamConn) closeCode() uint16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.code == 0 {
		return ws.CodeAbnormal
	}
	return c.code
}

// SetReadLimit implements live.Conn: the request's body had its own bound.
func (*streamConn) SetReadLimit(int64) {}

func (c *streamConn) wake() {
	select {
	case c.some <- struct{}{}:
	default:
	}
}

// take takes what waits; code is not 0 when nothing more will come.
func (c *streamConn) take() (lines [][]byte, code uint16, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines, c.queue, c.bytes = c.queue, nil, 0
	return lines, c.code, c.reason
}

// waits tells whether there is something to take.
func (c *streamConn) waits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue) > 0 || c.code != 0
}

// open tells whether nobody has closed it.
func (c *streamConn) open() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.code == 0
}

// silence drops what is sent from now on; closed is told of the first Close,
// which may come from within a lock of the hub.
func (c *streamConn) silence(closed func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mute, c.closed, c.queue, c.bytes = true, closed, nil, 0
}
