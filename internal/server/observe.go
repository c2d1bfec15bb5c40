package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

// Watch is told what happens at the doors. Its methods return at once.
type Watch interface {
	// Request was answered; route is its pattern, one of a bounded set. took is 0 for
	// what lasts as long as its client wants: a live connection.
	Request(method, route string, status int, took time.Duration)
	// Closed is a live connection that ended with this close code.
	Closed(code uint16)
	// LogIn is a log-in by password: ok, wrong, paused or failed.
	LogIn(result string)
	// Ticket is one for a door of the legacy protocols (push or chat): made, used, which
	// one in a cookie is each time, or refused.
	Ticket(door, result string)
}

type nobodyWatches struct{}

func (nobodyWatches) Request(string, string, int, time.Duration) {}
func (nobodyWatches) Closed(uint16)                              {}
func (nobodyWatches) LogIn(string)                               {}
func (nobodyWatches) Ticket(string, string)                      {}

// answer is a response on its way, and what is remembered of it. It gives the
// connection below away to whoever asks for it (Hijack, Flush).
type answer struct {
	http.ResponseWriter
	request requestID
	route   string
	status  int
}

// requestID names a request in the log and in answers that say that it failed.
type requestID uint64

func (id requestID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

const requestHeader = "X-Request-Id"

// WriteHeader notes the status. Who is told of a failure gets its name in the log.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 || a.status < http.StatusOK {
		a.status = status
		if status >= http.StatusInternalServerError {
			a.Header().Set(requestHeader, a.request.String())
		}
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// observe counts what next answers, and writes down what made it panic.
func (s *Server) observe(next func(w *answer, r *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		a := &answer{ResponseWriter: w, request: requestID(rand.Uint64())}
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
				s.log.Error("a request made the server panic", "request", a.request.String(), "route", a.route, "panic", p, "stack", string(debug.Stack()))
				a.status = http.StatusInternalServerError
				defer panic(http.ErrAbortHandler) // the connection ends without an answer, as it would have
			}
			s.observed(a, r, time.Since(begun))
		}()
		next(a, r)
	})
}

func (s *Server) observed(a *answer, r *http.Request, took time.Duration) {
	if a.status == 0 { // the connection was taken over
		a.status = http.StatusSwitchingProtocols
	}
	if a.route == "" {
		a.route = "none" // refused before anybody looked for one
	}
	if _, route, ok := strings.Cut(a.route, " "); ok {
		a.route = route
	}
	measured := took
	if a.status == http.StatusSwitchingProtocols || a.route == VisitorStream || a.route == AgentStream {
		measured = 0
	}
	s.watch.Request(r.Method, a.route, a.status, measured)
	if s.log.Enabled(r.Context(), slog.LevelDebug) {
		s.log.Debug("a request was answered", "request", a.request.String(), "method", r.Method, "route", a.route, "status", a.status, "took", took)
	}
}

// logInResult names how a log-in by password ended.
func logInResult(err error) string {
	var tries *identity.TriesError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &tries) && tries.Wait > 0:
		return "paused"
	case tries != nil, chat.CodeOf(err) == identity.WrongPassword:
		return "wrong"
	}
	return "failed"
}

// namedRequests adds the request's name to what is logged about it.
type namedRequests struct{ slog.Handler }

func (h namedRequests) Handle(ctx context.Context, r slog.Record) error {
	if from := whenceOf(ctx); from.request != 0 {
		r.AddAttrs(slog.String("request", from.request.String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h namedRequests) WithAttrs(attrs []slog.Attr) slog.Handler {
	return namedRequests{h.Handler.WithAttrs(attrs)}
}

func (h namedRequests) WithGroup(name string) slog.Handler {
	return namedRequests{h.Handler.WithGroup(name)}
}
