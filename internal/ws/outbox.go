package ws

import (
	"net"

	"github.com/gobwas/ws"
)

// outbox is what waits to be written to one connection. It exists only while
// something does; Conn.mu guards it.
type outbox struct {
	chunks []chunk
	pong   []byte // the answer to the last ping, "" when there is none
	bytes  int    // waiting or being written
	frames int

	// The batch that the writer has.
	vec         [][]byte
	done        []*buffer
	takenBytes  int
	takenFrames int
	pongOut     []byte
}

// chunk is one or more encoded frames that lie together.
type chunk struct {
	b      []byte
	own    *buffer // nil when b is shared
	frames int
	begun  bool // a part of it is on its way, so the rest must follow
}

const (
	maxBatch       = 64 << 10 // bytes in one write
	maxBatchChunks = 64
	// shareFrom is the size of a shared frame above which keeping it costs less
	// than copying it.
	shareFrom = 1 << 10
)

// append encodes a frame behind the others.
func (o *outbox) append(p *buffers, op ws.OpCode, payload []byte) {
	need := maxServerHeader + len(payload)
	c := o.tail(p, need)
	had := len(c.b)
	c.b = append(appendHeader(c.b, op, len(payload)), payload...)
	c.frames++
	o.bytes += len(c.b) - had
	o.frames++
}

// push queues an encoded frame, or the rest of one that is begun. own, when not
// nil, is the buffer that b lies in and is taken over; otherwise b is shared.
func (o *outbox) push(p *buffers, b []byte, own *buffer, begun bool) {
	o.bytes += len(b)
	o.frames++
	if own == nil && len(b) < shareFrom && !begun {
		c := o.tail(p, len(b))
		c.b = append(c.b, b...)
		c.frames++
		return
	}
	o.chunks = append(o.chunks, chunk{b: b, own: own, frames: 1, begun: begun})
}

// tail is a chunk with room for n more bytes.
func (o *outbox) tail(p *buffers, n int) *chunk {
	if k := len(o.chunks); k > 0 {
		if c := &o.chunks[k-1]; c.own != nil && cap(c.b)-len(c.b) >= n {
			return c
		}
	}
	own := p.get(n)
	o.chunks = append(o.chunks, chunk{b: own.b[:0], own: own})
	return &o.chunks[len(o.chunks)-1]
}

// take hands the writer the next batch; empty when nothing waits.
func (o *outbox) take() net.Buffers {
	o.vec = o.vec[:0]
	room := maxBatch
	if len(o.pong) > 0 && (len(o.chunks) == 0 || !o.chunks[0].begun) {
		o.pongOut, o.pong = o.pong, o.pongOut[:0]
		o.vec = append(o.vec, o.pongOut)
	}
	k := 0
	for k < len(o.chunks) && k < maxBatchChunks && room > 0 {
		c := &o.chunks[k]
		n := min(len(c.b), room)
		o.vec = append(o.vec, c.b[:n])
		o.takenBytes += n
		room -= n
		if n < len(c.b) {
			c.b, c.begun = c.b[n:], true
			break
		}
		o.takenFrames += c.frames
		o.done = append(o.done, c.own)
		k++
	}
	left := copy(o.chunks, o.chunks[k:])
	clear(o.chunks[left:])
	o.chunks = o.chunks[:left]
	return net.Buffers(o.vec)
}

// written gives back what the batch held.
func (o *outbox) written(p *buffers) {
	for _, own := range o.done {
		p.put(own)
	}
	clear(o.done)
	o.done = o.done[:0]
	o.bytes -= o.takenBytes
	o.frames -= o.takenFrames
	o.takenBytes, o.takenFrames = 0, 0
}

// drop forgets the frames of which nothing is on its way.
func (o *outbox) drop(p *buffers) {
	kept := o.chunks[:0]
	for _, c := range o.chunks {
		if c.begun {
			kept = append(kept, c)
			continue
		}
		o.bytes -= len(c.b)
		o.frames -= c.frames
		p.put(c.own)
	}
	clear(o.chunks[len(kept):])
	o.chunks = kept
	o.pong = o.pong[:0]
}
