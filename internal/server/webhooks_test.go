package server_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/outbound"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/webhook"
)

// uncounted is a Watch for which nothing counts.
type uncounted struct{}

func (uncounted) WebhooksMade(int)                {}
func (uncounted) WebhookSent(bool, time.Duration) {}

// webhooks may go to this machine; a test runs their jobs itself.
func (w *world) webhooks() *webhook.Hooks {
	client := outbound.New(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	w.t.Cleanup(client.Close)
	return webhook.New(webhook.Parts{
		Store: w.db, Audit: w.db, Queue: w, Client: client, Watch: uncounted{}, Told: func(chat.SiteID) {}, Log: slog.New(slog.DiscardHandler), Now: w.clock.Now,
		Data: server.DataForWebhooks(func(chat.AgentID) string { return "" }),
	})
}

// webhook is the only one of a site, which leads nowhere, with an entry in its log.
func (s *stage) webhook(on chat.SiteID) (hook, delivery string) {
	s.t.Helper()
	hooks := s.parts.Webhooks
	all, err := hooks.List(s.t.Context(), on)
	s.must(err)
	for _, w := range all {
		s.must(hooks.Delete(s.t.Context(), audit.By{}, on, w.ID))
	}
	w, err := hooks.Make(s.t.Context(), audit.By{}, on, webhook.Content{URL: "https://127.0.0.1:1/", Types: webhook.Types(), On: true})
	s.must(err)
	d := webhook.Delivery{ID: chat.NewID(s.clock.Now()), Webhook: w.ID, Message: "m", Conversation: 1, Seq: 1, Type: "message.created", Tries: 1}
	s.must(s.db.Log(s.t.Context(), d))
	return jsonID(int64(w.ID)), jsonID(d.ID)
}

func TestAWebhookFromTheFormToTheReceiver(t *testing.T) {
	s := newStage(t)
	status := http.StatusOK
	got := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "thanks")
	}))
	defer receiver.Close()
	admin, all := s.cast["admin"], "/api/v1/sites/"+jsonID(int64(s.own))+"/webhooks"
	content := fields{"name": "shop", "url": receiver.URL + "/in", "types": []string{"message.created"}, "on": true}
	made := admin.want(201, "POST", all, content)
	secret, id := made.string("secret"), made.string("webhook", "id")
	if !strings.HasPrefix(secret, "whsec_") || made.string("webhook", "state") != "on" {
		t.Errorf("made %s", made.text)
	}
	one := all + "/" + id
	for _, path := range []string{all, one} {
		if a := admin.want(200, "GET", path, nil); strings.Contains(a.text, secret) {
			t.Errorf("%s tells the secret: %s", path, a.text)
		}
	}
	deliver := func() {
		t.Helper()
		s.must(s.parts.Webhooks.Deliver(t.Context(), jobs.Job{Kind: webhook.DeliverJob, Key: id}))
	}
	s.begun(s.own, "Li")
	if a := admin.want(200, "GET", one, nil); a.get("waiting") != 1.0 || a.get("oldest") == nil {
		t.Errorf("before it is delivered: %s", a.text)
	}
	deliver()
	if body := <-got; !strings.Contains(body, `"type":"message.created"`) || !strings.Contains(body, `"kind":"message"`) {
		t.Errorf("the receiver got %s", body)
	}
	if a := admin.want(200, "POST", one+"/ping", nil); a.get("delivered") != true || a.get("status") != 200.0 || a.string("answer") != "thanks" || a.string("type") != "ping" {
		t.Errorf("the test says %s", a.text)
	}
	<-got
	page := admin.want(200, "GET", one+"/deliveries?limit=1", nil)
	rest := admin.want(200, "GET", one+"/deliveries?cursor="+page.string("next"), nil)
	if !strings.Contains(page.text, `"type":"ping"`) || !strings.Contains(rest.text, `"type":"message.created"`) || rest.string("next") != "" {
		t.Errorf("the log is %s and %s", page.text, rest.text)
	}
	status = http.StatusGone
	s.begun(s.own, "Wu")
	deliver()
	<-got
	if a := admin.want(200, "GET", one, nil); a.string("state") != "paused" || !strings.Contains(a.string("why"), "410") {
		t.Errorf("after 410: %s", a.text)
	}
	if a := admin.want(200, "GET", one+"/deliveries?failed=true", nil); strings.Count(a.text, "message_id") != 1 {
		t.Errorf("what failed: %s", a.text)
	}
	status = http.StatusOK
	if a := admin.want(200, "POST", one+"/resume", nil); a.string("state") != "on" {
		t.Errorf("resumed: %s", a.text)
	}
	deliver()
	<-got
	if a := admin.want(200, "POST", one+"/replay", fields{"since": "1"}); a.get("conversations") != 2.0 {
		t.Errorf("replayed %s", a.text)
	}
	if a := admin.want(200, "POST", one+"/secret", nil); a.string("secret") == secret || a.get("webhook", "old_until") == nil {
		t.Errorf("another secret: %s", a.text)
	}
	content["on"] = false
	if a := admin.want(200, "PUT", one, content); a.string("state") != "off" || a.get("waiting") != 0.0 {
		t.Errorf("turned off: %s", a.text)
	}
	admin.want(409, "POST", one+"/resume", nil)
	admin.want(204, "DELETE", one, nil)
	admin.want(404, "GET", one, nil)
	trail := admin.want(200, "GET", "/api/v1/sites/"+jsonID(int64(s.own))+"/audit", nil)
	for _, deed := range []string{"webhook_made", "webhook_resumed", "webhook_replayed", "webhook_rotated", "webhook_changed", "webhook_deleted"} {
		if !strings.Contains(trail.text, deed) {
			t.Errorf("the audit knows nothing of %s", deed)
		}
	}
	for field, bad := range map[string]fields{
		"url":   {"url": "https://169.254.169.254/", "types": []string{"message.created"}, "on": true},
		"types": {"url": receiver.URL, "types": []string{}, "on": true},
	} {
		if a := admin.want(422, "POST", all, bad); a.string("field") != field {
			t.Errorf("%s: %s", field, a.text)
		}
	}
}
