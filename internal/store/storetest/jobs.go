package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
)

// RunJobs checks what every jobs.Store must do, through two nodes' stores of one
// database; where only one can be open it stands for both.
func RunJobs(t *testing.T, open Open, alone bool) {
	for name, test := range map[string]func(*jobFixture){
		"Add":           testJobAdd,
		"AddTogether":   testJobAddTogether,
		"Timed":         testJobTimed,
		"AddWhileRuns":  testJobAddWhileRuns,
		"Cancel":        testJobCancel,
		"ClaimTogether": testJobClaimTogether,
		"Order":         testJobOrder,
		"LeaseLost":     testJobLeaseLost,
		"Renewed":       testJobRenewed,
		"Retry":         testJobRetry,
		"GivenUp":       testJobGivenUp,
		"Release":       testJobRelease,
		"ClockSetBack":  testJobClockSetBack,
		"Transaction":   testJobTransaction,
	} {
		t.Run(name, func(t *testing.T) {
			f := &jobFixture{fixture: newFixture(t, open)}
			f.first = f.store.(JobEngine)
			f.second = f.first
			if !alone {
				second := open(t, f.o)
				t.Cleanup(func() { _ = second.Close() })
				f.second = second.(JobEngine)
			}
			test(f)
		})
	}
}

// JobEngine is an open store that keeps jobs, too.
type JobEngine interface {
	Engine
	jobs.Store
	// Together runs fn in a transaction.
	Together(ctx context.Context, fn func(ctx context.Context) error) error
}

type jobFixture struct {
	*fixture
	first, second JobEngine
}

const lease = 6 * time.Second

func job(key string) jobs.Job { return jobs.Job{Kind: "mail", Key: key} }

func (f *jobFixture) add(j jobs.Job) {
	f.Helper()
	f.no(f.first.AddJob(f.Context(), j))
}

// claim asks a node for jobs of the kind mail.
func (f *jobFixture) claim(at JobEngine, most int) []jobs.Claim {
	f.Helper()
	claims, now, err := at.ClaimJobs(f.Context(), []jobs.Want{{Kind: "mail", Most: most}}, lease)
	f.no(err)
	if now != chat.Millis(f.clock.Load()) {
		f.Errorf("the database's time is %d, want %d", now, f.clock.Load())
	}
	return claims
}

// one claims a job that must be there, alone.
func (f *jobFixture) one(at JobEngine) jobs.Claim {
	f.Helper()
	claims := f.claim(at, 10)
	if len(claims) != 1 {
		f.Fatalf("%d jobs were claimed, want one: %+v", len(claims), claims)
	}
	return claims[0]
}

// none checks that nothing can be claimed.
func (f *jobFixture) none(when string) {
	f.Helper()
	for _, at := range []JobEngine{f.first, f.second} {
		if claims := f.claim(at, 10); len(claims) != 0 {
			f.Fatalf("%s: %+v was claimed", when, claims)
		}
	}
}

// gone checks that no row is left, whenever it would come up.
func (f *jobFixture) gone(key string) {
	f.Helper()
	there, err := f.first.CancelJob(f.Context(), "mail", key)
	f.no(err)
	if there {
		f.Errorf("the job %q is still there", key)
	}
}

func testJobAdd(f *jobFixture) {
	f.none("before any was added")
	f.add(jobs.Job{Kind: "mail", Key: "你好\x00'\"", Payload: []byte(`{"to":"客服 \\ ' \u0000"}`)})
	f.add(jobs.Job{Kind: "other", Key: "a"})
	f.pass(1500 * time.Millisecond)
	c := f.one(f.second)
	if c.Kind != "mail" || c.Key != "你好\x00'\"" || string(c.Payload) != `{"to":"客服 \\ ' \u0000"}` || c.Attempts != 1 || c.RunAt != start || c.Late != 1500*time.Millisecond || c.Lease <= 0 {
		f.Errorf("claimed %+v with %s", c, c.Payload)
	}
	f.none("while it runs")
	f.no(f.second.FinishJob(f.Context(), c))
	f.gone(c.Key)
	claims, _, err := f.first.ClaimJobs(f.Context(), []jobs.Want{{Kind: "mail", Most: 3}, {Kind: "other", Most: 3}, {Kind: "none", Most: 3}}, lease)
	f.no(err)
	if len(claims) != 1 || claims[0].Kind != "other" || string(claims[0].Payload) != "null" {
		f.Errorf("claimed %+v", claims)
	}
}

