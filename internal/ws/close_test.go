package ws

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// TestCloseFlushes closes while much is queued: all of it arrives, then the code.
func TestCloseFlushes(t *testing.T) {
	for _, secure := range []bool{false, true} {
		d := openOn(t, NewServer(Config{QueueBytes: 32 << 20}), echo, secure)
		c := d.dial(DialOptions{})
		s := d.conn()
		text := bigText(64 << 10)
		const n = 200
		for range n {
			if err := s.Send([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		s.Close(4001, "moved")
		if err := s.Send([]byte("late")); !errors.Is(err, ErrClosed) {
			t.Errorf("Send after Close: %v", err)
		}
		for range n {
			wantMessage(t, c, text)
		}
		wantClose(t, c, 4001)
		if got := d.end(); got != (closing{4001, "moved", nil}) {
			t.Errorf("OnClose got %+v", got)
		}
	}
}

// TestCloseInsideHandler drops the messages that follow.
func TestCloseInsideHandler(t *testing.T) {
	d := open(t, Config{}, func(c *Conn, data []byte) {
		if string(data) != "first" {
			t.Errorf("delivered %q after Close", data)
		}
		c.Close(4002, "")
	})
	c := d.dial(DialOptions{})
	both := append(frame(ws.OpText, true, "first"), frame(ws.OpText, true, "second")...)
	if _, err := c.NetConn().Write(both); err != nil {
		t.Fatal(err)
	}
	wantClose(t, c, 4002)
	d.end()
}

// TestBadCloseCode never sends what may not be sent.
func TestBadCloseCode(t *testing.T) {
	d := open(t, Config{}, echo)
	for _, code := range []uint16{0, 1005, 1006, 1015, 2000, 65535} {
		c := d.dial(DialOptions{})
		d.conn().Close(code, "")
		wantClose(t, c, CodeNormal)
		d.end()
	}
}

// TestPeerVanishes covers the ends without a close frame.
func TestPeerVanishes(t *testing.T) {
	d := open(t, Config{}, echo)
	c := d.dial(DialOptions{})
	_ = c.Close()
	if got := d.end(); got.code != CodeAbnormal || !errors.Is(got.err, io.EOF) {
		t.Errorf("OnClose got %+v", got)
	}
	c = d.dial(DialOptions{})
	_ = c.NetConn().(*net.TCPConn).SetLinger(0)
	_ = c.Close()
	if got := d.end(); got.code != CodeAbnormal || got.err == nil || errors.Is(got.err, io.EOF) {
		t.Errorf("after a reset OnClose got %+v", got)
	}
	c = d.dial(DialOptions{})
	if err := c.WriteFrame(ws.OpClose, true, nil); err != nil {
		t.Fatal(err)
	}
	wantClose(t, c, CodeNone)
	if got := d.end(); got != (closing{code: CodeNone}) {
		t.Errorf("after an empty close frame OnClose got %+v", got)
	}
}

// TestMutePeer is told to close, and does not answer.
func TestMutePeer(t *testing.T) {
	d := open(t, Config{CloseWait: 30 * time.Millisecond}, echo)
	d.dial(DialOptions{})
	d.conn().Close(4003, "bye")
	if got := d.end(); got.code != 4003 || !errors.Is(got.err, os.ErrDeadlineExceeded) {
		t.Errorf("OnClose got %+v", got)
	}
}

// TestChattyPeer keeps sending after it broke the protocol; it still gets the
// code, and what it sends is bounded.
func TestChattyPeer(t *testing.T) {
	d := open(t, Config{}, echo)
	c := d.dial(DialOptions{})
	if _, err := c.NetConn().Write([]byte("\xff\xff")); err != nil {
		t.Fatal(err)
	}
	junk := make([]byte, 64<<10)
	sent := 0
	for sent < 64<<20 {
		n, err := c.NetConn().Write(junk)
		sent += n
		if err != nil {
			break
		}
	}
	d.end()
	if sent >= 64<<20 {
		t.Error("a failed connection went on reading")
	}
}

// TestServerHangsUp: a peer that waits for our end of the connection gets it
// right after the close frames, although it sent more than we read.
func TestServerHangsUp(t *testing.T) {
	junk := strings.Repeat("x", 300<<10)
	for name, sent := range map[string]string{
		"broken rule": "\xff\xff" + junk,
		"goodbye":     string(frame(ws.OpClose, true, "\x03\xe8")) + junk,
	} {
		d := open(t, Config{CloseWait: time.Hour}, echo)
		nc, r := d.rawDial(handshake("x") + sent)
		answer, err := io.ReadAll(r)
		if err != nil || !strings.Contains(string(answer), "\r\n\r\n\x88") {
			t.Errorf("%s: %d bytes %.300q, %v", name, len(answer), answer, err)
		}
		_ = nc.Close()
		d.end()
	}
}

// TestPanic costs the connection that caused it, and no other.
func TestPanic(t *testing.T) {
	d := open(t, Config{}, func(c *Conn, data []byte) {
		if string(data) == "boom" {
			panic("a bug")
		}
		echo(c, data)
	})
	good, bad := d.dial(DialOptions{}), d.dial(DialOptions{})
	_ = bad.Write([]byte("boom"))
	wantClose(t, bad, CodeInternal)
	var p *PanicError
	if got := d.end(); got.code != CodeInternal || !errors.As(got.err, &p) || p.Value != "a bug" || !strings.Contains(string(p.Stack), "close_test.go") {
		t.Errorf("OnClose got %+v", got)
	}
	_ = good.Write([]byte("still here"))
	wantMessage(t, good, "still here")
}

func TestShutdown(t *testing.T) {
	d := open(t, Config{}, echo)
	var clients []*ClientConn
	for range 20 {
		clients = append(clients, d.dial(DialOptions{}))
		d.conn()
	}
	done := make(chan error, 1)
	go func() { done <- d.ws.Shutdown(context.Background(), 1012, "restart") }()
	for _, c := range clients {
		wantClose(t, c, 1012)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	for range clients {
		if got := d.end(); got != (closing{1012, "restart", nil}) {
			t.Errorf("OnClose got %+v", got)
		}
	}
	var refusal *DialError
	if _, err := Dial(context.Background(), d.url, DialOptions{}); !errors.As(err, &refusal) || refusal.Status != 503 {
		t.Errorf("dialling afterwards: %v", err)
	}
}

// TestShutdownDuringHandshake: whoever got its 101 also gets the code.
func TestShutdownDuringHandshake(t *testing.T) {
	d := open(t, Config{}, echo)
	late := &Conn{srv: d.ws, slot: slotNone}
	var other net.Conn
	late.nc, other = net.Pipe()
	if err := d.ws.Shutdown(context.Background(), 1012, ""); err != nil {
		t.Fatal(err)
	}
	refused := make(chan error, 1)
	go func() { refused <- d.ws.start(late, nil, 0) }()
	if got, err := io.ReadAll(other); err != nil || string(got) != "\x88\x02\x03\xf4" {
		t.Errorf("got %q %v", got, err)
	}
	if err := <-refused; !errors.Is(err, ErrClosed) {
		t.Errorf("start gave %v", err)
	}
}

// TestShutdownCutsOff ends in time although a peer neither reads nor answers.
func TestShutdownCutsOff(t *testing.T) {
	d := open(t, Config{CloseWait: time.Hour, WriteTimeout: time.Hour}, echo)
	d.dial(DialOptions{})
	d.conn()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := d.ws.Shutdown(ctx, CodeGoingAway, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown gave %v", err)
	}
	if got := d.end(); got.code != CodeGoingAway || !errors.Is(got.err, ErrShutdown) {
		t.Errorf("OnClose got %+v", got)
	}
}
