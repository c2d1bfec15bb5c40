package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Config is how a Runner runs. Zero means the default named beside the field.
type Config struct {
	// Slots is how many jobs of one kind run at once on this node (4).
	Slots int
	// Every is how often due jobs are looked for (1 s).
	Every time.Duration
	// Lease is how long a job is held without a word of its node (6 s), Renew how
	// often its node gives it (2 s).
	Lease, Renew time.Duration
	// Attempts is after how many runs a failing job is given up (10).
	Attempts int
	// Backoff is the pause after the n-th failed run, n from 1 (1 s, doubling up to 10 min).
	Backoff func(n int) time.Duration
	// Limit bounds a run (5 min).
	Limit time.Duration
	// Grace is how long running jobs may take to end when the node stops, before
	// their ctx is cancelled (2 s).
	Grace time.Duration
	// Ran, if any, is told of each run: its kind, how it ended, and by how much its
	// time had passed when it was claimed.
	Ran func(kind string, result Result, late time.Duration)
	Log *slog.Logger
}

// Result is how a run of a job ended.
type Result string

const (
	Done     Result = "done"
	Failed   Result = "failed"   // it runs again later
	GivenUp  Result = "given_up" // it failed too often
	Released Result = "released" // this node stops: another one runs it
	Lost     Result = "lost"     // cancelled, or the lease ended
)

// Results are all of them.
func Results() []Result { return []Result{Done, Failed, GivenUp, Released, Lost} }

func (c Config) withDefaults() Config {
	c.Slots, c.Attempts = cmp.Or(c.Slots, 4), cmp.Or(c.Attempts, 10)
	c.Every, c.Lease, c.Renew = cmp.Or(c.Every, time.Second), cmp.Or(c.Lease, 6*time.Second), cmp.Or(c.Renew, 2*time.Second)
	c.Grace, c.Limit = cmp.Or(c.Grace, 2*time.Second), cmp.Or(c.Limit, 5*time.Minute)
	if c.Backoff == nil {
		c.Backoff = backoff
	}
	if c.Ran == nil {
		c.Ran = func(string, Result, time.Duration) {}
	}
	return c
}

func backoff(n int) time.Duration {
	const first, most = time.Second, 10 * time.Minute
	return min(first<<min(n-1, 20), most)
}

// storeTime bounds one question to the store.
const storeTime = 5 * time.Second

// Runner runs jobs on this node. It implements Queue, from the moment it is made.
type Runner struct {
	cfg   Config
	store Store

	mu       sync.Mutex
	handlers map[string]Handler
	slots    map[string]int           // of the kinds that have not Config.Slots
	running  map[string]map[*run]bool // by kind
	started  bool

	woken    chan struct{}
	claiming context.Context // ends when no job is to be claimed any more
	stop     context.CancelFunc
	working  context.Context // of the handlers
	cancel   context.CancelCauseFunc
	renewing context.Context
	rest     context.CancelFunc
	claimer  sync.WaitGroup
	runs     sync.WaitGroup
	renewer  sync.WaitGroup

	// The database's time at the last look, by this node's monotonic clock; the loop's.
	seen   chat.Millis
	seenAt time.Time
	failed bool // the last look failed; the loop's
}

var _ Queue = (*Runner)(nil)

// New makes a runner without handlers.
func New(cfg Config, store Store) *Runner {
	r := &Runner{cfg: cfg.withDefaults(), store: store, handlers: map[string]Handler{}, slots: map[string]int{}, running: map[string]map[*run]bool{}, woken: make(chan struct{}, 1)}
	r.claiming, r.stop = context.WithCancel(context.Background())
	r.working, r.cancel = context.WithCancelCause(context.Background())
	r.renewing, r.rest = context.WithCancel(context.Background())
	return r
}

// Handle has a handler run the jobs of a kind. It is called before Start, once for
// each kind; this node leaves other kinds alone.
func (r *Runner) Handle(kind string, handler Handler) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started || r.handlers[kind] != nil || !kindPattern.MatchString(kind) {
		panic(fmt.Sprintf("jobs: the handler of %q comes too late, or twice, or the kind is none", kind))
	}
	r.handlers[kind], r.running[kind] = handler, map[*run]bool{}
}

