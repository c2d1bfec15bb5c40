package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/bus/seal"
)

// handCarrier is a network that the test moves by hand.
type handCarrier struct {
	to   receiver
	hold chan struct{} // send waits for it, where it is not nil

	mu     sync.Mutex
	sent   int
	joined map[string]int
	left   map[string]int
	fail   error
}

var _ carrier = (*handCarrier)(nil)

func (c *handCarrier) open(to receiver) error {
	c.to = to
	return nil
}

func (c *handCarrier) send(_ context.Context, parcels []parcel) int {
	if c.hold != nil {
		<-c.hold
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent += len(parcels)
	return len(parcels)
}

func (c *handCarrier) change(counts map[string]int, topics []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return c.fail
	}
	for _, topic := range topics {
		counts[topic]++
	}
	return nil
}

func (c *handCarrier) join(_ context.Context, topics []string) error {
	return c.change(c.joined, topics)
}

func (c *handCarrier) leave(_ context.Context, topics []string) error {
	return c.change(c.left, topics)
}

func (c *handCarrier) dropped() int64     { return 7 }
func (c *handCarrier) features() Features { return Features{} }
func (c *handCarrier) close()             {}

func (c *handCarrier) count(of map[string]int, topic string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return of[topic]
}

// oneKey is a cluster with one key for ever.
type oneKey struct{}

func (oneKey) ClusterKeys(context.Context) ([]seal.Key, error) { return []seal.Key{{Number: 1}}, nil }
func (oneKey) AddClusterKey(context.Context, seal.Key) error   { return nil }
func quiet() *slog.Logger                                      { return slog.New(slog.DiscardHandler) }
func envelope(t *testing.T, r *Relay, node, topic string) []byte {
	return sealed(t, r, node, topic, "x")
}