func testJobAddTogether(f *jobFixture) {
	const times = 12
	var all sync.WaitGroup
	for i := range times {
		all.Go(func() {
			if err := []JobEngine{f.first, f.second}[i%2].AddJob(f.Context(), job("same")); err != nil {
				f.Error(err)
			}
		})
	}
	all.Wait()
	if c := f.one(f.first); c.Version != times {
		f.Errorf("it has version %d, want %d", c.Version, times)
	}
}

func testJobTimed(f *jobFixture) {
	f.add(jobs.Job{Kind: "mail", Key: "in", In: 10 * time.Second})
	f.add(jobs.Job{Kind: "mail", Key: "at", RunAt: start + 20_000})
	f.pass(9999 * time.Millisecond)
	f.none("before their times")
	f.pass(time.Millisecond)
	if c := f.one(f.first); c.Key != "in" || c.Late != 0 {
		f.Errorf("claimed %+v", c)
	}
	f.add(jobs.Job{Kind: "mail", Key: "at", RunAt: start + 12_000, Payload: []byte("2")}) // sooner
	f.pass(2 * time.Second)
	if c := f.one(f.second); c.Key != "at" || string(c.Payload) != "2" || c.Attempts != 1 {
		f.Errorf("claimed %+v with %s", c, c.Payload)
	}
	f.add(jobs.Job{Kind: "mail", Key: "later", In: time.Second})
	f.add(jobs.Job{Kind: "mail", Key: "later", In: 3 * time.Second})
	f.pass(time.Second)
	f.none("before its new time")
}

// testJobAddWhileRuns: it runs again afterwards, not beside, and the run that ends
// does not take the new one with it, however it ends.
func testJobAddWhileRuns(f *jobFixture) {
	for name, end := range map[string]func(c jobs.Claim) error{
		"done":     func(c jobs.Claim) error { return f.first.FinishJob(f.Context(), c) },
		"failed":   func(c jobs.Claim) error { return f.first.RetryJob(f.Context(), c, time.Hour, "why") },
		"given up": func(c jobs.Claim) error { return f.first.GiveUpJob(f.Context(), c, "why") },
		"released": func(c jobs.Claim) error { return f.first.ReleaseJob(f.Context(), c) },
	} {
		f.add(job("again"))
		c := f.one(f.first)
		f.add(jobs.Job{Kind: "mail", Key: "again", In: time.Second, Payload: []byte("2")})
		f.pass(2 * time.Second)
		f.none(name + ": while the first run lasts")
		if lost, err := f.first.RenewJobs(f.Context(), []jobs.Claim{c}, lease); err != nil || len(lost) != 0 {
			f.Errorf("%s: the first run lost its lease: %v, %v", name, lost, err)
		}
		f.no(end(c))
		second := f.one(f.second)
		if string(second.Payload) != "2" || second.Attempts != 1 || second.Version == c.Version {
			f.Errorf("%s: claimed %+v with %s", name, second, second.Payload)
		}
		f.no(end(c)) // of the past: nothing
		f.none(name + ": after the first run's end, told twice")
		f.no(f.second.FinishJob(f.Context(), second))
		f.gone("again")
	}
}

