package ws

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// flood sends until the connection refuses, and says why it did.
func flood(t *testing.T, c *Conn, p *Prepared) error {
	t.Helper()
	for range 100_000 {
		if err := c.SendPrepared(p); err != nil {
			return err
		}
	}
	t.Fatal("the queue of a peer that does not read has no bound")
	return nil
}

// TestSlowReader is dropped with the come-back code, and holds nobody up.
func TestSlowReader(t *testing.T) {
	for _, secure := range []bool{false, true} {
		cfg := Config{QueueBytes: 1 << 20, CloseWait: 50 * time.Millisecond, ComeBackCode: 4100}
		d := openOn(t, NewServer(cfg), echo, secure)
		d.dial(DialOptions{})
		slow := d.conn()
		p := Prepare([]byte(bigText(32 << 10)))
		if err := flood(t, slow, p); !errors.Is(err, ErrQueueFull) {
			t.Errorf("Send gave %v", err)
		}
		if err := slow.Send([]byte("more")); !errors.Is(err, ErrClosed) {
			t.Errorf("Send after that gave %v", err)
		}
		good := d.dial(DialOptions{})
		_ = good.Write([]byte("unharmed"))
		wantMessage(t, good, "unharmed")
		if got := d.end(); got.code != 4100 || !errors.Is(got.err, ErrQueueFull) {
			t.Errorf("OnClose got %+v", got)
		}
		if n := d.ws.Stats().Slow; n != 1 {
			t.Errorf("counted %d slow connections", n)
		}
	}
}

// TestSlowReaderIsTold reads at last: whole frames, then the come-back code.
func TestSlowReaderIsTold(t *testing.T) {
	d := open(t, Config{QueueBytes: 1 << 20, CloseWait: patience}, echo)
	c := d.dial(DialOptions{})
	text := bigText(32 << 10)
	if err := flood(t, d.conn(), Prepare([]byte(text))); !errors.Is(err, ErrQueueFull) {
		t.Fatal(err)
	}
	for {
		m, err := c.Read()
		if err == nil {
			if string(m) != text {
				t.Fatalf("a damaged message of %d bytes", len(m))
			}
			continue
		}
		var end *CloseError
		if !errors.As(err, &end) || end.Code != CodeTryAgainLater {
			t.Fatalf("got %v", err)
		}
		break
	}
	d.end()
}

// TestQueueBound holds bytes and frames waiting under their bounds.
func TestQueueBound(t *testing.T) {
	for _, cfg := range []Config{{QueueBytes: 200_000, QueueFrames: 1 << 30}, {QueueBytes: 1 << 30, QueueFrames: 50}} {
		cfg.CloseWait = 50 * time.Millisecond
		d := open(t, cfg, echo)
		d.dial(DialOptions{})
		s := d.conn()
		small := []byte(bigText(2000))
		for range 1_000_000 {
			err := s.Send(small)
			s.mu.Lock()
			if o := s.out; o != nil && err == nil && (o.bytes > cfg.QueueBytes || o.frames > cfg.QueueFrames) {
				t.Fatalf("%d bytes in %d frames queued", o.bytes, o.frames)
			}
			s.mu.Unlock()
			if err != nil {
				break
			}
		}
		if got := d.end(); !errors.Is(got.err, ErrQueueFull) {
			t.Errorf("OnClose got %+v", got)
		}
	}
}

// TestOneBigFrame is taken whole by an empty queue, over its bound.
func TestOneBigFrame(t *testing.T) {
	d := open(t, Config{QueueBytes: 1000}, echo)
	c := d.dial(DialOptions{ReadLimit: 64 << 20})
	text := bigText(16 << 20)
	if err := d.conn().Send([]byte(text)); err != nil {
		t.Fatal(err)
	}
	wantMessage(t, c, text)
}

// TestWriteTimeout drops a peer that takes nothing though its queue has room.
func TestWriteTimeout(t *testing.T) {
	d := open(t, Config{WriteTimeout: 50 * time.Millisecond, QueueBytes: 64 << 20}, echo)
	d.dial(DialOptions{})
	if err := d.conn().Send(make([]byte, 16<<20)); err != nil {
		t.Fatal(err)
	}
	if got := d.end(); got.code != CodeAbnormal || got.err == nil {
		t.Errorf("OnClose got %+v", got)
	}
}

// TestPingFlood has a peer that pings and does not read: only one answer waits.
func TestPingFlood(t *testing.T) {
	d := open(t, Config{MaxControl: 1 << 30, QueueBytes: 64 << 20}, echo)
	c := d.dial(DialOptions{})
	s := d.conn()
	for s.Send(make([]byte, 1<<20)) == nil {
		s.mu.Lock()
		stuck := s.out != nil && s.out.bytes > 8<<20
		s.mu.Unlock()
		if stuck {
			break
		}
	}
	for i := range 10_000 {
		if err := c.WriteFrame(ws.OpPing, true, numbered(i)); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the last ping", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.out != nil && string(s.out.pong[2:]) == "message 9999"
	})
	s.mu.Lock()
	if n := len(s.out.chunks); n > 64 {
		t.Errorf("%d chunks wait", n)
	}
	s.mu.Unlock()
}

// TestWriterEnds has a goroutine for writing while something waits, and no longer.
func TestWriterEnds(t *testing.T) {
	d := open(t, Config{}, echo)
	c := d.dial(DialOptions{ReadLimit: 16 << 20})
	text := bigText(16 << 20)
	if err := d.conn().Send([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if !writing() {
		t.Error("16 MiB fitted into the socket: the test proves nothing")
	}
	wantMessage(t, c, text)
	until(t, "the writer to end", func() bool { return !writing() })
	_ = c.Write([]byte("and again"))
	wantMessage(t, c, "and again")
	if writing() {
		t.Error("an echo that fits into the socket started a writer")
	}
}

// writing looks for writers among all goroutines.
func writing() bool {
	stacks := make([]byte, 1<<20)
	return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "created by github.com/kefu-chat/kefu/internal/ws.(*Conn).writeLocked")
}
