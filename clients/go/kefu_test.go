package kefu_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	kefu "github.com/kefu-chat/kefu/clients/go"
)

func TestKeyAndSite(t *testing.T) {
	c := newClient(t)
	own := must[*kefu.OwnKey](t)(c.GetOwnAPIKey(t.Context()))
	if own.Site != the.Site || own.Key.ID != the.KeyID {
		t.Errorf("the key is %s of the site %s, want %s of %s", own.Key.ID, own.Site, the.KeyID, the.Site)
	}
	if site := must[*kefu.Site](t)(c.GetSite(t.Context(), the.Site)); site.Name != "Harbour Books" {
		t.Errorf("the site is %q", site.Name)
	}
}

// Three pages of conversations, each once, newest first.
func TestConversationsPageByPage(t *testing.T) {
	c := newClient(t)
	begun := time.Now().Add(-time.Second).UnixMilli()
	want := map[string]bool{}
	for i := range 25 {
		want[says(t, fmt.Sprintf("page %d", i), "hello").Conversation] = true
	}
	found := 0
	for one, err := range c.Conversations(t.Context(), the.Site, kefu.ListConversationsParams{Limit: 10, Since: begun}) {
		if err != nil {
			t.Fatal(err)
		}
		if !want[one.ID] {
			continue // of another test
		}
		delete(want, one.ID)
		found++
		if one.Round.State != kefu.ConversationRoundStateWaiting || one.Last == nil || one.Last.Text != "hello" {
			t.Errorf("%+v, last %+v", one.Round, one.Last)
		}
	}
	if found != 25 || len(want) != 0 {
		t.Errorf("%d were found, and these not: %v", found, want)
	}
	for _, err := range c.Conversations(t.Context(), the.Site, kefu.ListConversationsParams{State: "strange"}) {
		if e, is := errors.AsType[*kefu.Error](err); !is || e.Status != 422 && e.Status != 400 {
			t.Errorf("a page that cannot be is answered with %v", err)
		}
	}
}

func TestAConversationFromTakingToTheEnd(t *testing.T) {
	c, ctx := newClient(t), t.Context()
	at := says(t, "Lin", "is anybody there?").Conversation
	asAgent := &kefu.ActAs{Agent: the.Agent}
	changed := must[*kefu.Changed](t)(c.AssignRound(ctx, the.Site, at, kefu.AssignInput{Agent: the.Agent}))
	if changed.Conversation.Round.State != kefu.ConversationRoundStateAssigned || changed.Event == nil || changed.Event.Via.ID != the.KeyID {
		t.Fatalf("assigned: %+v", changed)
	}
	must[*kefu.Changed](t)(c.SendMessage(ctx, the.Site, at, kefu.TextInput{As: asAgent, Text: "I am."}))
	must[*kefu.Changed](t)(c.AddNote(ctx, the.Site, at, kefu.TextInput{Text: "a regular"}))
	if texts := heard(t, "Lin", 1); texts[0] != "I am." {
		t.Errorf("the visitor heard %q", texts)
	}
	ended := must[*kefu.Changed](t)(c.ResolveRound(ctx, the.Site, at, kefu.CommandInput{}))
	if ended.Conversation.Round.State != kefu.ConversationRoundStateResolved {
		t.Errorf("resolved: %+v", ended.Conversation.Round)
	}
	var kinds []string
	for e, err := range c.Events(ctx, the.Site, at, kefu.ListEventsParams{Limit: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, e.Kind)
	}
	if want := []string{"opened", "message", "assigned", "message", "note", "resolved"}; !slices.Equal(kinds, want) {
		t.Errorf("the events are %v, want %v", kinds, want)
	}
	rounds := 0
	for one, err := range c.Rounds(ctx, the.Site, at) {
		if err != nil || one.Number != 1 {
			t.Errorf("%+v, %v", one, err)
		}
		rounds++
	}
	if rounds != 1 {
		t.Errorf("%d rounds, want 1", rounds)
	}
}

func TestOnceUnderAName(t *testing.T) {
	c := newClient(t)
	at := says(t, "once", "two, please").Conversation
	send := func(ctx context.Context, text string) (*kefu.Changed, error) {
		return c.SendMessage(ctx, the.Site, at, kefu.TextInput{As: &kefu.ActAs{Bot: "Orders"}, Text: text})
	}
	ctx := kefu.Once(t.Context(), "order-77 of "+at)
	first := must[*kefu.Changed](t)(send(ctx, "It is on its way."))
	again := must[*kefu.Changed](t)(send(ctx, "It is on its way."))
	if first.Event == nil || again.Event == nil || first.Event.Seq != again.Event.Seq {
		t.Errorf("the events are %+v and %+v, want one", first.Event, again.Event)
	}
	_, err := send(ctx, "Something else.")
	if e, is := errors.AsType[*kefu.Error](err); !is || e.Code != "client_id_reused" || e.Status != 409 || e.Text == "" {
		t.Errorf("another text under the name is answered with %v", err)
	}
	third := must[*kefu.Changed](t)(send(t.Context(), "It is on its way."))
	if third.Event.Seq == first.Event.Seq {
		t.Error("without a name a message was left out")
	}
}