func testJobCancel(f *jobFixture) {
	f.add(job("a"))
	there, err := f.second.CancelJob(f.Context(), "mail", "a")
	f.no(err)
	if !there {
		f.Error("it was not there")
	}
	f.gone("a")
	f.none("after it was cancelled")

	f.add(job("a"))
	c := f.one(f.first)
	_, err = f.second.CancelJob(f.Context(), "mail", "a")
	f.no(err)
	f.add(job("a"))
	lost, err := f.first.RenewJobs(f.Context(), []jobs.Claim{c}, lease)
	f.no(err)
	if len(lost) != 1 || lost[0].Lease != c.Lease {
		f.Errorf("lost %+v", lost)
	}
	f.no(f.first.FinishJob(f.Context(), c))
	if second := f.one(f.second); second.Attempts != 1 {
		f.Errorf("claimed %+v", second)
	}
}

// testJobClaimTogether: of nodes that ask at the same instant one gets each job.
func testJobClaimTogether(f *jobFixture) {
	const rounds, each = 10, 5
	for round := range rounds {
		for i := range each {
			f.add(job(fmt.Sprint(round, "/", i)))
		}
		begin := make(chan struct{})
		got := make([][]jobs.Claim, 4)
		var all sync.WaitGroup
		for i := range got {
			all.Go(func() {
				<-begin
				claims, _, err := []JobEngine{f.first, f.second}[i%2].ClaimJobs(f.Context(), []jobs.Want{{Kind: "mail", Most: 3}}, lease)
				if err != nil {
					f.Error(err)
				}
				got[i] = claims
			})
		}
		close(begin)
		all.Wait()
		seen := map[string]bool{}
		for _, c := range slices.Concat(got...) {
			if seen[c.Key] {
				f.Errorf("the job %s was claimed by two", c.Key)
			}
			seen[c.Key] = true
			f.no(f.first.FinishJob(f.Context(), c))
		}
		if len(seen) < 3 {
			f.Errorf("%d jobs were claimed, want at least 3", len(seen))
		}
		for _, c := range f.claim(f.first, each) {
			f.no(f.first.FinishJob(f.Context(), c))
		}
	}
}

func testJobOrder(f *jobFixture) {
	const n = 25
	for i := range n {
		f.add(jobs.Job{Kind: "mail", Key: fmt.Sprintf("%02d", i), RunAt: start + chat.Millis((i*7)%n)})
	}
	f.pass(time.Second)
	var times []chat.Millis
	for _, most := range []int{10, 10, 10} {
		for _, c := range f.claim(f.second, most) {
			times = append(times, c.RunAt)
		}
	}
	if len(times) != n || !slices.IsSorted(times) {
		f.Errorf("claimed at %v", times)
	}
}

// testJobLeaseLost: its node died, and another runs it when the lease is over.
func testJobLeaseLost(f *jobFixture) {
	f.add(job("a"))
	dead := f.one(f.first)
	f.pass(lease - time.Millisecond)
	f.none("before the lease is over")
	f.pass(time.Millisecond)
	c := f.one(f.second)
	if c.Attempts != 2 || c.Lease == dead.Lease || c.Late != lease {
		f.Errorf("claimed %+v", c)
	}
	// The first was not dead after all: it changes nothing.
	lost, err := f.first.RenewJobs(f.Context(), []jobs.Claim{dead}, time.Hour)
	f.no(err)
	if len(lost) != 1 {
		f.Error("the lost lease was renewed")
	}
	for _, end := range []error{
		f.first.FinishJob(f.Context(), dead), f.first.RetryJob(f.Context(), dead, 0, "why"), f.first.ReleaseJob(f.Context(), dead), f.first.GiveUpJob(f.Context(), dead, "why"),
	} {
		f.no(end)
	}
	f.none("while the second runs")
	f.pass(lease)
	f.one(f.first)
}

