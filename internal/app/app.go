package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/atp"
	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/bus"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/faults"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/metrics"
	"github.com/kefu-chat/kefu/internal/outbound"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/retention"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/store"
	"github.com/kefu-chat/kefu/internal/webhook"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// App is a running server.
type App struct {
	cfg     Config
	version string
	log     *slog.Logger
	stack   stack

	figures    *metrics.Metrics
	admin      *admin
	listener   net.Listener
	https      https
	db         *store.DB
	jobs       *jobs.Runner
	outbound   *outbound.Client
	webhooks   *webhook.Hooks
	files      *files.Keeper // nil where nobody may send files
	blobs      files.Blobs   // where they are kept; nil where nothing is
	eraser     *retention.Eraser
	exporter   *retention.Exporter
	rounds     *retention.Rounds
	sites      *site.Sites
	visitors   *identity.VisitorLogins
	people     *identity.People
	bus        bus.Bus
	node       string
	presence   presence.Registry
	hub        *live.Hub
	broadcasts *broadcast.Broadcasts
	sockets    *ws.Server
	plain      *ws.Server // of the legacy doors; nil where none is open
	room       *atp.Room  // likewise
	server     *server.Server
	tell       toHub
	failed     chan error
}

// Start starts everything; what it has started is stopped again if a later
// part does not start. Errors: *UsageError for what the configuration can put right.
func Start(ctx context.Context, cfg Config, version string, log *slog.Logger) (*App, error) {
	a := &App{node: newNode(), cfg: cfg, version: version, log: log, stack: stack{log: log}, failed: make(chan error, 1), figures: metrics.New(version)}
	a.tell.figures = a.figures
	for _, start := range []func(context.Context) error{
		a.lockFolder, a.startAdmin, a.listen, a.openStore, a.openFiles, a.makeJobs, a.makeOutbound, a.makeWebhooks, a.secure, a.readPeople, a.makeRetention, a.openBus, a.openPresence, a.startHub, a.startChatRoom, a.startSockets, a.serve, a.startJobs, a.openForAll,
	} {
		if err := start(ctx); err != nil {
			stop, cancel := stopTime()
			defer cancel()
			return nil, errors.Join(err, a.stack.unwind(stop))
		}
	}
	return a, nil
}

// StopWithin bounds how long a stop waits for requests, connections and commits.
const StopWithin = 10 * time.Second

func stopTime() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), StopWithin)
}

// Stop stops everything, last started first.
func (a *App) Stop() error {
	ctx, cancel := stopTime()
	defer cancel()
	return a.stack.unwind(ctx)
}

// Failed gets the error that ended the serving, if anything but Stop did.
func (a *App) Failed() <-chan error { return a.failed }

// Address is where the server listens.
func (a *App) Address() net.Addr { return a.listener.Addr() }

// lockFolder keeps other servers off the data folder, where the database lies in it.
func (a *App) lockFolder(context.Context) error {
	if a.cfg.Database.URL != "" {
		return nil
	}
	unlock, err := lockData(a.cfg.Data)
	if err != nil {
		return err
	}
	a.stack.push("data folder", func(context.Context) error { return unlock() })
	return nil
}

// lockData makes the data folder and locks it.
func lockData(dir string) (func() error, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, usage("data is %q: the folder cannot be made: %v; name another folder or give this program the right to write there", dir, reason(err))
	}
	unlock, err := store.LockFolder(dir)
	var path *os.PathError
	switch {
	case errors.As(err, &path):
		return nil, usage("data is %q: the folder cannot be written: %v; name another folder or give this program the right to write there", dir, path.Err)
	case err != nil:
		return nil, usage("data is %q: %v", dir, err)
	}
	return unlock, nil
}

func (a *App) listen(ctx context.Context) error {
	if err := a.cfg.TLS.check(); err != nil {
		return err
	}
	l, err := listenOn(ctx, "listen", a.cfg.listenAddress())
	if err != nil {
		return err
	}
	a.listener = l
	a.pushListener("listener", l)
	return a.listenPlain(ctx)
}

func (a *App) pushListener(name string, l net.Listener) {
	a.stack.push(name, func(context.Context) error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) { // the server has closed it, if it served
			return err
		}
		return nil
	})
}

func (a *App) openStore(ctx context.Context) error {
	cfg := a.cfg.store()
	cfg.Committed, cfg.Marked, cfg.Took = a.tell.Committed, a.tell.Marked, a.figures.StoreTook
	db, err := openStore(ctx, a.cfg, cfg, a.log)
	if err != nil {
		return err
	}
	a.db = db
	a.stack.push("store", func(context.Context) error { return db.Close() })
	return nil
}

