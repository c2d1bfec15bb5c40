package client

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// host is a server that answers frames by a function.
type host struct {
	*stage
	answer func(conn *ws.Conn, f wire.Frame, t string)
}

func (h *host) OnMessage(conn *ws.Conn, data []byte) {
	f, t, err := wire.Decode(data)
	if err != nil {
		h.t.Errorf("the client sent %s: %v", data, err)
		return
	}
	h.answer(conn, f, t)
}

func (h *host) OnClose(*ws.Conn, uint16, string, error) {}

func newHost(t *testing.T, answer func(conn *ws.Conn, f wire.Frame, t string)) (url string) {
	s := newStage(t)
	h := &host{stage: s, answer: answer}
	close(s.accept) // everybody may come in
	s.handler = h
	s.came = nil
	return s.serve()
}

func send(t *testing.T, conn *ws.Conn, f wire.Frame) {
	t.Helper()
	frame, err := wire.Encode(f)
	if err != nil {
		t.Error(err)
		return
	}
	_ = conn.Send(frame) // the client may have hung up
}

func quick(url string) Config {
	return Config{URL: url, BackoffMin: time.Millisecond, BackoffMax: time.Millisecond}
}

func TestLateAckEndsTheConnectionAndIsSentAgain(t *testing.T) {
	var mu sync.Mutex
	ids := map[chat.ClientID]int{}
	c := NewID()
	url := newHost(t, func(conn *ws.Conn, f wire.Frame, _ string) {
		switch f := f.(type) {
		case *wire.ClientHello:
			send(t, conn, wire.ServerHello{})
		case *wire.ClientText:
			mu.Lock()
			defer mu.Unlock()
			if ids[f.ID]++; ids[f.ID] == 3 {
				send(t, conn, wire.ServerAck{ID: f.ID, C: c, N: 2, Tag: 7})
			}
		}
	})
	cfg := quick(url)
	cfg.AckTimeout = 20 * time.Millisecond
	v := StartVisitor(t.Context(), cfg, "key", NewSecret())
	defer v.Close()
	item := v.Send("Hello")
	await(t, "the ack", item.Done())
	mu.Lock()
	defer mu.Unlock()
	if len(ids) != 1 || ids[item.ID] != 3 || item.Ack.N != 2 {
		t.Errorf("sent %v, acked at %+v; want one id three times, acked at 2", ids, item.Ack)
	}
}

func TestStopAdviceHaltsTheOutbox(t *testing.T) {
	sent := make(chan string, 10)
	url := newHost(t, func(conn *ws.Conn, f wire.Frame, _ string) {
		switch f := f.(type) {
		case *wire.ClientHello:
			send(t, conn, wire.ServerHello{})
		case *wire.ClientText:
			sent <- f.Text
			send(t, conn, wire.ServerError{ID: f.ID, Code: "gone", Do: wire.Stop})
		case *wire.ClientPing:
			sent <- "ping"
		}
	})
	v := StartVisitor(t.Context(), quick(url), "key", NewSecret())
	defer v.Close()
	first := v.Send("One")
	second := v.Send("Two")
	await(t, "the refusal", first.Done())
	if first.State != Failed || first.Refusal == nil || first.Refusal.Code != "gone" {
		t.Errorf("the item is %v, refused with %+v", first.State, first.Refusal)
	}
	if err := v.Ping(); err != nil {
		t.Fatal(err)
	}
	if a, b := await(t, "a frame", sent), await(t, "another", sent); a != "One" || b != "ping" {
		t.Errorf("sent %q, then %q; want One, then the ping", a, b)
	}
	if left := v.Conversation().Pending(); len(left) != 1 || left[0] != second {
		t.Errorf("%d items wait, want the second", len(left))
	}
}

