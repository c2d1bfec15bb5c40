package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/wire"
)

// TestLogInsEndWithTheirKey: those of a key that leaked are cut within 5 s on every node,
// also when the key was revoked before without them; those of another key stay.
func TestLogInsEndWithTheirKey(t *testing.T) {
	p := newPair(t, keepsAsking())
	owner := p.owner()
	on := p.firstSite()
	leaked, other := p.website(on), p.website(on)
	var cut []*device
	tokens := []string{leaked.logIn("person"), leaked.logIn("person"), leaked.logIn("else")}
	for _, logIn := range tokens {
		cut = append(cut, p.device(client.WebSocket, logIn)) // on one node, and on the other
	}
	stays := p.device(client.WebSocket, other.logIn("person"))
	settled(t, stays.Send("hello"))
	cut[0].want(t, 1)
	cut[1].want(t, 1)
	settled(t, cut[2].Send("hello, too"))

	at := "/api/v1/sites/" + idOf(on) + "/signing-keys/"
	owner.want(204, "DELETE", at+leaked.kid, nil)
	settled(t, cut[0].Send("still here"))
	cut[1].want(t, 2)
	for _, h := range p.hubs { // else a node's first look, at everything, would find them
		passes := h.Stats().Jobs.Heal + 2
		reaches(t, "the node looks at what has changed", func() bool { return h.Stats().Jobs.Heal >= passes })
	}
	begun := time.Now()
	for range 2 { // it may be asked for again
		owner.want(204, "DELETE", at+leaked.kid+"?log_ins=true", nil)
	}
	for i, d := range cut {
		select {
		case code := <-d.lost:
			if late := time.Since(begun); wire.CloseCode(code) != wire.CloseRevoked || late > 5*time.Second {
				t.Errorf("device %d is cut with %d after %s", i, code, late)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("device %d is not cut", i)
		}
		if code := <-d.errors; code != wire.LogInEnded {
			t.Errorf("device %d is told %s", i, code)
		}
		<-d.Done()
		if out := leaked.logOut(tokens[i]); out.code() != "log_in_ended" {
			t.Errorf("log-in %d: %s", i, out.text)
		}
	}
	settled(t, stays.Send("me, too"))
	if len(stays.lost) > 0 {
		t.Error("a device of another key was cut, too")
	}
	for _, unknown := range []string{"12345?log_ins=true", "12345", leaked.kid} {
		if a := owner.ask("DELETE", at+unknown, nil); a.status != 404 {
			t.Errorf("%s: %s", unknown, a.text)
		}
	}
	trail := owner.want(200, "GET", "/api/v1/sites/"+idOf(on)+"/audit", nil).text
	if strings.Count(trail, "signing_key_revoked") != 1 || strings.Count(trail, "visitor_log_ins_ended") != 2 {
		t.Errorf("the audit: %s", trail)
	}
	p.must(p.parts.VisitorLogins.Forget(t.Context()))
	if out := leaked.logOut(tokens[0]); out.code() != "log_in_ended" {
		t.Errorf("a log-in whose row has gone: %s", out.text)
	}
	settled(t, stays.Send("and on"))
}