func (a *App) readPeople(ctx context.Context) error {
	a.sites = site.New(a.db, a.db, &a.tell, faults.Now)
	a.visitors = identity.NewVisitorLogins(a.db, faults.Now)
	a.people = identity.New(a.cfg.identity(), a.db, a.db, a.sites, &a.tell, faults.Now)
	return a.people.Refresh(ctx)
}

func (a *App) startHub(context.Context) error {
	cfg := a.cfg.live()
	cfg.Delivered, cfg.DeliveredFrom = a.figures.Delivered, a.figures.DeliveredFrom
	a.hub = live.NewHub(cfg, live.Parts{
		Node: a.node, Store: a.db, Visitors: a.db, People: healing{a.people, a.webhooks}, Sites: a.sites, Logins: a.db, Keys: a.db, Seen: a.db, Entrances: a.db, VisitorLogins: a.visitors,
		Bus: a.bus, Presence: a.presence, Log: a.log, Pushes: a.db, Broadcasts: a.db, Erasures: a.db,
	})
	a.tell.hub.Store(a.hub)
	if err := a.hub.Start(); err != nil {
		return fmt.Errorf("start the hub: %w", err)
	}
	a.broadcasts = broadcast.New(a.db, a.db, a.jobs, a.hub, a.hub, faults.Now)
	a.stack.push("hub", func(context.Context) error {
		a.hub.Close()
		return nil
	})
	return nil
}

func (a *App) startSockets(context.Context) error {
	a.sockets = a.openSockets("sockets", a.cfg.sockets())
	if a.cfg.Legacy.open() {
		a.plain = a.openSockets("legacy sockets", a.cfg.plainSockets())
	}
	return nil
}

func (a *App) openSockets(name string, cfg ws.Config) *ws.Server {
	sockets := ws.NewServer(cfg)
	a.stack.push(name, func(ctx context.Context) error {
		return sockets.Shutdown(ctx, uint16(wire.CloseRestart), "the server restarts")
	})
	return sockets
}

func (a *App) serve(context.Context) error {
	cfg, err := a.cfg.legacyDoors(a.cfg.server(a.version))
	if err != nil {
		return err
	}
	a.missChatAgent()
	a.server = server.New(cfg, server.Parts{
		People: a.people, Sites: a.sites, Audit: a.db, Hub: a.hub, Sockets: a.sockets, Log: a.log, Watch: a.figures,
		Files: a.files, Visitors: a.db, VisitorLogins: a.visitors, SigningKeys: identity.NewSigningKeys(a.db, a.db, faults.Now), Carrier: a.hub,
		PlainSockets: a.plain, Tickets: a.db, ChatRoom: a.room, Keys: identity.NewKeys(a.db, a.db, faults.Now), Requests: a.db, Book: a.db, Broadcasts: a.broadcasts, Eraser: a.eraser, Exporter: a.exporter, Webhooks: a.webhooks,
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			a.fail(err)
		}
	}()
	a.stack.push("server", func(ctx context.Context) error {
		err := a.server.Shutdown(ctx)
		<-ended
		return err
	})
	return nil
}

// newNode names this process among all nodes.
func newNode() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// toHub passes on what store, people and sites tell, from the moment the hub is
// there: it needs them to be made, and nothing is told before it starts.
type toHub struct {
	hub     atomic.Pointer[live.Hub]
	figures *metrics.Metrics
	// webhooks hear of commits, too.
	webhooks atomic.Pointer[webhook.Hooks]
}

func (t *toHub) Committed(changes []chat.Changed) {
	t.figures.Committed(changes)
	if w := t.webhooks.Load(); w != nil {
		w.Committed(changes)
	}
	if h := t.hub.Load(); h != nil {
		h.Committed(changes)
	}
}

func (t *toHub) Marked(marks []chat.Mark) {
	if h := t.hub.Load(); h != nil {
		h.Marked(marks)
	}
}

// AgentChanged implements identity.Told.
func (t *toHub) AgentChanged(agent chat.AgentID) {
	if h := t.hub.Load(); h != nil && !faults.Off("deliveries") {
		h.AgentChanged(agent)
	}
}

// LoginsRevoked implements identity.Told.
func (t *toHub) LoginsRevoked(agent chat.AgentID, logins []int64) {
	if h := t.hub.Load(); h != nil && !faults.Off("deliveries") {
		h.LoginsRevoked(agent, logins)
	}
}

// SiteChanged implements site.Told.
func (t *toHub) SiteChanged(id chat.SiteID) {
	if h := t.hub.Load(); h != nil && !faults.Off("deliveries") {
		h.SiteChanged(id)
	}
}
