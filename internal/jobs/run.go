package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// run is a job that this node runs.
type run struct {
	claim  Claim
	ctx    context.Context
	cancel context.CancelCauseFunc
	expiry *time.Timer // when the lease may have ended
}

// begin runs a claimed job. asked is when it was asked for: its lease is no older.
func (r *Runner) begin(c Claim, asked time.Time) {
	one := &run{claim: c}
	one.ctx, one.cancel = context.WithCancelCause(r.working)
	one.expiry = time.AfterFunc(r.leaseFrom(asked), func() { one.cancel(ErrLost) })
	r.mu.Lock()
	handler := r.handlers[c.Kind]
	r.running[c.Kind][one] = true
	r.mu.Unlock()
	r.runs.Go(func() {
		err := r.attempt(one, handler)
		result := r.end(one, err)
		one.expiry.Stop()
		one.cancel(nil)
		r.mu.Lock()
		delete(r.running[c.Kind], one)
		r.mu.Unlock()
		r.cfg.Ran(c.Kind, result, c.Late)
		r.Wake() // a slot is free
	})
}

// leaseFrom is how much is left of a lease that began at a time.
func (r *Runner) leaseFrom(at time.Time) time.Duration { return r.cfg.Lease - time.Since(at) }

// attempt runs the handler. A run that begins after the last allowed one is of a job
// that no run before could end, not even by an error: its node died each time.
func (r *Runner) attempt(one *run, handler Handler) (err error) {
	if one.claim.Attempts > r.cfg.Attempts {
		return fmt.Errorf("none of %d runs came to an end: did it kill its node?", r.cfg.Attempts)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it panicked: %v\n%s", p, debug.Stack())
		}
	}()
	ctx, cancel := context.WithTimeout(one.ctx, r.cfg.Limit)
	defer cancel()
	return handler(ctx, one.claim.Job)
}

// end tells the store how a run ended. If that cannot be done, the lease ends it.
func (r *Runner) end(one *run, err error) Result {
	c, result := one.claim, r.judge(one, err)
	log := r.cfg.Log.With("kind", c.Kind, "key", c.Key, "attempt", c.Attempts)
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	var told error
	switch result {
	case Done:
		told = r.store.FinishJob(ctx, c)
	case Failed:
		again := r.cfg.Backoff(c.Attempts)
		log.Warn("a job failed and runs again later", "again_in", again, "error", err)
		told = r.store.RetryJob(ctx, c, again, err.Error())
	case GivenUp:
		log.Error("a job failed too often and is given up", "error", err)
		told = r.store.GiveUpJob(ctx, c, err.Error())
	case Released:
		log.Info("a job is left to the other nodes: this one stops")
		told = r.store.ReleaseJob(ctx, c)
	case Lost:
		log.Warn("a job was no longer this run's: it was cancelled, or the database did not answer for the time of its lease", "error", err)
	}
	if told != nil {
		log.Warn("how a job ended could not be kept: it runs again when its lease is over", "result", result, "error", told)
	}
	return result
}

func (r *Runner) judge(one *run, err error) Result {
	cause := context.Cause(one.ctx)
	switch {
	case err == nil:
		return Done
	case errors.Is(cause, ErrLost):
		return Lost
	case errors.Is(cause, errStops):
		return Released
	case one.claim.Attempts >= r.cfg.Attempts:
		return GivenUp
	}
	return Failed
}

func (r *Runner) renewForever() {
	ticks := time.NewTicker(r.cfg.Renew)
	defer ticks.Stop()
	for {
		select {
		case <-r.renewing.Done():
			return
		case <-ticks.C:
			r.renew()
		}
	}
}

// renew gives the leases of all runs their full time again.
func (r *Runner) renew() {
	r.mu.Lock()
	held := map[int64]*run{}
	var claims []Claim
	for _, runs := range r.running {
		for one := range runs {
			held[one.claim.Lease] = one
			claims = append(claims, one.claim)
		}
	}
	r.mu.Unlock()
	if len(claims) == 0 {
		return
	}
	asked := time.Now()
	ctx, cancel := context.WithTimeout(r.renewing, r.cfg.Renew)
	defer cancel()
	lost, err := r.store.RenewJobs(ctx, claims, r.cfg.Lease)
	if err != nil {
		if r.renewing.Err() == nil {
			r.cfg.Log.Warn("the leases of running jobs could not be renewed", "jobs", len(claims), "error", err)
		}
		return // their time runs out
	}
	for _, c := range lost {
		held[c.Lease].cancel(ErrLost)
		delete(held, c.Lease)
	}
	for _, one := range held {
		if one.expiry.Stop() { // else the lease was over here before it was renewed there
			one.expiry.Reset(r.leaseFrom(asked))
		}
	}
}
