package ws

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"pgregory.net/rapid"
)

// record is a sink that writes down what it gets.
type record struct {
	events []string
	limit  int64
}

func (r *record) readLimit() int64 { return r.limit }

func (r *record) message(op ws.OpCode, data []byte) error {
	if op == ws.OpText && !utf8.Valid(data) || int64(len(data)) > r.limit {
		r.events = append(r.events, "delivered what must not be")
	}
	r.events = append(r.events, fmt.Sprintf("message %d %x", op, data))
	return nil
}

func (r *record) control(op ws.OpCode, data []byte) error {
	if len(data) > ws.MaxControlFramePayloadSize {
		r.events = append(r.events, "delivered what must not be")
	}
	r.events = append(r.events, fmt.Sprintf("control %d %x", op, data))
	return nil
}

func newRules() *rules {
	return &rules{maxFrames: 8, binary: true, buffers: new(buffers), partials: new(sync.Pool)}
}

// decodeCut decodes data cut at the given places and returns what came out, the
// close code last, and how much memory is still held.
func decodeCut(data []byte, cuts ...int) (events []string, held int) {
	r, to := newRules(), &record{limit: 5000}
	var d decoder
	var err error
	from := 0
	for _, cut := range append(cuts, len(data)) {
		piece := slices.Clone(data[from:cut])
		from = cut
		if err = d.feed(r, piece, to); err != nil {
			break
		}
	}
	var rule *ProtocolError
	if errors.As(err, &rule) {
		to.events = append(to.events, fmt.Sprint("closed ", rule.Code))
	} else if err != nil {
		to.events = append(to.events, "unknown error "+err.Error())
	}
	if p := d.part; p != nil && p.msg != nil {
		held = len(p.msg.b)
	}
	d.release(r)
	return to.events, held
}

// FuzzDecode: any bytes, cut anywhere, give the same; nothing over a bound is
// delivered or held; nothing panics.
func FuzzDecode(f *testing.F) {
	f.Add(frame(ws.OpText, true, "客服"), uint16(3))
	f.Add(append(frame(ws.OpText, false, "\xe5\xae"), frame(ws.OpContinuation, true, "\xa2")...), uint16(9))
	f.Add(append(frame(ws.OpBinary, false, "x"), frame(ws.OpPing, true, "p")...), uint16(1))
	f.Add(frame(ws.OpText, true, strings.Repeat("x", 5000)), uint16(4999))
	f.Add(frame(ws.OpText, true, strings.Repeat("x", 5001)), uint16(7))
	f.Add(frame(ws.OpClose, true, "\x03\xe8bye"), uint16(2))
	f.Add([]byte("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"), uint16(5))
	f.Add([]byte("\x81\xfe\x00\x05\x00\x00\x00\x00hello"), uint16(4))
	f.Fuzz(func(t *testing.T, data []byte, at uint16) {
		whole, _ := decodeCut(data)
		every := make([]int, len(data))
		for i := range every {
			every[i] = i
		}
		for _, cuts := range [][]int{{min(int(at), len(data))}, every} {
			got, held := decodeCut(data, cuts...)
			if !slices.Equal(whole, got) {
				t.Fatalf("whole: %.200q\ncut: %.200q", whole, got)
			}
			if held > 16<<10 {
				t.Fatalf("holds %d bytes", held)
			}
		}
		for _, e := range whole {
			if strings.HasPrefix(e, "delivered") || strings.HasPrefix(e, "unknown") {
				t.Fatal(e)
			}
		}
	})
}

// TestDecodeMessages encodes random messages in random fragments with control
// frames between, cuts the bytes at random, and gets the same messages.
func TestDecodeMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sent []byte
		var want []string
		for range rapid.IntRange(1, 5).Draw(t, "messages") {
			text := rapid.StringN(0, 300, 1200).Draw(t, "text")
			want = append(want, fmt.Sprintf("message 1 %x", text))
			op := ws.OpText
			for rest := text; ; op = ws.OpContinuation {
				n := rapid.IntRange(len(rest)/4, len(rest)).Draw(t, "fragment")
				last := n == len(rest)
				sent = append(sent, frame(op, last, rest[:n])...)
				if rest = rest[n:]; last {
					break
				}
				if rapid.Bool().Draw(t, "ping") {
					sent = append(sent, frame(ws.OpPing, true, "p")...)
				}
				if op == ws.OpContinuation && len(rest) < 20 {
					sent = append(sent, frame(op, true, rest)...)
					break
				}
			}
		}
		cuts := rapid.SliceOf(rapid.IntRange(0, len(sent))).Draw(t, "cuts")
		slices.Sort(cuts)
		events, _ := decodeCut(sent, cuts...)
		got := slices.DeleteFunc(events, func(e string) bool { return e == "control 9 70" })
		if !slices.Equal(got, want) && !slices.Contains(got, "closed 1008") {
			t.Fatalf("got %.300q\nwant %.300q", got, want)
		}
	})
}

// FuzzUTF8 holds the stream against the standard library, byte by byte: it fails
// exactly at the first byte after which nothing valid can follow.
func FuzzUTF8(f *testing.F) {
	for _, s := range []string{"", "客服 😀", "\xff", "\xed\xa0\x80", "\xf4\x90", "\xc0\x80", "\xe5\xae", "a\xf0\x9f\x98"} {
		f.Add([]byte(s), uint8(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		var s utf8Stream
		size := max(int(step), 1)
		for from := 0; from < len(data); from += size {
			to := min(from+size, len(data))
			ok := s.push(data[from:to])
			if want := canBecomeValid(data[:to]); ok != want {
				t.Fatalf("after %q: %v, want %v", data[:to], ok, want)
			}
			if !ok {
				return
			}
		}
		if s.whole() != utf8.Valid(data) {
			t.Fatalf("%q: whole = %v", data, s.whole())
		}
	})
}

// canBecomeValid tries all ways to go on with one to three bytes.
func canBecomeValid(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			break
		}
		b = b[n:]
	}
	if len(b) == 0 {
		return true
	}
	if len(b) >= utf8.UTFMax {
		return false
	}
	// The second byte decides; any continuation byte will do after it.
	for second := range 0x40 {
		full := append(slices.Clone(b), byte(0x80+second))
		for len(full) <= utf8.UTFMax {
			if utf8.Valid(full) {
				return true
			}
			full = append(full, 0x80)
		}
	}
	return false
}

func TestParkedDecoderHoldsNothing(t *testing.T) {
	r, to := newRules(), &record{limit: 5000}
	var d decoder
	for _, piece := range [][]byte{frame(ws.OpText, false, "a"), frame(ws.OpPing, true, "p"), frame(ws.OpContinuation, true, "b")} {
		for i := range piece {
			if err := d.feed(r, piece[i:i+1], to); err != nil {
				t.Fatal(err)
			}
		}
	}
	if d.part != nil {
		t.Error("memory held at a boundary between messages")
	}
}
