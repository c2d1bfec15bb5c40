package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
)

// repeats says how a change that an API key asks for twice is done once.
type repeats int

const (
	remembered repeats = iota // by what was answered the first time, for 24 hours
	again                     // so, and it may be done again when the answer was lost
	appends                   // by the event that it appends
	acts                      // so, or by having appended none
	itself                    // it changes nothing the second time by what it is
)

const (
	requestName = "Idempotency-Key"
	replayed    = "Idempotent-Replayed"
)

// How long a request waits for the first one of its name; and between the first two
// looks, and the last: each is a transaction.
const (
	repeatWait  = 5 * time.Second
	firstLook   = 25 * time.Millisecond
	longestLook = 400 * time.Millisecond
)

// Requests that an API key may have remembered: at once, and then a second.
const (
	rememberedBurst     = 1000
	rememberedPerSecond = 10
)

func (o *operation) describeRequestName(registry huma.Registry) {
	f, _ := reflect.TypeFor[RequestName]().FieldByName("Name")
	schema := huma.SchemaFromField(registry, f, "")
	o.Parameters = append(o.Parameters, &huma.Param{Name: requestName, In: "header", Schema: schema,
		Description: "With an API key: " + schema.Description + " It is kept for 24 hours."})
}

// once is do for a request of an API key with an Idempotency-Key: of all requests of
// that name one is done, and what it answers when it has changed something is what the
// others are answered. What was refused has changed nothing, and may be tried again.
func (o *operation) once(ctx huma.Context, body []byte, do func(context.Context) (*done, error)) (*done, error) {
	name, key := ctx.Header(requestName), callerOf(ctx.Context()).key
	if name == "" || key.ID == 0 || o.repeats == itself {
		return do(ctx.Context())
	}
	if len(name) > identity.MaxRequestName {
		return nil, site.Bad(requestName, "An Idempotency-Key has at most %d bytes.", identity.MaxRequestName)
	}
	if o.repeats != appends { // which leaves nothing to remember
		if wait := o.server.rememberedBy.take(key.ID); wait > 0 {
			p := problem(wire.RateLimited, "This API key asks for too many changes with an Idempotency-Key. Try again after the pause.")
			p.RetryAfter = max(1, wait.Milliseconds())
			return nil, p
		}
	}
	u := ctx.URL()
	print := sha256.Sum256([]byte(o.Method + " " + strconv.Quote(u.RequestURI()) + "\n" + string(body)))
	request := identity.Request{Key: key.ID, Name: sha256.Sum256([]byte(name)), Fingerprint: print}
	claim, err := o.server.claim(ctx.Context(), request)
	if err != nil {
		return nil, err
	}
	if claim.Lease == 0 {
		return o.asBefore(ctx.Context(), claim.Before, do)
	}
	one := &underway{server: o.server, request: request, lease: claim.Lease}
	if claim.Changed && o.repeats == remembered {
		return o.lost(ctx.Context(), one)
	}
	d, err := one.run(ctx.Context(), do)
	one.settle(ctx.Context(), o.repeats, d, err)
	return d, err
}

// toldOnly is in the context of a repetition that appended nothing the first time: it
// is told how the conversation is.
type toldOnly struct{}

// asBefore answers what was answered before. Of conversations nothing is kept.
func (o *operation) asBefore(ctx context.Context, before identity.Answer, do func(context.Context) (*done, error)) (*done, error) {
	d := &done{status: before.Status, body: before.Body, headers: map[string]string{}}
	if o.repeats == acts {
		var err error
		if d, err = do(context.WithValue(ctx, toldOnly{}, true)); err != nil {
			return nil, err
		}
	}
	d.headers[replayed] = "true"
	return d, nil
}

// lost answers a repetition of what was done and whose answer was lost, where there was one.
func (o *operation) lost(ctx context.Context, one *underway) (*done, error) {
	if o.answer >= 0 {
		one.settle(ctx, o.repeats, nil, context.Canceled) // nobody knows it, and nobody will
		return nil, chat.Refuse(identity.AnswerLost, "this was done before, but its answer was lost: look at what there is now, and take a new Idempotency-Key for another request")
	}
	d := &done{status: o.DefaultStatus, headers: map[string]string{replayed: "true"}}
	one.settle(ctx, o.repeats, d, nil)
	return d, nil
}

// claim waits while the first request of a name is under way.
func (s *Server) claim(ctx context.Context, r identity.Request) (c identity.Claim, err error) {
	ctx, cancel := context.WithTimeout(ctx, repeatWait)
	defer cancel()
	for pause := firstLook; ; pause = min(2*pause, longestLook) {
		c, err = s.parts.Requests.ClaimRequest(ctx, r)
		if !errors.Is(err, &chat.Refusal{Code: chat.Busy}) {
			return c, err
		}
		select {
		case <-ctx.Done():
			return c, err
		case <-time.After(pause):
		}
	}
}

// underway is a request that this node does under a lease.
type underway struct {
	server  *Server
	request identity.Request
	lease   int64
}

// run does the request, and has the lease last for as long.
func (u *underway) run(ctx context.Context, do func(context.Context) (*done, error)) (*done, error) {
	within, end := u.server.parts.Requests.Within(ctx, u.request, u.lease)
	defer end()
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var renewer sync.WaitGroup
	renewer.Go(func() { u.renew(renewing) })
	defer renewer.Wait()
	defer stop()
	return do(within)
}

func (u *underway) renew(ctx context.Context) {
	every := time.NewTicker(u.server.cfg.RenewRequests)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if err := u.server.parts.Requests.RenewRequest(ctx, u.request, u.lease); err != nil && ctx.Err() == nil {
			u.server.log.WarnContext(ctx, "a request that is under way could not be held for its Idempotency-Key", "error", err)
		}
	}
}

// settle writes down what became of a request, also when its client has gone. Only what
// was refused for what it is has certainly changed nothing.
func (u *underway) settle(ctx context.Context, by repeats, d *done, failed error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), repeatWait)
	defer cancel()
	all := u.server.parts.Requests
	var err error
	switch {
	case failed != nil:
		if status := problemOf(ctx, slog.New(slog.DiscardHandler), failed).status; status >= 400 && status < 500 {
			err = all.ReleaseRequest(ctx, u.request, u.lease)
		} else {
			err = all.AbandonRequest(ctx, u.request, u.lease)
		}
	case by == appends || by == acts && d.appended: // the event knows its repetitions
		err = all.ReleaseRequest(ctx, u.request, u.lease)
	case by == acts:
		err = all.AnswerRequest(ctx, u.request, u.lease, identity.Answer{Status: d.status})
	default:
		err = all.AnswerRequest(ctx, u.request, u.lease, identity.Answer{Status: d.status, Body: d.body})
	}
	if err != nil { // a repetition finds that out once the lease is over
		u.server.log.WarnContext(ctx, "what a request was answered could not be kept for its repetitions", "error", err)
	}
}