func sealed(t *testing.T, r *Relay, node, topic, notice string) []byte {
	t.Helper()
	b, err := r.sealer.Seal(topic, node, []byte(notice))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newHandRelay(t *testing.T) (*Relay, *handCarrier) {
	t.Helper()
	sealer, err := seal.New(t.Context(), seal.Config{Keys: oneKey{}, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sealer.Close)
	c := &handCarrier{joined: map[string]int{}, left: map[string]int{}}
	r, err := newRelay("hand", c, sealer, "me", quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r, c
}

func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !so(); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// TestRelayNeverBlocks: neither a network that stands still nor a receiver that
// does holds anybody up; what finds no room is lost, and counted.
func TestRelayNeverBlocks(t *testing.T) {
	r, c := newHandRelay(t)
	c.hold = make(chan struct{})
	free := make(chan struct{})
	if err := r.Start(func(string, []byte) { <-free }); err != nil {
		t.Fatal(err)
	}
	c.to.up(false)
	r.Join("all")
	const notices = relayQueue * 2
	for range notices {
		r.Publish("all", nil)
		c.to.came("all", envelope(t, r, "other", "all"))
	}
	lost := r.Stats().Lost - c.dropped()
	if want := int64(2 * (notices - relayQueue - sendTogether - 1)); lost < want || lost > 2*relayQueue {
		t.Errorf("%d of %d were lost, want at least %d", lost, 2*notices, want)
	}
	if s := r.Stats(); s.Leaving != relayQueue || s.Arriving != relayQueue {
		t.Errorf("%d wait to go and %d to be read, want %d each", s.Leaving, s.Arriving, relayQueue)
	}
	close(free)
	close(c.hold)
	await(t, "all are counted", func() bool {
		now := r.Stats()
		return now.Published+now.Received+now.Lost-c.dropped() == 2*notices
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if int64(c.sent) != r.Stats().Published {
		t.Errorf("%d were sent, and %d are counted", c.sent, r.Stats().Published)
	}
}

// TestRelaySendsWhatWaitsWhenItCloses, all of it.
func TestRelaySendsWhatWaitsWhenItCloses(t *testing.T) {
	r, c := newHandRelay(t)
	c.hold = make(chan struct{})
	if err := r.Start(func(string, []byte) {}); err != nil {
		t.Fatal(err)
	}
	c.to.up(false)
	const notices = 10 * sendTogether
	for range notices {
		r.Publish("all", nil)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		r.Close()
	}()
	<-r.ctx.Done()
	close(c.hold)
	<-closed
	if c.sent != notices || r.Stats().Lost != c.dropped() {
		t.Errorf("%d of %d were sent, and %d lost", c.sent, notices, r.Stats().Lost-c.dropped())
	}
}

// TestRelayBoundsBytes: big notices fill less of the queue.
func TestRelayBoundsBytes(t *testing.T) {
	r, c := newHandRelay(t)
	c.hold = make(chan struct{})
	if err := r.Start(func(string, []byte) {}); err != nil {
		t.Fatal(err)
	}
	c.to.up(false)
	big := make([]byte, MaxNotice)
	for range 2 * relayBytes / MaxNotice {
		r.Publish("all", big)
	}
	if held := r.out.bytes.Load(); held > relayBytes {
		t.Errorf("%d bytes wait, more than %d", held, relayBytes)
	}
	if r.Stats().Lost < relayBytes/MaxNotice/4 {
		t.Errorf("%d were lost", r.Stats().Lost)
	}
	close(c.hold)
}

// TestRelayDropsWhatIsNotForIt: its own notices, those of topics that it did not
// join, and those that nobody of the cluster sealed.
func TestRelayDropsWhatIsNotForIt(t *testing.T) {
	r, c := newHandRelay(t)
	heard := make(chan string, 100)
	if err := r.Start(func(topic string, notice []byte) { heard <- topic + " " + string(notice) }); err != nil {
		t.Fatal(err)
	}
	c.to.up(false)
	r.Join("a")
	r.Join("b")
	c.to.came("a", sealed(t, r, "me", "a", "my own"))
	c.to.came("c", sealed(t, r, "other", "c", "not joined"))
	c.to.came("a", []byte("unsealed"))
	c.to.came("a", sealed(t, r, "other", "b", "for another topic"))
	c.to.came("b", sealed(t, r, "other", "b", "last"))
	if got := <-heard; got != "b last" {
		t.Errorf("heard %q", got)
	}
	if s := r.Stats(); s.Received != 1 || s.Refused != 2 || s.Lost != c.dropped() {
		t.Errorf("have %+v, want 1 received and 2 refused", s)
	}
}

// TestRelayJoinsAgain: after each new connection, and when the network refused.
func TestRelayJoinsAgain(t *testing.T) {
	r, c := newHandRelay(t)
	if err := r.Start(func(string, []byte) {}); err != nil {
		t.Fatal(err)
	}
	r.Join("a")
	r.Join("not a topic")
	c.to.up(false)
	await(t, "a is joined", func() bool { return c.count(c.joined, "a") == 1 })
	c.to.down(errors.New("gone"))
	r.Join("b")
	r.Leave("b")
	r.Join("c")
	c.to.up(true)
	await(t, "c is joined", func() bool { return c.count(c.joined, "c") == 1 })
	c.to.down(errors.New("gone"))
	c.mu.Lock()
	c.fail = errors.New("refused")
	c.mu.Unlock()
	c.to.up(false)
	c.mu.Lock()
	c.fail = nil
	c.mu.Unlock()
	await(t, "a and c are joined again", func() bool { return c.count(c.joined, "a") >= 2 && c.count(c.joined, "c") >= 2 })
	r.Leave("a")
	await(t, "a is left", func() bool { return c.count(c.left, "a") == 1 })
	if c.count(c.joined, "b") > 0 || c.count(c.joined, "not a topic") > 0 {
		t.Errorf("joined %v", c.joined)
	}
	for i := range 3 * joinTogether {
		r.Join(fmt.Sprint("many/", i))
	}
	await(t, "all of many are joined", func() bool {
		return c.count(c.joined, fmt.Sprint("many/", 3*joinTogether-1)) > 0 && c.count(c.joined, "many/0") > 0
	})
}

func TestTopicsHaveARule(t *testing.T) {
	for topic, valid := range map[string]bool{
		"all": true, "c/1": true, "a/b/C-_9": true,
		"": false, "/a": false, "a/": false, "a//b": false, "a.b": false, "a b": false, "ä": false, "a*": false,
		string(make([]byte, MaxTopic+1)): false,
	} {
		if validTopic(topic) != valid {
			t.Errorf("%q: valid is not %v", topic, valid)
		}
	}
}

func TestBackoffGrowsToABound(t *testing.T) {
	for attempt := range 1000 {
		if d := backoff(attempt); d < 50*time.Millisecond || d > 2*time.Second {
			t.Fatalf("attempt %d waits %v", attempt, d)
		}
	}
}
