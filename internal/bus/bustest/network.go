package bustest

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kefu-chat/kefu/internal/bus"
	"github.com/kefu-chat/kefu/internal/bus/seal"
)

// Broker is what carries the notices of a kind of bus, and the buses over it.
type Broker interface {
	// Bus makes a bus of a node. The test closes it.
	Bus(t *testing.T, sealer *seal.Sealer, node string, log *slog.Logger) bus.Bus
	// Stop ends the broker at once, and Restart brings it back.
	Stop(t *testing.T)
	Restart(t *testing.T)
	// Freeze makes it silent, though its connections stay, until Thaw.
	Freeze(t *testing.T)
	Thaw(t *testing.T)
	// Inject sends bytes to a topic as somebody who has no key would.
	Inject(t *testing.T, topic string, raw []byte)
}

// Within is how long a bus may take to see that its broker is gone, or back. It is
// a minute because RocketMQ's servers may need most of it to start on a busy machine.
const Within = time.Minute

// RunNetwork tests a bus that leaves the process. Each broker that start gives
// carries nothing else, and ends with its test.
func RunNetwork(t *testing.T, start func(t *testing.T) Broker) {
	t.Run("contract", func(t *testing.T) {
		broker := start(t)
		Run(t, func(t *testing.T) (here, there bus.Bus) {
			sealer := NewSealer(t, NewKeys()) // of its own: so earlier tests' notices are refused
			return broker.Bus(t, sealer, "here", discard), broker.Bus(t, sealer, "there", discard)
		})
	})
	for name, test := range map[string]func(*testing.T, Broker){
		"comes back after the broker stopped": func(t *testing.T, b Broker) { testOutage(t, b, Broker.Stop, Broker.Restart) },
		"comes back after the broker froze":   func(t *testing.T, b Broker) { testOutage(t, b, Broker.Freeze, Broker.Thaw) },
		"starts before the broker":            testStartsFirst,
		"closes without a broker":             testClosesAlone,
		"refuses what is not sealed":          testRefuses,
		"big notices":                         testBig,
		"many at a time":                      testConcurrent,
		"counts":                              testCounts,
		"lost, repeated, out of order":        testWorse,
	} {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			// Cleanups run last first: the broker ends before this looks.
			t.Cleanup(func() {
				// A server that several tests share may have been started again.
				if err := Leaks(before, goleak.IgnoreAnyFunction("os/exec.(*Cmd).Wait"), goleak.IgnoreAnyFunction("os/exec.(*Cmd).writerDescriptor.func1")); err != nil {
					t.Error(err)
				}
			})
			test(t, start(t))
		})
	}
}

var discard = slog.New(slog.DiscardHandler)

// pair is two started buses of one cluster, with what they log and hear.
type pair struct {
	here, there           bus.Bus
	hereLines, thereLines Lines
	hereHeard, thereHeard *heard
}

func newPair(t *testing.T, broker Broker) *pair {
	t.Helper()
	sealer := NewSealer(t, NewKeys())
	p := &pair{hereLines: NewLines(), thereLines: NewLines()}
	p.here, p.there = broker.Bus(t, sealer, "here", p.hereLines.Log()), broker.Bus(t, sealer, "there", p.thereLines.Log())
	p.hereHeard, p.thereHeard = listen(t, p.here), listen(t, p.there)
	return p
}

func awaitUp(t *testing.T, b bus.Bus, up bool) {
	t.Helper()
	Await(t, fmt.Sprintf("the bus to be up: %v", up), func() bool { return b.Stats().Up == up })
}

