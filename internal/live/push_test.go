package live_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/push"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// waiter is a connection that waits for pushes.
type waiter struct {
	t    testing.TB
	conn *live.PushConn

	mu    sync.Mutex
	texts []string
	code  wire.CloseCode
	news  chan struct{}
}

func (p *waiter) Send(data []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.code != 0 {
		return ws.ErrClosed
	}
	p.texts = append(p.texts, string(data))
	close(p.news)
	p.news = make(chan struct{})
	return nil
}

func (p *waiter) SendPrepared(f *ws.Prepared) error { return p.Send(f.Payload()) }
func (p *waiter) SetReadLimit(int64)                {}

func (p *waiter) Close(code uint16, _ string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.code == 0 {
		p.code = wire.CloseCode(code)
		close(p.news)
		p.news = make(chan struct{})
	}
}

// lossy is a database that was restored from a copy: what it had beyond a position
// is gone, and it begins again from there.
type lossy struct {
	push.Store
	beyond *atomic.Int64
}

func (l lossy) PushHeads(ctx context.Context, sites []chat.SiteID) (map[chat.SiteID]int64, error) {
	heads, err := l.Store.PushHeads(ctx, sites)
	if lost := l.beyond.Load(); lost != 0 {
		heads[shop] = lost
	}
	return heads, err
}

// waits opens a connection that waits for the pushes to an id.
func (n *node) waits(id string, after ...int64) *waiter {
	n.w.t.Helper()
	p := &waiter{t: n.w.t, news: make(chan struct{})}
	var from *int64
	if len(after) > 0 {
		from = &after[0]
	}
	conn, err := n.OpenPush(shop, id, false, from)
	if err != nil {
		n.w.t.Fatal(err)
	}
	p.conn = conn
	conn.Begin(p)
	return p
}

// got waits until these texts, and no others, have come.
func (p *waiter) got(want ...string) {
	p.t.Helper()
	deadline := time.After(8 * time.Second)
	for {
		p.mu.Lock()
		have, news := slices.Clone(p.texts), p.news
		p.mu.Unlock()
		if slices.Equal(have, want) {
			return
		}
		select {
		case <-news:
		case <-deadline:
			p.t.Fatalf("got %q, want %q", have, want)
		}
	}
}

// until waits until something is so.
func (p *waiter) until(what string, so func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(8 * time.Second); !so(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("never: %s", what)
		}
	}
}

// beginsAt is the position from which a connection was told that pushes come.
func (p *waiter) beginsAt() (position int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := fmt.Sscanf(p.texts[0], `{"position":%d}`, &position); err != nil {
		p.t.Error(err)
	}
	return position
}

func (p *waiter) closed(code wire.CloseCode) {
	p.t.Helper()
	deadline := time.After(8 * time.Second)
	for {
		p.mu.Lock()
		have, news := p.code, p.news
		p.mu.Unlock()
		if have == code {
			return
		}
		select {
		case <-news:
		case <-deadline:
			p.t.Fatalf("closed with %d, want %d", have, code)
		}
	}
}

var requests struct {
	sync.Mutex
	n int
}

func (n *node) push(payload string, ids ...string) live.Pushed {
	n.w.t.Helper()
	requests.Lock()
	requests.n++
	request := fmt.Sprint("request ", requests.n)
	requests.Unlock()
	out, err := n.Push(context.Background(), push.Order{Site: shop, Request: request, IDs: ids, Payload: payload})
	if err != nil {
		n.w.t.Fatal(err)
	}
	return out
}

// TestPushes: to one id, to several, to all; on every node; each connection once.
func TestPushes(t *testing.T) {
	w := newWorld(t, 3, slowly)
	a, b, c := w.nodes[0], w.nodes[1], w.nodes[2]
	first, second, elsewhere := a.waits("x"), b.waits("x"), c.waits("x")
	other := b.waits("y")
	for _, step := range []struct {
		from    *node
		payload string
		ids     []string
		reached int
	}{
		{a, "to x", []string{"x"}, 3},
		{b, "to all", nil, 4},
		{c, "to both", []string{"y", "x", "y"}, 4},
		{a, "to nobody", []string{"z"}, 0},
		{b, strings.Repeat("界", 20_000), []string{"y"}, 1}, // beyond what a notice carries
	} {
		if out := step.from.push(step.payload, step.ids...); out.Reached != step.reached || !out.Complete {
			t.Errorf("%.20q reached %d, complete %t; want %d", step.payload, out.Reached, out.Complete, step.reached)
		}
	}
	for _, p := range []*waiter{first, second, elsewhere} {
		p.got("to x", "to all", "to both")
	}
	other.got("to all", "to both", strings.Repeat("界", 20_000))
	second.conn.End()
	if out := a.push("again", "x"); out.Reached != 2 {
		t.Errorf("after one left %d were reached, want 2", out.Reached)
	}
}

