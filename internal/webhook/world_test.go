package webhook_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gofrs/uuid/v5"
	"go.uber.org/goleak"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/outbound"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/store"
	"github.com/kefu-chat/kefu/internal/webhook"
	"github.com/kefu-chat/kefu/test/databases"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const site chat.SiteID = 71

const start = 1_800_000_000_500

var (
	ann   = chat.Actor{Kind: chat.AgentActor, ID: 101, Name: "Ann", Role: chat.RoleAdmin}
	by    = audit.By{Actor: ann.Ref(), Address: "192.0.2.7"}
	quiet = slog.New(slog.DiscardHandler)
)

// received is a message as the receiver got it.
type received struct {
	id, timestamp, signatures string
	body                      []byte
	what                      struct {
		Type      webhook.Type `json:"type"`
		Version   int          `json:"version"`
		Timestamp string       `json:"timestamp"`
		Data      struct {
			Site         string
			Conversation struct{ ID string }
			Visitor      struct{ ID string }
			Event        struct {
				Seq  int64
				Kind string
				Text string

				Origin *struct {
					Conversation string
					Seq          int64
				}
			}
		} `json:"data"`
	}
}

// conversation and seq are what the id names.
func (r received) conversation() string { c, _, _ := strings.Cut(r.id, "."); return c }

func (r received) seq() int64 {
	_, n, _ := strings.Cut(r.id, ".")
	seq, _ := strconv.ParseInt(n, 10, 64)
	return seq
}

// world is a database with a clock that only the test moves, a receiver and a node.
type world struct {
	testing.TB
	t        *testing.T
	clock    atomic.Int64
	db       *store.DB
	hooks    *webhook.Hooks
	queue    *planned
	client   *outbound.Client
	receiver *httptest.Server
	heard    atomic.Pointer[func([]chat.Changed)]

	mu     sync.Mutex
	got    []received
	answer func(w http.ResponseWriter, r received)
	counts struct{ made, delivered, failed int }
}

// planned are the jobs that were added, the last of each kind and key.
type planned struct {
	mu   sync.Mutex
	jobs map[string]jobs.Job
}

func (p *planned) Add(_ context.Context, j jobs.Job) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.jobs[j.Kind+" "+j.Key] = j
	return j.Check()
}

func (p *planned) Cancel(context.Context, string, string) (bool, error) { return false, nil }

// take is a job that must have been added.
func (p *planned) take(kind string) (jobs.Job, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, j := range p.jobs {
		if j.Kind == kind {
			delete(p.jobs, name)
			return j, true
		}
	}
	return jobs.Job{}, false
}

func newWorld(t *testing.T) *world {
	w := &world{TB: t, t: t, queue: &planned{jobs: map[string]jobs.Job{}}}
	w.clock.Store(start)
	var err error
	w.db, err = store.Open(t.Context(), store.Config{
		Path: databases.File(t), Synchronous: "off", Relaxed: true, Now: w.Now,
		Committed: func(changes []chat.Changed) {
			if heard := w.heard.Load(); heard != nil {
				(*heard)(changes)
			}
		},
	}, quiet)
	w.no(err)
	t.Cleanup(func() { _ = w.db.Close() })
	w.receiver = httptest.NewServer(w)
	t.Cleanup(w.receiver.Close)
	w.client = outbound.New(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: 5 * time.Second})
	t.Cleanup(w.client.Close)
	w.hooks = w.node(w.db, w.queue, w.client)
	return w
}

func (w *world) node(s webhook.Store, queue jobs.Queue, client *outbound.Client) *webhook.Hooks {
	return webhook.New(webhook.Parts{Store: s, Audit: w.db, Queue: queue, Client: client, Watch: w, Told: func(chat.SiteID) {}, Data: server.DataForWebhooks(func(chat.AgentID) string { return "Ann" }), Log: quiet, Now: w.Now})
}

