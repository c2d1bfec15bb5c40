package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/store"
	"github.com/kefu-chat/kefu/test/databases"
	"github.com/kefu-chat/kefu/test/engines"
)

// tests end what the tests of this process share before anybody looks for what is left.
type tests struct{ *testing.M }

func (t tests) Run() int { return engines.Main(t.M) }

func TestMain(m *testing.M) { goleak.VerifyTestMain(tests{m}) }

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// world is a database, and runners on it.
type world struct {
	*testing.T
	db     *store.DB
	offset atomic.Int64 // of the database's clock, in ns
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t}
	db, err := store.Open(t.Context(), store.Config{
		Path: databases.File(t), Synchronous: "off", Relaxed: true,
		Now: func() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) },
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	w.db = db
	return w
}

type ran struct {
	kind   string
	result jobs.Result
}

// node is a runner and what it has told.
type node struct {
	*jobs.Runner
	t    *testing.T
	ran  chan ran
	stop func()
}

func (w *world) node(cfg jobs.Config, of jobs.Store) *node {
	n := &node{t: w.T, ran: make(chan ran, 100)}
	cfg.Log = slog.New(slog.DiscardHandler)
	if cfg.Every == 0 {
		cfg.Every = 10 * time.Millisecond
	}
	cfg.Ran = func(kind string, result jobs.Result, _ time.Duration) { n.ran <- ran{kind, result} }
	n.Runner = jobs.New(cfg, of)
	n.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := n.Stop(ctx); err != nil {
			w.Error(err)
		}
	})
	w.Cleanup(n.stop)
	return n
}

func (n *node) add(j jobs.Job) {
	n.t.Helper()
	if err := n.Add(n.t.Context(), j); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) ends(kind string, want jobs.Result) {
	n.t.Helper()
	if got := await(n.t, n.ran); got != (ran{kind, want}) {
		n.t.Fatalf("%+v, want %s %s", got, kind, want)
	}
}

func await[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("it did not come")
		panic("unreachable")
	}
}

func mail(key string) jobs.Job { return jobs.Job{Kind: "mail", Key: key} }

func TestRunsWhatIsDue(t *testing.T) {
	w := newWorld(t)
	n := w.node(jobs.Config{Every: time.Hour}, w.db)
	got := make(chan jobs.Job, 1)
	n.Handle("mail", func(_ context.Context, j jobs.Job) error { got <- j; return nil })
	n.Start()
	n.add(jobs.Job{Kind: "mail", Key: "a", Payload: []byte(`{"to":1}`)}) // does not wait an hour
	if j := await(t, got); j.Key != "a" || string(j.Payload) != `{"to":1}` || j.Attempts != 1 {
		t.Errorf("it ran %+v", j)
	}
	n.ends("mail", jobs.Done)
	if there, err := n.Cancel(t.Context(), "mail", "a"); err != nil || there {
		t.Errorf("the job is still there: %v, %v", there, err)
	}
}

func TestFailsSomeTimesThenIsGivenUp(t *testing.T) {
	w := newWorld(t)
	var pauses []int
	n := w.node(jobs.Config{Attempts: 3, Backoff: func(n int) time.Duration { pauses = append(pauses, n); return time.Millisecond }}, w.db)
	attempts := make(chan int, 10)
	n.Handle("mail", func(_ context.Context, j jobs.Job) error {
		attempts <- j.Attempts
		if j.Attempts == 2 {
			panic("boom")
		}
		return errors.New("no")
	})
	n.Start()
	n.add(mail("a"))
	n.ends("mail", jobs.Failed)
	n.ends("mail", jobs.Failed)
	n.ends("mail", jobs.GivenUp)
	n.stop()
	if len(attempts) != 3 || len(pauses) != 2 || pauses[0] != 1 || pauses[1] != 2 {
		t.Errorf("%d runs, pauses after %v", len(attempts), pauses)
	}
}

// TestWhatKillsItsNodeIsGivenUp: no run comes to an end, so none tells that it failed.
func TestWhatKillsItsNodeIsGivenUp(t *testing.T) {
	w := newWorld(t)
	if err := w.db.AddJob(t.Context(), mail("a")); err != nil {
		t.Fatal(err)
	}
	for range 3 { // nodes that claim it and die
		claims, _, err := w.db.ClaimJobs(t.Context(), []jobs.Want{{Kind: "mail", Most: 1}}, time.Minute)
		if err != nil || len(claims) != 1 {
			t.Fatal(claims, err)
		}
		w.offset.Add(int64(time.Minute))
	}
	n := w.node(jobs.Config{Attempts: 3}, w.db)
	n.Handle("mail", func(context.Context, jobs.Job) error { t.Error("it ran once more"); return nil })
	n.Start()
	n.ends("mail", jobs.GivenUp)
}