// TestPushIsRepeated: the same request makes no second push, and says what the
// first one did.
func TestPushIsRepeated(t *testing.T) {
	w := newWorld(t, 2, slowly)
	waiting := w.nodes[1].waits("x")
	order := push.Order{Site: shop, Request: "r", IDs: []string{"x"}, Payload: "once"}
	for _, n := range []*node{w.nodes[0], w.nodes[0], w.nodes[1]} {
		out, err := n.Push(t.Context(), order)
		if err != nil || out.Reached != 1 || !out.Complete {
			t.Errorf("%+v, %v; want one reached", out, err)
		}
	}
	w.nodes[0].push("end", "x")
	waiting.got("once", "end")
	order.Payload = "another"
	if _, err := w.nodes[0].Push(t.Context(), order); chat.CodeOf(err) != chat.ClientIDReused {
		t.Errorf("another push under the same request: %v", err)
	}
}

// TestPushIsHealed: without any notice a push is only late.
func TestPushIsHealed(t *testing.T) {
	w := newWorld(t, 2)
	here, there := w.nodes[0].waits("x"), w.nodes[1].waits("x")
	for _, n := range w.nodes {
		n.drop.Store(true)
	}
	for i := range 3 {
		if out := w.nodes[0].push(fmt.Sprint("text ", i), "x"); out.Complete {
			t.Error("nobody was told, and it is complete")
		}
	}
	here.got("text 0", "text 1", "text 2")
	there.got("text 0", "text 1", "text 2")
}

// TestPushesComeInOrder: what was pushed on two nodes together comes to everybody
// in the same order, once.
func TestPushesComeInOrder(t *testing.T) {
	w := newWorld(t, 2)
	waiting := []*waiter{w.nodes[0].waits("x"), w.nodes[1].waits("x"), w.nodes[1].waits("x")}
	var all sync.WaitGroup
	for i, n := range w.nodes {
		all.Go(func() {
			for j := range 20 {
				n.push(fmt.Sprint(i, "/", j), "x")
			}
		})
	}
	all.Wait()
	var want []string
	kept, err := w.db.PushesAfter(t.Context(), shop, 0, 100)
	if err != nil || len(kept) != 40 {
		t.Fatalf("%d kept, %v", len(kept), err)
	}
	for _, p := range kept {
		want = append(want, p.Payload)
	}
	for _, p := range waiting {
		p.got(want...)
	}
}

// TestPushesMissedAreRead: who comes back with its last position gets what it
// missed, on another node, too; who names none gets what comes from then on.
func TestPushesMissedAreRead(t *testing.T) {
	w := newWorld(t, 2)
	numbered := func(p live.Pushed) string { return fmt.Sprintf(`{"position":%d,"payload":%q}`, p.Position, p.Payload) }
	first := w.nodes[0].waits("x", 0)
	one := w.nodes[0].push("one", "x")
	first.got(`{"position":0}`, numbered(one))
	first.conn.End()
	var want []string
	want = append(want, fmt.Sprintf(`{"position":%d}`, one.Position))
	for i := range 150 { // more than one page
		p := w.nodes[i%2].push(fmt.Sprint("missed ", i), "x")
		w.nodes[0].push("not its own", "y")
		want = append(want, numbered(p))
	}
	back, plain := w.nodes[1].waits("x", one.Position), w.nodes[1].waits("x")
	last := w.nodes[0].push("last", "x")
	back.got(append(want, numbered(last))...)
	plain.got("last")
}

