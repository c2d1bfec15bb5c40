package ws

import (
	"errors"
	"runtime/debug"

	"github.com/gobwas/ws"
)

// serve is the goroutine of a connection: it parks shallow, without a buffer,
// until bytes come. early is what the handshake's reader already held.
func (c *Conn) serve(early *buffer, n int) {
	relieved := false
	defer func() {
		if !relieved {
			c.finish()
			c.srv.wg.Done()
		}
	}()
	if early != nil {
		c.in, c.inLen = early, n
		if !c.consume() {
			return
		}
	}
	if c.raw == nil {
		c.serveBlocking()
		return
	}
	readable := c.readable
	for {
		if err := c.raw.Read(readable); err != nil {
			c.inErr = err
			return
		}
		c.worked = false
		if !c.consume() {
			return
		}
		// The collector never makes a stack of 4 KiB smaller, and a message takes
		// more. A peer that merely answers a ping says nothing: go on with a new one.
		if !c.worked && c.dec.part == nil {
			relieved = true
			go c.serve(nil, 0)
			return
		}
	}
}

// readable is called by the poller when the descriptor may have bytes; false
// parks the goroutine until it has.
func (c *Conn) readable(fd uintptr) bool {
	size := smallBuffer
	if c.inLen == smallBuffer || c.inLen == largeBuffer {
		size = largeBuffer // the last read was full: the peer has more
	}
	b := c.srv.buffers.get(size)
	n, again, err := readFD(fd, b.b)
	if again || err != nil {
		c.srv.buffers.put(b)
		c.inLen, c.inErr = 0, err
		return err != nil
	}
	c.in, c.inLen = b, n
	return true
}

// serveBlocking is for connections whose descriptor cannot be read directly.
func (c *Conn) serveBlocking() {
	held := &buffer{b: make([]byte, 512)} // not of a pooled size: put leaves it alone
	full := false
	for {
		b := held
		if full {
			b = c.srv.buffers.get(4 * smallBuffer)
		}
		n, err := c.nc.Read(b.b)
		full = n == len(b.b)
		c.in, c.inLen = b, n
		if !c.consume() {
			return
		}
		if err != nil {
			c.inErr = err
			return
		}
	}
}

// consume handles what was read; false ends the connection.
func (c *Conn) consume() bool {
	b := c.in
	if b == nil {
		return c.inErr == nil
	}
	c.seen.Store(busy)
	c.srv.stats.bytesIn.Add(uint64(c.inLen))
	c.in = nil
	ok := c.decode(b.b[:c.inLen])
	c.srv.buffers.put(b)
	now := c.srv.wheel.now.Load()
	if c.dec.part == nil {
		if c.begun.Load() != 0 {
			c.begun.Store(0)
		}
	} else if c.begun.Load() == 0 {
		c.begun.Store(now)
	}
	c.seen.Store(now)
	return ok
}

// maxDrained bounds the bytes that are read and dropped while a connection that
// has failed waits for its peer to hang up.
const maxDrained = 1 << 20

// decode feeds the bytes to the decoder, or drops them when the connection has
// failed and only its end is awaited.
func (c *Conn) decode(data []byte) bool {
	c.mu.Lock()
	if e := c.end; e != nil && (e.unreadable || e.received) {
		e.drained += len(data)
		more := e.drained < maxDrained
		c.mu.Unlock()
		return more
	}
	c.mu.Unlock()
	err := c.dec.feed(&c.srv.rules, data, c)
	if err == nil {
		return true
	}
	c.dec.release(&c.srv.rules)
	var protocol *ProtocolError
	var panicked *PanicError
	switch {
	case errors.As(err, &protocol):
		c.srv.stats.broken.Add(1)
		c.fail(protocol.Code, protocol.Text, protocol)
	case errors.As(err, &panicked):
		c.fail(CodeInternal, "internal error", panicked)
	}
	return true
}

// message gives a whole message to the handler.
func (c *Conn) message(op ws.OpCode, data []byte) (err error) {
	if c.begun.Load() != 0 {
		c.begun.Store(0)
	}
	if c.closing() {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	c.srv.stats.messagesIn.Add(1)
	c.worked = true
	c.binary = op == ws.OpBinary
	c.handler.OnMessage(c, data)
	return nil
}

// peerClosed stops the decoder: after a close frame nothing may come.
type peerClosed struct{}

func (peerClosed) Error() string { return "ws: the peer closed" }

// control answers pings, takes pongs, and ends on a close frame.
func (c *Conn) control(op ws.OpCode, data []byte) error {
	if now := c.srv.wheel.now.Load(); now-c.ctlTick >= c.srv.second {
		c.ctlTick, c.ctlN = now, 0
	}
	c.ctlN++
	if c.ctlN > c.srv.cfg.MaxControl {
		return broken(CodePolicy, "too many control frames in a second")
	}
	switch op {
	case ws.OpPing:
		c.pong(data)
	case ws.OpClose:
		code, reason, err := parseClose(data)
		if err != nil {
			return err
		}
		c.shut(&ending{code: code, reason: reason, received: true}, true)
		return peerClosed{}
	}
	return nil
}

// finish is the end of every connection.
func (c *Conn) finish() {
	c.kill()
	c.srv.wheel.remove(c)
	c.dec.release(&c.srv.rules)
	c.mu.Lock()
	if c.end == nil {
		c.end = &ending{code: CodeAbnormal, err: c.inErr}
	} else if c.end.err == nil && !c.end.received {
		c.end.err = c.inErr
	}
	e := *c.end
	c.mu.Unlock()
	c.srv.stats.open.Add(-1)
	c.handler.OnClose(c, e.code, e.reason, e.err)
}
