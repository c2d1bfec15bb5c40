package ws

import (
	"errors"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// pinged reads on until the server's ping and leaves it unanswered.
func pinged(t *testing.T, c *ClientConn) {
	t.Helper()
	got := make([]byte, 2)
	if _, err := c.NetConn().Read(got); err != nil || string(got) != "\x89\x00" {
		t.Fatalf("got %q %v, want a ping", got, err)
	}
}

// TestPingTimeout finds a lost peer within PingEvery + PongWait and two ticks.
func TestPingTimeout(t *testing.T) {
	d := openManual(t, Config{SilentCode: 4200}, echo)
	c := d.dial(DialOptions{})
	d.conn()
	d.pass(20 * time.Second)
	pinged(t, c)
	select {
	case end := <-d.closed:
		t.Fatalf("closed too early: %+v", end)
	default:
	}
	d.pass(8*time.Second + 2*d.ws.cfg.tick())
	if got := d.end(); got.code != 4200 || !errors.Is(got.err, ErrPingTimeout) {
		t.Errorf("OnClose got %+v", got)
	}
	if n := d.ws.Stats(); n.Lost != 1 || n.Open != 0 {
		t.Errorf("counted %+v", n)
	}
}

// TestPongKeepsAlive answers for ten minutes, sometimes with a pong, sometimes
// with something else; any byte is a sign of life.
func TestPongKeepsAlive(t *testing.T) {
	d := openManual(t, Config{}, func(*Conn, []byte) {})
	c := d.dial(DialOptions{})
	s := d.conn()
	answers := [][]byte{frame(ws.OpPong, true, ""), frame(ws.OpText, true, "x"), []byte("\x81")[:1]}
	rest := frame(ws.OpText, true, "y")[1:]
	for i := range 30 {
		for s.pingAt == 0 {
			d.pass(d.ws.cfg.tick())
		}
		pinged(t, c)
		d.pass(7 * time.Second)
		before := d.ws.Stats().BytesIn
		if _, err := c.NetConn().Write(answers[i%len(answers)]); err != nil {
			t.Fatal(err)
		}
		want := before + uint64(len(answers[i%len(answers)]))
		if i%len(answers) == 2 {
			if _, err := c.NetConn().Write(rest); err != nil {
				t.Fatal(err)
			}
			want += uint64(len(rest))
		}
		until(t, "the answer", func() bool {
			return d.ws.Stats().BytesIn == want && s.seen.Load() == d.ws.wheel.now.Load()
		})
		d.pass(d.ws.cfg.tick() * 8)
	}
	select {
	case end := <-d.closed:
		t.Fatalf("closed though it answered: %+v", end)
	default:
	}
}

// TestBusyHandler is not taken for a silent peer.
func TestBusyHandler(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	d := openManual(t, Config{}, func(c *Conn, data []byte) {
		close(begun)
		<-finish
		echo(c, data)
	})
	c := d.dial(DialOptions{})
	_ = c.Write([]byte("hard"))
	<-begun
	d.pass(5 * time.Minute)
	close(finish)
	wantMessage(t, c, "hard")
}

// TestSlowMessage may not hold its buffer for ever, trickling.
func TestSlowMessage(t *testing.T) {
	d := openManual(t, Config{CloseWait: 20 * time.Millisecond}, echo)
	c := d.dial(DialOptions{})
	s := d.conn()
	whole := frame(ws.OpText, true, "0123456789")
	for i := range whole[:len(whole)-1] {
		before := d.ws.Stats().BytesIn
		if _, err := c.NetConn().Write(whole[i : i+1]); err != nil {
			break // closed, as it should
		}
		until(t, "the byte", func() bool {
			return d.ws.Stats().BytesIn == before+1 && s.seen.Load() != busy || s.closing()
		})
		d.pass(10 * time.Second)
	}
	if got := d.end(); got.code != CodePolicy {
		t.Errorf("OnClose got %+v", got)
	}
}

// TestPingsSpread does not ping all who came together at the same moment.
func TestPingsSpread(t *testing.T) {
	d := openManual(t, Config{}, echo)
	const n = 200
	conns := make([]*Conn, 0, n)
	for range n {
		d.dial(DialOptions{})
		conns = append(conns, d.conn())
	}
	most := 0
	for range 3 * d.ws.pingTicks / 2 {
		d.pass(d.ws.cfg.tick())
		now := d.ws.wheel.now.Load()
		together := 0
		for _, c := range conns {
			if c.pingAt == now {
				together++
				c.pingAt = 0 // as if answered
				c.seen.Store(now)
			}
		}
		most = max(most, together)
	}
	if most == 0 || most > n/10 {
		t.Errorf("%d of %d pinged in one tick", most, n)
	}
}

// TestWheelListsAll includes the connection that the sweeper is just looking at.
func TestWheelListsAll(t *testing.T) {
	w := newWheel(10)
	c := &Conn{slot: slotNone}
	w.add(c, 1)
	looked := false
	w.advance(func(*Conn, uint32) uint32 {
		looked = true
		if all := w.all(); len(all) != 1 || all[0] != c {
			t.Errorf("listed %v", all)
		}
		w.remove(c)
		return 1
	})
	if !looked || len(w.all()) != 0 {
		t.Errorf("looked = %v, and %d left after remove", looked, len(w.all()))
	}
}

// TestRealClock runs the sweeper itself.
func TestRealClock(t *testing.T) {
	d := open(t, Config{PingEvery: 20 * time.Millisecond, PongWait: 20 * time.Millisecond}, echo)
	c := d.dial(DialOptions{})
	pinged(t, c)
	if got := d.end(); !errors.Is(got.err, ErrPingTimeout) {
		t.Errorf("OnClose got %+v", got)
	}
}