// A server that does not know the visitor any more (an older copy): what was
// seen is dropped, what is unsent stays.
func TestConversationThatIsGoneIsAReset(t *testing.T) {
	var mu sync.Mutex
	hellos := 0
	c := NewID()
	url := newHost(t, func(conn *ws.Conn, f wire.Frame, _ string) {
		switch f := f.(type) {
		case *wire.ClientHello:
			mu.Lock()
			defer mu.Unlock()
			if hellos++; hellos > 1 {
				if f.At == nil || f.At.N != 1 {
					t.Errorf("hello from %+v, want 1", f.At)
				}
				send(t, conn, wire.ServerHello{})
				return
			}
			send(t, conn, wire.ServerHello{
				Conversation: &wire.ConversationInfo{C: c, Head: wire.Position{N: 1, Tag: 5}},
				Page:         &wire.Page{Events: []wire.Event{{N: 1, Tag: 5, Kind: chat.Opened}}, Head: wire.Position{N: 1, Tag: 5}},
			})
		case *wire.ClientText:
			if hellos > 1 {
				send(t, conn, wire.ServerAck{ID: f.ID, C: NewID(), N: 2, Tag: 9})
			} else {
				conn.Close(1012, "")
			}
		}
	})
	based := make(chan Base, 10)
	cfg := quick(url)
	cfg.Observer.Based = func(_ *Conversation, why Base, _ int64) { based <- why }
	v := StartVisitor(t.Context(), cfg, "key", NewSecret())
	defer v.Close()
	if why := await(t, "the first copy", based); why != First {
		t.Errorf("based because of %q, want %q", why, First)
	}
	item := v.Send("Hello?")
	if why := await(t, "the reset", based); why != Reset {
		t.Errorf("based because of %q, want %q", why, Reset)
	}
	await(t, "the ack", item.Done())
	if item.State != Acked {
		t.Errorf("the item is %v", item.State)
	}
}

func TestMarksAtMostOnceASecond(t *testing.T) {
	c := NewID()
	type mark struct {
		at time.Time
		n  int64
	}
	marks := make(chan mark, 100)
	url := newHost(t, func(conn *ws.Conn, f wire.Frame, _ string) {
		switch f := f.(type) {
		case *wire.ClientHello:
			send(t, conn, wire.ServerHello{Conversation: &wire.ConversationInfo{C: c}, Page: &wire.Page{Events: []wire.Event{}}})
			for n := range int64(50) {
				send(t, conn, wire.ServerEvent{C: c, E: wire.Event{N: n + 1, Tag: uint32(n), Kind: chat.Message}})
			}
		case *wire.ClientMark:
			marks <- mark{time.Now(), f.Read}
		}
	})
	cfg := quick(url)
	cfg.Marks = true
	v := StartVisitor(t.Context(), cfg, "key", NewSecret())
	defer v.Close()
	first := await(t, "a mark", marks)
	last := first
	for last.n < 50 {
		next := await(t, "the mark of the last event", marks)
		if apart := next.at.Sub(last.at); apart < markEvery*9/10 {
			t.Errorf("two marks came %s apart", apart)
		}
		last = next
	}
	if last.n != 50 {
		t.Errorf("marked to %d, want 50", last.n)
	}
}

func TestRequestsFailWithoutConnection(t *testing.T) {
	asked := make(chan struct{}, 1)
	url := newHost(t, func(conn *ws.Conn, f wire.Frame, _ string) {
		switch f.(type) {
		case *wire.ClientHello:
			send(t, conn, wire.ServerHello{})
		case *wire.ClientPage:
			asked <- struct{}{}
			conn.Close(1012, "")
		}
	})
	connected := make(chan struct{}, 10)
	cfg := quick(url)
	cfg.Observer.Connected = func(*wire.ServerHello) { connected <- struct{}{} }
	a := StartAgent(t.Context(), cfg)
	if _, err := a.Page(t.Context(), NewID(), 0, 1); !errors.Is(err, ErrOffline) {
		t.Errorf("before hello: %v, want ErrOffline", err)
	}
	await(t, "hello", connected)
	if _, err := a.Page(t.Context(), NewID(), 0, 1); !errors.Is(err, ErrOffline) {
		t.Errorf("lost while it waits: %v, want ErrOffline", err)
	}
	await(t, "the request", asked)
	a.Close()
	if err := a.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("a closed session ended with %v", err)
	}
}

