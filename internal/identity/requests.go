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

// Claim is what became of a request that somebody wants to do.
type Claim struct {
	// Lease is the caller's, who is to do the request; 0: it was done, and Before is its answer.
	Lease  int64
	Before Answer
	// Changed tells that whoever held the lease before has changed something, and that
	// its answer is not known.
	Changed bool
}

// How long requests are held and kept.
const (
	// RequestHeld is for how long a request that is under way is nobody else's, unless it
	// is renewed. After that its node has died.
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
	// got before. Refusals: ClientIDReused, Busy while it is under way.
	ClaimRequest(ctx context.Context, r Request) (Claim, error)
	// Within has each transaction of a context note, as a part of it, that the request
	// changes something. Once the lease is over, and somebody else does the request, such
	// a transaction fails. end ends that.
	Within(ctx context.Context, r Request, lease int64) (within context.Context, end func())
	// RenewRequest has the lease last for RequestHeld from now.
	RenewRequest(ctx context.Context, r Request, lease int64) error
	// AnswerRequest keeps the answer; it does nothing when the lease is over.
	AnswerRequest(ctx context.Context, r Request, lease int64, a Answer) error
	// ReleaseRequest forgets a request that changed nothing; one that has changed something
	// is abandoned.
	ReleaseRequest(ctx context.Context, r Request, lease int64) error
	// AbandonRequest ends the lease of a request of which nobody knows what became: its
	// name stays the same request's, which may be claimed at once.
	AbandonRequest(ctx context.Context, r Request, lease int64) error
	// ForgetRequests removes up to limit requests that are no longer kept, and tells how many.
	ForgetRequests(ctx context.Context, limit int) (int, error)
	// AskedBy are the actors of events that a command with this client_id appended.
	AskedBy(ctx context.Context, id chat.ClientID) ([]chat.ActorRef, error)
}
