package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/bus"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/store"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
	"github.com/kefu-chat/kefu/test/databases"
)

// clock is the time of people and limits; it moves when a test says so, and by a
// millisecond whenever it is read: of many ids of one moment two would be the same.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a whole server over a real database, listening on a port of its own.
type world struct {
	t      *testing.T
	clock  *clock
	db     *store.DB
	sites  *site.Sites
	people *identity.People
	hub    *live.Hub
	server *server.Server
	parts  server.Parts
	base   string // http://127.0.0.1:port

	database string // its file
	setup    string // the secret of the set-up link
}

// told hears of revoked rights, as the hub does in a running server.
type told struct{ hub *live.Hub }

func (t *told) AgentChanged(id chat.AgentID)               { t.hub.AgentChanged(id) }
func (t *told) LoginsRevoked(id chat.AgentID, ids []int64) { t.hub.LoginsRevoked(id, ids) }
func (t *told) SiteChanged(id chat.SiteID)                 { t.hub.SiteChanged(id) }

func newWorld(t *testing.T, cfg server.Config) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Now()}}
	log := slog.New(slog.DiscardHandler)
	heard := &told{}
	w.database = databases.File(t)
	db, err := store.Open(t.Context(), store.Config{
		Path: w.database, Now: w.clock.Now,
		Committed: func(c []chat.Changed) { heard.hub.Committed(c) },
		Marked:    func(m []chat.Mark) { heard.hub.Marked(m) },
	}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w.db = db
	w.sites = site.New(db, db, heard, w.clock.Now)
	w.people = identity.New(identity.Config{}, db, db, w.sites, heard, w.clock.Now)
	w.must(w.people.Refresh(t.Context()))
	logins := identity.NewVisitorLogins(db, w.clock.Now)
	w.hub = live.NewHub(live.Config{HealEvery: 100 * time.Millisecond, Now: w.clock.Now}, live.Parts{
		VisitorLogins: logins,
		Node:          "test", Store: db, Visitors: db, People: w.people, Sites: w.sites, Logins: db, Keys: db, Seen: db, Entrances: db,
		Bus: bus.NewMemory(), Presence: presence.NewMemory(time.Now).On("test"), Log: log, Pushes: db, Broadcasts: db, Erasures: db,
	})
	heard.hub = w.hub
	w.must(w.hub.Start())
	t.Cleanup(w.hub.Close)
	sockets := ws.NewServer(ws.Config{Subprotocols: []string{wire.Subprotocol}})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		w.must(sockets.Shutdown(ctx, uint16(wire.CloseRestart), "the test ends"))
	})
	plain := ws.NewServer(ws.Config{})
	t.Cleanup(func() { w.must(plain.Shutdown(context.Background(), uint16(wire.CloseRestart), "the test ends")) })
	cfg.Now = w.clock.Now
	w.parts = server.Parts{People: w.people, Sites: w.sites, Audit: db, Hub: w.hub, Sockets: sockets, Log: log, PlainSockets: plain, Tickets: db, Keys: identity.NewKeys(db, db, w.clock.Now), Requests: db, Book: db,
		VisitorLogins: logins, SigningKeys: identity.NewSigningKeys(db, db, w.clock.Now), Carrier: w.hub,
		Broadcasts: broadcast.New(db, db, w, w.hub, w.hub, w.clock.Now)}
	w.parts.Webhooks = w.webhooks()
	w.retains()
	w.server = server.New(cfg, w.parts)
	w.listen()
	made, err := w.people.MakeSetup(t.Context(), false)
	w.must(err)
	w.setup = made.Secret
	return w
}

func (w *world) listen() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	w.base = "http://" + l.Addr().String()
	s, ended := w.server, make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Serve(l)
	}()
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		w.must(s.Shutdown(ctx))
		<-ended
	})
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// person is somebody with a browser of its own.
type person struct {
	w      *world
	http   *http.Client
	header http.Header
	id     string
}

func (w *world) person() *person {
	jar, err := cookiejar.New(nil)
	w.must(err)
	transport := &http.Transport{}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &person{w: w, header: http.Header{}, http: &http.Client{
		Jar: jar, Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

func (a answer) code() string {
	code, _ := a.body["code"].(string)
	return code
}

func (a answer) get(path ...string) any {
	var v any = a.body
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func (a answer) string(path ...string) string {
	s, _ := a.get(path...).(string)
	return s
}

// ask sends a request; body is a string as it is, or anything else as JSON.
func (p *person) ask(method, path string, body any) answer {
	p.w.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		p.w.must(err)
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(p.w.t.Context(), method, p.w.base+path, r)
	p.w.must(err)
	for name, values := range p.header {
		req.Header[name] = values
	}
	if host := p.header.Get("Host"); host != "" {
		req.Host = host
	}
	if r != nil && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := p.http.Do(req)
	p.w.must(err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	p.w.must(err)
	a := answer{status: res.StatusCode, header: res.Header, text: string(text)}
	_ = json.Unmarshal(text, &a.body) // pages are no JSON
	return a
}

// want is ask for a status that has to come.
func (p *person) want(status int, method, path string, body any) answer {
	p.w.t.Helper()
	a := p.ask(method, path, body)
	if a.status != status {
		p.w.t.Fatalf("%s %s: %d, want %d: %s", method, path, a.status, status, a.text)
	}
	return a
}

const password = "correct horse battery"

type fields = map[string]any

// owner sets the installation up.
func (w *world) owner() *person {
	w.t.Helper()
	p := w.person()
	a := p.want(201, "POST", "/api/v1/setup", fields{"secret": w.setup, "name": "Olive", "email": "olive@example.com", "password": password, "site": "Shop"})
	p.id = a.string("id")
	return p
}

// invite makes a person, follows its link, and gives it a role on a site.
func (w *world) invite(owner *person, name, on, role string) *person {
	w.t.Helper()
	made := owner.want(201, "POST", "/api/v1/people", fields{"name": name, "email": name + "@example.com", "roles": []fields{{"site": on, "role": role}}})
	p := w.person()
	p.id = made.string("person", "id")
	p.want(200, "POST", "/api/v1/link/password", fields{"secret": secretOf(made.string("link", "url")), "password": password})
	return p
}

func secretOf(link string) string {
	_, secret, _ := strings.Cut(link, "#")
	return secret
}

func (w *world) logIn(email string) *person {
	w.t.Helper()
	p := w.person()
	p.id = p.want(200, "POST", "/api/v1/log-in", fields{"email": email, "password": password}).string("id")
	return p
}

func (w *world) firstSite() site.Site { return w.sites.All()[0] }

func idOf(s site.Site) string { return jsonID(int64(s.ID)) }

func jsonID(id int64) string {
	b, _ := json.Marshal(id)
	return string(b)
}

// cookie is what the person's browser would send.
func (p *person) cookie() string {
	u, err := url.Parse(p.w.base)
	p.w.must(err)
	var parts []string
	for _, c := range p.http.Jar.Cookies(u) {
		parts = append(parts, c.Name+"="+c.Value)
	}
	return strings.Join(parts, "; ")
}

func mustPrefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func loopback() []netip.Prefix { return []netip.Prefix{mustPrefix("127.0.0.0/8")} }
