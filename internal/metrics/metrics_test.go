package metrics

import (
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/kefu-chat/kefu/internal/bus"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/store"
	"github.com/kefu-chat/kefu/internal/ws"
)

var update = flag.Bool("update", false, "write docs/METRICS.md anew")

func watched(t testing.TB) *Metrics {
	t.Helper()
	m := New("v1.2.3")
	err := m.Watch(Sources{
		Hub: func() live.Stats {
			return live.Stats{Visitors: 7, Agents: 2, Strangers: 1, GapEvents: 5, Jobs: live.Jobs{Heal: 6, Seen: 1}}
		},
		Bus:     func() bus.Stats { return bus.Stats{Up: true, Lost: 3, Leaving: 8, Arriving: 9} },
		Sockets: func() ws.Stats { return ws.Stats{Open: 10, Slow: 4} },
		Store:   func() store.Stats { return store.Stats{Queued: 12, Failures: 6} },

		Presence:    func() (bool, int64) { return false, 9 },
		ChatRoom:    func() int64 { return 13 },
		Webhooks:    func() (int64, time.Duration) { return 14, 15 * time.Second },
		Certificate: func() time.Time { return time.Unix(1800000000, 0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// exercised has counted something in every family.
func exercised(t testing.TB) *Metrics {
	m := watched(t)
	m.Committed([]chat.Changed{{Events: []chat.Event{{Kind: chat.Opened}, {Kind: chat.Message}}}, {Events: []chat.Event{{Kind: "of tomorrow"}}}})
	m.StoreTook("commit", 3*time.Millisecond, 5)
	m.StoreTook("heads", time.Millisecond, 1)
	m.Delivered(200 * time.Microsecond)
	m.DeliveredFrom(5 * time.Millisecond)
	m.Request(http.MethodGet, "/widget.js", http.StatusOK, time.Millisecond)
	m.Request("BREW", "/ws/v1/visitor", http.StatusSwitchingProtocols, 0)
	m.Closed(4000)
	m.Closed(4999)
	m.LogIn("wrong")
	m.Ticket("chat", "refused")
	m.JobRan("mail", "done", time.Second)
	m.WebhooksMade(3)
	m.WebhookSent(false, time.Second)
	return m
}

func gathered(t testing.TB, m *Metrics) map[string]*dto.MetricFamily {
	t.Helper()
	all, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*dto.MetricFamily{}
	for _, f := range all {
		found[f.GetName()] = f
	}
	return found
}

func TestPage(t *testing.T) {
	const path = "../../docs/METRICS.md"
	if *update {
		if err := os.WriteFile(path, []byte(Page()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || string(have) != Page() {
		t.Errorf("docs/METRICS.md is not what the code says (%v): go test ./internal/metrics -run Page -update", err)
	}
}

func TestEveryMetricIsOnThePageWithItsHelp(t *testing.T) {
	found := gathered(t, exercised(t))
	listed := map[string]family{}
	for _, f := range families() {
		if _, twice := listed[f.name]; twice || f.help == "" || strings.Contains(f.help, "|") {
			t.Errorf("%s stands there twice, or its help cannot stand in a table: %q", f.name, f.help)
		}
		listed[f.name] = f
		got := found[f.name]
		if got == nil {
			t.Errorf("%s is on the page and nobody exports it", f.name)
			continue
		}
		if got.GetHelp() != f.help || !strings.EqualFold(got.GetType().String(), f.kind) {
			t.Errorf("%s is a %s: %q; the page says %s: %q", f.name, got.GetType(), got.GetHelp(), f.kind, f.help)
		}
		if (f.kind == "counter") != strings.HasSuffix(f.name, "_total") || f.kind == "histogram" && !strings.HasSuffix(f.name, "_seconds") {
			t.Errorf("%s does not have the name of a %s", f.name, f.kind)
		}
		for _, one := range got.GetMetric() {
			var labels []string
			for _, l := range one.GetLabel() {
				labels = append(labels, l.GetName())
			}
			want := slices.Sorted(slices.Values(f.labels))
			if !slices.Equal(labels, want) {
				t.Errorf("%s has the labels %v; the page says %v", f.name, labels, want)
			}
		}
	}
	for name := range found {
		if _, ok := listed[name]; !ok && !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			t.Errorf("%s is exported and not on the page", name)
		}
	}
	for _, name := range []string{"go_goroutines", "process_open_fds"} {
		if found[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
}

func TestWhatIsCounted(t *testing.T) {
	rec := httptest.NewRecorder()
	exercised(t).Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	text, err := io.ReadAll(rec.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`kefu_sessions{kind="visitor"} 7`, `kefu_sessions{kind="agent"} 2`, `kefu_sessions{kind="stranger"} 1`,
		`kefu_events_total{kind="message"} 1`, `kefu_events_total{kind="opened"} 1`, `kefu_events_total{kind="note"} 0`, `kefu_events_total{kind="other"} 1`,
		`kefu_commit_seconds_bucket{le="0.004"} 1`, `kefu_commit_seconds_bucket{le="0.002"} 0`,
		`kefu_read_seconds_count{kind="heads"} 1`, `kefu_store_queued 12`, `kefu_commit_failures_total 6`,
		`kefu_delivery_seconds_bucket{from="here",le="0.00025"} 1`, `kefu_delivery_seconds_count{from="elsewhere"} 1`,
		`kefu_http_requests_total{method="GET",route="/widget.js",status="200"} 1`,
		`kefu_http_requests_total{method="other",route="/ws/v1/visitor",status="101"} 1`, `kefu_http_request_seconds_count 1`,
		`kefu_session_closes_total{code="4000"} 1`, `kefu_session_closes_total{code="other"} 1`, `kefu_session_closes_total{code="4500"} 0`,
		`kefu_log_ins_total{result="wrong"} 1`, `kefu_log_ins_total{result="paused"} 0`,
		`kefu_tickets_total{door="chat",result="refused"} 1`, `kefu_tickets_total{door="push",result="made"} 0`, `kefu_chat_room_connections 13`,
		`kefu_webhook_made_total 3`, `kefu_webhook_sent_total{result="failed"} 1`, `kefu_webhook_sent_total{result="delivered"} 0`, `kefu_webhook_waiting 14`, `kefu_webhook_oldest_seconds 15`,
		`kefu_bus_up 1`, `kefu_presence_up 0`, `kefu_presence_failures_total 9`, `kefu_certificate_expires_timestamp_seconds 1.8e+09`, `kefu_bus_lost_total 3`, `kefu_bus_queued{way="leaving"} 8`, `kefu_bus_queued{way="arriving"} 9`, `kefu_gap_events_total 5`, `kefu_jobs_total{job="heal"} 6`, `kefu_jobs_total{job="seen"} 1`, `kefu_jobs_total{job="rows"} 0`, `kefu_websockets_slow_total 4`,
	} {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(line) + `$`).Match(text) {
			t.Errorf("there is no %s", line)
		}
	}
}

// What is counted on the way of a message allocates nothing.
func TestCountingAllocatesNothing(t *testing.T) {
	m := New("test")
	changes := []chat.Changed{{Events: []chat.Event{{Kind: chat.Message}}}}
	allocations := testing.AllocsPerRun(1000, func() {
		m.Committed(changes)
		m.StoreTook("commit", time.Millisecond, 1)
		m.Delivered(time.Millisecond)
		m.DeliveredFrom(time.Millisecond)
		m.Closed(1000)
	})
	if allocations != 0 {
		t.Errorf("%v allocations for a message", allocations)
	}
}

func BenchmarkMessage(b *testing.B) {
	m := New("test")
	changes := []chat.Changed{{Events: []chat.Event{{Kind: chat.Message}}}}
	b.ReportAllocs()
	for b.Loop() {
		m.Committed(changes)
		m.StoreTook("commit", time.Millisecond, 1)
		m.Delivered(time.Millisecond)
	}
}
