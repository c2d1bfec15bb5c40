package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/server"
)

// watched remembers what the doors told.
type watched struct {
	mu   sync.Mutex
	seen map[string]int
	some chan struct{}
}

func newWatched() *watched { return &watched{seen: map[string]int{}, some: make(chan struct{}, 1000)} }

func (w *watched) note(what string) {
	w.mu.Lock()
	w.seen[what]++
	w.mu.Unlock()
	select {
	case w.some <- struct{}{}:
	default:
	}
}

func (w *watched) Request(method, route string, status int, took time.Duration) {
	if live := status == 101; took < 0 || took > time.Minute || live && took != 0 {
		w.note("a request that took " + took.String())
	}
	w.note(fmt.Sprintf("%s %s %d", method, route, status))
}
func (w *watched) Closed(code uint16)         { w.note(fmt.Sprintf("closed %d", code)) }
func (w *watched) LogIn(result string)        { w.note("log-in " + result) }
func (w *watched) Ticket(door, result string) { w.note("ticket " + door + " " + result) }

func (w *watched) count(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[what]
}

// await waits until something was told so often.
func (w *watched) await(t *testing.T, what string, times int) {
	t.Helper()
	late := time.After(20 * time.Second)
	for w.count(what) < times {
		select {
		case <-w.some:
		case <-late:
			w.mu.Lock()
			defer w.mu.Unlock()
			t.Fatalf("%q was told %d times, not %d; all: %v", what, w.seen[what], times, w.seen)
		}
	}
}

// observedWorld is a world whose server is watched and whose log is kept.
func observedWorld(t *testing.T) (*world, *watched, *locked) {
	w := newWorld(t, server.Config{})
	watch, log := newWatched(), &locked{}
	parts := w.parts
	parts.Watch = watch
	parts.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.server = server.New(server.Config{Now: w.clock.Now}, parts)
	w.listen()
	return w, watch, log
}

// watched has a server in place of the world's that tells what happens.
func (w *world) watched(cfg server.Config) *watched {
	watch := newWatched()
	parts := w.parts
	parts.Watch, cfg.Now = watch, w.clock.Now
	w.server = server.New(cfg, parts)
	w.listen()
	return watch
}

// locked is a buffer that several write to.
type locked struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestTheDoorsTellWhatHappens(t *testing.T) {
	w, watch, _ := observedWorld(t)
	w.owner()
	p := w.person()
	for range 5 {
		p.ask("POST", "/api/v1/log-in", fields{"email": "olive@example.com", "password": "a wrong password"})
	}
	p.ask("POST", "/api/v1/log-in", fields{"email": "olive@example.com", "password": "a wrong password"})
	p.ask("GET", "/chat/no-such-key", nil)
	p.ask("GET", "/api/v1/no-such-route/x", nil)
	p.ask("BREW", "/nothing", nil)
	p.ask("PATCH", "/api/v1/me", fields{"name": 1})
	for what, times := range map[string]int{
		"POST /api/v1/setup 201": 1, "log-in wrong": 5, "log-in paused": 1,
		"POST /api/v1/log-in 401": 5, "POST /api/v1/log-in 429": 1,
		"GET /chat/{key} 404": 1, "GET /api/ 404": 1, "BREW / 404": 1, "PATCH /api/v1/me 401": 1,
	} {
		watch.await(t, what, times)
	}
	for what := range watch.seen {
		if strings.Contains(what, "no-such") {
			t.Errorf("a name that somebody made up became a label: %s", what)
		}
	}
}

func TestALiveConnectionIsCountedOnceAsRequestAndOnceAsEnded(t *testing.T) {
	w, watch, _ := observedWorld(t)
	s := &stage{world: w}
	w.owner()
	p := s.visitor(w.firstSite().ID)
	watch.await(t, "GET /ws/v1/visitor 101", 1)
	w.must(p.conn.CloseWith(1000, ""))
	watch.await(t, "closed 1000", 1)
}

func TestAFailureIsNamedInTheAnswerAndInTheLog(t *testing.T) {
	w, watch, log := observedWorld(t)
	owner := w.owner()
	w.must(w.db.Close())
	a := owner.ask("GET", "/api/v1/me/log-ins", nil)
	id := a.header.Get("X-Request-Id")
	if a.status != http.StatusInternalServerError || len(id) != 16 {
		t.Fatalf("%d, named %q: %s", a.status, id, a.text)
	}
	watch.await(t, "GET /api/v1/me/log-ins 500", 1)
	if named := fmt.Sprintf(`"request":"%s"`, id); strings.Count(log.String(), named) < 2 { // the failure and, at debug, the request
		t.Errorf("the log does not name %s:\n%s", id, log)
	}
	if ok := owner.ask("GET", "/widget.js", nil); ok.header.Get("X-Request-Id") != "" {
		t.Error("a request that went well is named")
	}
}

// brokenWriter makes whoever answers panic.
type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) Header() http.Header { panic(errors.New("no header today")) }

func TestAPanicIsWrittenDownAndEndsOnlyItsRequest(t *testing.T) {
	w, watch, log := observedWorld(t)
	func() {
		defer func() {
			if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
				t.Errorf("it went on as %v", err)
			}
		}()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/widget.js", nil)
		w.server.Handler().ServeHTTP(brokenWriter{httptest.NewRecorder()}, r)
	}()
	watch.await(t, "GET none 500", 1)
	if text := log.String(); !strings.Contains(text, "no header today") || !strings.Contains(text, "observe_test.go") || !strings.Contains(text, `"level":"ERROR"`) {
		t.Errorf("the log does not say what and where: %s", text)
	}
}

func TestALogInIsCounted(t *testing.T) {
	w, watch, _ := observedWorld(t)
	w.owner()
	w.logIn("olive@example.com")
	watch.await(t, "log-in ok", 1)
}
