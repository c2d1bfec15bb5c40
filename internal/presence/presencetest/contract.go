package presencetest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
)

func (e Engine) best(t *testing.T) {
	w := e.world(t, 3)
	a, b, c := w.nodes[0], w.nodes[1], w.nodes[2]
	agent := chat.AgentID(w.site)
	a.SetAgent(agent, presence.Away)
	b.SetAgent(agent, presence.Online)
	if got := a.Agent(agent); e.Place != nil && got != presence.Away {
		t.Errorf("before anything was told, its own node says %s, want away", got)
	}
	expect := func(when string, want presence.State) {
		t.Helper()
		w.settle()
		for _, n := range w.nodes {
			if got := n.Agent(agent); got != want {
				t.Errorf("%s: node %s says %s, want %s", when, n.name, got, want)
			}
		}
	}
	expect("away here, online there", presence.Online)
	b.SetAgent(agent, presence.Offline)
	expect("away here, gone there", presence.Away)
	c.SetAgent(agent, presence.Online)
	expect("online on a third node", presence.Online)
	a.SetAgent(agent, presence.Offline)
	c.SetAgent(agent, presence.Offline)
	expect("gone", presence.Offline)
}

func (e Engine) distinct(t *testing.T) {
	w := e.world(t, 3)
	a, b := w.nodes[0], w.nodes[1]
	here := visitor(w.site, 1, presence.Away)
	there := visitor(w.site, 1, presence.Online)
	there.Since += 500
	there.Page = &presence.Page{URL: "https://shop.example/there"}
	a.SetVisitor(here)
	b.SetVisitor(there)
	a.SetVisitor(visitor(w.site, 2, presence.Online))
	w.settle()
	for _, n := range w.nodes {
		v, ok := n.ByID(w.site, idOf(w.site, 1))
		if !ok || v.State != presence.Online || v.Page.URL != there.Page.URL || v.Since != here.Since || n.Count(w.site) != 2 {
			t.Fatalf("node %s: the visitor is %+v, %t; %d are counted, want 2", n.name, v, ok, n.Count(w.site))
		}
		nodes := n.Nodes(w.site, idOf(w.site, 1))
		slices.Sort(nodes)
		if !slices.Equal(nodes, []string{a.name, b.name}) {
			t.Fatalf("node %s: it is connected to %v, want both", n.name, nodes)
		}
	}
	b.SetVisitor(visitor(w.site, 1, presence.Offline))
	w.settle()
	for _, n := range w.nodes {
		v, ok := n.ByID(w.site, idOf(w.site, 1))
		if nodes := n.Nodes(w.site, idOf(w.site, 1)); !ok || v.State != presence.Away || !slices.Equal(nodes, []string{a.name}) || n.Count(w.site) != 2 {
			t.Fatalf("node %s: it left b, and is %+v, %t on %v; %d are counted, want 2", n.name, v, ok, nodes, n.Count(w.site))
		}
	}
	a.SetVisitor(visitor(w.site, 1, presence.Offline))
	w.settle()
	for _, n := range w.nodes {
		if _, ok := n.ByID(w.site, idOf(w.site, 1)); ok || n.Count(w.site) != 1 {
			t.Fatalf("node %s: it has gone: here %t, %d are counted, want 1", n.name, ok, n.Count(w.site))
		}
	}
}

func (e Engine) pages(t *testing.T) {
	w := e.world(t, 2)
	const all = 130
	for i := range all {
		w.nodes[i%2].SetVisitor(visitor(w.site, i*37%all, presence.Online))
	}
	w.settle()
	for _, n := range w.nodes {
		page, _ := n.Visitors(w.site, 50)
		if len(page) != 50 || n.Count(w.site) != all {
			t.Fatalf("node %s: a page of %d, %d counted; want 50 and %d", n.name, len(page), n.Count(w.site), all)
		}
		for i, v := range page {
			if want := visitor(w.site, all-1-i, presence.Online); v.Key != want.Key || v.Profile.Name != want.Profile.Name || *v.Page != *want.Page {
				t.Fatalf("node %s: place %d has %+v, want %+v", n.name, i, v, want)
			}
		}
	}
	// Who came at the same moment keeps its place, on each node.
	for i := range 6 {
		v := visitor(w.site, 500+i*2, presence.Online)
		v.Since = 1_800_000_000_000
		w.nodes[i%2].SetVisitor(v)
	}
	w.settle()
	if a, b := w.seen(w.nodes[0]), w.seen(w.nodes[1]); a != b {
		t.Errorf("two nodes show\n%s\nand\n%s", a, b)
	}
}

