// Package jobs does durable work for later: each job is a row that any node claims
// when its time has come, and does at least once.
package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Job is work for later. Of a kind and key there is at most one.
type Job struct {
	// Kind chooses the handler: at most 32 of a-z and "_".
	Kind string
	// Key tells the jobs of a kind apart: 1 to MaxKey bytes.
	Key string
	// RunAt is when, by the database's clock in UTC ms; 0: In from its present time,
	// which does not ask this node's clock.
	RunAt chat.Millis
	In    time.Duration
	// Payload is JSON for the handler, at most MaxPayload bytes; nil is null.
	Payload []byte
	// Attempts is how many runs have begun, the present one included, since the job
	// was added or given another time. A run that its node's stop cut short is none.
	Attempts int
}

// Bounds of a job.
const (
	MaxKey     = 200
	MaxPayload = 64 << 10
)

var kindPattern = regexp.MustCompile(`^[a-z_]{1,32}$`)

// Check says what is wrong with a job that is to be added.
func (j Job) Check() error {
	switch {
	case !kindPattern.MatchString(j.Kind):
		return fmt.Errorf("a job's kind is %.40q: want 1 to 32 of a-z and _", j.Kind)
	case j.Key == "" || len(j.Key) > MaxKey:
		return fmt.Errorf("the key of a job %s has %d bytes: want 1 to %d", j.Kind, len(j.Key), MaxKey)
	case len(j.Payload) > MaxPayload:
		return fmt.Errorf("the payload of the job %s %q has %d bytes: want at most %d; let it name what it is about", j.Kind, j.Key, len(j.Payload), MaxPayload)
	case len(j.Payload) > 0 && !json.Valid(j.Payload):
		return fmt.Errorf("the payload of the job %s %q is no JSON", j.Kind, j.Key)
	case j.RunAt < 0 || j.In < 0 || j.RunAt != 0 && j.In != 0:
		return fmt.Errorf("the job %s %q is for %d and in %s: want one of them, and not below 0", j.Kind, j.Key, j.RunAt, j.In)
	}
	return nil
}

// Claim is a job that this node holds until its lease ends.
type Claim struct {
	Job
	// Lease is a random number: whoever claims the job anew has another one.
	Lease int64
	// Version rises when the job is added again: a run of the one before does not end it.
	Version int64
	// Late is by how much the job's time had passed when it was claimed.
	Late time.Duration
}

// Want is how many jobs of a kind can be claimed now.
type Want struct {
	Kind string
	Most int
}

// ErrLost says that a claim is over: the job was cancelled, or its lease ended and
// another node may have it.
var ErrLost = errors.New("the job is no longer this run's: it was cancelled, or its lease has ended")

// Store keeps jobs. Its time is the database's. Within a transaction of the store
// that ctx carries, Add and Cancel belong to that.
type Store interface {
	// AddJob adds a job. One of the same kind and key gets its time and payload, with
	// no attempt counted, also if it was given up; if it runs at that moment it runs
	// again afterwards, never beside itself.
	AddJob(ctx context.Context, j Job) error
	// CancelJob removes a job and tells whether it was there. A run of it that has begun
	// loses its lease, and is told so when it renews that.
	CancelJob(ctx context.Context, kind, key string) (there bool, err error)

	// ClaimJobs gives jobs whose time has come and that nobody holds, in the order of
	// their times within a kind, to hold for the lease. now is the database's time.
	// Given-up jobs that were kept for long enough are removed.
	ClaimJobs(ctx context.Context, wants []Want, lease time.Duration) (claims []Claim, now chat.Millis, err error)
	// RenewJobs has leases last as long from now, and gives those that are lost.
	RenewJobs(ctx context.Context, claims []Claim, lease time.Duration) (lost []Claim, err error)
	// CutLeases ends what no lease can be: one that ends later than one that begins now.
	// The database's clock was set back since.
	CutLeases(ctx context.Context, lease time.Duration) error

	// FinishJob removes a job that is done, unless it was added again meanwhile.
	// All four do nothing if the claim is lost.
	FinishJob(ctx context.Context, c Claim) error
	// RetryJob lets a job that failed run again after a while.
	RetryJob(ctx context.Context, c Claim, after time.Duration, why string) error
	// GiveUpJob lets it never run again; it is kept for KeepGivenUp to be looked at.
	GiveUpJob(ctx context.Context, c Claim, why string) error
	// ReleaseJob lets another node run it at once; the attempt does not count.
	ReleaseJob(ctx context.Context, c Claim) error
}

// KeepGivenUp is how long a given-up job stays in the database.
const KeepGivenUp = 30 * 24 * time.Hour

// MaxWhy bounds what is kept of an error, in bytes.
const MaxWhy = 1000

// Queue adds and cancels jobs: what the parts of the house need that have work for later.
type Queue interface {
	// Add adds a job, or gives the one of its kind and key another time and payload.
	Add(ctx context.Context, j Job) error
	// Cancel removes a job, and tells whether it was there.
	Cancel(ctx context.Context, kind, key string) (there bool, err error)
}

// Handler does a job. The same job may be run again, even at the same time on
// another node when its lease ended meanwhile: what it changes is one transaction,
// conditional on the expected state. ctx ends when the lease is lost or the node
// stops. An error lets the job run again later, up to Config.Attempts times.
type Handler func(ctx context.Context, j Job) error
