package client

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

func silentStage(t *testing.T) *stage {
	s := &stage{
		t: t, accept: make(chan struct{}, 1), came: make(chan *ws.Conn, 1), frames: make(chan []byte, 100), rs: map[int64]int64{},
		ncs: map[string]net.Conn{}, closed: map[*ws.Conn]bool{},
	}
	s.accept <- struct{}{}
	return s
}

// await takes what comes next, or fails.
func await[T any](t *testing.T, what string, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		t.Fatalf("waited %s for %s", patience, what)
	}
	return v
}

// The bound of one write must not cut the pongs that the connection writes later.
func TestASilentSessionAnswersPingsForGood(t *testing.T) {
	s := silentStage(t)
	const bound = 20 * time.Millisecond
	connected := make(chan struct{}, 1)
	a := StartAgent(t.Context(), Config{
		URL: s.serve(), WriteTimeout: bound, Stay: true, Observer: Observer{Connected: func(*wire.ServerHello) { connected <- struct{}{} }},
	})
	defer a.Close()
	server := await(t, "the connection", s.came)
	await(t, "the client's hello", s.frames)
	if err := server.Send([]byte(`{"t":"hello","session":"s","you":{"kind":"agent","id":"1"},"sites":[],"limits":{},"now":1}`)); err != nil {
		t.Fatal(err)
	}
	await(t, "the server's hello", connected)
	if err := a.Ping(); err != nil {
		t.Fatal(err)
	}
	await(t, "the client's ping", s.frames)
	<-time.After(2 * bound) // what a write may take is over
	if err := a.Conn().Write([]byte(`{"t":"late"}`)); err != nil {
		t.Errorf("a write of the connection's own failed: %v", err)
	}
	await(t, "the late frame", s.frames)
}

func TestWhoIsOnlineIsAnswered(t *testing.T) {
	s := silentStage(t)
	connected := make(chan struct{}, 1)
	a := StartAgent(t.Context(), Config{
		URL: s.serve(), Stay: true, Observer: Observer{Connected: func(*wire.ServerHello) { connected <- struct{}{} }},
	})
	defer a.Close()
	server := await(t, "the connection", s.came)
	await(t, "the client's hello", s.frames)
	say := func(frame string) {
		if err := server.Send([]byte(frame)); err != nil {
			t.Error(err)
		}
	}
	say(`{"t":"hello","session":"s","you":{"kind":"agent","id":"1"},"sites":[],"limits":{},"now":1}`)
	await(t, "the server's hello", connected)
	answer := make(chan *wire.ServerVisitors, 1)
	go func() {
		defer close(answer)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		v, err := a.Visitors(ctx)
		if err != nil {
			t.Error(err)
			return
		}
		answer <- v
	}()
	await(t, "the question", s.frames)
	say(`{"t":"visitors","put":[],"count":3}`) // a change, which answers nobody
	say(`{"t":"visitors","r":1,"put":[],"count":4}`)
	if v := await(t, "the answer", answer); v == nil || v.Count != 4 {
		t.Errorf("the answer is %+v, want the snapshot of 4", v)
	}
}
