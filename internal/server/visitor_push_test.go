package server_test

import (
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// TestPushToVerified: a push may ask for a verified visitor; whoever only names its id
// does not get it, and its connection ends with the log-in.
func TestPushToVerified(t *testing.T) {
	cfg := keepsAsking()
	cfg.Push = server.Entry{Mode: server.OpenEntry}
	w := newWorld(t, cfg)
	w.owner()
	s := w.website(w.firstSite())
	ask := func(bearer string) answer {
		p := w.person()
		p.header.Set("Origin", w.base)
		p.header.Set("Authorization", "Bearer "+bearer)
		return p.ask("POST", "/api/v1/widget/"+s.on.Key+"/push-ticket", nil)
	}
	const person = "安 7"
	logIn := s.logIn(person)
	made := ask(logIn)
	if made.status != 201 || made.string("id") != person {
		t.Fatalf("a ticket: %d %s", made.status, made.text)
	}
	at := "/websocket/" + url.PathEscape(person)
	proved, status, body := w.plainly(at+"?after=0&ticket="+made.string("ticket"), nil)
	if status != 101 {
		t.Fatalf("with its ticket: %d %s", status, body)
	}
	w.reads(proved)
	names, _, _ := w.plainly(at+"?after=0", nil)
	w.reads(names)
	for what, c := range map[string]string{"again": at, "for another id": "/websocket/other"} {
		if _, status, _ := w.plainly(c+"?ticket="+made.string("ticket"), nil); status != 403 {
			t.Errorf("the ticket %s: %d, want 403", what, status)
		}
	}
	_, key, err := w.parts.Keys.Make(t.Context(), audit.By{}, s.on.ID, "back end", []identity.Scope{identity.PushScope})
	w.must(err)
	n := 0
	push := func(reached int, to fields) {
		t.Helper()
		p := w.person()
		p.header.Set("Authorization", "Bearer "+key)
		p.header.Set("Idempotency-Key", fmt.Sprint(n))
		to["payload"] = fmt.Sprint("push ", n)
		n++
		if a := p.want(200, "POST", "/api/v1/push", to); a.get("reached") != float64(reached) {
			t.Errorf("%v reached %s, want %d", to, a.text, reached)
		}
	}
	push(1, fields{"id": person, "verified": true})
	push(2, fields{"id": person})
	push(1, fields{"all": true, "verified": true})
	push(2, fields{"all": true})
	push(0, fields{"id": "other", "verified": true})
	var last struct{ text [4]string }
	for i := range last.text {
		last.text[i] = w.reads(proved)
	}
	for i := range 2 {
		if got := w.reads(names); got[len(got)-len(`"push 1"}`):] != fmt.Sprintf(`"push %d"}`, 1+2*i) {
			t.Errorf("whoever names the id gets %s", got)
		}
	}
	// Who comes back gets what it missed, and nothing of what was for others.
	var from struct{ Position int64 }
	parseJSON(t, last.text[0], &from)
	late, _, _ := w.plainly(fmt.Sprint(at, "?after=", from.Position), nil)
	w.reads(late)
	for i := range 2 {
		if got := w.reads(late); got[len(got)-len(`"push 1"}`):] != fmt.Sprintf(`"push %d"}`, 1+2*i) {
			t.Errorf("whoever comes back by its id alone gets %s", got)
		}
	}
	unused := ask(logIn).string("ticket")
	begun := time.Now()
	s.logOut(logIn)
	w.must(proved.SetReadDeadline(time.Now().Add(20 * time.Second)))
	_, err = proved.Read()
	var closed *ws.CloseError
	if !errors.As(err, &closed) || closed.Code != uint16(wire.CloseRevoked) || time.Since(begun) > 5*time.Second {
		t.Errorf("after log-out: %v after %s", err, time.Since(begun))
	}
	if _, status, _ := w.plainly(at+"?ticket="+unused, nil); status != 403 {
		t.Errorf("a ticket of a log-in that ended: %d, want 403", status)
	}
	for _, bearer := range []string{logIn, client.NewSecret(), key} {
		if a := ask(bearer); a.code() != "log_in_ended" {
			t.Errorf("a ticket for %.4s: %s", bearer, a.text)
		}
	}
}
