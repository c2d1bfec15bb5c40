//go:build linux

package scenario

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	codec "github.com/gobwas/ws"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
	"github.com/kefu-chat/kefu/test/checker"
)

// mostGrowth is how much memory all hostile clients of a test together may cost the server, in bytes.
const mostGrowth = 96 << 20

// siege is a server under attack, with a visitor and an agent who talk all the time.
type siege struct {
	*server
	said    *atomic.Int64
	resting int64
	visitor *client.Visitor
	agent   *client.Agent
}

func besiege(t *testing.T, args ...string) *siege {
	t.Helper()
	s := &siege{server: newServer(t, args...), said: &atomic.Int64{}}
	s.start()
	s.agent = s.server.agent(s.in.agents[0], client.Observer{}, nil)
	var still atomic.Bool
	s.visitor = s.server.visitor("witness", client.NewSecret(), client.Observer{
		Settled: func(*client.Item) { s.said.Add(1) },
		Event: func(c *client.Conversation, e *client.Event) {
			if e.By == "agent" && e.Kind == "message" && !still.Load() {
				c.Put(&client.Item{T: "send", Text: fmt.Sprint("message after ", e.N)})
			}
		},
	}, nil)
	c := say(t, s.visitor.Send("Hello")).AckedIn
	answered := s.agent.Open(c, true)
	go func() { // answers at a pace that no limit minds
		tick := time.NewTicker(150 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
				if len(answered.Pending()) == 0 && !still.Load() {
					answered.Put(&client.Item{T: "send", Text: fmt.Sprint("answer ", n)})
				}
			case <-s.agent.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { still.Store(true) })
	s.served()
	s.resting = s.memory()
	return s
}

// served waits until the visitor has been acked a few times more.
func (s *siege) served() {
	s.t.Helper()
	until := s.said.Load() + 3
	eventually(s.t, func() string {
		if s.said.Load() < until {
			return "nobody serves the witness"
		}
		return ""
	})
}

// end judges memory and witnesses.
func (s *siege) end() {
	s.t.Helper()
	s.served()
	if grown := s.memory() - s.resting; grown > mostGrowth {
		s.t.Errorf("the server grew by %d MiB, want at most %d", grown>>20, mostGrowth>>20)
	}
	s.agent.Close()
	s.visitor.Close()
	s.stop()
	s.mustHold(checker.Expect{})
}

// memory is the server's resident memory in bytes, at its highest.
func (s *siege) memory() int64 {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.p.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmHWM:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return kib << 10
		}
	}
	s.t.Fatal("the process has no VmHWM")
	return 0
}

// dial connects as a stranger from an address of its own.
func (s *siege) dial(from string) (*ws.ClientConn, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	return ws.Dial(ctx, "ws://"+s.address+"/ws/v1/visitor", ws.DialOptions{
		Header: http.Header{"Origin": {s.base()}}, Subprotocols: []string{wire.Subprotocol}, LocalAddr: from,
	})
}

