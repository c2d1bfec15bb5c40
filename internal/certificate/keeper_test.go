package certificate

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kefu-chat/kefu/test/engines"
)

func TestMain(m *testing.M) {
	code := engines.Main(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// memory is a store of one process.
type memory struct {
	mu     sync.Mutex
	values map[string][]byte
	vers   map[string]int64
	fails  bool
	after  time.Duration // how far its clock is ahead
}

func (m *memory) putAhead(by time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.after = by
}

func newMemory() *memory { return &memory{values: map[string][]byte{}, vers: map[string]int64{}} }

var errDown = errors.New("the database does not answer")

func (m *memory) KeptCertificate(_ context.Context, name string) ([]byte, int64, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails {
		return nil, 0, 0, errDown
	}
	return bytes.Clone(m.values[name]), m.vers[name], time.Now().Add(m.after).UnixMilli(), nil
}

func (m *memory) KeepCertificate(_ context.Context, name string, value []byte, version int64) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails {
		return false, errDown
	}
	if m.vers[name] != version {
		return false, nil
	}
	m.values[name], m.vers[name] = bytes.Clone(value), version+1
	return true, nil
}

// node is a keeper with its two ports.
type node struct {
	*Keeper
	log *journal
}

// journal is a log to be looked at.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func start(t *testing.T, name string, store Store, p *engines.Pebble, change func(*Config)) *node {
	t.Helper()
	cfg := Config{
		Domains: []string{"chat.example.com", "help.example.com"}, Email: "olive@example.com", Directory: p.Directory, Client: p.Client(t),
		Node: name, Waiting: 50 * time.Millisecond, Looking: 100 * time.Millisecond,
	}
	if change != nil {
		change(&cfg)
	}
	n := &node{log: &journal{}}
	n.Keeper = Start(cfg, store, slog.New(slog.NewTextHandler(n.log, nil)))
	t.Cleanup(n.Close)
	return n
}

// onPort serves HTTP on a port of its own until the test ends.
func onPort(t *testing.T, port int, tlsConfig *tls.Config, h http.Handler) {
	t.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	_ = s.Listener.Close()
	s.Listener = l
	if tlsConfig != nil {
		s.Listener = tls.NewListener(l, tlsConfig)
	}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	s.Start()
	t.Cleanup(s.Close)
}