func testJobRenewed(f *jobFixture) {
	f.add(job("a"))
	f.add(job("b"))
	claims := f.claim(f.first, 10)
	for range 5 {
		f.pass(lease / 2)
		lost, err := f.first.RenewJobs(f.Context(), claims, lease)
		f.no(err)
		if len(lost) != 0 {
			f.Fatalf("lost %+v", lost)
		}
		f.none("while it is renewed")
	}
	f.pass(lease)
	if again := f.claim(f.second, 10); len(again) != 2 {
		f.Errorf("%d jobs were claimed after the last renewal, want 2", len(again))
	}
}

func testJobRetry(f *jobFixture) {
	f.add(job("a"))
	for n := 1; n <= 4; n++ {
		c := f.one(f.first)
		if c.Attempts != n || c.Late != 0 {
			f.Errorf("run %d is %+v", n, c)
		}
		f.no(f.first.RetryJob(f.Context(), c, 10*time.Second, "a\x00 reason \xff"+strings.Repeat("长", jobs.MaxWhy)))
		f.pass(9 * time.Second)
		f.none("before it runs again")
		f.pass(time.Second)
	}
	f.add(job("a")) // counts anew
	if c := f.one(f.second); c.Attempts != 1 {
		f.Errorf("it has %d attempts after it was added again", c.Attempts)
	}
}

func testJobGivenUp(f *jobFixture) {
	f.add(job("a"))
	f.no(f.first.GiveUpJob(f.Context(), f.one(f.first), "why"))
	f.pass(jobs.KeepGivenUp - time.Millisecond)
	f.none("after it was given up")
	f.add(job("a")) // takes it up again
	f.no(f.first.GiveUpJob(f.Context(), f.one(f.second), "why"))
	f.pass(jobs.KeepGivenUp)
	f.none("when it is removed")
	f.gone("a")
}

func testJobRelease(f *jobFixture) {
	f.add(job("a"))
	f.pass(time.Second)
	f.no(f.first.ReleaseJob(f.Context(), f.one(f.first)))
	if c := f.one(f.second); c.Attempts != 1 || c.Late != time.Second {
		f.Errorf("claimed %+v", c)
	}
}

// testJobClockSetBack: a lease of a node that died before is not as long as the step.
func testJobClockSetBack(f *jobFixture) {
	f.add(job("a"))
	f.add(job("held"))
	claims := f.claim(f.first, 10)
	f.pass(-2 * time.Hour)
	kept := claims[slices.IndexFunc(claims, func(c jobs.Claim) bool { return c.Key == "held" })]
	f.no(f.second.CutLeases(f.Context(), lease))
	f.none("before what is left of the lease is over")
	f.pass(lease - time.Millisecond)
	if _, err := f.first.RenewJobs(f.Context(), []jobs.Claim{kept}, lease); err != nil {
		f.Error(err)
	}
	f.no(f.second.CutLeases(f.Context(), lease))
	f.pass(time.Millisecond)
	if c := f.one(f.second); c.Key != "a" {
		f.Errorf("claimed %+v", c)
	}
}

// testJobTransaction: what is added in a transaction is there when that is, or not at all.
func testJobTransaction(f *jobFixture) {
	undone := errors.New("undone")
	err := f.first.Together(f.Context(), func(ctx context.Context) error {
		f.no(f.first.AddJob(ctx, job("a")))
		return undone
	})
	if !errors.Is(err, undone) {
		f.Fatal(err)
	}
	f.none("after the transaction was undone")
	f.no(f.first.Together(f.Context(), func(ctx context.Context) error { return f.first.AddJob(ctx, job("a")) }))
	c := f.one(f.second)
	err = f.first.Together(f.Context(), func(ctx context.Context) error {
		_, err := f.first.CancelJob(ctx, "mail", "a")
		return errors.Join(err, undone)
	})
	if !errors.Is(err, undone) {
		f.Fatal(err)
	}
	if lost, err := f.second.RenewJobs(f.Context(), []jobs.Claim{c}, lease); err != nil || len(lost) != 0 {
		f.Errorf("lost %v, %v", lost, err)
	}
}