// Leaks tells of goroutines that do not end. Those of Redis's client may take 5 s
// after the topology of a cluster has changed.
func Leaks(options ...goleak.Option) error {
	for deadline := time.Now().Add(8 * time.Second); ; {
		if err := goleak.Find(options...); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// Await waits until something is so.
func Await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Within); !so(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// testOutage: both ends see it, say it once, and are as before when it is over,
// with what was joined and left meanwhile.
func testOutage(t *testing.T, broker Broker, stop, restart func(Broker, *testing.T)) {
	p := newPair(t, broker)
	p.there.Join("before")
	p.there.Join("left")
	published := settle(t, p.here, p.thereHeard, "before") + settle(t, p.here, p.thereHeard, "left")
	Await(t, "nothing to be under way", func() bool {
		now := p.here.Stats()
		return now.Published+now.Lost == published
	})
	stop(broker, t)
	awaitUp(t, p.here, false)
	awaitUp(t, p.there, false)
	lost := p.here.Stats().Lost
	p.here.Publish("before", []byte("while it is away"))
	if got := p.here.Stats().Lost; got != lost+1 {
		t.Errorf("%d lost, want the one that was published while the broker was away", got-lost)
	}
	p.there.Join("meanwhile")
	p.there.Leave("left")
	restart(broker, t)
	awaitUp(t, p.here, true)
	awaitUp(t, p.there, true)
	settle(t, p.here, p.thereHeard, "before")
	settle(t, p.here, p.thereHeard, "meanwhile")
	p.here.Publish("left", []byte("nobody hears"))
	p.here.Publish("before", []byte("again"))
	if got := p.thereHeard.next(t); got != "before again" {
		t.Errorf("heard %q, want what was published after the broker came back", got)
	}
	for name, end := range map[string]struct {
		bus   bus.Bus
		lines Lines
	}{"here": {p.here, p.hereLines}, "there": {p.there, p.thereLines}} {
		if n := end.bus.Stats().Reconnects; n != 1 {
			t.Errorf("%s: %d reconnects, want 1", name, n)
		}
		if end.lines.Count("bus is lost") != 1 || end.lines.Count("bus is back") != 1 || end.lines.Count("bus is connected") != 1 || end.lines.Count("cannot be reached") != 0 {
			t.Errorf("%s: want one line for lost and one for back, have:\n%s", name, end.lines)
		}
	}
}

// testStartsFirst: a node starts without its broker, says so once, and connects by itself.
func testStartsFirst(t *testing.T, broker Broker) {
	broker.Stop(t)
	began := time.Now()
	p := newPair(t, broker)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("Start waited %v for a broker that is away", took)
	}
	p.there.Join("all")
	Await(t, "it is said", func() bool { return p.hereLines.Count("cannot be reached") > 0 })
	if p.here.Stats().Up {
		t.Error("up without a broker")
	}
	broker.Restart(t)
	awaitUp(t, p.here, true)
	awaitUp(t, p.there, true)
	settle(t, p.here, p.thereHeard, "all")
	if p.hereLines.Count("cannot be reached") != 1 || p.hereLines.Count("bus is connected") != 1 || p.here.Stats().Reconnects != 0 {
		t.Errorf("want one line for each, and no reconnect; have %+v:\n%s", p.here.Stats(), p.hereLines)
	}
}

func testClosesAlone(t *testing.T, broker Broker) {
	p := newPair(t, broker)
	p.there.Join("all")
	settle(t, p.here, p.thereHeard, "all")
	broker.Stop(t)
	awaitUp(t, p.here, false)
	for _, b := range []bus.Bus{p.here, p.there} {
		began := time.Now()
		b.Close()
		b.Close()
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("Close took %v", took)
		}
	}
	never := broker.Bus(t, NewSealer(t, NewKeys()), "never started", discard)
	never.Join("all")
	never.Close()
	if err := never.Start(func(string, []byte) {}); err == nil {
		t.Error("a bus that is closed was started")
	}
}

func testRefuses(t *testing.T, broker Broker) {
	p := newPair(t, broker)
	p.there.Join("all")
	settle(t, p.here, p.thereHeard, "all")
	stranger := NewSealer(t, NewKeys())
	forged, err := stranger.Seal("all", "here", []byte("forged"))
	if err != nil {
		t.Fatal(err)
	}
	later := bytes.Clone(forged)
	later[0]++
	for i, raw := range [][]byte{[]byte("unsealed"), {}, forged, later} {
		want := p.there.Stats().Refused + 1
		broker.Inject(t, "all", raw)
		Await(t, fmt.Sprintf("%d is refused", i), func() bool { return p.there.Stats().Refused == want })
	}
	p.here.Publish("all", []byte("sealed"))
	if got := p.thereHeard.next(t); got != "all sealed" {
		t.Errorf("heard %q, want the sealed notice only", got)
	}
	if n := p.thereLines.Count("was refused"); n != 1 {
		t.Errorf("%d lines about refused notices, want 1", n)
	}
}

