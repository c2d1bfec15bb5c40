package server

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// Who reads too slowly is closed with the code that says so; one frame is always taken.
func TestStreamQueueIsBounded(t *testing.T) {
	for name, c := range map[string]struct{ bytes, frames, fits int }{"frames": {1 << 20, 3, 3}, "bytes": {100, 100, 2}, "one": {1, 100, 1}} {
		t.Run(name, func(t *testing.T) {
			conn := newStreamConn(c.bytes, c.frames)
			frame := make([]byte, 45)
			for i := range c.fits {
				if err := conn.Send(frame); err != nil {
					t.Fatalf("frame %d: %v", i, err)
				}
			}
			if err := conn.SendPrepared(ws.Prepare(frame)); !errors.Is(err, ws.ErrQueueFull) {
				t.Errorf("one too many: %v, want %v", err, ws.ErrQueueFull)
			}
			if err := conn.Send(frame); !errors.Is(err, ws.ErrClosed) {
				t.Errorf("after the end: %v, want %v", err, ws.ErrClosed)
			}
			if lines, code, _ := conn.take(); len(lines) != 0 || code != uint16(wire.CloseSlow) {
				t.Errorf("%d lines wait, closed with %d; want none and %d", len(lines), code, wire.CloseSlow)
			}
		})
	}
}

// What comes before the close is written before it.
func TestStreamEndsBehindItsFrames(t *testing.T) {
	conn := newStreamConn(100, 10)
	_ = conn.Send([]byte("x"))
	conn.Close(4004, "changed")
	conn.Close(4500, "too late")
	if lines, code, _ := conn.take(); len(lines) != 1 || string(lines[0]) != "x\n" || code != 4004 {
		t.Errorf("%q, then %d; want x, then 4004", lines, code)
	}
}

// Who vanishes where the network tells nobody is known to be offline within 30 s:
// its request lasts, its session is kept, and then the nodes tell one another: at
// most 1 s each until its own node has noticed, has told, and another one shows it.
func TestVanishedIsOfflineWithin30Seconds(t *testing.T) {
	const told = 3 * time.Second
	c := Config{}.withDefaults()
	if sum := max(c.StreamLasts, c.PollLasts) + endWithin + c.StreamGrace + told; sum > 30*time.Second {
		t.Errorf("who streams or polls is shown as here for up to %s after it vanished, want 30 s", sum)
	}
}

// A client that reads nothing holds its request no longer than one that reads.
func TestStreamIsWrittenInItsTime(t *testing.T) {
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	out := &streamWriter{w: w, control: http.NewResponseController(w)}
	for _, left := range []time.Duration{time.Hour, time.Second} {
		now := time.Now()
		out.until = now.Add(left)
		out.write([]byte("x"))
		if d := w.last.Sub(now); d > min(left, writeWithin)+time.Since(now) || d <= 0 {
			t.Errorf("with %s left a write may take %s", left, d)
		}
	}
}

// deadlines takes what is written, and notes until when it may be.
type deadlines struct {
	*httptest.ResponseRecorder
	last time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.last = at
	return nil
}
