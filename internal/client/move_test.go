package client

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// hellos is a server that tells the test of each hello, and answers as it says.
func hellos(t *testing.T) (url string, came <-chan *ws.Conn) {
	in := make(chan *ws.Conn, 10)
	url = newHost(t, func(conn *ws.Conn, f wire.Frame, _ string) {
		if _, ok := f.(*wire.ClientHello); ok {
			in <- conn
		}
	})
	return url, in
}

func busy(pause time.Duration) wire.ServerError {
	e := wire.ErrorOf(chat.Busy, "later", chat.ClientID{}, 0)
	e.RetryAfter = int(pause.Milliseconds())
	return e
}

// TestAMoveThatIsPutOffIsTriedAgain: no sooner than was asked, and over the first
// connection nothing stops.
func TestAMoveThatIsPutOffIsTriedAgain(t *testing.T) {
	url, came := hellos(t)
	var lost atomic.Int64
	connected, moved := make(chan struct{}, 3), make(chan struct{}, 1)
	cfg := quick(url)
	cfg.Observer = Observer{
		Connected: func(*wire.ServerHello) { connected <- struct{}{} }, Moved: func() { moved <- struct{}{} },
		Lost: func(uint16, error) { lost.Add(1) },
	}
	v := StartVisitor(t.Context(), cfg, "key", NewSecret())
	defer v.Close()
	first := await(t, "hello", came)
	send(t, first, wire.ServerHello{})
	await(t, "the greeting", connected)
	send(t, first, wire.ServerMove{Within: 10_000})
	send(t, first, wire.ServerMove{Within: 9_000}) // once is enough
	second := await(t, "hello elsewhere", came)
	begun := time.Now()
	const pause = 150 * time.Millisecond
	send(t, second, busy(pause))
	second.Close(uint16(wire.CloseTryLater), "")
	third := await(t, "hello once more", came)
	if waited := time.Since(begun); waited < pause {
		t.Errorf("came again after %s, was asked to wait %s", waited, pause)
	}
	if v.Ping() != nil {
		t.Error("the first connection is given up before the next one is there")
	}
	send(t, third, wire.ServerHello{})
	await(t, "the move", moved)
	await(t, "the greeting elsewhere", connected)
	if n := lost.Load(); n != 0 {
		t.Errorf("the connection was lost %d times", n)
	}
}

// TestAConnectionThatEndsDuringAMove is no loss if the next one is under way.
func TestAConnectionThatEndsDuringAMove(t *testing.T) {
	url, came := hellos(t)
	connected := make(chan struct{}, 3)
	cfg := quick(url)
	cfg.Observer.Connected = func(*wire.ServerHello) { connected <- struct{}{} }
	v := StartVisitor(t.Context(), cfg, "key", NewSecret())
	defer v.Close()
	first := await(t, "hello", came)
	send(t, first, wire.ServerHello{Continues: "x"})
	await(t, "the greeting", connected)
	send(t, first, wire.ServerMove{Within: 10_000})
	second := await(t, "hello elsewhere", came)
	first.Close(uint16(wire.CloseElsewhere), "") // its place was taken by the next one
	send(t, second, wire.ServerHello{Continues: "x"})
	await(t, "the greeting elsewhere", connected)
	if err := v.Ping(); err != nil {
		t.Errorf("after the move: %v", err)
	}
}

// TestABusyServerIsLeftAlone for as long as it asks.
func TestABusyServerIsLeftAlone(t *testing.T) {
	url, came := hellos(t)
	v := StartVisitor(t.Context(), quick(url), "key", NewSecret())
	defer v.Close()
	first := await(t, "hello", came)
	begun := time.Now()
	const pause = 150 * time.Millisecond
	send(t, first, busy(pause))
	first.Close(uint16(wire.CloseTryLater), "")
	await(t, "hello once more", came)
	if waited := time.Since(begun); waited < pause {
		t.Errorf("came again after %s, was asked to wait %s", waited, pause)
	}
}