func testBig(t *testing.T, broker Broker) {
	p := newPair(t, broker)
	p.there.Join("all")
	settle(t, p.here, p.thereHeard, "all")
	for range 20 {
		notice := make([]byte, bus.MaxNotice)
		for i := range notice {
			notice[i] = byte(rand.Uint32())
		}
		p.here.Publish("all", notice)
		if got := p.thereHeard.next(t); got != "all "+string(notice) {
			t.Fatalf("%d bytes came, not the %d that went", len(got)-4, len(notice))
		}
	}
}

// testConcurrent is for the race detector, and for topics that settle at last.
func testConcurrent(t *testing.T, broker Broker) {
	p := newPair(t, broker)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 200 {
				topic := fmt.Sprintf("c/%d", (i+worker)%20)
				switch i % 4 {
				case 0:
					p.there.Join(topic)
				case 1:
					p.here.Publish(topic, []byte(probe))
				case 2:
					p.here.Stats()
				case 3:
					p.there.Leave(topic)
				}
			}
		})
	}
	all.Wait()
	for i := range 20 {
		topic := fmt.Sprintf("c/%d", i)
		p.there.Join(topic)
		settle(t, p.here, p.thereHeard, topic)
	}
}

// testCounts: what is published is published or lost, and what is received was heard.
func testCounts(t *testing.T, broker Broker) {
	p := newPair(t, broker)
	p.there.Join("all")
	p.here.Join("all")
	calls := settle(t, p.here, p.thereHeard, "all")
	p.here.Publish("all", []byte("mark"))
	p.thereHeard.next(t) // no probe comes after it, where the bus is ordered
	lost, received := p.here.Stats().Lost, p.there.Stats().Received
	const notices = 500
	for i := range notices {
		p.here.Publish("all", fmt.Append(nil, i))
	}
	p.here.Publish("all", make([]byte, bus.MaxNotice+1))
	calls += 1 + notices + 1
	Await(t, "all are counted", func() bool {
		now := p.here.Stats()
		return now.Published+now.Lost == calls && p.there.Stats().Received >= received+notices
	})
	if now := p.here.Stats(); now.Lost != lost+1 || now.Refused != 0 || now.Received != 0 || !now.Up {
		t.Errorf("want one lost after %d, none refused, none of one's own; have %+v", lost, now)
	}
	times := map[string]int{}
	for range notices {
		times[p.thereHeard.next(t)]++
	}
	if len(times) != notices {
		t.Errorf("%d different notices came of %d", len(times), notices)
	}
}

// testWorse: through a network that loses, repeats and reorders, what comes is
// whole, and of the topic that it was published on.
func testWorse(t *testing.T, broker Broker) {
	p := newPair(t, broker)
	p.there.Join("a")
	p.there.Join("b")
	settle(t, p.here, p.thereHeard, "a")
	settle(t, p.here, p.thereHeard, "b")
	worse := Worsen(p.here, Faults{Lose: 0.2, Repeat: 0.2, Reorder: 0.2})
	const notices = 500
	for i := range notices {
		worse.Publish([]string{"a", "b"}[i%2], fmt.Append(nil, i))
	}
	// Two topics may come by two ways: each has an end of its own.
	p.here.Publish("a", []byte("end"))
	p.here.Publish("b", []byte("end"))
	times := map[string]int{}
	for times["a end"] == 0 || times["b end"] == 0 {
		times[p.thereHeard.next(t)]++
	}
	lost := notices
	for i := range notices {
		if times[fmt.Sprintf("%s %d", []string{"a", "b"}[i%2], i)] > 0 {
			lost--
		}
	}
	if came := len(times) - 2; came != notices-lost {
		t.Errorf("%d different notices came, of which %d were published", came, notices-lost)
	}
	if lost == 0 || lost > notices/2 {
		t.Errorf("%d of %d were lost, want about a fifth", lost, notices)
	}
}