// HandleMost is Handle for a kind of which so many run at once on this node, in place
// of Config.Slots.
func (r *Runner) HandleMost(kind string, slots int, handler Handler) {
	r.Handle(kind, handler)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slots[kind] = slots
}

// Add implements Queue. A job for now is looked for at once, on this node.
func (r *Runner) Add(ctx context.Context, j Job) error {
	if err := j.Check(); err != nil {
		return err
	}
	if err := r.store.AddJob(ctx, j); err != nil {
		return err
	}
	if j.RunAt == 0 && j.In == 0 {
		r.Wake()
	}
	return nil
}

// Cancel implements Queue.
func (r *Runner) Cancel(ctx context.Context, kind, key string) (bool, error) {
	return r.store.CancelJob(ctx, kind, key)
}

// Wake has due jobs looked for at once: for who added one in a transaction that has
// been committed since.
func (r *Runner) Wake() {
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

// Start begins to run jobs. Stop ends it.
func (r *Runner) Start() {
	r.mu.Lock()
	r.started = true
	r.mu.Unlock()
	r.claimer.Go(r.claimForever)
	r.renewer.Go(r.renewForever)
}

var errStops = errors.New("this node stops")

// Stop claims no more jobs and waits for those that run. After Config.Grace their
// ctx is cancelled; what does not end well then is another node's at once. If ctx
// ends first, its error is returned, and what still runs is left to its lease.
func (r *Runner) Stop(ctx context.Context) error {
	r.stop()
	idle := make(chan struct{})
	go func() {
		r.claimer.Wait()
		r.runs.Wait()
		close(idle)
	}()
	grace := time.NewTimer(r.cfg.Grace)
	defer grace.Stop()
	select {
	case <-idle:
	case <-grace.C:
	case <-ctx.Done():
	}
	r.cancel(errStops)
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = fmt.Errorf("some jobs did not end when they were told to: %w", ctx.Err())
	}
	r.rest()
	r.renewer.Wait()
	return err
}

func (r *Runner) claimForever() {
	ticks := time.NewTicker(r.cfg.Every)
	defer ticks.Stop()
	for {
		if r.claim() {
			continue
		}
		select {
		case <-r.claiming.Done():
			return
		case <-ticks.C:
		case <-r.woken:
		}
	}
}

// claim looks for due jobs once and begins to run them. more: there may be others.
func (r *Runner) claim() (more bool) {
	wants := r.wants()
	if len(wants) == 0 || r.claiming.Err() != nil {
		return false
	}
	begun := time.Now()
	// Stop does not cut it: what was claimed unknown to anybody would wait for its lease.
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	claims, now, err := r.store.ClaimJobs(ctx, wants, r.cfg.Lease)
	if err == nil {
		err = r.checkClock(ctx, now, begun)
	}
	r.note(err)
	for _, c := range claims {
		r.begin(c, begun)
	}
	return err == nil && len(claims) > 0
}

// note says once when jobs cannot be looked for, and once when they can again.
func (r *Runner) note(err error) {
	switch {
	case err != nil && !r.failed:
		r.failed = true
		r.cfg.Log.Warn("due jobs could not be looked for: they are late until the database answers", "error", err)
	case err == nil && r.failed:
		r.failed = false
		r.cfg.Log.Info("due jobs are looked for again")
	}
}

// clockSlack is by how much the database's clock may step back unnoticed.
const clockSlack = chat.Millis(500)

// checkClock has leases cut when the database's clock was set back, and at the first look.
func (r *Runner) checkClock(ctx context.Context, now chat.Millis, at time.Time) error {
	want := r.seen + chat.Millis(at.Sub(r.seenAt).Milliseconds())
	if r.seen != 0 && now >= want-clockSlack {
		r.seen, r.seenAt = now, at
		return nil
	}
	if err := r.store.CutLeases(ctx, r.cfg.Lease); err != nil {
		return err
	}
	r.seen, r.seenAt = now, at
	return nil
}

// wants are the kinds that have a free slot.
func (r *Runner) wants() (wants []Want) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(r.handlers)) {
		if free := cmp.Or(r.slots[kind], r.cfg.Slots) - len(r.running[kind]); free > 0 {
			wants = append(wants, Want{Kind: kind, Most: free})
		}
	}
	return wants
}
