package rocketmq

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxFrame bounds a frame, in bytes after its length: the servers' own limit.
const maxFrame = 16 << 20

// firstRead is how much of a frame is made room for before any of it has come, in bytes.
const firstRead = 64 << 10

// The bits of command.flag.
const (
	flagResponse = 1 << 0
	flagOneway   = 1 << 1
)

// How a header is written: the highest byte of the second word.
const (
	serializeJSON     = 0
	serializeRocketMQ = 1
)

// command is a request or a response, in either direction. On the wire:
//
//	u32 length of the rest | u8 serialize type | u24 header length | header | body
type command struct {
	code     int
	language string
	version  int // the sender's: MQVersion's ordinal
	opaque   int32
	flag     int
	remark   string
	ext      map[string]string
	body     []byte
}

func (c *command) isResponse() bool { return c.flag&flagResponse != 0 }

// appendFrame appends c, its header in JSON.
func appendFrame(dst []byte, c *command) ([]byte, error) {
	header, err := c.marshalHeader()
	if err != nil {
		return dst, err
	}
	total := 4 + len(header) + len(c.body)
	if total > maxFrame {
		return dst, fmt.Errorf("rocketmq: a request of %d bytes is longer than the %d that a frame may have", total, maxFrame)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(total))
	dst = binary.BigEndian.AppendUint32(dst, uint32(serializeJSON<<24|len(header)))
	dst = append(dst, header...)
	return append(dst, c.body...), nil
}

// readFrame reads one frame without its length. It makes room as bytes come, not
// by what the length says.
func readFrame(r io.Reader) ([]byte, error) {
	var word [4]byte
	if _, err := io.ReadFull(r, word[:]); err != nil {
		return nil, err
	}
	total := binary.BigEndian.Uint32(word[:])
	if total < 4 || total > maxFrame {
		return nil, fmt.Errorf("rocketmq: a frame says that it has %d bytes; from 4 to %d were expected: is this a RocketMQ server?", total, maxFrame)
	}
	if total <= firstRead {
		frame := make([]byte, total)
		_, err := io.ReadFull(r, frame)
		return frame, noEOF(err)
	}
	var frame bytes.Buffer
	frame.Grow(firstRead)
	_, err := io.CopyN(&frame, r, int64(total))
	return frame.Bytes(), noEOF(err)
}

// noEOF tells a frame that broke off from a connection that ended between two.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parseFrame reads what readFrame gave. The command's body is a part of frame.
func parseFrame(frame []byte) (*command, error) {
	if len(frame) < 4 {
		return nil, fmt.Errorf("rocketmq: a frame of %d bytes has no header", len(frame))
	}
	word := binary.BigEndian.Uint32(frame)
	kind, length, rest := word>>24, int(word&0xffffff), frame[4:]
	if length > len(rest) {
		return nil, fmt.Errorf("rocketmq: a header of %d bytes in a frame that has %d left", length, len(rest))
	}
	c := &command{body: rest[length:]}
	switch kind {
	case serializeJSON:
		return c, c.unmarshalHeader(rest[:length])
	case serializeRocketMQ:
		return c, c.parseHeader(rest[:length])
	}
	return nil, fmt.Errorf("rocketmq: a header is written in way %d; JSON (0) and RocketMQ's own (1) are known", kind)
}