func (n *node) await(t *testing.T, what string, right func() bool) {
	t.Helper()
	for late := time.Now().Add(60 * time.Second); !right(); {
		if time.Now().After(late) {
			t.Fatalf("%s does not happen; its log:\n%s", what, n.log)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func (n *node) has() bool { return n.current.Load() != nil }

// shown is the certificate that a browser gets for a name.
func shown(t *testing.T, port int, name string, roots *x509.CertPool) *x509.Certificate {
	t.Helper()
	c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{ServerName: name, RootCAs: roots, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	state := c.ConnectionState()
	if state.NegotiatedProtocol != "h2" {
		t.Errorf("no HTTP/2 but %q", state.NegotiatedProtocol)
	}
	return state.PeerCertificates[0]
}

// TestOneNodeAsksAndAnotherAnswers: three nodes begin together; one asks the
// authority once, whose look arrives at a node that did not ask; all show the same.
func TestOneNodeAsksAndAnotherAnswers(t *testing.T) {
	for way, o := range map[string]func(port, nobody int) engines.PebbleOptions{
		"at the HTTP port": func(port, nobody int) engines.PebbleOptions {
			return engines.PebbleOptions{HTTPPort: port, TLSPort: nobody}
		},
		"at the TLS port": func(port, nobody int) engines.PebbleOptions {
			return engines.PebbleOptions{HTTPPort: nobody, TLSPort: port}
		},
	} {
		t.Run(way, func(t *testing.T) {
			public, nobody := engines.FreePort(t), engines.FreePort(t)
			options := o(public, nobody)
			p := engines.StartPebble(t, options)
			store := newMemory()
			answering := start(t, "answers", &readOnly{memory: store}, p, nil)
			if options.HTTPPort == public {
				onPort(t, public, nil, answering.Challenges(http.NotFoundHandler()))
			} else {
				onPort(t, public, answering.TLS(), http.NotFoundHandler())
			}
			nodes := []*node{start(t, "a", store, p, nil), start(t, "b", store, p, nil), start(t, "c", store, p, nil), answering}
			for _, n := range nodes {
				n.await(t, "a certificate", n.has)
				<-n.Tried()
			}
			asked := 0
			for _, n := range nodes {
				asked += strings.Count(n.log.String(), "a certificate is asked for")
				if !n.current.Load().Leaf.Equal(nodes[0].current.Load().Leaf) {
					t.Error("two nodes show different certificates")
				}
			}
			if asked != 1 {
				t.Errorf("the authority was asked %d times", asked)
			}
			if options.TLSPort == public {
				for _, name := range []string{"chat.example.com", "help.example.com"} {
					if c := shown(t, public, name, p.Roots(t)); c.VerifyHostname(name) != nil || !c.NotAfter.Equal(answering.NotAfter()) {
						t.Errorf("%s is shown a certificate for %v", name, c.DNSNames)
					}
				}
			}
		})
	}
}

// readOnly is the store of a node that finds each lease taken.
type readOnly struct{ *memory }

func (r *readOnly) KeepCertificate(ctx context.Context, name string, value []byte, version int64) (bool, error) {
	if strings.HasPrefix(name, "account") {
		return r.memory.KeepCertificate(ctx, name, value, version)
	}
	return false, nil
}

// ahead is the store of one node, whose clock all nodes put ahead together. It is
// right again as soon as another certificate is kept, which the authority's clock dates.
type ahead struct {
	*memory
	looks atomic.Int64
}

func (a *ahead) KeptCertificate(ctx context.Context, name string) ([]byte, int64, int64, error) {
	if strings.HasPrefix(name, "certificate") {
		defer a.looks.Add(1)
	}
	return a.memory.KeptCertificate(ctx, name)
}

func (a *ahead) KeepCertificate(ctx context.Context, name string, value []byte, version int64) (bool, error) {
	before, _, _, err := a.memory.KeptCertificate(ctx, name)
	if err != nil {
		return false, err
	}
	kept, err := a.memory.KeepCertificate(ctx, name, value, version)
	if kept && chainIn(before) != chainIn(value) {
		a.putAhead(0)
	}
	return kept, err
}

func chainIn(value []byte) string {
	var r record
	_ = json.Unmarshal(value, &r) // an account's key has none
	return r.Chain
}

func TestRenewalAtTwoThirdsOfItsLife(t *testing.T) {
	port := engines.FreePort(t)
	p := engines.StartPebble(t, engines.PebbleOptions{HTTPPort: port, TLSPort: engines.FreePort(t)})
	store := newMemory()
	ofA, ofB := &ahead{memory: store}, &ahead{memory: store}
	a, b := start(t, "a", ofA, p, nil), start(t, "b", ofB, p, nil)
	onPort(t, port, nil, a.Challenges(http.NotFoundHandler()))
	asked := func() int { return strings.Count(a.log.String()+b.log.String(), "a certificate is asked for") }
	lookOnce := func() { // of three reads, the second is after this and its look is over
		for n, of := range map[*node]*ahead{a: ofA, b: ofB} {
			before := of.looks.Load()
			n.await(t, "a look", func() bool { return of.looks.Load() >= before+3 })
		}
	}
	for _, n := range []*node{a, b} {
		n.await(t, "a certificate", n.has)
	}
	first := a.current.Load().Leaf
	store.putAhead(59 * 24 * time.Hour)
	lookOnce()
	if n := asked(); n != 1 {
		t.Errorf("the authority was asked %d times before two thirds of the 90 days were over", n)
	}
	store.putAhead(60*24*time.Hour + time.Minute)
	for _, n := range []*node{a, b} {
		n.await(t, "a renewal", func() bool { return !n.current.Load().Leaf.Equal(first) })
	}
	lookOnce()
	if n := asked(); n != 2 {
		t.Errorf("the authority was asked %d times by two nodes for two certificates", n)
	}
}

func TestARefusalIsLoggedAndNotRepeatedAtOnce(t *testing.T) {
	p := engines.StartPebble(t, engines.PebbleOptions{HTTPPort: engines.FreePort(t), TLSPort: engines.FreePort(t)}) // nobody is there
	store := newMemory()
	a := start(t, "a", store, p, nil)
	<-a.Tried()
	a.await(t, "the lease's return", func() bool {
		s, err := a.read(t.Context())
		return err == nil && s.Failures == 1 && s.Holder == "" && s.RetryAt > s.now+50_000
	})
	text := a.log.String()
	for _, want := range []string{"the certificate was refused", "http-01", "tls-alpn-01", "chat.example.com", "next_try_in=1m0s"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log does not say %q:\n%s", want, text)
		}
	}
	b := start(t, "b", store, p, nil) // a restart does not ask at once, either
	b.await(t, "a look", func() bool { return b.client.Load() != nil })
	if s, err := b.read(t.Context()); err != nil || b.due(&s) {
		t.Errorf("another node asks at once: %v %+v", err, s)
	}
	if _, err := b.get(&tls.ClientHelloInfo{ServerName: "chat.example.com"}); !errors.Is(err, errNoCertificate) {
		t.Errorf("without a certificate: %v", err)
	}
	store.putAhead(2 * time.Minute)
	if s, err := b.read(t.Context()); err != nil || !b.due(&s) {
		t.Errorf("two minutes later nobody asks: %v %+v", err, s)
	}
}

func TestADatabaseThatIsDownKeepsTheCertificate(t *testing.T) {
	port := engines.FreePort(t)
	p := engines.StartPebble(t, engines.PebbleOptions{HTTPPort: port, TLSPort: engines.FreePort(t)})
	store := newMemory()
	a := start(t, "a", store, p, nil)
	onPort(t, port, nil, a.Challenges(http.NotFoundHandler()))
	a.await(t, "a certificate", a.has)
	store.mu.Lock()
	store.fails = true
	store.mu.Unlock()
	a.await(t, "a warning", func() bool { return strings.Contains(a.log.String(), errDown.Error()) })
	if c, err := a.get(&tls.ClientHelloInfo{ServerName: "chat.example.com"}); err != nil || c == nil {
		t.Error("the certificate is gone:", err)
	}
}

func TestOnlyTokensOfThisAccountAreAnswered(t *testing.T) {
	p := engines.StartPebble(t, engines.PebbleOptions{HTTPPort: engines.FreePort(t), TLSPort: engines.FreePort(t)})
	a := start(t, "a", newMemory(), p, nil)
	h := a.Challenges(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	<-a.Tried()
	thumb, err := a.client.Load().HTTP01ChallengeResponse("abc")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		challengePath + "abc": thumb, challengePath: "", challengePath + "a/b": "", challengePath + "<script>": "",
		challengePath + strings.Repeat("a", 201): "", "/": "teapot",
	} {
		rec := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.URL.Path = path
		h.ServeHTTP(rec, r)
		body, _ := io.ReadAll(rec.Body)
		switch {
		case want == "teapot" && rec.Code != http.StatusTeapot, want == "" && rec.Code != http.StatusNotFound,
			want == thumb && (rec.Code != http.StatusOK || string(body) != thumb):
			t.Errorf("%s: %d %q", path, rec.Code, body)
		}
	}
}

func TestNamesTellAuthoritiesAndDomainsApart(t *testing.T) {
	seen := map[string]bool{}
	for _, one := range []string{
		nameOf("certificate", "https://a/", []string{"x", "y"}), nameOf("certificate", "https://b/", []string{"x", "y"}),
		nameOf("certificate", "https://a/", []string{"x"}), nameOf("account", "https://a/", nil),
	} {
		seen[one] = true
	}
	if len(seen) != 4 || nameOf("c", "d", []string{"x", "y"}) != nameOf("c", "d", []string{"y", "x"}) {
		t.Errorf("%v", seen)
	}
}
