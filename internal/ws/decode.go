package ws

import (
	"sync"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// sink takes what the decoder found. data is valid during the call only.
type sink interface {
	readLimit() int64
	message(op ws.OpCode, data []byte) error
	control(op ws.OpCode, data []byte) error
}

// rules are the bounds of a decoder, the same for all connections of a server.
type rules struct {
	maxFrames int
	binary    bool
	buffers   *buffers
	partials  *sync.Pool // of *partial
}

// decoder turns the bytes of a client, in pieces of any size, into messages. At
// a boundary between messages it holds no memory.
type decoder struct{ part *partial }

// partial is an unfinished frame or message.
type partial struct {
	head    [ws.MaxHeaderSize]byte // a cut header
	headLen int

	inFrame bool
	h       ws.Header
	pos     int64 // payload bytes of the frame that have come

	ctl [ws.MaxControlFramePayloadSize]byte

	op     ws.OpCode // of the unfinished message; OpContinuation when there is none
	frames int
	msg    *buffer
	n      int // bytes in msg
	text   utf8Stream
}

// feed takes the next bytes and changes them (it unmasks in place). An error of
// the sink or a broken rule ends the decoding for good.
func (d *decoder) feed(r *rules, data []byte, to sink) error {
	for len(data) > 0 {
		var err error
		if d.part != nil && d.part.inFrame {
			data, err = d.payload(r, data, to)
		} else {
			data, err = d.header(r, data, to)
		}
		if err != nil {
			return err
		}
	}
	if p := d.part; p != nil && !p.inFrame && p.headLen == 0 && p.op == ws.OpContinuation {
		d.release(r)
	}
	return nil
}

// release gives all memory back.
func (d *decoder) release(r *rules) {
	if p := d.part; p != nil {
		r.buffers.put(p.msg)
		*p = partial{}
		r.partials.Put(p)
		d.part = nil
	}
}

func (d *decoder) need(r *rules) *partial {
	if d.part == nil {
		if p, ok := r.partials.Get().(*partial); ok {
			d.part = p
		} else {
			d.part = new(partial)
		}
	}
	return d.part
}

// header takes a frame's header, and its payload too when all of it is there.
func (d *decoder) header(r *rules, data []byte, to sink) ([]byte, error) {
	h, data, whole, err := d.takeHeader(r, data)
	if err != nil || !whole {
		return nil, err
	}
	if err := d.check(r, h, to.readLimit()); err != nil {
		return nil, err
	}
	if h.Length > int64(len(data)) {
		p := d.need(r)
		p.inFrame, p.h, p.pos = true, h, 0
		if h.OpCode.IsData() && h.OpCode != ws.OpContinuation {
			p.op = h.OpCode
		}
		return data, nil
	}
	payload := data[:h.Length]
	ws.Cipher(payload, h.Mask, 0)
	return data[h.Length:], d.frame(r, h, payload, to)
}

// takeHeader reads a header that may have begun in an earlier piece.
func (d *decoder) takeHeader(r *rules, data []byte) (h ws.Header, rest []byte, whole bool, err error) {
	if d.part == nil || d.part.headLen == 0 {
		h, n, err := parseHeader(data)
		if n > 0 || err != nil {
			return h, data[n:], true, err
		}
	}
	p := d.need(r)
	for len(data) > 0 {
		p.head[p.headLen] = data[0]
		p.headLen++
		data = data[1:]
		h, n, err := parseHeader(p.head[:p.headLen])
		if n > 0 || err != nil {
			p.headLen = 0
			return h, data, true, err
		}
	}
	return h, nil, false, nil
}

// check holds a header against the protocol and the bounds.
func (d *decoder) check(r *rules, h ws.Header, limit int64) error {
	state := ws.StateServerSide
	var have int64
	frames := 0
	if p := d.part; p != nil && p.op != ws.OpContinuation {
		state = state.Set(ws.StateFragmented)
		have, frames = int64(p.n), p.frames
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return broken(CodeProtocolError, err.Error())
	}
	switch {
	case h.OpCode.IsControl():
		return nil
	case h.OpCode == ws.OpBinary && !r.binary:
		return broken(CodeUnsupported, "binary messages are not accepted, send text")
	case h.Length > limit-have:
		return broken(CodeTooBig, "message over the limit")
	case frames >= r.maxFrames:
		return broken(CodePolicy, "message in too many fragments")
	}
	return nil
}

// payload takes a piece of a frame that is not whole yet.
func (d *decoder) payload(r *rules, data []byte, to sink) ([]byte, error) {
	p := d.part
	piece := data[:min(int64(len(data)), p.h.Length-p.pos)]
	ws.Cipher(piece, p.h.Mask, int(p.pos&3))
	control := p.h.OpCode.IsControl()
	if control {
		copy(p.ctl[p.pos:], piece)
	} else if err := p.add(r, piece); err != nil {
		return nil, err
	}
	p.pos += int64(len(piece))
	rest := data[len(piece):]
	if p.pos < p.h.Length {
		return rest, nil
	}
	p.inFrame = false
	if control {
		return rest, to.control(p.h.OpCode, p.ctl[:p.h.Length])
	}
	return rest, d.endFrame(r, p.h, to)
}

// frame takes a frame whose payload came in one piece.
func (d *decoder) frame(r *rules, h ws.Header, payload []byte, to sink) error {
	if h.OpCode.IsControl() {
		return to.control(h.OpCode, payload)
	}
	if h.Fin && h.OpCode != ws.OpContinuation {
		if h.OpCode == ws.OpText && !utf8.Valid(payload) {
			return broken(CodeInvalidData, "text is not UTF-8")
		}
		return to.message(h.OpCode, payload)
	}
	p := d.need(r)
	if h.OpCode != ws.OpContinuation {
		p.op = h.OpCode
	}
	if err := p.add(r, payload); err != nil {
		return err
	}
	return d.endFrame(r, h, to)
}

// endFrame delivers the message when h was its last frame.
func (d *decoder) endFrame(r *rules, h ws.Header, to sink) error {
	p := d.part
	p.frames++
	if !h.Fin {
		return nil
	}
	if !p.text.whole() {
		return broken(CodeInvalidData, "text ends inside a UTF-8 character")
	}
	op, msg, n := p.op, p.msg, p.n
	p.op, p.msg, p.n, p.frames = ws.OpContinuation, nil, 0, 0
	defer r.buffers.put(msg)
	if msg == nil {
		return to.message(op, nil)
	}
	return to.message(op, msg.b[:n])
}

// add appends a piece to the message; the buffer grows with what has come, not
// with what the peer announced.
func (p *partial) add(r *rules, piece []byte) error {
	if p.op == ws.OpText && !p.text.push(piece) {
		return broken(CodeInvalidData, "text is not UTF-8")
	}
	if len(piece) == 0 {
		return nil
	}
	need := p.n + len(piece)
	if p.msg == nil {
		p.msg = r.buffers.get(need)
	} else if len(p.msg.b) < need {
		bigger := r.buffers.get(max(need, 2*p.n))
		copy(bigger.b, p.msg.b[:p.n])
		r.buffers.put(p.msg)
		p.msg = bigger
	}
	p.n += copy(p.msg.b[p.n:], piece)
	return nil
}
