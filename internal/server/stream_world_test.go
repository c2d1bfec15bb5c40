package server_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/bus"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
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

// pair is a world of two nodes behind one address: of two requests that follow
// one another, each comes to another node.
type pair struct {
	*world
	nodes    [2]*server.Server
	hubs     [2]*live.Hub
	registry *presence.Memory
	requests atomic.Uint64
	begun    atomic.Uint64 // streams and polls
}

func newPair(t *testing.T, cfg server.Config, change ...func(*live.Config)) *pair {
	t.Helper()
	p := &pair{world: &world{t: t, clock: &clock{now: time.Now()}}}
	w := p.world
	log := slog.New(slog.DiscardHandler)
	heard := &told{}
	db, err := store.Open(t.Context(), store.Config{
		Path:      databases.File(t),
		Committed: func(c []chat.Changed) { heard.hub.Committed(c) },
		Marked:    func(m []chat.Mark) { heard.hub.Marked(m) },
	}, log)
	w.must(err)
	t.Cleanup(func() { _ = db.Close() })
	w.db = db
	w.sites = site.New(db, db, heard, w.clock.Now)
	w.people = identity.New(identity.Config{}, db, db, w.sites, heard, w.clock.Now)
	w.must(w.people.Refresh(t.Context()))
	logins := identity.NewVisitorLogins(db, w.clock.Now)
	network, registry := bus.NewNetwork(), presence.NewMemory(time.Now)
	p.registry = registry
	cfg.Now = w.clock.Now
	cfg.TrustedProxies = loopback()
	for i, name := range []string{"a", "b"} {
		settings := live.Config{HealEvery: 100 * time.Millisecond, PresenceEvery: 20 * time.Millisecond}
		for _, f := range change {
			f(&settings)
		}
		hub := live.NewHub(settings, live.Parts{
			VisitorLogins: logins,
			Node:          name, Store: db, Visitors: db, People: w.people, Sites: w.sites, Logins: db, Keys: db, Seen: db,
			Bus: network.Bus(), Presence: registry.On(name), Log: log, Pushes: db, Erasures: db,
		})
		if i == 0 {
			heard.hub = hub // every commit happens on the first node, as far as the hubs know
		}
		w.must(hub.Start())
		t.Cleanup(hub.Close)
		sockets := ws.NewServer(ws.Config{Subprotocols: []string{wire.Subprotocol}})
		t.Cleanup(func() { w.must(sockets.Shutdown(context.Background(), uint16(wire.CloseRestart), "the test ends")) })
		p.hubs[i] = hub
		parts := server.Parts{People: w.people, Sites: w.sites, Audit: db, Hub: hub, Sockets: sockets, Log: log, Tickets: db, Keys: identity.NewKeys(db, db, w.clock.Now),
			VisitorLogins: logins, SigningKeys: identity.NewSigningKeys(db, db, w.clock.Now), Carrier: hub}
		p.openLegacy(name, &parts, cfg)
		w.parts = parts
		p.nodes[i] = server.New(cfg, parts)
		t.Cleanup(func() { w.must(p.nodes[i].Shutdown(context.Background())) })
	}
	w.hub, w.server = p.hubs[0], p.nodes[0]
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == server.VisitorStream {
			p.begun.Add(1)
		}
		p.nodes[p.requests.Add(1)%2].Handler().ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	w.base = front.URL
	made, err := w.people.MakeSetup(t.Context(), false)
	w.must(err)
	w.setup = made.Secret
	return p
}

// config is how a client of a transport comes in.
func (p *pair) config(transport client.Transport, door string) client.Config {
	return client.Config{
		URL: strings.Replace(p.base, "http", "ws", 1) + door, Transport: transport, Header: http.Header{"Origin": {p.base}},
		BackoffMin: 10 * time.Millisecond, BackoffMax: 50 * time.Millisecond, Marks: true,
	}
}

func (p *pair) agentConfig(transport client.Transport, who *person) client.Config {
	cfg := p.config(transport, server.AgentDoor)
	cfg.Header.Set("Cookie", who.cookie())
	return cfg
}