func (s *siege) mustDial(from string) *ws.ClientConn {
	s.t.Helper()
	conn, err := s.dial(from)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// hello makes a stranger a visitor.
func (s *siege) hello(conn *ws.ClientConn) {
	s.t.Helper()
	frame, err := wire.Encode(wire.ClientHello{Site: s.in.key, Secret: client.NewSecret()})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := conn.Write(frame); err != nil {
		s.t.Fatal(err)
	}
	if _, err := conn.Read(); err != nil {
		s.t.Fatal(err)
	}
}

// closed reads until the server closes, and answers the code, 1006 without one.
func closed(conn *ws.ClientConn) uint16 {
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	for {
		if _, err := conn.Read(); err != nil {
			var end *ws.CloseError
			if errors.As(err, &end) {
				return end.Code
			}
			return ws.CodeAbnormal
		}
	}
}

// Frames over the bound close with 1009, before hello and after it, whole or in
// pieces, and cost no more than the bound while they are unfinished.
func TestOversizedFrames(t *testing.T) {
	t.Parallel()
	s := besiege(t)
	for _, size := range []int{4<<10 + 1, 256<<10 + 1, 8 << 20} {
		early, late := s.mustDial("127.0.7.1"), s.mustDial("127.0.7.1")
		_ = early.Write(bytes.Repeat([]byte("x"), size)) // the server may hang up meanwhile
		if code := closed(early); code != uint16(wire.CloseTooBig) {
			t.Errorf("%d bytes before hello: closed with %d, want %d", size, code, wire.CloseTooBig)
		}
		if size <= 256<<10 {
			continue
		}
		s.hello(late)
		_ = late.Write(bytes.Repeat([]byte("x"), size))
		if code := closed(late); code != uint16(wire.CloseTooBig) {
			t.Errorf("%d bytes after hello: closed with %d, want %d", size, code, wire.CloseTooBig)
		}
	}
	// A hundred who begin a long frame and leave it unfinished.
	for i := range 100 {
		conn := s.mustDial(fmt.Sprintf("127.0.8.%d", i+1))
		s.hello(conn)
		whole := append([]byte{0x81, 0xff, 0, 0, 0, 0, 0, 4, 0, 0, 1, 2, 3, 4}, make([]byte, 250<<10)...) // of 256 KiB
		if _, err := conn.NetConn().Write(whole); err != nil {
			t.Fatal(err)
		}
	}
	s.end()
}

// Ten thousand frames that no client sends, in every way wrong: refused, closed,
// never a panic, and others are served.
func TestGarbage(t *testing.T) {
	t.Parallel()
	s := besiege(t, "--limits-handshake-burst=100000")
	rng := rand.New(rand.NewPCG(5, 5))
	codes := map[uint16]int{}
	for n := 0; n < 10_000; {
		conn := s.mustDial(fmt.Sprintf("127.0.9.%d", 1+n%200))
		if rng.IntN(4) > 0 {
			s.hello(conn)
		}
		for range 1 + rng.IntN(500) {
			n++
			if op, frame := garbage(rng); conn.WriteFrame(op, true, frame) != nil {
				break
			}
		}
		_ = conn.CloseWith(ws.CodeNormal, "")
		codes[closed(conn)]++
		_ = conn.Close()
	}
	for code := range codes {
		if !slices.Contains([]uint16{1000, 1002, 1003, 1006, 1007, 1008, 1009, 4000, 4003, 4501, 4503}, code) {
			t.Errorf("garbage was closed with %d", code)
		}
	}
	if s.p.said("panicked") || s.p.said("panic:") {
		t.Error("the server panicked")
	}
	t.Logf("closed with %v", codes)
	s.end()
}

// garbage is a frame: noise, or something that was a frame once.
func garbage(rng *rand.Rand) (codec.OpCode, []byte) {
	good := []string{
		`{"t":"send","id":"0197a1c0-5d00-7abc-8000-000000000001","text":"x"}`, `{"t":"page","r":1,"after":{"n":4,"tag":1}}`,
		`{"t":"mark","received":3,"read":3}`, `{"t":"take","id":"0197a1c0-5d00-7abc-8000-000000000001","c":"0197a1c0-5d00-7abc-8000-000000000001"}`,
		`{"t":"list","r":1,"view":"waiting"}`, `{"t":"open","c":"0197a1c0-5d00-7abc-8000-000000000001"}`, `{"t":"nonsense"}`, `[]`, `{"t":1}`, `null`,
		strings.Repeat("[", 1000), strings.Repeat(`{"t":`, 100), `{"t":"send","id":"1","text":"\u0000"}`, `{"t":"mark","received":-1,"read":99999999999999999999}`,
	}
	frame := []byte(good[rng.IntN(len(good))])
	switch rng.IntN(3) {
	case 0:
		for range 1 + rng.IntN(5) {
			frame[rng.IntN(len(frame))] = byte(' ' + rng.IntN(95))
		}
	case 1:
		frame = make([]byte, rng.IntN(2000))
		for i := range frame {
			frame[i] = byte(' ' + rng.IntN(95))
		}
	}
	switch rng.IntN(600) { // what ends a connection at once comes seldom, so that the rest is read
	case 0:
		return codec.OpBinary, frame
	case 1:
		return codec.OpText, append(frame, 0xc3, 0x28)
	}
	return codec.OpText, frame
}

// Connections that begin a handshake and never end it are closed, and hold nobody up.
func TestSlowHandshakes(t *testing.T) {
	t.Parallel()
	s := besiege(t, "--limits-header-timeout=2s", "--limits-hello-timeout=2s")
	var all []net.Conn
	for i := range 300 {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 10, byte(1+i%200))}, Timeout: patience}
		conn, err := d.DialContext(t.Context(), "tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		begun := "GET /ws/v1/visitor HTTP/1.1\r\nHost: " + s.address + "\r\nUpgrade: webso"
		if _, err := conn.Write([]byte(begun[:i*7%len(begun)])); err != nil {
			t.Fatal(err)
		}
		all = append(all, conn)
	}
	silent := s.mustDial("127.0.11.1") // a handshake without a hello
	s.served()
	for i, conn := range all {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, bufio.NewReader(conn)); err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("slow handshake %d is still open", i)
		}
	}
	if code := closed(silent); code != uint16(wire.CloseNoHello) {
		t.Errorf("a connection without hello was closed with %d, want %d", code, wire.CloseNoHello)
	}
	s.end()
}

// An address takes its places and no more; other addresses are served, and a
// place that is left is free again.
func TestFloodOfConnections(t *testing.T) {
	t.Parallel()
	const places = 50
	s := besiege(t, "--limits-sessions-per-address="+strconv.Itoa(places))
	var all []*ws.ClientConn
	for range places {
		all = append(all, s.mustDial("127.0.12.1"))
	}
	for range 100 {
		_, err := s.dial("127.0.12.1")
		var refused *ws.DialError
		if !errors.As(err, &refused) || refused.Status != http.StatusTooManyRequests || !strings.Contains(refused.Body, string(wire.TooMany)) {
			t.Fatalf("connection %d of an address: %v, want 429 %s", places+1, err, wire.TooMany)
		}
	}
	s.hello(s.mustDial("127.0.12.2"))
	_ = all[0].Close()
	eventually(t, func() string {
		conn, err := s.dial("127.0.12.1")
		if err != nil {
			return err.Error()
		}
		all[0] = conn
		return ""
	})
	s.t.Cleanup(func() { _ = all[0].Close() })
	s.end()
}
