package ws

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestEcho(t *testing.T) {
	sizes := []int{0, 7, 126, 1000, 4096, 65536, 200_000}
	for _, secure := range []bool{false, true} {
		name := map[bool]string{false: "tcp", true: "tls"}[secure]
		t.Run(name, func(t *testing.T) {
			d := openOn(t, NewServer(Config{AllowBinary: true}), echo, secure)
			c := d.dial(DialOptions{})
			for _, n := range sizes {
				text := bigText(n)
				if err := c.Write([]byte(text)); err != nil {
					t.Fatal(err)
				}
				wantMessage(t, c, text)
			}
			if err := c.WriteFrame(ws.OpBinary, true, []byte{0xff, 0}); err != nil {
				t.Fatal(err)
			}
			wantMessage(t, c, "\xff\x00")
			if !c.Binary() {
				t.Error("a binary message came back as text")
			}
			if err := c.CloseWith(4321, "好的"); err != nil {
				t.Fatal(err)
			}
			wantClose(t, c, 4321)
			if got := d.end(); got != (closing{4321, "好的", nil}) {
				t.Errorf("OnClose got %+v", got)
			}
			if d.conn().raw == nil != secure {
				t.Errorf("parked read used = %v with TLS = %v", !secure, secure)
			}
		})
	}
}

// TestPieces sends the same frames cut in every way a network may cut them.
func TestPieces(t *testing.T) {
	long := bigText(70_000)
	var all []byte
	all = append(all, frame(ws.OpText, true, "one")...)
	all = append(all, frame(ws.OpText, false, "tw\xe5\xae")...)
	all = append(all, frame(ws.OpPing, true, "between")...)
	all = append(all, frame(ws.OpContinuation, false, "")...)
	all = append(all, frame(ws.OpContinuation, true, "\xa2o")...)
	all = append(all, frame(ws.OpText, true, bigText(300))...)
	all = append(all, frame(ws.OpText, true, "")...)
	tail := frame(ws.OpText, true, long)
	for _, step := range []int{1, 2, 3, 7, 100, 1 << 20} {
		d := open(t, Config{}, echo)
		c := d.dial(DialOptions{})
		s := d.conn()
		for rest := all; len(rest) > 0; {
			n := min(step, len(rest))
			if _, err := c.NetConn().Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		for rest := tail; len(rest) > 0; {
			n := min(step*97, len(rest))
			if _, err := c.NetConn().Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		for _, want := range []string{"one", "tw客o", bigText(300), "", long} {
			wantMessage(t, c, want)
		}
		until(t, "the buffers to go back", func() bool { return parked(s) })
	}
}

// TestEarlyBytes sends frames in the same packet as the handshake.
func TestEarlyBytes(t *testing.T) {
	d := open(t, Config{}, echo)
	first := frame(ws.OpText, true, "early")
	second := frame(ws.OpText, true, "cut")
	nc, r := d.rawDial(handshake("x") + string(first) + string(second[:4]))
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("%v %v", resp, err)
	}
	got := make([]byte, 7)
	if _, err := io.ReadFull(r, got); err != nil || string(got) != "\x81\x05early" {
		t.Fatalf("%q %v", got, err)
	}
	s := d.conn()
	until(t, "the cut frame to be kept", func() bool { return s.begun.Load() != 0 })
	if _, err := nc.Write(second[4:]); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, got[:5]); err != nil || string(got[:5]) != "\x81\x03cut" {
		t.Fatalf("%q %v", got, err)
	}
}

// TestOrder has many senders on one connection; each one's messages stay in order.
func TestOrder(t *testing.T) {
	d := open(t, Config{QueueFrames: 1 << 20, QueueBytes: 64 << 20}, echo)
	c := d.dial(DialOptions{})
	s := d.conn()
	const senders, each = 8, 500
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			for k := range each {
				text := strings.Repeat(string(rune('a'+i)), 1+k)
				var err error
				if k%3 == 0 {
					err = s.SendPrepared(Prepare([]byte(text)))
				} else {
					err = s.Send([]byte(text))
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	next := map[byte]int{}
	for range senders * each {
		m, err := c.Read()
		if err != nil {
			t.Fatal(err)
		}
		next[m[0]]++
		if want := strings.Repeat(string(m[:1]), next[m[0]]); string(m) != want {
			t.Fatalf("sender %c: got %d bytes, want %d", m[0], len(m), len(want))
		}
	}
	wg.Wait()
	until(t, "the writer to end", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.out == nil })
}

func TestPingIsAnswered(t *testing.T) {
	d := open(t, Config{}, echo)
	c := d.dial(DialOptions{})
	payload := strings.Repeat("p", 125)
	if _, err := c.NetConn().Write(frame(ws.OpPing, true, payload)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 127)
	if _, err := io.ReadFull(c.NetConn(), got); err != nil || string(got) != "\x8a\x7d"+payload {
		t.Fatalf("%q %v", got, err)
	}
}

func TestDial(t *testing.T) {
	d := open(t, Config{Subprotocols: []string{"kefu.1"}}, echo)
	c := d.dial(DialOptions{LocalAddr: "127.0.77.5", Subprotocols: []string{"other", "kefu.1"}})
	s := d.conn()
	if host, _, _ := net.SplitHostPort(s.RemoteAddr().String()); host != "127.0.77.5" {
		t.Errorf("the server saw %s", host)
	}
	if c.Subprotocol() != "kefu.1" || s.Subprotocol() != "kefu.1" {
		t.Errorf("subprotocol %q and %q", c.Subprotocol(), s.Subprotocol())
	}
	ctx, cancel := context.WithCancel(context.Background())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		if nc, err := l.Accept(); err == nil {
			_, _ = nc.Read(make([]byte, 1)) // the handshake has come, no answer will
			cancel()
			_, _ = io.Copy(io.Discard, nc)
			_ = nc.Close()
		}
	}()
	begun := time.Now()
	if _, err := Dial(ctx, "ws://"+l.Addr().String(), DialOptions{}); err == nil || time.Since(begun) > patience {
		t.Errorf("dialling a mute server: %v", err)
	}
}

// parked reports whether a connection owns no buffer.
func parked(c *Conn) bool {
	if c.seen.Load() == busy {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.begun.Load() == 0 && c.out == nil
}