// A crowd of idle sessions has one goroutine each, and leaves none behind.
func TestIdleSessionsHaveOneGoroutine(t *testing.T) {
	const sessions = 200
	url := newHost(t, func(conn *ws.Conn, _ wire.Frame, _ string) { send(t, conn, wire.ServerHello{}) })
	connected := make(chan struct{}, sessions)
	cfg := quick(url)
	cfg.Observer.Connected = func(*wire.ServerHello) { connected <- struct{}{} }
	var all []*Visitor
	for range sessions {
		all = append(all, StartVisitor(t.Context(), cfg, "key", NewSecret()))
	}
	for range sessions {
		await(t, "hello", connected)
	}
	// The server beside them has one for each as well.
	if err := eventually(func() string {
		if n := runtime.NumGoroutine(); n > 2*sessions+30 {
			return fmt.Sprintf("%d goroutines for %d sessions and as many connections of the server", n, sessions)
		}
		return ""
	}); err != nil {
		t.Error(err)
	}
	for _, v := range all {
		v.Close()
	}
}

// What the server writes with white space and unknown members is read all the same.
func TestUnknownMembersAreIgnored(t *testing.T) {
	c := NewID()
	url := newHost(t, func(conn *ws.Conn, f wire.Frame, _ string) {
		if _, ok := f.(*wire.ClientHello); !ok {
			return
		}
		send(t, conn, wire.ServerHello{})
		_ = conn.Send([]byte(`{"new":{"n":[1,{"e":"}"}]},"t":"event","c":"` + c.String() + `","e":{"later":["]"],"n":1,"tag":3,"kind":"message","text":"\u00e4\"}"}}`))
	})
	got := make(chan string, 1)
	cfg := quick(url)
	cfg.Observer.Event = func(_ *Conversation, e *Event) { got <- e.Text() }
	v := StartVisitor(t.Context(), cfg, "key", NewSecret())
	defer v.Close()
	if text := await(t, "the event", got); text != `ä"}` {
		t.Errorf("the text is %q", text)
	}
}

// What could not be answered for now is asked for again, as the same thing: a
// page instead of the conversation would leave the agent deaf to all that follows.
func TestRefusedForNowIsAskedAgain(t *testing.T) {
	c := NewID()
	busy := func(r int64) wire.ServerError {
		return wire.ServerError{R: r, Code: chat.Busy, Do: wire.Retry, RetryAfter: 1}
	}
	asked := make(chan string, 20)
	opens, lists := 0, 0
	url := newHost(t, func(conn *ws.Conn, f wire.Frame, kind string) {
		switch f := f.(type) {
		case *wire.ClientHello:
			send(t, conn, wire.ServerHello{})
			return
		case *wire.ClientOpen:
			if opens++; opens == 1 {
				send(t, conn, busy(f.R))
				break
			}
			send(t, conn, wire.ServerConversation{R: f.R, Conversation: wire.ConversationInfo{C: c}})
			send(t, conn, wire.ServerEvent{C: c, E: wire.Event{N: 1, Tag: 1, Kind: chat.Opened}})
		case *wire.ClientList:
			if lists++; lists == 1 {
				send(t, conn, busy(f.R))
				break
			}
			send(t, conn, wire.ServerList{R: f.R, View: f.View})
		}
		asked <- kind
	})
	cfg := quick(url)
	listed, seen := make(chan *wire.ServerList, 1), make(chan *Event, 1)
	cfg.Observer = Observer{
		List:  func(l *wire.ServerList) { listed <- l },
		Event: func(_ *Conversation, e *Event) { seen <- e },
	}
	a := StartAgent(t.Context(), cfg)
	defer a.Close()
	a.Watch(chat.ViewWaiting)
	if l := await(t, "the view", listed); l.View != chat.ViewWaiting {
		t.Errorf("listed %q, want %q", l.View, chat.ViewWaiting)
	}
	a.Open(c, true)
	await(t, "an event after it was opened", seen)
	got := [4]string{}
	for i := range got {
		got[i] = await(t, "a frame", asked)
	}
	if want := [4]string{"list", "list", "open", "open"}; got != want {
		t.Errorf("the client asked %v, want %v", got, want)
	}
}