func TestSlotsBoundEachKind(t *testing.T) {
	w := newWorld(t)
	n := w.node(jobs.Config{Slots: 3}, w.db)
	var now, most atomic.Int64
	gate, begun := make(chan struct{}), make(chan struct{}, 20)
	n.Handle("slow", func(context.Context, jobs.Job) error {
		most.Store(max(most.Load(), now.Add(1)))
		begun <- struct{}{}
		<-gate
		now.Add(-1)
		return nil
	})
	n.Handle("mail", func(context.Context, jobs.Job) error { return nil })
	for i := range 10 {
		n.add(jobs.Job{Kind: "slow", Key: fmt.Sprint(i)})
	}
	n.Start()
	for range 3 {
		await(t, begun)
	}
	n.add(mail("not behind the slow ones"))
	n.ends("mail", jobs.Done)
	close(gate)
	for range 10 {
		n.ends("slow", jobs.Done)
	}
	if most.Load() != 3 {
		t.Errorf("%d ran at once, want 3", most.Load())
	}
}

func TestAKindMayHaveSlotsOfItsOwn(t *testing.T) {
	w := newWorld(t)
	n := w.node(jobs.Config{Slots: 1}, w.db)
	gate, begun := make(chan struct{}), make(chan struct{}, 20)
	n.HandleMost("slow", 3, func(context.Context, jobs.Job) error {
		begun <- struct{}{}
		<-gate
		return nil
	})
	for i := range 4 {
		n.add(jobs.Job{Kind: "slow", Key: fmt.Sprint(i)})
	}
	n.Start()
	for range 3 {
		await(t, begun)
	}
	close(gate)
	for range 4 {
		n.ends("slow", jobs.Done)
	}
}

func TestCancelledRunIsTold(t *testing.T) {
	w := newWorld(t)
	n := w.node(jobs.Config{Renew: 10 * time.Millisecond}, w.db)
	begun, causes := make(chan struct{}), make(chan error, 1)
	n.Handle("mail", func(ctx context.Context, _ jobs.Job) error {
		close(begun)
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return ctx.Err()
	})
	n.Start()
	n.add(mail("a"))
	await(t, begun)
	if there, err := n.Cancel(t.Context(), "mail", "a"); err != nil || !there {
		t.Fatal(there, err)
	}
	if cause := await(t, causes); !errors.Is(cause, jobs.ErrLost) {
		t.Errorf("its ctx ended with %v", cause)
	}
	n.ends("mail", jobs.Lost)
}

// deaf is a store that does not answer renewals.
type deaf struct{ jobs.Store }

