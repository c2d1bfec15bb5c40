package webhook_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/outbound"
	sites "github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/webhook"
)

func localNetworks() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

func TestWhatAnAdminMaySay(t *testing.T) {
	w := newWorld(t)
	closed := outbound.New(outbound.Config{})
	defer closed.Close()
	strict := w.node(w.db, w.queue, closed)
	good := webhook.Content{URL: "https://hooks.example/kefu", Types: []webhook.Type{"round.opened", "message.created", "round.opened"}, On: true}
	twoLines := good
	twoLines.Name = "Shop\r\nand more"
	if _, err := strict.Make(t.Context(), by, site, twoLines); err == nil {
		t.Error("a name of two lines was taken")
	}
	for field, change := range map[string]func(*webhook.Content){
		"url":   func(c *webhook.Content) { c.URL = "https://10.0.0.1/" },
		"types": func(c *webhook.Content) { c.Types = []webhook.Type{"message.created", "all"} },
		"name":  func(c *webhook.Content) { c.Name = strings.Repeat("长", webhook.MaxName+1) },
	} {
		c := good
		change(&c)
		var wrong *sites.FieldError
		if _, err := strict.Make(t.Context(), by, site, c); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	none := good
	none.Types = nil
	if _, err := strict.Make(t.Context(), by, site, none); err == nil {
		t.Error("a webhook that wants nothing was made")
	}
	var last webhook.Webhook
	for range webhook.MaxWebhooks {
		var err error
		last, err = strict.Make(t.Context(), by, site, good)
		w.no(err)
		w.pass(time.Second)
	}
	if fmt.Sprint(last.Types) != "[message.created round.opened]" || last.State != webhook.On || !strings.HasPrefix(last.Secret, "whsec_") {
		t.Errorf("%+v", last)
	}
	if _, err := strict.Make(t.Context(), by, site, good); chat.CodeOf(err) != chat.Conflict {
		t.Errorf("one too many: %v", err)
	}
	if err := strict.Delete(t.Context(), by, site+1, last.ID); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("another site deletes it: %v", err)
	}
	w.no(strict.Delete(t.Context(), by, site, last.ID))
	trail, err := w.db.Entries(t.Context(), audit.Query{Site: site, Limit: 5})
	w.no(err)
	if trail[0].What != audit.WebhookDeleted || trail[1].What != audit.WebhookMade || trail[0].By.Name != "Ann" || trail[0].Address != by.Address {
		t.Errorf("%+v", trail)
	}
}

func TestTwoSecretsSignWhileReceiversChangeOver(t *testing.T) {
	w := newWorld(t)
	old := w.hook("message.created")
	made, err := w.hooks.Rotate(t.Context(), by, site, old.ID)
	w.no(err)
	if made.Secret == old.Secret {
		t.Fatal("it has the same secret")
	}
	signs := func(n byte) (byNew, byOld bool) {
		w.says(n, "hello")
		w.deliver(old.ID)
		got := w.messages()
		if len(got) != 1 {
			t.Fatalf("%q", ids(got))
		}
		return verify(got[0], made.Secret), verify(got[0], old.Secret)
	}
	if byNew, byOld := signs(1); !byNew || !byOld {
		t.Errorf("after the change: new %t, old %t", byNew, byOld)
	}
	w.pass(webhook.OldLasts)
	if byNew, byOld := signs(2); !byNew || byOld {
		t.Errorf("a day later: new %t, old %t", byNew, byOld)
	}
}

