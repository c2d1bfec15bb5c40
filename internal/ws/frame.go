package ws

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// parseHeader reads a frame header from the start of b. n is its length, 0 when
// b holds only a part of it.
func parseHeader(b []byte) (h ws.Header, n int, err error) {
	if len(b) < ws.MinHeaderSize {
		return h, 0, nil
	}
	h.Fin = b[0]&0x80 != 0
	h.Rsv = b[0] >> 4 & 7
	h.OpCode = ws.OpCode(b[0] & 0x0f)
	h.Masked = b[1]&0x80 != 0
	size := b[1] & 0x7f
	n = headerSize(b[1])
	if len(b) < n {
		return h, 0, nil
	}
	switch size {
	case 126:
		h.Length = int64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		h.Length = int64(binary.BigEndian.Uint64(b[2:]))
	default:
		h.Length = int64(size)
	}
	if h.Length < 0 || size == 126 && h.Length < 126 || size == 127 && h.Length <= 0xffff {
		return h, n, broken(CodeProtocolError, "frame length not encoded in the fewest bytes")
	}
	if h.Masked {
		copy(h.Mask[:], b[n-4:n])
	}
	return h, n, nil
}

// headerSize tells from its second byte how long a header is.
func headerSize(second byte) int {
	n := 2
	switch second & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if second&0x80 != 0 {
		n += 4
	}
	return n
}

// appendFrame appends an unmasked frame to b.
func appendFrame(b []byte, op ws.OpCode, payload []byte) []byte {
	return append(appendHeader(b, op, len(payload)), payload...)
}

// maxServerHeader is the longest header of an unmasked frame.
const maxServerHeader = ws.MaxHeaderSize - 4

func appendHeader(b []byte, op ws.OpCode, n int) []byte {
	b = append(b, 0x80|byte(op))
	switch {
	case n < 126:
		return append(b, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
}

// closePayload encodes a close code and as much of the reason as fits, cut
// between characters. CodeNone gives an empty payload.
func closePayload(code uint16, reason string) []byte {
	if code == CodeNone {
		return nil
	}
	const room = ws.MaxControlFramePayloadSize - 2
	for len(reason) > room || !utf8.ValidString(reason) {
		reason = reason[:min(len(reason)-1, room)]
	}
	return append(binary.BigEndian.AppendUint16(nil, code), reason...)
}

// parseClose reads the payload of a close frame.
func parseClose(payload []byte) (code uint16, reason string, err error) {
	if len(payload) == 0 {
		return CodeNone, "", nil
	}
	if len(payload) == 1 {
		return 0, "", broken(CodeProtocolError, "close frame with half a code")
	}
	code, reason = binary.BigEndian.Uint16(payload), string(payload[2:])
	if !utf8.ValidString(reason) {
		return 0, "", broken(CodeInvalidData, "close reason is not UTF-8")
	}
	if !validCode(code) {
		return 0, "", broken(CodeProtocolError, "close code that may not be sent")
	}
	return code, reason, nil
}

// validCode follows the registry of RFC 6455 7.4: 1012 to 1014 were added after
// the codec's own check was written.
func validCode(code uint16) bool {
	switch {
	case code >= 3000 && code <= 4999:
		return true
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014:
		return true
	}
	return false
}
