package server_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// TestANodeThatGoesRefusesHandshakes: the load balancer asks another one.
func TestANodeThatGoesRefusesHandshakes(t *testing.T) {
	s := newStage(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.hub.Drain(ctx, live.Drain{Delay: time.Millisecond, Spread: time.Minute}) }()
	defer func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("drain: %v", err)
		}
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(8 * time.Second); s.hub.Accepts(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the node accepts sessions on and on")
		}
	}
	for door, header := range map[string]http.Header{
		server.VisitorDoor: {"Origin": {s.base}},
		server.AgentDoor:   {"Origin": {s.base}, "Cookie": {s.cast["agent"].cookie()}},
	} {
		if status, body := s.refusal(door, header); status != http.StatusServiceUnavailable || !strings.Contains(body, "unavailable") {
			t.Errorf("%s: %d %s, want 503 unavailable", door, status, body)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+door, nil)
		s.must(err)
		req.Header = header
		res, err := http.DefaultTransport.RoundTrip(req)
		s.must(err)
		_ = res.Body.Close()
		if after := res.Header.Get("Retry-After"); after != "1" {
			t.Errorf("%s: Retry-After is %q, want 1", door, after)
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// TestFarTooManyFramesEndTheConnection: over the rate it is told so, and at last
// closed with the code that says it.
func TestFarTooManyFramesEndTheConnection(t *testing.T) {
	s := newStage(t)
	one, _ := s.sites.ByID(s.own)
	conn, err := s.dial(server.VisitorDoor, http.Header{"Origin": {s.base}})
	s.must(err)
	defer conn.Close()
	s.must(conn.Write([]byte(`{"t":"hello","site":"` + one.Key + `","secret":"` + strings.Repeat("A", 43) + `"}`)))
	go func() {
		for range 5000 {
			if conn.Write([]byte(`{"t":"ping"}`)) != nil {
				return
			}
		}
	}()
	told := false
	for {
		s.must(conn.SetReadDeadline(time.Now().Add(8 * time.Second)))
		data, err := conn.Read()
		var closed *ws.CloseError
		switch {
		case errors.As(err, &closed):
			if closed.Code != uint16(wire.CloseRate) || !told {
				t.Errorf("closed with %d, told before: %t; want %d after rate_limited", closed.Code, told, wire.CloseRate)
			}
			return
		case err != nil:
			t.Fatal(err)
		}
		told = told || strings.Contains(string(data), `"rate_limited"`)
	}
}