func (deaf) RenewJobs(ctx context.Context, _ []jobs.Claim, _ time.Duration) ([]jobs.Claim, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestLeaseThatCannotBeRenewedEndsTheRun(t *testing.T) {
	w := newWorld(t)
	n := w.node(jobs.Config{Lease: 100 * time.Millisecond, Renew: 20 * time.Millisecond, Every: time.Hour}, deaf{w.db})
	n.Handle("mail", func(ctx context.Context, _ jobs.Job) error {
		<-ctx.Done()
		return context.Cause(ctx)
	})
	n.Start()
	n.add(mail("a"))
	n.ends("mail", jobs.Lost)
}

// TestRenewedAsLongAsItRuns: longer than its lease, and nobody else gets it.
func TestRenewedAsLongAsItRuns(t *testing.T) {
	w := newWorld(t)
	const lease = 400 * time.Millisecond
	cfg := jobs.Config{Lease: lease, Renew: 20 * time.Millisecond}
	first, second := w.node(cfg, w.db), w.node(cfg, w.db)
	var runs atomic.Int64
	handle := func(ctx context.Context, _ jobs.Job) error {
		runs.Add(1)
		select {
		case <-time.After(3 * lease): // it is what it does
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	first.Handle("mail", handle)
	second.Handle("mail", handle)
	first.Start()
	second.Start()
	first.add(mail("a"))
	select {
	case got := <-first.ran:
		if got.result != jobs.Done {
			t.Error(got)
		}
	case got := <-second.ran:
		if got.result != jobs.Done {
			t.Error(got)
		}
	case <-time.After(patience):
		t.Error("it did not end")
	}
	if runs.Load() != 1 {
		t.Errorf("it ran %d times", runs.Load())
	}
}

// TestStopLeavesJobsToOthersAtOnce: not when the lease is over, which is in an hour.
func TestStopLeavesJobsToOthersAtOnce(t *testing.T) {
	w := newWorld(t)
	cfg := jobs.Config{Lease: time.Hour, Grace: time.Millisecond}
	first, second := w.node(cfg, w.db), w.node(cfg, w.db)
	begun, attempts := make(chan struct{}), make(chan int, 1)
	first.Handle("mail", func(ctx context.Context, _ jobs.Job) error {
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	})
	second.Handle("mail", func(_ context.Context, j jobs.Job) error { attempts <- j.Attempts; return nil })
	first.Start()
	first.add(mail("a"))
	await(t, begun)
	second.Start()
	first.stop()
	first.ends("mail", jobs.Released)
	if n := await(t, attempts); n != 1 {
		t.Errorf("it is attempt %d: the one that was cut short counts", n)
	}
	second.ends("mail", jobs.Done)
}

func TestStopWaitsForWhatEndsSoon(t *testing.T) {
	w := newWorld(t)
	n := w.node(jobs.Config{Grace: patience}, w.db)
	begun, gate := make(chan struct{}), make(chan struct{})
	n.Handle("mail", func(ctx context.Context, _ jobs.Job) error {
		close(begun)
		<-gate
		return ctx.Err()
	})
	n.Start()
	n.add(mail("a"))
	await(t, begun)
	go n.stop()
	close(gate)
	n.ends("mail", jobs.Done)
}

func TestStopGivesUpOnWhoDoesNotListen(t *testing.T) {
	w := newWorld(t)
	n := w.node(jobs.Config{Grace: time.Millisecond}, w.db)
	begun, gate := make(chan struct{}), make(chan struct{})
	n.Handle("mail", func(context.Context, jobs.Job) error {
		close(begun)
		<-gate
		return nil
	})
	n.Start()
	n.add(mail("a"))
	await(t, begun)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := n.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ended with %v", err)
	}
	close(gate)
	n.ends("mail", jobs.Done)
}

// TestClockSetBack: a dead node's lease is not as long as the step.
func TestClockSetBack(t *testing.T) {
	w := newWorld(t)
	const lease = 200 * time.Millisecond
	n := w.node(jobs.Config{Lease: lease, Renew: lease / 4, Slots: 1}, w.db)
	begun, gate := make(chan struct{}, 2), make(chan struct{})
	n.Handle("mail", func(context.Context, jobs.Job) error {
		begun <- struct{}{}
		<-gate
		return nil
	})
	n.Handle("other", func(context.Context, jobs.Job) error { return nil })
	n.Start()
	n.add(mail("that keeps this node from the next"))
	await(t, begun)
	n.add(mail("of a node that dies"))
	claims, _, err := w.db.ClaimJobs(t.Context(), []jobs.Want{{Kind: "mail", Most: 2}}, lease)
	if err != nil || len(claims) != 1 {
		t.Fatal(claims, err)
	}
	w.offset.Store(int64(-2 * time.Hour))
	close(gate)
	n.ends("mail", jobs.Done)
	n.ends("mail", jobs.Done)
}

// TestImpossibleLease: of a node that died before the clock was set back and this one started.
func TestImpossibleLease(t *testing.T) {
	w := newWorld(t)
	if err := w.db.AddJob(t.Context(), mail("a")); err != nil {
		t.Fatal(err)
	}
	claims, _, err := w.db.ClaimJobs(t.Context(), []jobs.Want{{Kind: "mail", Most: 1}}, time.Hour)
	if err != nil || len(claims) != 1 {
		t.Fatal(claims, err)
	}
	n := w.node(jobs.Config{Lease: 200 * time.Millisecond}, w.db)
	n.Handle("mail", func(context.Context, jobs.Job) error { return nil })
	n.Start()
	n.ends("mail", jobs.Done)
}

func TestJobsAreChecked(t *testing.T) {
	w := newWorld(t)
	n := w.node(jobs.Config{}, w.db)
	long := make([]byte, jobs.MaxKey+1)
	for name, j := range map[string]jobs.Job{
		"no kind":     {Key: "a"},
		"odd kind":    {Kind: "Mail 1", Key: "a"},
		"no key":      {Kind: "mail"},
		"long key":    {Kind: "mail", Key: string(long)},
		"no JSON":     {Kind: "mail", Key: "a", Payload: []byte("{")},
		"much":        {Kind: "mail", Key: "a", Payload: fmt.Appendf(nil, "%q", make([]byte, jobs.MaxPayload))},
		"two times":   {Kind: "mail", Key: "a", RunAt: 5, In: 5},
		"before 1970": {Kind: "mail", Key: "a", RunAt: -5},
	} {
		if err := n.Add(t.Context(), j); err == nil {
			t.Errorf("%s: it was added", name)
		}
	}
}
