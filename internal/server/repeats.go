package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"reflect"
	"strconv"
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
	itself                    // it changes nothing the second time by what it is
)

const (
	requestName = "Idempotency-Key"
	replayed    = "Idempotent-Replayed"
)

// How long a request waits for the first one of its name, and between two looks.
const (
	repeatWait = 5 * time.Second
	repeatLook = 25 * time.Millisecond
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
func (o *operation) once(ctx huma.Context, body []byte, do func() (*done, error)) func() (*done, error) {
	name, key := ctx.Header(requestName), callerOf(ctx.Context()).key
	if name == "" || key.ID == 0 {
		return do
	}
	u := ctx.URL()
	print := sha256.Sum256([]byte(o.Method + " " + strconv.Quote(u.RequestURI()) + "\n" + string(body)))
	request := identity.Request{Key: key.ID, Name: sha256.Sum256([]byte(name)), Fingerprint: print}
	return func() (*done, error) {
		if len(name) > identity.MaxRequestName {
			return nil, site.Bad(requestName, "An Idempotency-Key has at most %d bytes.", identity.MaxRequestName)
		}
		if wait := o.server.rememberedBy.take(key.ID); wait > 0 {
			p := problem(wire.RateLimited, "This API key asks for too many changes with an Idempotency-Key. Try again after the pause.")
			p.RetryAfter = max(1, wait.Milliseconds())
			return nil, p
		}
		lease, before, err := o.server.claim(ctx.Context(), request)
		if err != nil {
			return nil, err
		}
		if lease == 0 {
			return &done{status: before.Status, body: before.Body, headers: map[string]string{replayed: "true"}}, nil
		}
		d, err := do()
		o.server.settle(ctx.Context(), request, lease, d, err)
		return d, err
	}
}

// claim waits while the first request of a name is under way.
func (s *Server) claim(ctx context.Context, r identity.Request) (lease int64, before identity.Answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, repeatWait)
	defer cancel()
	for {
		lease, before, err = s.parts.Requests.ClaimRequest(ctx, r)
		if !errors.Is(err, &chat.Refusal{Code: chat.Busy}) {
			return lease, before, err
		}
		select {
		case <-ctx.Done():
			return 0, before, err
		case <-time.After(repeatLook):
		}
	}
}

// settle writes down what became of a request, also when its client has gone.
func (s *Server) settle(ctx context.Context, r identity.Request, lease int64, d *done, failed error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), repeatWait)
	defer cancel()
	var err error
	if failed != nil {
		err = s.parts.Requests.ReleaseRequest(ctx, r, lease)
	} else {
		err = s.parts.Requests.AnswerRequest(ctx, r, lease, identity.Answer{Status: d.status, Body: d.body})
	}
	if err != nil { // a repetition is done again once the lease is over
		s.log.WarnContext(ctx, "what a request was answered could not be kept for its repetitions", "error", err)
	}
}
