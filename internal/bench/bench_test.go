//go:build linux

package bench

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/app"
	"github.com/kefu-chat/kefu/test/engines"
)

// asServer makes this test's own file the program that is measured.
const asServer = "BENCH_TEST_AS_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		env := slices.DeleteFunc(os.Environ(), func(line string) bool { return strings.HasPrefix(line, "KEFU_") })
		os.Exit(app.Main(os.Args[1:], env, app.Process{
			Context: context.Background(), In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Version: "test",
		}, NewCommands()))
	}
	os.Exit(engines.Main(m))
}

func here(t *testing.T) where {
	t.Helper()
	own, err := ownProgram()
	if err != nil {
		t.Fatal(err)
	}
	own.env = append(own.env, asServer+"=1")
	return where{program: own, place: place{folder: t.TempDir()}}
}

// mustBeEmpty demands that a bench takes its files along.
func mustBeEmpty(t *testing.T, folder string) {
	t.Helper()
	left, err := os.ReadDir(folder)
	if err != nil || len(left) > 0 {
		t.Errorf("the bench left %v, %v", left, err)
	}
}

func TestStore(t *testing.T) {
	folder := t.TempDir()
	r, err := runStore(t.Context(), place{folder: folder}, []int{1, 64}, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	for _, y := range r.Yardsticks {
		if y.PerSecond <= 0 || y.Events < probeCommits*y.InFlight || y.Commit.P50 <= 0 || y.Commit.P99 < y.Commit.P50 {
			t.Errorf("%+v", y)
		}
	}
	if y := r.Yardsticks[0]; y.Commit.N != y.Events {
		t.Errorf("alone, %d commits held %d events", y.Commit.N, y.Events)
	}
	mustBeEmpty(t, folder)
	mustSay(t, r, "store, 64 in flight")
}

func TestPairs(t *testing.T) {
	w := here(t)
	r, err := runPairs(t.Context(), w, pairsPlan{visitors: 6, agents: 2, seconds: 0.5, rate: 100, rateSeconds: 0.5, storeSeconds: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Anomalies != 0 || r.Repeats != 0 {
		t.Errorf("%d anomalies, %d repeats: %q", r.Anomalies, r.Repeats, r.First)
	}
	for name, l := range map[string]*Load{"flat out": r.Closed, "at a rate": r.Paced} {
		if l == nil || l.Messages < 10 || l.Server <= 0 || l.Memory.RSS <= 0 || l.Delivery.N == 0 || l.Delivery.P50 <= 0 {
			t.Errorf("%s: %+v", name, l)
		}
		if l != nil && (int64(l.Ack.N) < l.Messages || int64(l.Ack.N) > l.Messages+12) {
			t.Errorf("%s: %d messages and %d acks measured", name, l.Messages, l.Ack.N)
		}
	}
	if r.Ratio <= 0 || r.Ratio > 2 {
		t.Errorf("ratio %v", r.Ratio)
	}
	mustBeEmpty(t, w.folder)
	mustSay(t, r, "anomalies")
}

// Nodes over a database's server are measured together, and leave nothing behind there.
func TestPairsOnNodes(t *testing.T) {
	for name, on := range map[string]string{"postgres": engines.SharedPostgreSQL(t).NewDatabase(t), "mysql": engines.SharedMariaDB(t).NewDatabase(t)} {
		t.Run(name, func(t *testing.T) {
			w := here(t)
			w.database, w.nodes = on, 2
			r, err := runPairs(t.Context(), w, pairsPlan{visitors: 6, agents: 3, seconds: 0.5, storeSeconds: 0.1})
			if err != nil {
				t.Fatal(err)
			}
			if r.Anomalies != 0 || r.Repeats != 0 || r.Closed.Messages < 10 || r.Closed.Server <= 0 || r.Database != name || r.Nodes != 2 || r.Store[1].PerSecond <= 0 {
				t.Errorf("%+v", r)
			}
			mustBeEmpty(t, w.folder)
			mustSay(t, r, "2 nodes over "+name)
			if n := temporaryOn(t, on); n != 0 {
				t.Errorf("the bench left %d databases", n)
			}
		})
	}
}

func TestARunningServerIsMeasuredToo(t *testing.T) {
	own := here(t)
	h, err := own.open(t.Context(), 0, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.close(); err != nil {
			t.Error(err)
		}
	}()
	running := own
	running.url, running.pid, running.account = h.bases[0], h.pids[0], h.account
	r, err := runPairs(t.Context(), running, pairsPlan{visitors: 3, agents: 1, seconds: 0.3, storeSeconds: 0.05})
	if err != nil || r.Anomalies > 0 || r.Closed.Messages == 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestIdle(t *testing.T) {
	for _, known := range []bool{false, true} {
		t.Run(fmt.Sprintf("known=%v", known), func(t *testing.T) {
			w := here(t)
			r, err := runIdle(t.Context(), w, idlePlan{visitors: 30, known: known, watched: true, settle: time.Second, quiet: 200 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if r.Lost != 0 || r.Connections != 30 || r.Before.RSS <= 0 || r.After.RSS <= 0 || r.ConnectPerSecond <= 0 || r.Agents != 1 {
				t.Errorf("%+v", r)
			}
			mustBeEmpty(t, w.folder)
			mustSay(t, r, "bytes of RSS")
		})
	}
}

func TestStart(t *testing.T) {
	w := here(t)
	r, err := runStart(t.Context(), w, 2, 500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if r.First <= 0 || r.Hello < r.First || r.Worst < r.First || r.Fresh <= 0 || r.Rest.RSS <= 0 || r.Binary <= 0 {
		t.Errorf("%+v", r)
	}
	mustBeEmpty(t, w.folder)
	mustSay(t, r, "first answer")
}

func TestAServerThatDoesNotStartIsToldOf(t *testing.T) {
	w := here(t)
	if _, err := w.program.start(t.Context(), "--data", w.folder, "--limits-frame-bytes=1"); err == nil || !strings.Contains(err.Error(), "frame_bytes") {
		t.Errorf("the error is %v: want what the server said", err)
	}
}

func mustSay(t *testing.T, r report, what string) {
	t.Helper()
	var out bytes.Buffer
	for _, asJSON := range []bool{false, true} {
		out.Reset()
		if err := (&Command{JSON: asJSON}).print(&out, r, nil); err != nil {
			t.Fatal(err)
		}
		if text := out.String(); asJSON != strings.HasPrefix(text, "{") || !asJSON && !strings.Contains(text, what) {
			t.Errorf("JSON %v: %s", asJSON, text)
		}
	}
}

// temporaryOn counts the databases of benches on a server.
func temporaryOn(t *testing.T, address string) (n int) {
	t.Helper()
	driver, query := "pgx", "SELECT COUNT(*) FROM pg_database WHERE datname LIKE 'kefu_temporary%'"
	if strings.HasPrefix(address, "mysql") {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		driver, address = "mysql", "root@tcp("+u.Host+")/"
		query = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name LIKE 'kefu_temporary%'"
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFanout(t *testing.T) {
	w := here(t)
	r, err := runFanout(t.Context(), w, fanoutPlan{visitors: []int{200}, messages: 2, known: true, idle: 100 * time.Millisecond, settle: 4 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	f := r.Runs[0]
	if f.Counted != 400 || f.NotReading != 2 || f.Bytes < minBareText || f.Server.PerSecond <= 0 || f.Bare.PerSecond <= 0 || f.Ratio <= 0 || f.Server.Lost+f.Bare.Lost != 0 || !f.InTurns {
		t.Errorf("two broadcasts to 200 gave %+v", f)
	}
	mustBeEmpty(t, w.folder)
	var text bytes.Buffer
	r.text(&text)
	if !strings.Contains(text.String(), "400 delivered of 400") {
		t.Errorf("the report is %s", &text)
	}
}
