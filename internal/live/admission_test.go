package live_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/wire"
)

// slowReads makes the visitors' pages of a node's database take until they are
// let go.
type slowReads struct {
	gate          chan struct{}
	letGo         func() // closes gate
	reading, most atomic.Int64
}

func (n *node) slow() *slowReads {
	gate := make(chan struct{})
	s := &slowReads{gate: gate, letGo: sync.OnceFunc(func() { close(gate) })}
	hold := func(q chat.PageQuery) {
		if !q.Public {
			return // the hub's own: a gap
		}
		now := s.reading.Add(1)
		for most := s.most.Load(); now > most && !s.most.CompareAndSwap(most, now); most = s.most.Load() {
		}
		<-s.gate
		s.reading.Add(-1)
	}
	n.reads.Store(&hold)
	return s
}

// back says hello with a position, in a goroutine of its own as a connection does.
func (n *node) back(group *sync.WaitGroup, who byte) *peer {
	p := n.stranger()
	group.Go(func() {
		p.raw(`{"t":"hello","site":"ShopKey","secret":"` + secret(who) + `","at":{"n":0,"tag":0}}`)
	})
	return p
}

// TestReadsOfThoseWhoComeBackAreBounded: so many read, so many wait, the others
// are told when to come; whoever is connected goes on writing, and all are
// served in the end.
func TestReadsOfThoseWhoComeBackAreBounded(t *testing.T) {
	const atOnce, queue = 3, 4
	w := newWorld(t, 1, func(c *live.Config) {
		c.ResumesAtOnce, c.ResumesWaiting, c.ResumeWithin, c.BackoffMax = atOnce, queue, time.Minute, 4000
	})
	n := w.nodes[0]
	writes := n.visitor(1)
	writes.send(chat.ConversationUUID{}, "hello")
	writes.heard("hello") // nothing is left to be read for those who are here
	other := n.visitor(2)
	other.send(chat.ConversationUUID{}, "hi")
	other.heard("hi")
	slow := n.slow()
	defer slow.letGo()
	var asks sync.WaitGroup
	var all []*peer
	for range 20 {
		all = append(all, n.back(&asks, 2))
	}
	refused := func() (some []*peer) {
		for _, p := range all {
			p.mu.Lock()
			if p.code == wire.CloseTryLater {
				some = append(some, p)
			}
			p.mu.Unlock()
		}
		return some
	}
	eventually(t, "all but those who read and wait are refused", func() bool { return len(refused()) == 20-atOnce-queue })
	for _, p := range refused() {
		e := await(p, "error", yes[wire.ServerError])
		if e.Code != chat.Busy || e.Do != wire.Retry || e.RetryAfter < 500 || e.RetryAfter > 4000 {
			t.Errorf("refused with %+v, want busy, retry, a pause of 500 to 4,000 ms", e)
		}
	}
	writes.send(chat.ConversationUUID{}, "while they wait")
	if most := slow.most.Load(); most != atOnce { // later the hub reads for those who were greeted
		t.Errorf("%d read at once, want %d", most, atOnce)
	}
	slow.letGo()
	asks.Wait()
	for _, p := range all {
		p.until("greeted or told to come later", func() bool {
			return p.code == wire.CloseTryLater || len(hellos(p)) == 1
		})
	}
	if got := len(refused()); got != 20-atOnce-queue {
		t.Errorf("%d were refused, want %d", got, 20-atOnce-queue)
	}
}

// hellos are the answers to hello; p.mu is held.
func hellos(p *peer) []wire.ServerHello { return all[wire.ServerHello](p, "hello") }

// TestNobodyWaitsLongToComeBack: a turn that does not come is not waited for.
func TestNobodyWaitsLongToComeBack(t *testing.T) {
	w := newWorld(t, 1, func(c *live.Config) { c.ResumesAtOnce, c.ResumeWithin = 1, 20*time.Millisecond })
	n := w.nodes[0]
	here := n.visitor(1)
	here.send(chat.ConversationUUID{}, "hello")
	here.heard("hello") // nothing is left to be read for who is here
	agent := n.agent(ann)
	slow := n.slow()
	defer slow.letGo()
	var asks sync.WaitGroup
	first := n.back(&asks, 1)
	eventually(t, "the first one reads", func() bool { return slow.reading.Load() == 1 })
	n.back(&asks, 1).closedWith(wire.CloseTryLater)
	agent.say(wire.ClientList{R: 7, View: chat.ViewWaiting})
	if e := await(agent, "error", func(e wire.ServerError) bool { return e.R == 7 }); e.Code != chat.Busy || e.RetryAfter < 500 {
		t.Errorf("a request without a turn: %+v, want busy with a pause", e)
	}
	slow.letGo()
	asks.Wait()
	await(first, "hello", yes[wire.ServerHello])
}

// TestThousandsComeBackAtOnce: those who write notice nothing, and everybody who
// obeys the pauses is served.
func TestThousandsComeBackAtOnce(t *testing.T) {
	const crowd, visitors = crowdOf, 200
	if testing.Short() {
		t.Skip("thousands of sessions")
	}
	w := newWorld(t, 1, func(c *live.Config) {
		c.BackoffMax, c.ResumesWaiting, c.Messages = 1000, 200, live.Rate{Burst: 10000, PerSecond: 10000}
	})
	n := w.nodes[0]
	writes := n.visitor(1)
	writes.send(chat.ConversationUUID{}, "hello")
	for i := range visitors {
		p := n.stranger()
		p.say(wire.ClientHello{Site: "ShopKey", Secret: secretOf(100 + i)})
		p.send(chat.ConversationUUID{}, "hi")
		p.leave()
	}
	took := func(chat.PageQuery) { <-time.After(2 * time.Millisecond) } // a database at a distance
	n.reads.Store(&took)
	var greeted, refused atomic.Int64
	var clients sync.WaitGroup
	for i := range crowd {
		clients.Go(func() {
			for {
				p := n.stranger()
				p.raw(`{"t":"hello","site":"ShopKey","secret":"` + secretOf(100+i%visitors) + `","at":{"n":0,"tag":0}}`)
				p.mu.Lock()
				ok := len(hellos(p)) == 1
				again := all[wire.ServerError](p, "error")
				p.mu.Unlock()
				p.leave()
				if ok {
					greeted.Add(1)
					return
				}
				refused.Add(1)
				for _, e := range again { // none where the machine was too slow to say hello in time
					<-time.After(time.Duration(e.RetryAfter) * time.Millisecond)
				}
			}
		})
	}
	worst := time.Duration(0)
	for greeted.Load() < crowd {
		begun := time.Now()
		writes.send(chat.ConversationUUID{}, "in between")
		worst = max(worst, time.Since(begun))
		<-time.After(10 * time.Millisecond)
	}
	clients.Wait()
	t.Logf("%d came back, %d were asked to try later, the slowest ack took %s", greeted.Load(), refused.Load(), worst)
	if worst > 5*time.Second {
		t.Errorf("an ack took %s while others came back, want at most 5 s", worst)
	}
}