func TestTestsAndReplays(t *testing.T) {
	w := newWorld(t)
	h := w.hook("message.created")
	d, err := w.hooks.Ping(t.Context(), site, h.ID)
	w.no(err)
	if got := w.messages(); len(got) != 1 || got[0].what.Type != webhook.Ping || !d.Delivered || !verify(got[0], h.Secret) || got[0].id != d.Message {
		t.Errorf("%+v", d)
	}
	if err := w.hooks.Replay(t.Context(), by, site, h.ID, d.ID); chat.CodeOf(err) != chat.Conflict {
		t.Errorf("a test was sent again: %v", err)
	}
	w.says(1, "one")
	w.pass(time.Second)
	w.says(1, "two")
	w.says(2, "three")
	w.deliver(h.ID)
	if got := w.messages(); len(got) != 3 {
		t.Fatalf("%q", ids(got))
	}
	log := w.log(h.ID)
	first := log[len(log)-2] // behind the test
	w.answers(func(out http.ResponseWriter, _ received) { out.WriteHeader(500) })
	w.no(w.hooks.Replay(t.Context(), by, site, h.ID, first.ID))
	j, planned := w.queue.take(webhook.ReplayJob)
	if !planned {
		t.Fatal("no replay is planned")
	}
	w.no(w.hooks.ReplayOne(t.Context(), j))
	if got := w.messages(); len(got) != 1 || got[0].id != first.Message {
		t.Errorf("%q, want %s", ids(got), first.Message)
	}
	again, err := w.db.DeliveryOf(t.Context(), h.ID, first.ID)
	w.no(err)
	if again.Tries != 2 || again.Delivered || again.Status != 500 {
		t.Errorf("%+v", again)
	}
	w.answers(nil)
	n, err := w.hooks.ReplaySince(t.Context(), by, site, h.ID, 1)
	w.no(err)
	if _, planned := w.queue.take(webhook.DeliverJob); n != 2 || !planned {
		t.Errorf("%d conversations, planned: %t", n, planned)
	}
	w.deliver(h.ID)
	got := w.messages()
	if len(got) != 3 {
		t.Errorf("%q", ids(got))
	}
	w.inOrder(got)
	if _, err := w.hooks.ReplaySince(t.Context(), by, site+1, h.ID, 1); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("another site replays: %v", err)
	}
}

func TestWhatIsOffIsToldNothing(t *testing.T) {
	w := newWorld(t)
	h := w.hook("message.created")
	w.says(1, "one")
	off, err := w.hooks.Change(t.Context(), by, site, h.ID, webhook.Content{URL: h.URL, Types: h.Types})
	w.no(err)
	w.says(1, "two")
	w.deliver(h.ID)
	if got := w.messages(); off.State != webhook.Off || len(got) != 0 {
		t.Errorf("%s: %q", off.State, ids(got))
	}
	if _, err := w.hooks.Resume(t.Context(), by, site, h.ID); chat.CodeOf(err) != chat.Conflict {
		t.Errorf("%v", err)
	}
	_, err = w.hooks.Change(t.Context(), by, site, h.ID, webhook.Content{URL: h.URL, Types: h.Types, On: true})
	w.no(err)
	c := w.says(1, "three").Conversation
	w.deliver(h.ID)
	if got := ids(w.messages()); fmt.Sprint(got) != fmt.Sprint([]string{webhook.MessageID(c.UUID, 4)}) {
		t.Errorf("%q", got)
	}
}

// TestWhatWasTakenBackIsNotTold: a message that waits is told as it is when it is sent.
func TestWhatWasTakenBackIsNotTold(t *testing.T) {
	w := newWorld(t)
	h := w.hook("message.created", "message.recalled")
	said := w.says(1, "my password is 12345")
	who := chat.Actor{Kind: chat.VisitorActor, ID: int64(said.Conversation.Visitor)}
	w.change(chat.Change{Conversation: said.Conversation.ID, By: who, Decide: chat.RecallText(who, said.Events[said.Answer].PublicSeq)})
	w.deliver(h.ID)
	got := w.messages()
	for _, r := range got {
		if strings.Contains(string(r.body), "12345") {
			t.Errorf("it was told: %s", r.body)
		}
	}
	if len(got) != 2 || got[1].what.Type != "message.recalled" {
		t.Errorf("%q", ids(got))
	}
}