// TestPushSaysWhoDidNotAnswer: a node that is alive and silent makes the answer incomplete.
func TestPushSaysWhoDidNotAnswer(t *testing.T) {
	w := newWorld(t, 2, func(c *live.Config) { c.PushWait = 50 * time.Millisecond })
	here, there := w.nodes[0].waits("x"), w.nodes[1].waits("x")
	w.nodes[1].drop.Store(true) // it hears nothing
	if out := w.nodes[0].push("hello", "x"); out.Reached != 1 || out.Complete {
		t.Errorf("reached %d, complete %t; want the one here, and incomplete", out.Reached, out.Complete)
	}
	here.got("hello")
	there.got("hello")
	w.registry.On("b").Leave()
	w.registry.On("c").Renew(nil) // a node that is on no bus
	if out := w.nodes[0].push("again", "x"); out.Complete {
		t.Error("complete, though a node is not reached")
	}
}

// TestPushBounds: an order that is too big is refused, and one connection too many
// of an id closes the oldest.
func TestPushBounds(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	good := push.Order{Site: shop, Request: "r", IDs: []string{"x"}, Payload: "p"}
	for name, o := range map[string]func(*push.Order){
		"no request":    func(o *push.Order) { o.Request = "" },
		"long request":  func(o *push.Order) { o.Request = strings.Repeat("r", push.MaxRequest+1) },
		"no payload":    func(o *push.Order) { o.Payload = "" },
		"long payload":  func(o *push.Order) { o.Payload = strings.Repeat("p", push.MaxPayload+1) },
		"not Unicode":   func(o *push.Order) { o.Payload = "\xff" },
		"empty id":      func(o *push.Order) { o.IDs = []string{""} },
		"long id":       func(o *push.Order) { o.IDs = []string{strings.Repeat("i", push.MaxID+1)} },
		"too many ids":  func(o *push.Order) { o.IDs = make([]string, push.MaxIDs+1) },
		"U+0000 in ids": func(o *push.Order) { o.IDs = []string{"a\x00"} },
	} {
		bad := good
		o(&bad)
		if _, err := n.Push(t.Context(), bad); chat.CodeOf(err) != chat.BadText {
			t.Errorf("%s: %v, want bad_text", name, err)
		}
	}
	var all []*waiter
	for range 101 {
		all = append(all, n.waits("x"))
	}
	all[0].closed(wire.CloseElsewhere)
	if out := n.push("hello", "x"); out.Reached != 100 {
		t.Errorf("%d reached, want 100", out.Reached)
	}
	if s := n.Stats(); s.PushConns != 101 || s.Pushed != 100 {
		t.Errorf("%d connections, %d texts", s.PushConns, s.Pushed)
	}
}

// TestDrainSendsPushesAway: those who wait for pushes are told to come back, evenly.
func TestDrainSendsPushesAway(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.nodes[0].waits("x"), w.nodes[0].waits("y")
	if err := w.nodes[0].Drain(t.Context(), live.Drain{Spread: 20 * time.Millisecond, Grace: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	a.closed(wire.CloseRestart)
	b.closed(wire.CloseRestart)
}

// TestPushWhileItConnects: what is pushed between the answer to a connection and its
// beginning reaches it.
func TestPushWhileItConnects(t *testing.T) {
	w := newWorld(t, 1, slowly)
	n := w.nodes[0]
	n.push("before", "x")
	conn, err := n.OpenPush(shop, "x", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	n.push("meanwhile", "x")
	p := &waiter{t: t, conn: conn, news: make(chan struct{})}
	conn.Begin(p)
	n.push("after", "x")
	p.got("meanwhile", "after")
}

// TestPushesOfARestoredCopy: where the database has got behind what a node delivered,
// the node follows it, and delivers what is pushed from then on.
func TestPushesOfARestoredCopy(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	waiting := n.waits("x")
	first := n.push("first", "x")
	n.push("second", "x")
	waiting.got("first", "second")
	w.lost.Store(first.Position)
	waiting.until("the node has gone back", func() bool {
		back := n.waits("x", 0)
		defer back.conn.End()
		return back.beginsAt() == first.Position
	})
	w.lost.Store(0) // what comes next has the position of the one that was lost
	waiting.got("first", "second", "second")
}
