// Package presencetest is what every way of keeping presence must do. Each
// implementation runs it: one process's memory, and each place that several
// nodes share.
package presencetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
)

// Engine is an implementation under test.
type Engine struct {
	// Memory makes one picture inside the process; its leases run by now.
	Memory func(now func() time.Time) *presence.Memory
	// Place opens a node's own way to the place that all nodes of the test share.
	Place func(t testing.TB) presence.Place
	// Lose makes the place forget everything.
	Lose func(t testing.TB)
	// Back sets the place's clock back, or all leases ahead by as much.
	Back func(t testing.TB, by time.Duration)
	// Runs bounds how many random courses an engine takes that is slow; 0: rapid's number.
	Runs int
}

// Run runs the whole suite.
func Run(t *testing.T, e Engine) {
	t.Run("the best of all nodes counts", e.best)
	t.Run("one visitor counts once", e.distinct)
	t.Run("pages", e.pages)
	t.Run("lookups", e.lookups)
	t.Run("a newcomer begins on another node", e.newcomer)
	t.Run("following changes", e.following)
	t.Run("a dead node fades", e.dead)
	t.Run("a node leaves", e.leave)
	t.Run("concurrent use", e.concurrent)
	if e.Place == nil {
		return
	}
	t.Run("a page does not load everybody", e.bounded)
	t.Run("a page counts from the first node", e.longHere)
	t.Run("the place lost everything", e.loses)
	t.Run("the place is down", e.down)
	t.Run("a node is frozen", e.frozen)
	t.Run("the place's clock is set back", e.setBack)
	t.Run("a name told what its node does not know", e.astray)
}

var sites atomic.Int64

// newSite is a site that no other test has.
func newSite() chat.SiteID { return chat.SiteID(1000 + sites.Add(1)) }

// visitor is one of a site; the odd ones have a conversation.
func visitor(site chat.SiteID, n int, s presence.State) *presence.Visitor {
	v := &presence.Visitor{
		Site: site, State: s, Since: chat.Millis(1_700_000_000_000 + int64(n)*1000),
		Page: &presence.Page{URL: fmt.Sprintf("https://shop.example/%d", n), Title: "页面 \\ '?' \"$1\" %s 🙂"}, Profile: &chat.Profile{Name: fmt.Sprint("visitor ", n)},
	}
	v.Key = presence.Key{byte(n >> 8), byte(n), 0, 0xff, byte(site), byte(site >> 8), byte(site >> 16)}
	if n%2 == 1 {
		v.Conversation = chat.Conversation{ID: chat.ConversationID(idOf(site, n)), Site: site, Visitor: idOf(site, n)}
	} else {
		v.Proposed = idOf(site, n)
	}
	return v
}

func idOf(site chat.SiteID, n int) chat.VisitorID {
	return chat.VisitorID(int64(site)<<40 | 1<<38 | int64(n))
}

// world is some nodes over one place, or over one memory.
type world struct {
	t      *testing.T
	site   chat.SiteID
	clock  *clock
	nodes  []*node
	wanted []presence.Want
}

// node is one of them; a dead or frozen one takes no part in settling.
type node struct {
	presence.Registry
	name   string
	shared *presence.Shared // nil in memory
	asleep bool
}

// lease is long for tests that are not about it, on a busy machine too.
const lease = time.Minute

// world makes nodes. Every agent here wants the site, so that all of it is seen.
func (e Engine) world(t *testing.T, nodes int, change ...func(*presence.SharedConfig)) *world {
	t.Helper()
	w := &world{t: t, site: newSite(), clock: &clock{}}
	w.wanted = []presence.Want{{Site: w.site}}
	memory := (*presence.Memory)(nil)
	if e.Place == nil {
		memory = e.Memory(w.clock.now)
	}
	for i := range nodes {
		n := &node{name: fmt.Sprintf("n%d-%d", i, w.site)}
		if e.Place == nil {
			n.Registry = memory.On(n.name)
		} else {
			cfg := presence.SharedConfig{Node: n.name, Every: time.Hour, Lease: lease, Timeout: 20 * time.Second, Now: w.clock.now, Page: 500, Batch: 40}
			for _, c := range change {
				c(&cfg)
			}
			n.shared = presence.NewShared(e.Place(t), cfg)
			n.Registry = n.shared
			t.Cleanup(func() {
				if !n.asleep {
					n.shared.Leave()
				}
				n.shared.Close()
			})
		}
		w.nodes = append(w.nodes, n)
	}
	w.settle()
	return w
}

// settle gives every node its ticks until what each told has reached the others.
func (w *world) settle() {
	w.t.Helper()
	for range 2 {
		for _, n := range w.nodes {
			if n.asleep {
				continue
			}
			n.Renew(w.wanted)
			if n.shared == nil {
				continue
			}
			if err := n.shared.Sync(context.Background()); err != nil {
				w.t.Fatalf("%s: %v", n.name, err)
			}
		}
	}
}

// awaits settles until done is true.
func (w *world) awaits(what string, done func() bool) {
	w.t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	for w.settle(); !done(); w.settle() {
		select {
		case <-deadline.C:
			w.t.Fatal("it did not come true: " + what)
		case <-ticks.C:
		}
	}
}

// clock runs as time does, and jumps when told.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) pass(d time.Duration) { c.ahead.Add(int64(d)) }

// short is a lease whose end a test waits for; in memory the clock jumps instead.
func short(c *presence.SharedConfig) { c.Lease = 400 * time.Millisecond }

// seen is what a registry shows of a site.
func (w *world) seen(n *node) string {
	all, _ := n.Visitors(w.site, 1000)
	out := ""
	for _, v := range all {
		out += fmt.Sprintf("%x %s %d %d %s; ", v.Key[:2], v.State, v.ID(), v.Since, v.Profile.Name)
	}
	return fmt.Sprintf("%d: %s", n.Count(w.site), out)
}