func (e Engine) lookups(t *testing.T) {
	w := e.world(t, 2)
	w.wanted = nil // no agent is here yet
	a, b := w.nodes[0], w.nodes[1]
	for i := range 8 {
		a.SetVisitor(visitor(w.site, i, presence.Online))
	}
	w.settle()
	b.Learn(context.Background(), w.site, []chat.VisitorID{idOf(w.site, 3), idOf(w.site, 5), idOf(w.site, 77)})
	v, ok := b.ByID(w.site, idOf(w.site, 3))
	if !ok || v.Key != visitor(w.site, 3, 0).Key || !slices.Equal(b.Nodes(w.site, idOf(w.site, 3)), []string{a.name}) {
		t.Errorf("looked up: %+v, %t on %v", v, ok, b.Nodes(w.site, idOf(w.site, 3)))
	}
	if v, ok := b.ByKey(w.site, visitor(w.site, 5, 0).Key); !ok || v.ID() != idOf(w.site, 5) {
		t.Errorf("by its key: %+v, %t", v, ok)
	}
	if _, ok := b.ByID(w.site, idOf(w.site, 77)); ok {
		t.Error("nobody was found")
	}
	// Whoever is wanted is followed: who comes, changes and goes.
	w.wanted = []presence.Want{{Site: w.site, Visitors: []chat.VisitorID{idOf(w.site, 3), idOf(w.site, 77)}}}
	w.settle()
	a.SetVisitor(visitor(w.site, 77, presence.Away))
	a.SetVisitor(visitor(w.site, 3, presence.Away))
	w.settle()
	for _, n := range []int{3, 77} {
		if v, ok := b.ByID(w.site, idOf(w.site, n)); !ok || v.State != presence.Away {
			t.Errorf("visitor %d is %+v, %t; want away", n, v, ok)
		}
	}
	a.SetVisitor(visitor(w.site, 3, presence.Offline))
	w.settle()
	if _, ok := b.ByID(w.site, idOf(w.site, 3)); ok {
		t.Error("it has gone and is still here")
	}
}

func (e Engine) newcomer(t *testing.T) {
	w := e.world(t, 2)
	w.wanted = nil
	a, b := w.nodes[0], w.nodes[1]
	here, there := visitor(w.site, 2, presence.Online), visitor(w.site, 2, presence.Online)
	there.Proposed++
	a.SetVisitor(here)
	b.SetVisitor(there)
	w.settle()
	_, revision := b.Visitors(w.site, 0)
	begun := *here
	begun.Conversation = chat.Conversation{ID: 9, Site: w.site, Visitor: here.Proposed}
	a.SetVisitor(&begun)
	w.settle()
	changed, _, known := b.Changed(w.site, revision)
	if !known || !slices.ContainsFunc(changed, func(v *presence.Visitor) bool { return v.Conversation.ID == 9 && v.Key == here.Key }) {
		t.Errorf("the other node was told %+v, %t; want the conversation that began", changed, known)
	}
	if v, ok := b.ByKey(w.site, here.Key); !ok || v.Conversation.ID != 9 {
		t.Errorf("by its key it is %+v, %t", v, ok)
	}
	if v, ok := b.ByID(w.site, here.Proposed); !ok || v.Key != here.Key {
		t.Errorf("by its id it is %+v, %t", v, ok)
	}
}

// following: who takes a snapshot once and follows the changes knows what a new
// snapshot would say, on every node, over nodes that come and go.
func (e Engine) following(t *testing.T) {
	w := e.world(t, 3)
	runs, broken := 0, false
	rapid.Check(t, func(r *rapid.T) {
		if runs++; e.Runs > 0 && runs > e.Runs && !broken {
			return
		}
		through := false
		defer func() { broken = broken || !through }() // so that it can be made smaller
		for who := range 7 {                           // of the run before
			for _, n := range w.nodes {
				n.SetVisitor(visitor(w.site, who, presence.Offline))
			}
		}
		w.site = newSite()
		w.wanted = []presence.Want{{Site: w.site}}
		w.settle()
		type name struct {
			key presence.Key
			id  chat.VisitorID
		}
		known, revisions := make([]map[name]presence.State, 3), make([]uint64, 3)
		for i, n := range w.nodes {
			known[i] = map[name]presence.State{}
			_, revisions[i] = n.Visitors(w.site, 0)
		}
		r.Repeat(map[string]func(*rapid.T){
			"set": func(r *rapid.T) {
				v := visitor(w.site, rapid.IntRange(1, 6).Draw(r, "who"), presence.State(rapid.IntRange(0, 2).Draw(r, "state")))
				at := rapid.IntRange(0, 2).Draw(r, "node")
				v.Since += chat.Millis(at)
				if v.Proposed != 0 {
					v.Proposed += chat.VisitorID(at) << 20
				}
				w.nodes[at].SetVisitor(v)
			},
			"follow": func(r *rapid.T) {
				w.settle()
				for i, n := range w.nodes {
					changed, now, ok := n.Changed(w.site, revisions[i])
					if !ok {
						r.Fatal("the changes are unknown")
					}
					revisions[i] = now
					for _, v := range changed {
						if v.State == presence.Offline {
							delete(known[i], name{v.Key, v.ID()})
						} else {
							known[i][name{v.Key, v.ID()}] = v.State
						}
					}
					all, _ := n.Visitors(w.site, 100)
					want := map[name]presence.State{}
					for _, v := range all {
						want[name{v.Key, v.ID()}] = v.State
					}
					if !equal(known[i], want) || n.Count(w.site) != int64(len(want)) {
						r.Fatalf("%s: followed to %v, a snapshot says %v, counted %d", n.name, known[i], want, n.Count(w.site))
					}
					if first, this := w.seen(w.nodes[0]), w.seen(n); first != this {
						r.Fatalf("two nodes show\n%s\nand\n%s", first, this)
					}
				}
			},
		})
		through = true
	})
}