func TestVisitors(t *testing.T) {
	c, ctx := newClient(t), t.Context()
	at := says(t, "Wei", "hello").Conversation
	id := must[*kefu.Conversation](t)(c.GetConversation(ctx, the.Site, at)).Visitor
	name, email, none := "魏", "wei@example.com", ""
	change := kefu.VisitorChange{Name: &name, Email: &email, Fields: map[string]string{"plan": "gold"}}
	if err := c.TellVisitor(ctx, the.Site, id, change); err != nil {
		t.Fatal(err)
	}
	found := 0
	for v, err := range c.Visitors(ctx, the.Site, kefu.ListVisitorsParams{Email: email}) {
		if err != nil {
			t.Fatal(err)
		}
		if found++; v.ID != id || v.Told == nil || v.Told.Name != name || v.Told.Fields["plan"] != "gold" {
			t.Errorf("found %+v, told %+v", v, v.Told)
		}
	}
	if found != 1 {
		t.Errorf("%d visitors have the address, want 1", found)
	}
	if err := c.TellVisitor(ctx, the.Site, id, kefu.VisitorChange{Name: &none}); err != nil {
		t.Fatal(err)
	}
	if v := must[*kefu.Visitor](t)(c.GetVisitor(ctx, the.Site, id)); v.Told == nil || v.Told.Name != "" || v.Told.Email != email {
		t.Errorf("an empty name leaves %+v", v.Told)
	}
	archive := must[io.ReadCloser](t)(c.ExportVisitor(ctx, the.Site, id, kefu.ExportVisitorParams{}))
	all, err := io.ReadAll(archive)
	archive.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := zip.NewReader(bytes.NewReader(all), int64(len(all))); err != nil {
		t.Errorf("the export is no archive: %v", err)
	}
	must[*kefu.Erasure](t)(c.EraseVisitor(ctx, the.Site, id))
	_, err = c.GetVisitor(ctx, the.Site, id)
	if e, is := errors.AsType[*kefu.Error](err); !is || e.Code != "not_found" || e.Status != 404 {
		t.Errorf("an erased visitor is answered with %v", err)
	}
}

func TestRefusals(t *testing.T) {
	stranger := must[*kefu.Client](t)(kefu.New(the.Address, "kfk_nobody"))
	_, err := stranger.GetOwnAPIKey(t.Context())
	if e, is := errors.AsType[*kefu.Error](err); !is || e.Code != "bad_key" || e.Status != 401 {
		t.Errorf("an unknown key is answered with %v", err)
	}
	c := newClient(t)
	for _, id := range []string{"", ".."} {
		if _, err := c.GetVisitor(t.Context(), the.Site, id); err == nil || !strings.Contains(err.Error(), "visitor") {
			t.Errorf("the id %q: %v", id, err)
		}
	}
	for _, one := range [][2]string{{"chat.example.com", the.Key}, {"ftp://chat.example.com", the.Key}, {the.Address, "secret"}, {the.Address, "kfk_a\n"}} {
		if _, err := kefu.New(one[0], one[1]); err == nil {
			t.Errorf("%q makes a client", one)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.GetOwnAPIKey(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was given up answers %v", err)
	}
}

// The server is out of sight of the first two tries: the answer of one is lost after it was
// done, the next finds a busy server. One message comes of it.
func TestTriesAgainUnderTheSameName(t *testing.T) {
	lossy := &lossy{}
	c := newClient(t, kefu.WithHTTPClient(&http.Client{Transport: lossy}))
	at := says(t, "lossy", "hello").Conversation
	if _, err := c.SendMessage(t.Context(), the.Site, at, kefu.TextInput{As: &kefu.ActAs{Bot: "Echo"}, Text: "hello"}); err != nil {
		t.Fatal(err)
	}
	if n := lossy.tries.Load(); n != 3 {
		t.Errorf("%d tries, want 3", n)
	}
	messages := 0
	for e, err := range c.Events(t.Context(), the.Site, at, kefu.ListEventsParams{}) {
		if err == nil && e.By.Kind == kefu.ActorKindBot {
			messages++
		}
	}
	if messages != 1 {
		t.Errorf("%d messages, want 1", messages)
	}
}

type lossy struct{ tries atomic.Int32 }

func (l *lossy) RoundTrip(q *http.Request) (*http.Response, error) {
	switch l.tries.Add(1) {
	case 1:
		answer, err := http.DefaultTransport.RoundTrip(q)
		if err == nil {
			answer.Body.Close()
		}
		return nil, errors.New("the answer was lost")
	case 2:
		w := httptest.NewRecorder()
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.WriteString(`{"code":"rate_limited","text":"Wait.","retry_after":20}`)
		return w.Result(), nil
	}
	return http.DefaultTransport.RoundTrip(q)
}

// What is busy for long is told, after as many tries as were allowed.
func TestTriesEnd(t *testing.T) {
	var tries atomic.Int32
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		tries.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"code":"busy","text":"Later.","retry_after":1}`))
	}))
	defer busy.Close()
	c := must[*kefu.Client](t)(kefu.New(busy.URL, the.Key, kefu.WithTries(2)))
	_, err := c.GetOwnAPIKey(t.Context())
	if e, is := errors.AsType[*kefu.Error](err); !is || e.Code != "busy" || e.RetryAfter != time.Millisecond {
		t.Errorf("the error is %v", err)
	}
	if n := tries.Load(); n != 2 {
		t.Errorf("%d tries, want 2", n)
	}
}
