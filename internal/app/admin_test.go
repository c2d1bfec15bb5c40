package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/bus"
	"github.com/kefu-chat/kefu/internal/presence"
)

// administered is a started server with an admin port.
func administered(t *testing.T) *App {
	t.Helper()
	a, err := Start(t.Context(), configured(t, "--data="+t.TempDir(), "--admin-listen=127.0.0.1:0"), "v9.8.7", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func get(t *testing.T, addr net.Addr, path string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr.String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// ready asks /readyz, past what it remembers.
func ready(t *testing.T, a *App) (int, map[string]condition) {
	t.Helper()
	a.admin.mu.Lock()
	a.admin.at = time.Time{}
	a.admin.mu.Unlock()
	status, text := get(t, a.admin.address, "/readyz")
	var now readiness
	if err := json.Unmarshal([]byte(text), &now); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if now.Ready != (status == http.StatusOK) || now.Version != "v9.8.7" {
		t.Errorf("%d says %s", status, text)
	}
	found := map[string]condition{}
	for _, c := range now.Checks {
		found[c.Name] = c
	}
	return status, found
}

func TestTheAdminPort(t *testing.T) {
	a := administered(t)
	defer func() {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	}()
	for path, want := range map[string]string{
		"/healthz": "ok\n", "/metrics": "kefu_sessions{kind=\"visitor\"} 0", "/debug/pprof/": "goroutine",
		"/debug/pprof/goroutine?debug=1": "goroutine profile", "/debug/pprof/profile?seconds=1": "",
	} {
		if status, text := get(t, a.admin.address, path); status != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%s: %d %.80q", path, status, text)
		}
	}
	if status, _ := get(t, a.admin.address, "/debug/pprof/cmdline"); status != http.StatusNotFound {
		t.Errorf("the command line, with its passwords, is answered: %d", status)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/debug/pprof/", "/debug/pprof/profile"} {
		if status, _ := get(t, a.Address(), path); status != http.StatusNotFound {
			t.Errorf("the public port answers %s with %d", path, status)
		}
	}
}

// downBus is a bus that has lost its broker.
type downBus struct{ bus.Bus }

func (downBus) Stats() bus.Stats { return bus.Stats{} }

func setBus(a *App, b bus.Bus) {
	a.admin.mu.Lock() // whoever asks holds it
	defer a.admin.mu.Unlock()
	a.bus = b
}

// downPlace is where nobody answers.
type downPlace struct{ presence.Place }

func (downPlace) Exchange(context.Context, *presence.Ask) (*presence.Answer, error) {
	return nil, errors.New("nobody answers")
}

func setPresence(a *App, r presence.Registry) {
	a.admin.mu.Lock() // whoever asks holds it
	defer a.admin.mu.Unlock()
	a.presence = r
}

func TestPresenceThatIsNotSharedIsShown(t *testing.T) {
	a := administered(t)
	defer func() {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if status, all := ready(t, a); status != http.StatusOK || !all["presence"].OK || all["presence"].State != "alone" {
		t.Errorf("the only node: %d %+v", status, all)
	}
	before := a.presence
	shared := presence.NewShared(downPlace{}, presence.SharedConfig{Node: "a", Every: time.Hour})
	defer shared.Close()
	defer setPresence(a, before)
	setPresence(a, shared)
	if shared.Sync(t.Context()) == nil {
		t.Fatal("nobody answers, and nobody noticed")
	}
	if status, all := ready(t, a); status != http.StatusOK || all["presence"].OK || all["presence"].Required {
		t.Errorf("while nobody answers: %d %+v", status, all)
	}
	if up, failures := a.presenceStats(); up || failures != 1 {
		t.Errorf("the figures say that it is up: %t, after %d failures", up, failures)
	}
}

func TestReadiness(t *testing.T) {
	a := administered(t)
	status, all := ready(t, a)
	if status != http.StatusOK || !all["database"].OK || !all["bus"].OK || !all["drain"].OK || all["bus"].Required {
		t.Errorf("a server that serves: %d %+v", status, all)
	}
	connected := a.bus
	setBus(a, downBus{connected})
	if status, all = ready(t, a); status != http.StatusOK || all["bus"].OK {
		t.Errorf("without the broker, which is only a hint: %d %+v", status, all)
	}
	setBus(a, connected)

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	a.hub.Close() // as the first step of a drain: it is leaving, and the database still answers
	if status, all = ready(t, a); status != http.StatusServiceUnavailable || all["drain"].OK || !all["database"].OK {
		t.Errorf("while it leaves: %d %+v", status, all)
	}
	if err := a.db.Close(); err != nil {
		t.Fatal(err)
	}
	if status, all = ready(t, a); status != http.StatusServiceUnavailable || all["database"].OK {
		t.Errorf("without its database: %d %+v", status, all)
	}
	if status, _ := get(t, a.admin.address, "/healthz"); status != http.StatusOK {
		t.Errorf("it lives, and says %d", status)
	}
	if err := a.stack.unwind(ctx); err != nil {
		t.Error(err)
	}
	if _, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.admin.address.String()); err == nil {
		t.Error("the admin port outlived the server")
	}
}

func TestNotReadyBeforeTheStartIsDone(t *testing.T) {
	d := &admin{version: "v"}
	if now := d.readiness(t.Context()); now.Ready || len(now.Checks) != 1 || now.Checks[0].State != "starting" {
		t.Errorf("%+v", now)
	}
}

func TestAnAdminPortThatIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	status, _, errs := invoke(t, nil, "", "serve", "--data="+t.TempDir(), "--listen=127.0.0.1:0", "--admin-listen="+taken.Addr().String())
	if status != exitUsage || !strings.Contains(errs, "admin.listen is") || !strings.Contains(errs, "in use") {
		t.Errorf("%d %q", status, errs)
	}
}