func equal[K comparable](a, b map[K]presence.State) bool {
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return len(a) == len(b)
}

func (e Engine) dead(t *testing.T) {
	w := e.world(t, 3, short)
	a, dead := w.nodes[0], w.nodes[2]
	agent := chat.AgentID(w.site)
	dead.SetAgent(agent, presence.Online)
	const all = 120
	for i := range all {
		dead.SetVisitor(visitor(w.site, i, presence.Online))
	}
	a.SetVisitor(visitor(w.site, 1, presence.Away))
	w.settle()
	if a.Agent(agent) != presence.Online || a.Count(w.site) != all {
		t.Fatalf("agent %s, %d visitors; want online and %d", a.Agent(agent), a.Count(w.site), all)
	}
	alive := func(n *node) bool {
		nodes, sure := a.Alive()
		return sure && slices.Contains(nodes, a.name) && slices.Contains(nodes, n.name)
	}
	if !alive(dead) || !alive(w.nodes[1]) {
		t.Error("a node that is there is not among those alive")
	}
	_, before := a.Visitors(w.site, 0)
	dead.asleep = true
	if e.Place == nil {
		w.clock.pass(presence.LeaseFor * 3 / 4)
		w.settle()
		w.clock.pass(presence.LeaseFor/2 + 1)
	}
	w.awaits("the dead node is forgotten", func() bool {
		return a.Agent(agent) == presence.Offline && a.Count(w.site) == 1 && w.nodes[1].Count(w.site) == 1 && !alive(dead)
	})
	if v, ok := a.ByID(w.site, idOf(w.site, 1)); !ok || v.State != presence.Away || !slices.Equal(a.Nodes(w.site, v.ID()), []string{a.name}) {
		t.Errorf("who is here, too, is %+v, %t on %v", v, ok, a.Nodes(w.site, idOf(w.site, 1)))
	}
	changed, _, known := a.Changed(w.site, before)
	gone := 0
	for _, v := range changed {
		if v.State == presence.Offline {
			gone++
		}
	}
	if !known || gone != all-1 {
		t.Errorf("%d were told as gone, %t; want %d", gone, known, all-1)
	}
}

func (e Engine) leave(t *testing.T) {
	w := e.world(t, 2)
	a, leaver := w.nodes[0], w.nodes[1]
	agent := chat.AgentID(w.site)
	leaver.SetAgent(agent, presence.Online)
	leaver.SetVisitor(visitor(w.site, 1, presence.Online))
	leaver.SetVisitor(visitor(w.site, 2, presence.Online))
	a.SetVisitor(visitor(w.site, 2, presence.Online))
	w.settle()
	leaver.asleep = true
	leaver.Leave()
	w.settle()
	if a.Agent(agent) != presence.Offline || a.Count(w.site) != 1 {
		t.Errorf("agent %s, %d visitors; want offline and 1", a.Agent(agent), a.Count(w.site))
	}
}

func (e Engine) concurrent(t *testing.T) {
	w := e.world(t, 2)
	var all sync.WaitGroup
	for at, n := range w.nodes {
		all.Go(func() {
			for i := range 300 {
				n.SetVisitor(visitor(w.site, i%40, presence.State(i%3)))
				n.SetAgent(chat.AgentID(w.site), presence.State((i+at)%3))
			}
		})
		all.Go(func() {
			for range 10 {
				n.Renew(w.wanted)
				if n.shared != nil {
					if err := n.shared.Sync(context.Background()); err != nil {
						t.Error(err)
					}
				}
			}
		})
		all.Go(func() {
			revision := uint64(0)
			for i := range 300 {
				n.Learn(context.Background(), w.site, []chat.VisitorID{idOf(w.site, i%60)})
				n.ByID(w.site, idOf(w.site, i%40))
				n.Nodes(w.site, idOf(w.site, i%40))
				n.Agent(chat.AgentID(w.site))
				n.Count(w.site)
				_, revision, _ = n.Changed(w.site, revision)
				n.Visitors(w.site, 10)
			}
		})
	}
	all.Wait()
	for i := range 40 {
		w.nodes[0].SetVisitor(visitor(w.site, i, presence.Offline))
		w.nodes[1].SetVisitor(visitor(w.site, i, presence.Offline))
	}
	w.nodes[1].SetVisitor(visitor(w.site, 7, presence.Away))
	w.settle()
	for _, n := range w.nodes {
		if v, ok := n.ByID(w.site, idOf(w.site, 7)); !ok || v.State != presence.Away || n.Count(w.site) != 1 {
			t.Errorf("%s: at the end %+v, %t, %d counted; want one who is away", n.name, v, ok, n.Count(w.site))
		}
	}
}
