package server_test

import (
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
)

// exchangeWith is an exchange by a browser that was an anonymous visitor before.
func (s *website) exchangeWith(token, exchange, secret string) answer {
	s.w.t.Helper()
	p := s.w.person()
	p.header.Set("Origin", s.w.base)
	return p.ask("POST", "/api/v1/widget/"+s.on.Key+"/log-in", fields{"token": token, "exchange": exchange, "secret": secret})
}

// TestCarryOver: a browser with the secret of an open round and a fresh token has the
// chat at its log-in, and the secret leads nowhere any more.
func TestCarryOver(t *testing.T) {
	p := newPair(t, keepsAsking())
	p.owner()
	s := p.website(p.firstSite())
	secret := client.NewSecret()
	browser := p.device(client.WebSocket, secret)
	settled(t, browser.Send("before I logged in"))
	p.must(browser.Says(wire.Says{Name: "Ann 安", Email: "ann@example.com"})) // as the tokens have it
	settled(t, browser.Send("by another name"))
	token, exchange := s.token(s.claims("person")), client.NewSecret()

	for what, a := range map[string]answer{
		"a token alone":          s.exchange(s.token(s.claims("person")), client.NewSecret()),
		"somebody else's secret": s.exchangeWith(s.token(s.claims("person")), client.NewSecret(), client.NewSecret()),
	} {
		if a.status != 200 || a.get("carried") == true {
			t.Errorf("%s: %d %s", what, a.status, a.text)
		}
	}
	if a := s.exchangeWith("no token", client.NewSecret(), secret); a.status == 200 {
		t.Errorf("a secret alone: %s", a.text)
	}
	first := s.exchangeWith(token, exchange, secret)
	if first.status != 200 || first.get("carried") != true {
		t.Fatalf("%d %s", first.status, first.text)
	}
	if again := s.exchangeWith(token, exchange, secret); again.text != first.text {
		t.Errorf("repeated, the exchange gives %s, not %s", again.text, first.text)
	}
	select {
	case code := <-browser.lost:
		if wire.CloseCode(code) != wire.CloseCarried {
			t.Errorf("the secret's connection was closed with %d", code)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the secret's connection stays")
	}
	if code := <-browser.errors; code != wire.CarriedOver { // it came back by itself
		t.Errorf("the secret is told %s", code)
	}
	<-browser.Done()
	known := p.device(client.WebSocket, first.string("log_in"))
	if texts := known.want(t, 1); texts[0] != "before I logged in" {
		t.Errorf("the log-in has %q", texts)
	}
	settled(t, known.Send("and after"))
	known.inOrder(t, "the log-in")
}

// TestCarryOverIsTheSitesChoice: without it the chat stays with the secret, and goes on.
func TestCarryOverIsTheSitesChoice(t *testing.T) {
	p := newPair(t, keepsAsking())
	p.owner()
	on := p.firstSite()
	p.change(on, func(s *site.Settings) { s.CarryOver = false })
	s := p.website(on)
	secret := client.NewSecret()
	browser := p.device(client.WebSocket, secret)
	settled(t, browser.Send("mine"))
	if a := s.exchangeWith(s.token(s.claims("person")), client.NewSecret(), secret); a.status != 200 || a.get("carried") == true {
		t.Errorf("%d %s", a.status, a.text)
	}
	settled(t, browser.Send("still mine"))
	browser.want(t, 2)
	sent, err := identity.ReadSent(secret)
	p.must(err)
	v, err := p.db.Visitor(t.Context(), on.ID, sent.Hash[:])
	p.must(err)
	if head, err := p.db.Head(t.Context(), v.Conversation.ID); err != nil || head.CarriedTo != 0 {
		t.Errorf("it was carried: %+v, %v", head, err)
	}
}
