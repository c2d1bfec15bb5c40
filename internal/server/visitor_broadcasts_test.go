package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/server"
)

// listens is a visitor who collects the broadcasts that come to it.
func (w *world) listens(secret string) (greeted chan bool, came chan string, v *client.Visitor) {
	greeted, came = make(chan bool, 10), make(chan string, 100)
	cfg := client.Config{URL: strings.Replace(w.base, "http", "ws", 1) + server.VisitorDoor, Header: map[string][]string{"Origin": {w.base}}}
	cfg.Observer.Frame = func(t string, data []byte) {
		if t == "hello" {
			greeted <- true
		}
		if t == "broadcasts" {
			came <- string(data)
		}
	}
	v = client.StartVisitor(w.t.Context(), cfg, w.firstSite().Key, secret)
	w.t.Cleanup(v.Close)
	return greeted, came, v
}

// TestBroadcastToVerified: a segment may ask for those for whom the website vouches.
func TestBroadcastToVerified(t *testing.T) {
	w := newWorld(t, keepsAsking())
	owner := w.owner()
	s := w.website(w.firstSite())
	at := "/api/v1/sites/" + idOf(s.on) + "/broadcasts"
	content := fields{"text": "for those we know", "show": "card", "audience": fields{"kind": "segment", "verified": true}}
	count := func(visitors, online float64) {
		t.Helper()
		reaches(t, "the count", func() bool {
			a := owner.want(200, "POST", at+"/count", fields{"audience": content["audience"]})
			return a.get("visitors") == visitors && a.get("online") == online && a.get("exact") == true
		})
	}
	count(0, 0)
	greeted, known, person := w.listens(s.logIn("person"))
	<-greeted
	count(1, 1)
	settled(t, person.Send("hello"))
	count(1, 1)
	s.logIn("who never came") // it has written nothing, and is not here
	greeted, unknown, anonymous := w.listens(client.NewSecret())
	<-greeted
	settled(t, anonymous.Send("hello"))
	count(1, 1)
	draft := owner.want(201, "POST", at, content)
	if draft.get("audience", "verified") != true {
		t.Errorf("the draft: %s", draft.text)
	}
	owner.want(200, "POST", at+"/"+draft.string("id")+"/publish", fields{"version": draft.get("version")})
	for what, c := range map[string]struct {
		came chan string
		want bool
	}{"a verified visitor": {known, true}, "an anonymous one": {unknown, false}} {
		select {
		case frame := <-c.came:
			if strings.Contains(frame, "for those we know") != c.want {
				t.Errorf("%s gets %s", what, frame)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s is told nothing", what)
		}
	}
	if a := owner.want(200, "GET", at+"/"+draft.string("id"), nil); a.get("expected") != float64(1) {
		t.Errorf("expected: %s", a.text)
	}
	if a := owner.ask("POST", at, fields{"text": "to whom?", "show": "card", "audience": fields{"kind": "segment"}}); a.status != 422 {
		t.Errorf("a segment of nothing: %s", a.text)
	}
}
