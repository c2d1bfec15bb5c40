//go:build linux

package scenario

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/store"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/test/checker"
)

// server is an installation of a test with the process that runs on it.
type server struct {
	t       *testing.T
	in      *installation
	program string
	address string
	// database is the address of the database's server; empty: SQLite in the data folder.
	database string
	args     []string
	env      []string
	// transport carries the sessions of its clients.
	transport client.Transport
	p         *process
	h         *checker.History
}

// loose are limits that do not stand in the way of a crowd from one address.
var loose = []string{
	"--limits-message-burst=100000", "--limits-message-per-second=100000", "--limits-frame-burst=100000",
	"--limits-frame-per-second=100000", "--limits-handshake-burst=100000", "--limits-handshake-per-second=100000",
	"--limits-sessions-per-address=100000", "--limits-request-burst=100000", "--limits-request-per-second=100000", "--log-level=debug",
}

// newServer prepares a server of the plain program on a copy of the template; start starts it.
func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	program, err := rig.plain()
	if err != nil {
		t.Fatal(err)
	}
	return prepare(t, program, filepath.Join(t.TempDir(), "data"), args...)
}

func prepare(t *testing.T, program, data string, args ...string) *server {
	t.Helper()
	template, err := rig.template()
	if err != nil {
		t.Fatal(err)
	}
	in, err := template.copyTo(data)
	if err != nil {
		t.Fatal(err)
	}
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, in: in, program: program, address: address, args: args, h: checker.New()}
	t.Cleanup(func() {
		if s.p != nil {
			s.p.kill()
		}
		if t.Failed() && s.p != nil {
			t.Logf("the server said at the end:\n%s", tail(s.p.output(), 40))
		}
	})
	return s
}

func tail(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// start starts the process and waits until it is ready.
func (s *server) start() {
	s.t.Helper()
	s.launch()
	if err := s.p.awaitReady(); err != nil {
		s.t.Fatal(err)
	}
}

// launch starts the process and does not wait for it.
func (s *server) launch() {
	s.t.Helper()
	args := []string{"serve", "--listen", s.address}
	if s.database == "" {
		args = append(args, "--data", s.in.data)
	}
	p, err := launch(s.program, s.env, append(args, s.args...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.p = p
}

func (s *server) stop() {
	s.t.Helper()
	if err := s.p.stop(); err != nil {
		s.t.Error(err)
	}
}

func (s *server) base() string { return "http://" + s.address }

func (s *server) databaseFile() string { return filepath.Join(s.in.data, store.DatabaseFile) }

// visitor starts a visitor's session; o may be empty, change may be nil.
func (s *server) visitor(name, secret string, o client.Observer, change func(*client.Config)) *client.Visitor {
	cfg := client.Config{
		URL: "ws://" + s.address + "/ws/v1/visitor", Transport: s.transport, Name: name, Header: http.Header{"Origin": {s.base()}},
		BackoffMin: 10 * time.Millisecond, BackoffMax: 100 * time.Millisecond, AckTimeout: 15 * time.Second,
	}
	if change != nil {
		change(&cfg)
	}
	cfg.Observer = s.h.Observe(name, true, o)
	v := client.StartVisitor(s.t.Context(), cfg, s.in.key, secret)
	s.t.Cleanup(v.Close)
	return v
}

// agent starts an agent's session.
func (s *server) agent(who access, o client.Observer, change func(*client.Config)) *client.Agent {
	cfg := client.Config{
		URL: "ws://" + s.address + "/ws/v1/agent", Transport: s.transport, Name: who.name,
		Header:     http.Header{"Cookie": {who.cookie}, "Origin": {s.base()}},
		BackoffMin: 10 * time.Millisecond, BackoffMax: 100 * time.Millisecond, AckTimeout: 15 * time.Second,
	}
	if change != nil {
		change(&cfg)
	}
	cfg.Observer = s.h.Observe(who.name, false, o)
	a := client.StartAgent(s.t.Context(), cfg)
	s.t.Cleanup(a.Close)
	return a
}

// read is what the database of the stopped server holds.
func (s *server) read() *checker.Database {
	s.t.Helper()
	var db *checker.Database
	var err error
	if s.database != "" {
		db, err = checker.ReadServer(s.t.Context(), s.database)
	} else {
		db, err = checker.Read(s.t.Context(), s.databaseFile())
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return db
}

// mustHold fails the test if the checker finds anything.
func (s *server) mustHold(expect checker.Expect) {
	s.t.Helper()
	if found := checker.Check(s.h, s.read(), expect); len(found) > 0 {
		s.t.Errorf("the checker found:\n%s", checker.Say(found))
	}
}

// eventually polls until missing says nothing any more.
func eventually(t *testing.T, missing func() string) {
	t.Helper()
	if why := within(patience, missing); why != "" {
		t.Fatalf("after %s still: %s", patience, why)
	}
}

// within polls until missing says nothing, and answers what it says at last.
func within(d time.Duration, missing func() string) string {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(d)
	for {
		why := missing()
		if why == "" {
			return ""
		}
		select {
		case <-tick.C:
		case <-deadline:
			return why
		}
	}
}

// await waits for a channel.
func await[T any](t *testing.T, what string, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(patience):
		t.Fatalf("waited %s for %s", patience, what)
	}
	return v
}

// publicHead is how long a visitor's conversation is, told to a new session.
func (s *server) publicHead(secret string) int64 {
	s.t.Helper()
	told := make(chan int64, 1)
	v := client.StartVisitor(s.t.Context(), client.Config{
		URL: "ws://" + s.address + "/ws/v1/visitor", Transport: s.transport, Header: http.Header{"Origin": {s.base()}}, BackoffMin: 10 * time.Millisecond, BackoffMax: 100 * time.Millisecond,
		Observer: client.Observer{Connected: func(h *wire.ServerHello) {
			n := int64(0)
			if h.Conversation != nil {
				n = h.Conversation.Head.N
			}
			select {
			case told <- n:
			default:
			}
		}},
	}, s.in.key, secret)
	defer v.Close()
	return await(s.t, "a hello", told)
}
