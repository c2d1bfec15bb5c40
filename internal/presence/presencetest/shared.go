package presencetest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
)

// bounded: of many visitors elsewhere a node holds its page and whom it wants.
func (e Engine) bounded(t *testing.T) {
	w := e.world(t, 2, func(c *presence.SharedConfig) { c.Page = 30 })
	a, b := w.nodes[0], w.nodes[1]
	const all = 400
	for i := range all {
		a.SetVisitor(visitor(w.site, i, presence.Online))
	}
	w.wanted = []presence.Want{{Site: w.site, Visitors: []chat.VisitorID{idOf(w.site, 5)}}}
	w.settle()
	held := func() (n int) {
		for i := range all + 10 {
			if _, ok := b.ByKey(w.site, visitor(w.site, i, 0).Key); ok {
				n++
			}
		}
		return n
	}
	if held() != 31 || b.Count(w.site) != all {
		t.Errorf("%d are held and %d counted, want 31 and %d", held(), b.Count(w.site), all)
	}
	// The page moves: who is on it is told, and who left it.
	_, revision := b.Visitors(w.site, 0)
	a.SetVisitor(visitor(w.site, all+2, presence.Online))
	a.SetVisitor(visitor(w.site, all-1, presence.Offline))
	a.SetVisitor(visitor(w.site, all-2, presence.Offline))
	w.settle()
	page, _ := b.Visitors(w.site, 30)
	if len(page) != 30 || page[0].Since != visitor(w.site, all+2, 0).Since || page[29].Since != visitor(w.site, all-31, 0).Since || held() != 31 {
		t.Errorf("the page has %d, from %d to %d, and %d are held", len(page), page[0].Since, page[len(page)-1].Since, held())
	}
	if changed, _, known := b.Changed(w.site, revision); !known || len(changed) != 4 {
		t.Errorf("%d were told, %t; want those 3 and the one who takes the last place", len(changed), known)
	}
	w.wanted = nil
	w.settle()
	if held() != 0 {
		t.Errorf("nobody wants any of them, and %d are held", held())
	}
}

// longHere: a visitor's place on the page is when it came to the first of the
// nodes that it is connected to now.
func (e Engine) longHere(t *testing.T) {
	w := e.world(t, 3, func(c *presence.SharedConfig) { c.Page = 10 })
	a, b, watching := w.nodes[0], w.nodes[1], w.nodes[2]
	for i := range 20 {
		a.SetVisitor(visitor(w.site, 100+i, presence.Online))
	}
	late, early := visitor(w.site, 501, presence.Online), visitor(w.site, 501, presence.Away)
	early.Since = 1
	newest := func() presence.Key {
		w.settle()
		page, _ := watching.Visitors(w.site, 10)
		return page[0].Key
	}
	a.SetVisitor(late)
	if newest() != late.Key {
		t.Error("who came last is not the first")
	}
	b.SetVisitor(early)
	if first := newest(); first != visitor(w.site, 119, 0).Key {
		t.Errorf("the first is %v, though it has been on another node for long", first)
	}
	if _, here := watching.ByKey(w.site, late.Key); here {
		t.Error("who has been here for longest is still on the page")
	}
	b.SetVisitor(visitor(w.site, 501, presence.Offline))
	if newest() != late.Key {
		t.Error("it has left where it had been for long, and is not the first again")
	}
}

func (e Engine) loses(t *testing.T) {
	w := e.world(t, 3)
	agent := chat.AgentID(w.site)
	w.nodes[0].SetAgent(agent, presence.Away)
	for i := range 100 {
		w.nodes[i%2].SetVisitor(visitor(w.site, i, presence.Online))
	}
	w.settle()
	before := w.seen(w.nodes[2])
	e.Lose(t)
	w.nodes[1].SetVisitor(visitor(w.site, 1, presence.Offline))
	w.settle()
	w.nodes[1].SetVisitor(visitor(w.site, 1, presence.Online))
	w.settle()
	for _, n := range w.nodes {
		if now := w.seen(n); now != before || n.Agent(agent) != presence.Away {
			t.Errorf("%s saw\n%s\nand sees\n%s\nthe agent is %s, want away", n.name, before, now, n.Agent(agent))
		}
	}
}

// flaky is a place that can be out of reach.
type flaky struct {
	presence.Place
	down atomic.Bool
}

func (f *flaky) Exchange(ctx context.Context, ask *presence.Ask) (*presence.Answer, error) {
	if f.down.Load() {
		return nil, errors.New("the place is down")
	}
	return f.Place.Exchange(ctx, ask)
}

// lines is a log that tests read.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) count(level string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), "level="+level)
}

