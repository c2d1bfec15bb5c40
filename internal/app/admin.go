package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kefu-chat/kefu/internal/metrics"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/ws"
)

// The bounds of the admin port. A profile takes as long as it was asked to.
const (
	adminHeader  = 5 * time.Second
	adminAnswer  = 2 * time.Minute
	adminIdle    = time.Minute
	adminHead    = 8 << 10 // bytes
	checkTime    = 2 * time.Second
	checkedFor   = 500 * time.Millisecond
	adminStopped = time.Second
)

// admin answers on the admin port: whether the process lives, whether it can
// serve, its figures and its profiles. It is there before everything else that
// is started, and until everything else has stopped.
type admin struct {
	version string
	log     *slog.Logger
	figures *metrics.Metrics
	address net.Addr // nil where nobody listens
	// checks are set once the server serves; nil before.
	checks atomic.Pointer[[]check]

	mu   sync.Mutex // so that who asks often does not ask the database often
	last readiness
	at   time.Time
}

// check is something that readiness depends on, or that is only shown.
type check struct {
	name     string
	required bool
	ask      func(context.Context) (state string, ok bool)
}

// readiness is the answer of /readyz.
type readiness struct {
	Ready   bool        `json:"ready"`
	Version string      `json:"version"`
	Checks  []condition `json:"checks"`
}

type condition struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	State string `json:"state"`
	// Required conditions decide; the others are only shown.
	Required bool `json:"required"`
}

// startAdmin listens on admin.listen, if that is set.
func (a *App) startAdmin(ctx context.Context) error {
	a.admin = &admin{version: a.version, log: a.log, figures: a.figures}
	if a.cfg.Admin.Listen == "" {
		return nil
	}
	l, err := listenOn(ctx, "admin.listen", a.cfg.Admin.Listen)
	if err != nil {
		return err
	}
	a.admin.address = l.Addr()
	s := &http.Server{
		Handler: a.admin.handler(), ReadHeaderTimeout: adminHeader, ReadTimeout: adminHeader, WriteTimeout: adminAnswer,
		IdleTimeout: adminIdle, MaxHeaderBytes: adminHead, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	a.stack.push("admin port", func(context.Context) error {
		stop, cancel := context.WithTimeout(context.Background(), adminStopped)
		defer cancel()
		if s.Shutdown(stop) != nil { // a profile that is being taken is cut off
			_ = s.Close()
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}

// listenOn listens on an address that a setting names.
func listenOn(ctx context.Context, key, address string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, usage("%s is %q: the port is in use; stop the program that has it, or set %s to another one", key, address, key)
	case errors.Is(err, syscall.EACCES):
		return nil, usage("%s is %q: this program may not use the port; choose one above 1023, or give it the right: AmbientCapabilities=CAP_NET_BIND_SERVICE in a systemd unit", key, address)
	case err != nil:
		return nil, usage("%s is %q: %v; set it to an address of this machine", key, address, err)
	}
	return l, nil
}

// openForAll tells readiness and figures what there is now to look at: it is the last
// step of a start, and taken back first.
func (a *App) openForAll(context.Context) error {
	err := a.figures.Watch(metrics.Sources{
		Hub: a.hub.Stats, Bus: a.bus.Stats, Sockets: a.socketStats, Store: a.db.Stats, Presence: a.presenceStats, ChatRoom: a.chatRoomConnections, Webhooks: a.webhooks.Waits, Certificate: a.certificateEnds,
	})
	if err != nil {
		return fmt.Errorf("register the figures: %w", err)
	}
	checks := []check{
		{"database", true, a.askDatabase},
		{"drain", true, a.askDrain},
		{"bus", false, a.askBus},
		{"presence", false, a.askPresence},
	}
	if a.https.shown != nil {
		checks = append(checks, check{"certificate", false, a.askCertificate})
	}
	a.admin.checks.Store(&checks)
	return nil
}

// askCertificate is shown and does not decide: the authority's challenge must
// come through the balancer before there is one.
func (a *App) askCertificate(context.Context) (string, bool) {
	until := a.certificateEnds()
	if until.IsZero() {
		return "asked for", false
	}
	return "until " + until.UTC().Format(time.RFC3339), time.Now().Before(until)
}

func (a *App) askDatabase(ctx context.Context) (string, bool) {
	if err := a.db.Ping(ctx); err != nil {
		a.log.Debug("the database does not answer", "error", err)
		return "does not answer", false
	}
	return "answers", true
}

func (a *App) askDrain(context.Context) (string, bool) {
	if !a.hub.Ready() {
		return "leaving", false
	}
	return "serving", true
}

// askBus is shown and does not decide: a broker that is down makes nothing later
// than healing does, and must not take every node out of the balancer at once.
func (a *App) askBus(context.Context) (string, bool) {
	if !a.bus.Stats().Up {
		return "disconnected", false
	}
	return "connected", true
}

// presenceStats tells whether who is online is shared with the other nodes, or there
// are none, and how many exchanges with them have failed.
func (a *App) presenceStats() (up bool, failures int64) {
	shared, several := a.presence.(*presence.Shared)
	if !several {
		return true, 0
	}
	lost, failures := shared.Stats()
	return lost.IsZero(), failures
}

// askPresence is shown and does not decide, as askBus: messages come and go without it.
func (a *App) askPresence(context.Context) (string, bool) {
	if _, several := a.presence.(*presence.Shared); !several {
		return "alone", true
	}
	if up, _ := a.presenceStats(); !up {
		return "not shared", false
	}
	return "shared", true
}

func (d *admin) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", d.readyz)
	mux.Handle("GET /metrics", d.figures.Handler())
	// Not cmdline: flags may carry passwords.
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

func (d *admin) readyz(w http.ResponseWriter, r *http.Request) {
	now := d.readiness(r.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !now.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(now) // who asked may have gone
}

// readiness asks all that is checked, or remembers what it heard a moment ago.
func (d *admin) readiness(ctx context.Context) readiness {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.at) < checkedFor {
		return d.last
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTime)
	defer cancel()
	now := readiness{Ready: true, Version: d.version}
	checks := d.checks.Load()
	if checks == nil {
		return readiness{Version: d.version, Checks: []condition{{Name: "start", State: "starting", Required: true}}}
	}
	for _, c := range *checks {
		state, ok := c.ask(ctx)
		now.Checks = append(now.Checks, condition{Name: c.name, OK: ok, State: state, Required: c.required})
		now.Ready = now.Ready && (ok || !c.required)
	}
	d.last, d.at = now, time.Now()
	return now
}

// socketStats are those of all live connections, the legacy doors' among them.
func (a *App) socketStats() ws.Stats {
	all := a.sockets.Stats()
	if a.plain != nil {
		all = all.With(a.plain.Stats())
	}
	return all
}
