package ws

import (
	"errors"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// Prepared is a text frame encoded once, to be sent to many connections.
type Prepared struct {
	frame []byte
	begin int // of the payload
}

// Prepare encodes data, of which it keeps no part.
func Prepare(data []byte) *Prepared {
	frame := appendFrame(make([]byte, 0, maxServerHeader+len(data)), ws.OpText, data)
	return &Prepared{frame: frame, begin: len(frame) - len(data)}
}

// Payload is what was prepared, for connections that are no Conn; it may not be changed.
func (p *Prepared) Payload() []byte { return p.frame[p.begin:] }

// Len is the size of the frame in bytes.
func (p *Prepared) Len() int { return len(p.frame) }

// Send sends a text message and never waits for the peer: it writes at once what
// the socket takes, and queues the rest. It keeps no part of data. ErrClosed
// means that the connection is closing; ErrQueueFull that it closes now, because
// the peer reads too slowly; anything else that the network failed. In each case
// OnClose follows or has been called.
func (c *Conn) Send(data []byte) error { return c.send(ws.OpText, data) }

// SendBinary is Send for a binary message.
func (c *Conn) SendBinary(data []byte) error { return c.send(ws.OpBinary, data) }

// SendPrepared is Send for a frame that goes to many connections; while it waits
// in a queue, a large frame is shared, not copied.
func (c *Conn) SendPrepared(p *Prepared) error {
	c.mu.Lock()
	err := c.roomLocked(len(p.frame))
	if err == nil {
		err = c.writeLocked(p.frame, nil)
	}
	c.mu.Unlock()
	return c.sent(err)
}

func (c *Conn) send(op ws.OpCode, data []byte) error {
	c.mu.Lock()
	err := c.roomLocked(maxServerHeader + len(data))
	if err == nil && c.out != nil {
		c.out.append(&c.srv.buffers, op, data)
	} else if err == nil {
		own := c.srv.buffers.get(maxServerHeader + len(data))
		err = c.writeLocked(appendFrame(own.b[:0], op, data), own)
	}
	c.mu.Unlock()
	return c.sent(err)
}

// sent ends the connection when its network failed.
func (c *Conn) sent(err error) error {
	switch {
	case err == nil:
		c.srv.stats.messagesOut.Add(1)
	case errors.Is(err, ErrClosed):
	case errors.Is(err, ErrQueueFull):
		c.srv.stats.slow.Add(1)
	default:
		c.abort(err)
	}
	return err
}

// roomLocked looks whether a frame of n bytes may be queued; when the queue is
// full it begins the closing.
func (c *Conn) roomLocked(n int) error {
	if c.end != nil {
		return ErrClosed
	}
	o := c.out
	if o == nil || o.bytes == 0 || o.bytes+n <= c.srv.cfg.QueueBytes && o.frames < c.srv.cfg.QueueFrames {
		return nil
	}
	code := c.srv.cfg.ComeBackCode
	// The queue is not empty, so this only queues: it cannot fail.
	c.shutLocked(&ending{code: code, reason: "reading too slowly", err: ErrQueueFull, unreadable: true}, true)
	return ErrQueueFull
}

// writeLocked writes an encoded frame: what the socket takes at once, the rest
// by the writer. own, when not nil, is the buffer that b lies in and is taken over.
func (c *Conn) writeLocked(b []byte, own *buffer) error {
	if c.out != nil {
		c.out.push(&c.srv.buffers, b, own, false)
		return nil
	}
	n, err := c.tryWrite(b)
	if n == len(b) || err != nil {
		c.srv.buffers.put(own)
		return err
	}
	o, ok := c.srv.outboxes.Get().(*outbox)
	if !ok {
		o = new(outbox)
	}
	o.push(&c.srv.buffers, b[n:], own, n > 0)
	c.out = o
	c.srv.wg.Add(1) // not from zero: the reader has not finished, or end were set
	go c.writeLoop()
	return nil
}

// writeOp is a pooled write that is tried once, without waiting.
type writeOp struct {
	b   []byte
	n   int
	err error
	try func(fd uintptr) bool
}

func newWriteOps() sync.Pool {
	return sync.Pool{New: func() any {
		op := new(writeOp)
		op.try = func(fd uintptr) bool {
			op.n, op.err = writeFD(fd, op.b)
			return true
		}
		return op
	}}
}

// tryWrite returns how much of b the socket took; 0 where one cannot ask it.
func (c *Conn) tryWrite(b []byte) (int, error) {
	if c.raw == nil {
		return 0, nil
	}
	op := c.srv.ops.Get().(*writeOp)
	op.b = b
	err := c.raw.Write(op.try)
	n := op.n
	if err == nil {
		err = op.err
	}
	op.b, op.n, op.err = nil, 0, nil
	c.srv.ops.Put(op)
	c.srv.stats.bytesOut.Add(uint64(n))
	return n, err
}

// writeLoop is the goroutine that empties the queue; it ends when nothing waits.
func (c *Conn) writeLoop() {
	defer c.srv.wg.Done()
	for c.writeSome() {
	}
}

// writeSome writes one batch; false ends the writer.
func (c *Conn) writeSome() bool {
	c.mu.Lock()
	o := c.out
	batch := o.take()
	if len(batch) == 0 {
		c.out = nil
		_ = c.nc.SetWriteDeadline(time.Time{})
		if c.end != nil {
			c.closeSentLocked()
		}
		c.mu.Unlock()
		c.srv.outboxes.Put(o)
		return false
	}
	deadline := time.Now().Add(c.srv.cfg.WriteTimeout)
	if c.end != nil {
		deadline = c.end.deadline
	}
	_ = c.nc.SetWriteDeadline(deadline)
	c.mu.Unlock()

	n, err := batch.WriteTo(c.nc)
	c.srv.stats.bytesOut.Add(uint64(n))
	if err != nil {
		c.abort(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o.written(&c.srv.buffers)
	if err != nil {
		o.drop(&c.srv.buffers)
		c.out = nil
	}
	return err == nil
}

// ping asks the peer for a sign of life.
func (c *Conn) ping() { c.answer(ws.OpPing, nil) }

// pong answers a ping. While the peer does not read, only the last one is kept.
func (c *Conn) pong(payload []byte) { c.answer(ws.OpPong, payload) }

func (c *Conn) answer(op ws.OpCode, payload []byte) {
	c.mu.Lock()
	var err error
	switch {
	case c.end != nil:
	case c.out == nil:
		own := c.srv.buffers.get(ws.MaxControlFramePayloadSize + 2)
		err = c.writeLocked(appendFrame(own.b[:0], op, payload), own)
	case op == ws.OpPing:
		c.out.append(&c.srv.buffers, op, payload)
	default:
		c.out.pong = appendFrame(c.out.pong[:0], op, payload)
	}
	c.mu.Unlock()
	if err != nil {
		c.abort(err)
	}
}
