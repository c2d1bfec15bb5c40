package identity

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Request is a change that an application server asks for under an Idempotency-Key.
type Request struct {
	Key int64 // the API key's id
	// Name and Fingerprint are hashes: of the Idempotency-Key, and of what is asked for.
	Name, Fingerprint [sha256.Size]byte
}

// Answer is what a request was answered when it had changed something.
type Answer struct {
	Status int
	Body   []byte // at most MaxAnswer; empty: none
}

// How long requests are held and kept.
const (
	// RequestHeld is for how long a request that is under way is nobody else's: longer
	// than any is served. After that its node has died, and the same one is done again.
	RequestHeld = time.Minute
	// RequestKept is how long an answer is kept for repetitions.
	RequestKept = 24 * time.Hour
	// MaxAnswer bounds an answer that is kept, in bytes.
	MaxAnswer = 1 << 20
	// MaxRequestName bounds an Idempotency-Key, in bytes.
	MaxRequestName = 200
)

// Requests remembers what application servers asked for, so that a repetition
// changes nothing more.
type Requests interface {
	// ClaimRequest gives the request to the caller, under a lease, or the answer that it
	// got before (lease 0). Refusals: ClientIDReused, Busy while it is under way.
	ClaimRequest(ctx context.Context, r Request) (lease int64, before Answer, err error)
	// AnswerRequest keeps the answer; it does nothing when the lease is over.
	AnswerRequest(ctx context.Context, r Request, lease int64, a Answer) error
	// ReleaseRequest forgets a request that changed nothing.
	ReleaseRequest(ctx context.Context, r Request, lease int64) error
	// ForgetRequests removes up to limit requests that are no longer kept, and tells how many.
	ForgetRequests(ctx context.Context, limit int) (int, error)
	// AskedBy are the actors of events that a command with this client_id appended.
	AskedBy(ctx context.Context, id chat.ClientID) ([]chat.ActorRef, error)
}