func (e Engine) down(t *testing.T) {
	place, log := &flaky{}, &lines{}
	open := e.Place
	first := true
	e.Place = func(t testing.TB) presence.Place {
		p := open(t)
		if first {
			place.Place, first = p, false
			return place
		}
		return p
	}
	w := e.world(t, 2, func(c *presence.SharedConfig) { c.Log = slog.New(slog.NewTextHandler(log, nil)) })
	a, b := w.nodes[0], w.nodes[1]
	agent, other := chat.AgentID(w.site), chat.AgentID(w.site+1_000_000)
	b.SetAgent(agent, presence.Online)
	b.SetVisitor(visitor(w.site, 1, presence.Online))
	w.settle()

	place.down.Store(true)
	a.SetAgent(other, presence.Online)
	a.SetVisitor(visitor(w.site, 3, presence.Online))
	fail := func() {
		for range 3 {
			if err := a.shared.Sync(context.Background()); err == nil {
				t.Fatal("the place is down, and nobody noticed")
			}
		}
	}
	fail()
	if a.Agent(other) != presence.Online || a.Agent(agent) != presence.Online || a.Count(w.site) < 1 {
		t.Errorf("down: one's own agent is %s, the other's %s; want both online", a.Agent(other), a.Agent(agent))
	}
	if _, ok := a.ByID(w.site, idOf(w.site, 3)); !ok {
		t.Error("down: one's own visitor is not known")
	}
	if _, ok := a.ByID(w.site, idOf(w.site, 1)); !ok {
		t.Error("down: the other's visitor is already forgotten")
	}
	w.clock.pass(-2 * time.Hour)
	fail()
	w.clock.pass(lease + time.Second)
	fail()
	_, there := a.ByID(w.site, idOf(w.site, 1))
	_, here := a.ByID(w.site, idOf(w.site, 3))
	if a.Agent(agent) != presence.Offline || there || !here || a.Count(w.site) != 1 || a.Agent(other) != presence.Online {
		t.Errorf("down for longer than a lease: other agent %s, other visitor %t, own %t, %d counted", a.Agent(agent), there, here, a.Count(w.site))
	}
	if since, failures := a.shared.Stats(); since.IsZero() || failures != 9 {
		t.Errorf("lost since %s, after %d failures; want 9", since, failures)
	}
	place.down.Store(false)
	w.settle()
	for _, n := range w.nodes {
		if n.Agent(agent) != presence.Online || n.Agent(other) != presence.Online || n.Count(w.site) != 2 {
			t.Errorf("%s: up again: %s, %s, %d counted; want all of them", n.name, n.Agent(agent), n.Agent(other), n.Count(w.site))
		}
	}
	if log.count("WARN") != 1 || log.count("INFO") != 1 {
		t.Errorf("the log has %d lines of loss and %d of return, want one each:\n%s", log.count("WARN"), log.count("INFO"), log.buf.String())
	}
}

// frozen: a node that was still for longer than its lease comes back with what it
// has now; nothing of what it had told before stays.
func (e Engine) frozen(t *testing.T) {
	w := e.world(t, 2, short)
	a, ice := w.nodes[0], w.nodes[1]
	agent, other := chat.AgentID(w.site), chat.AgentID(w.site+1_000_000)
	ice.SetAgent(agent, presence.Online)
	a.SetAgent(other, presence.Online)
	for i := range 60 {
		ice.SetVisitor(visitor(w.site, i, presence.Online))
	}
	a.SetVisitor(visitor(w.site, 100, presence.Online))
	w.settle()
	ice.asleep = true
	w.awaits("the frozen node fades", func() bool { return a.Agent(agent) == presence.Offline && a.Count(w.site) == 1 })
	a.SetVisitor(visitor(w.site, 101, presence.Online))
	a.SetAgent(other, presence.Offline)
	w.settle()
	for i := range 10 {
		ice.SetVisitor(visitor(w.site, i, presence.Offline))
	}
	ice.asleep = false
	w.awaits("both nodes see the same again", func() bool {
		return a.Agent(agent) == presence.Online && ice.Agent(other) == presence.Offline &&
			a.Count(w.site) == 52 && ice.Count(w.site) == 52 && w.seen(a) == w.seen(ice)
	})
}

// setBack: nobody who is dead stays because the place's clock was set back, whether
// it died before or after that; and nobody who lives is forgotten.
func (e Engine) setBack(t *testing.T) {
	w := e.world(t, 3, short)
	a, before, after := w.nodes[0], w.nodes[1], w.nodes[2]
	for i, n := range w.nodes {
		n.SetAgent(chat.AgentID(w.site)*10+chat.AgentID(i), presence.Online)
		n.SetVisitor(visitor(w.site, i, presence.Online))
	}
	w.settle()
	before.asleep = true
	e.Back(t, 2*time.Hour)
	w.settle()
	if a.Count(w.site) < 2 || after.Agent(chat.AgentID(w.site)*10) != presence.Online {
		t.Errorf("%d are counted, and an agent who is here is %s", a.Count(w.site), after.Agent(chat.AgentID(w.site)*10))
	}
	w.awaits("who died before has gone", func() bool {
		return a.Count(w.site) == 2 && a.Agent(chat.AgentID(w.site)*10+1) == presence.Offline && after.Count(w.site) == 2
	})
	after.asleep = true
	w.awaits("who died behind it has gone, too", func() bool {
		return a.Count(w.site) == 1 && a.Agent(chat.AgentID(w.site)*10+2) == presence.Offline
	})
	if _, here := a.ByKey(w.site, visitor(w.site, 0, 0).Key); !here || a.Agent(chat.AgentID(w.site)*10) != presence.Online {
		t.Error("who lives was forgotten")
	}
}

// astray: a row that a node's name has and the node does not know of, however it
// came to be, does not stay.
func (e Engine) astray(t *testing.T) {
	w := e.world(t, 2, short)
	a := w.nodes[0]
	a.SetVisitor(visitor(w.site, 1, presence.Online))
	w.settle()
	ghost := &presence.Ask{Name: a.name, Lease: time.Second, Sites: []presence.SiteAsk{{Site: w.site, Writes: true, Put: []*presence.Visitor{visitor(w.site, 2, presence.Online)}}}}
	if answer, err := e.Place(t).Exchange(context.Background(), ghost); err != nil || answer.Sites[0].Lost {
		t.Fatalf("the ghost was not written: %+v, %v", answer, err)
	}
	w.awaits("the ghost has gone", func() bool {
		_, known := a.ByID(w.site, idOf(w.site, 1))
		return known && w.nodes[1].Count(w.site) == 1 && a.Count(w.site) == 1
	})
}