// WebhooksMade and WebhookSent implement webhook.Watch.
func (w *world) WebhooksMade(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts.made += n
}

func (w *world) WebhookSent(delivered bool, _ time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if delivered {
		w.counts.delivered++
	} else {
		w.counts.failed++
	}
}

// ServeHTTP is the receiver.
func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	got := received{id: r.Header.Get("webhook-id"), timestamp: r.Header.Get("webhook-timestamp"), signatures: r.Header.Get("webhook-signature"), body: body}
	if err := json.Unmarshal(body, &got.what, json.MatchCaseInsensitiveNames(true)); err != nil {
		w.Errorf("%s: %v", body, err)
	}
	w.mu.Lock()
	w.got = append(w.got, got)
	answer := w.answer
	w.mu.Unlock()
	if answer != nil {
		answer(out, got)
	}
}

func (w *world) answers(how func(http.ResponseWriter, received)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = how
}

// messages are what was received since the last call.
func (w *world) messages() []received {
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.got
	w.got = nil
	return got
}

// ids are those of what was received.
func ids(all []received) (out []string) {
	for _, r := range all {
		out = append(out, r.id)
	}
	return out
}

func (w *world) no(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) Now() time.Time                        { return time.UnixMilli(w.clock.Load()) }
func (w *world) Here(chat.SiteID, chat.AgentID) bool   { return true }
func (w *world) Absent(chat.SiteID, chat.AgentID) bool { return false }

func (w *world) pass(d time.Duration) { w.clock.Add(d.Milliseconds()) }

// hook makes a webhook to the receiver.
func (w *world) hook(types ...webhook.Type) webhook.Webhook {
	w.Helper()
	h, err := w.hooks.Make(w.Context(), by, site, webhook.Content{Name: "shop", URL: w.receiver.URL + "/kefu", Types: types, On: true})
	w.no(err)
	return h
}

func (w *world) change(c chat.Change) chat.Changed {
	w.Helper()
	done := make(chan error, 1)
	var out chat.Changed
	c.ClientID = uuid.Must(uuid.NewV7())
	c.Done = func(changed chat.Changed, err error) {
		out = changed
		done <- err
	}
	w.db.Change(&c)
	select {
	case err := <-done:
		w.no(err)
	case <-time.After(20 * time.Second):
		w.Fatal("Done was not called")
	}
	return out
}

// says is a message of the n-th visitor.
func (w *world) says(n byte, text string) chat.Changed {
	w.Helper()
	hash := make([]byte, 32)
	hash[0] = n
	who := chat.Actor{Kind: chat.VisitorActor}
	return w.change(chat.Change{Begin: &chat.Beginning{Site: site, SecretHash: hash, Profile: chat.Profile{Name: "小红"}}, By: who, Decide: chat.SendMessage(who, text, w)})
}

// deliver runs the delivery of a webhook once, and gives in how long the next one is planned.
func (w *world) deliver(h webhook.ID) (next time.Duration, planned bool) {
	w.Helper()
	w.no(w.hooks.Deliver(w.Context(), jobs.Job{Kind: webhook.DeliverJob, Key: strconv.FormatInt(int64(h), 10)}))
	j, planned := w.queue.take(webhook.DeliverJob)
	return j.In, planned
}

func (w *world) log(h webhook.ID) []webhook.Delivery {
	w.Helper()
	page, err := w.hooks.Deliveries(w.Context(), site, h, 0, false, 100)
	w.no(err)
	return page
}

// inOrder checks that each conversation's messages came in the order of their numbers.
func (w *world) inOrder(all []received) {
	w.Helper()
	last := map[string]int64{}
	for _, r := range all {
		if r.seq() <= last[r.conversation()] {
			w.Errorf("%s comes after %d: %q", r.id, last[r.conversation()], ids(all))
		}
		last[r.conversation()] = r.seq()
	}
}

func has(all []string, one string) bool { return slices.Contains(all, one) }
