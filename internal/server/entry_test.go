package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/server"
)

func TestSetUpByTheLinkOfTheStart(t *testing.T) {
	w := newWorld(t, server.Config{})
	p := w.person()
	if a := p.want(200, "GET", "/api/v1/setup", nil); a.get("needed") != true {
		t.Errorf("before: %s", a.text)
	}
	if a := p.want(200, "POST", "/api/v1/link", fields{"secret": w.setup}); a.string("kind") != "setup" {
		t.Errorf("the link is for %s", a.text)
	}
	good := fields{"secret": w.setup, "name": "Olive", "email": " Olive@Example.com ", "password": password, "site": "Shop"}
	with := func(name, value string) fields {
		changed := fields{}
		for k, v := range good {
			changed[k] = v
		}
		changed[name] = value
		return changed
	}
	for _, c := range []struct {
		name, value, field string
		status             int
	}{
		{"secret", strings.Repeat("A", 43), "", 410}, {"secret", "short", "", 410},
		{"name", " ", "name", 422}, {"email", "olive", "email", 422}, {"email", "olive@example", "email", 422},
		{"password", "too short", "password", 422}, {"password", strings.Repeat("a", 20), "password", 422},
		{"password", strings.Repeat("ab", 200), "password", 422},
		{"site", "", "site", 422}, {"site", "a\nb", "site", 422}, {"name", "a\x00b", "name", 422},
	} {
		a := p.want(c.status, "POST", "/api/v1/setup", with(c.name, c.value))
		if a.string("field") != c.field {
			t.Errorf("%s %q: the field is %q: %s", c.name, c.value, a.string("field"), a.text)
		}
	}
	a := p.want(201, "POST", "/api/v1/setup", good)
	if a.string("email") != "olive@example.com" || a.get("owner") != true {
		t.Errorf("the owner is %s", a.text)
	}
	cookie := a.header.Get("Set-Cookie")
	for _, want := range []string{"kefu=", "HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie %q has no %s", cookie, want)
		}
	}
	if strings.Contains(cookie, "Secure") || strings.Contains(cookie, "__Host-") {
		t.Errorf("a cookie for TLS where there is none: %s", cookie)
	}
	p.want(200, "GET", "/api/v1/me", nil)
	if again := w.person().want(410, "POST", "/api/v1/setup", with("email", "eve@example.com")); again.code() != "link_spent" {
		t.Errorf("the second use: %s", again.text)
	}
	if a := p.want(200, "GET", "/api/v1/setup", nil); a.get("needed") != false {
		t.Errorf("afterwards: %s", a.text)
	}
}

func TestASetupLinkEndsWithTimeAndWithANewStart(t *testing.T) {
	w := newWorld(t, server.Config{})
	body := func(secret string) fields {
		return fields{"secret": secret, "name": "Olive", "email": "o@example.com", "password": password, "site": "Shop"}
	}
	second, err := w.people.MakeSetup(t.Context(), false)
	w.must(err)
	w.person().want(410, "POST", "/api/v1/setup", body(w.setup))
	w.clock.forward(30 * time.Minute)
	w.person().want(410, "POST", "/api/v1/setup", body(second.Secret))
	third, err := w.people.MakeSetup(t.Context(), false)
	w.must(err)
	w.clock.forward(29 * time.Minute)
	w.person().want(201, "POST", "/api/v1/setup", body(third.Secret))
}

// Nodes of a cluster that start together print a link each: all are good, until one is used.
func TestSetupLinksOfSeveralNodes(t *testing.T) {
	w := newWorld(t, server.Config{})
	body := func(secret, email string) fields {
		return fields{"secret": secret, "name": "Olive", "email": email, "password": password, "site": "Shop"}
	}
	beside, err := w.people.MakeSetup(t.Context(), true)
	w.must(err)
	w.person().want(201, "POST", "/api/v1/setup", body(w.setup, "o@example.com"))
	link, _, err := w.people.Link(t.Context(), beside.Secret)
	if err == nil {
		t.Errorf("the other node's link is still good: %+v", link)
	}
}

func TestLogInAndOut(t *testing.T) {
	w := newWorld(t, server.Config{})
	w.owner()
	p := w.logIn("OLIVE@example.com")
	me := p.want(200, "GET", "/api/v1/me", nil)
	if me.string("name") != "Olive" {
		t.Errorf("me: %s", me.text)
	}
	old := p.cookie()
	out := p.want(204, "POST", "/api/v1/log-out", nil)
	if !strings.Contains(out.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("the cookie stays: %q", out.header.Get("Set-Cookie"))
	}
	p.want(401, "GET", "/api/v1/me", nil)
	thief := w.person()
	thief.header.Set("Cookie", old)
	if a := thief.want(401, "GET", "/api/v1/me", nil); a.code() != "not_logged_in" {
		t.Errorf("the old cookie: %s", a.text)
	}
	p.want(204, "POST", "/api/v1/log-out", nil)
}

func TestALogInSlides(t *testing.T) {
	w := newWorld(t, server.Config{})
	p := w.owner()
	renewed := func(path string) bool {
		return strings.Contains(p.want(200, "GET", path, nil).header.Get("Set-Cookie"), "Max-Age=2592000")
	}
	for range 3 {
		w.clock.forward(29 * 24 * time.Hour)
		if !renewed("/api/v1/sites") {
			t.Fatal("the cookie was not renewed")
		}
	}
	if renewed("/api/v1/sites") {
		t.Error("renewed again at once")
	}
	if !renewed("/api/v1/me") {
		t.Error("a page that is loaded gets no cookie that lasts as long as the log-in")
	}
	w.clock.forward(30*24*time.Hour + time.Second)
	p.want(401, "GET", "/api/v1/me", nil)
}

func TestWrongPasswordsPause(t *testing.T) {
	w := newWorld(t, server.Config{TrustedProxies: loopback()})
	w.owner()
	from := func(address string) *person {
		p := w.person()
		p.header.Set("X-Forwarded-For", address)
		return p
	}
	try := func(p *person, email, pass string) answer {
		return p.ask("POST", "/api/v1/log-in", fields{"email": email, "password": pass})
	}
	for _, email := range []string{"olive@example.com", "nobody@example.com"} { // known or not: the same
		p := from("192.0.2.1")
		for left := 4; left >= 0; left-- {
			a := try(p, email, "wrong")
			if a.status != 401 || a.code() != "wrong_password" || a.get("tries_left") != float64(left) {
				t.Fatalf("%s, %d left: %d %s", email, left, a.status, a.text)
			}
		}
		a := try(p, email, password)
		if a.status != 429 || a.code() != "too_many_tries" || a.header.Get("Retry-After") != "900" {
			t.Fatalf("%s: %d %s, Retry-After %q", email, a.status, a.text, a.header.Get("Retry-After"))
		}
	}
	if a := try(from("192.0.2.2"), "olive@example.com", password); a.status != 200 {
		t.Errorf("another address is shut out: %s", a.text)
	}
	w.clock.forward(14 * time.Minute)
	if a := try(from("192.0.2.1"), "olive@example.com", password); a.status != 429 {
		t.Errorf("a minute too early: %d", a.status)
	}
	w.clock.forward(time.Minute) // the refused try has prolonged nothing
	if a := try(from("192.0.2.1"), "olive@example.com", password); a.status != 200 {
		t.Errorf("after the pause: %s", a.text)
	}
	for i := range 5 {
		try(from("2001:db8::"+string(rune('1'+i))), "olive@example.com", "wrong")
	}
	if a := try(from("2001:db8::ffff"), "olive@example.com", password); a.status != 429 {
		t.Errorf("another address of the same /64: %d", a.status)
	}
	if a := try(from("2001:db8:0:1::1"), "olive@example.com", password); a.status != 200 {
		t.Errorf("another /64: %d", a.status)
	}
}

func TestAnInvitationWorksOnce(t *testing.T) {
	w := newWorld(t, server.Config{})
	owner := w.owner()
	made := owner.want(201, "POST", "/api/v1/people", fields{"name": "Ann", "email": "ann@example.com", "roles": []fields{{"site": idOf(w.firstSite()), "role": "agent"}}})
	if made.string("link", "kind") != "invite" || !strings.HasPrefix(made.string("link", "url"), w.base+"/console/link#") {
		t.Fatalf("the link: %s", made.text)
	}
	first := secretOf(made.string("link", "url"))
	w.person().want(401, "POST", "/api/v1/log-in", fields{"email": "ann@example.com", "password": password})
	again := owner.want(201, "POST", "/api/v1/people/"+made.string("person", "id")+"/link", nil)
	second := secretOf(again.string("url"))
	p := w.person()
	p.want(410, "POST", "/api/v1/link", fields{"secret": first}) // replaced
	if a := p.want(200, "POST", "/api/v1/link", fields{"secret": second}); a.string("email") != "ann@example.com" || a.string("kind") != "invite" {
		t.Errorf("the link is for %s", a.text)
	}
	p.want(422, "POST", "/api/v1/link/password", fields{"secret": second, "password": "short"})
	a := p.want(200, "POST", "/api/v1/link/password", fields{"secret": second, "password": password})
	if sites := a.get("sites").([]any); len(sites) != 1 {
		t.Errorf("it works on %v", sites)
	}
	p.want(200, "GET", "/api/v1/me", nil)
	p.want(410, "POST", "/api/v1/link/password", fields{"secret": second, "password": "another good password"})
	w.logIn("ann@example.com")
}

func TestAResetEndsAllLogIns(t *testing.T) {
	w := newWorld(t, server.Config{})
	owner := w.owner()
	ann := w.invite(owner, "ann", idOf(w.firstSite()), "agent")
	link := owner.want(201, "POST", "/api/v1/people/"+ann.id+"/link", nil)
	if link.string("kind") != "reset" {
		t.Errorf("the kind is %s", link.text)
	}
	w.clock.forward(25 * time.Hour)
	w.person().want(410, "POST", "/api/v1/link/password", fields{"secret": secretOf(link.string("url")), "password": password})
	link = owner.want(201, "POST", "/api/v1/people/"+ann.id+"/link", nil)
	w.person().want(200, "POST", "/api/v1/link/password", fields{"secret": secretOf(link.string("url")), "password": "a quite new password"})
	ann.want(401, "GET", "/api/v1/me", nil)
	w.person().want(401, "POST", "/api/v1/log-in", fields{"email": "ann@example.com", "password": password})
}

func TestLogInsAreListedAndRevoked(t *testing.T) {
	w := newWorld(t, server.Config{})
	w.owner()
	first, second, third := w.logIn("olive@example.com"), w.logIn("olive@example.com"), w.logIn("olive@example.com")
	w.clock.forward(2 * time.Hour)
	first.header.Set("User-Agent", "Someone/1")
	list := func(p *person) (ids map[bool][]string) {
		ids = map[bool][]string{}
		for _, one := range p.want(200, "GET", "/api/v1/me/log-ins", nil).get("log_ins").([]any) {
			l := one.(map[string]any)
			ids[l["current"].(bool)] = append(ids[l["current"].(bool)], l["id"].(string))
		}
		return ids
	}
	ids := list(first)
	if len(ids[true]) != 1 || len(ids[false]) != 3 {
		t.Fatalf("the log-ins: %v", ids)
	}
	own := list(second)[true][0]
	first.want(204, "DELETE", "/api/v1/me/log-ins/"+own, nil)
	second.want(401, "GET", "/api/v1/me", nil)
	first.want(404, "DELETE", "/api/v1/me/log-ins/"+own, nil)
	third.want(200, "GET", "/api/v1/me", nil)
	first.want(204, "DELETE", "/api/v1/me/log-ins", nil)
	third.want(401, "GET", "/api/v1/me", nil)
	first.want(200, "GET", "/api/v1/me", nil)
}

func TestAPasswordIsChangedByWhoKnowsIt(t *testing.T) {
	w := newWorld(t, server.Config{})
	w.owner()
	p, other := w.logIn("olive@example.com"), w.logIn("olive@example.com")
	change := func(from, to string) answer {
		return p.ask("POST", "/api/v1/me/password", fields{"old_password": from, "new_password": to})
	}
	if a := change("wrong", "a quite new password"); a.status != 422 || a.string("field") != "old_password" {
		t.Errorf("a wrong old one: %d %s", a.status, a.text)
	}
	if a := change(password, "short"); a.status != 422 || a.string("field") != "new_password" {
		t.Errorf("a short new one: %d %s", a.status, a.text)
	}
	if a := change(password, "a quite new password"); a.status != 204 {
		t.Fatalf("change: %s", a.text)
	}
	p.want(200, "GET", "/api/v1/me", nil)
	other.want(401, "GET", "/api/v1/me", nil)
	w.person().want(401, "POST", "/api/v1/log-in", fields{"email": "olive@example.com", "password": password})
}

func TestTheLastOwnerStays(t *testing.T) {
	w := newWorld(t, server.Config{})
	owner := w.owner()
	for _, change := range []fields{{"owner": false}, {"disabled": true}} {
		if a := owner.want(409, "PATCH", "/api/v1/people/"+owner.id, change); a.code() != "last_owner" {
			t.Errorf("%v: %s", change, a.text)
		}
	}
	second := owner.want(201, "POST", "/api/v1/people", fields{"name": "Otto", "email": "otto@example.com", "owner": true})
	owner.want(200, "PATCH", "/api/v1/people/"+owner.id, fields{"owner": false})
	owner.want(403, "GET", "/api/v1/people", nil)
	_ = second
}

func TestADisabledAgentIsOut(t *testing.T) {
	w := newWorld(t, server.Config{})
	owner := w.owner()
	ann := w.invite(owner, "ann", idOf(w.firstSite()), "agent")
	owner.want(200, "PATCH", "/api/v1/people/"+ann.id, fields{"disabled": true})
	ann.want(401, "GET", "/api/v1/me", nil)
	w.person().want(401, "POST", "/api/v1/log-in", fields{"email": "ann@example.com", "password": password})
	owner.want(409, "POST", "/api/v1/people/"+ann.id+"/link", nil)
	if a := owner.want(200, "PUT", "/api/v1/sites/"+idOf(w.firstSite())+"/agents/"+ann.id, fields{"role": "supervisor"}); a.string("role") != "supervisor" {
		t.Errorf("the role that waits for her: %s", a.text)
	}
	owner.want(200, "PATCH", "/api/v1/people/"+ann.id, fields{"disabled": false})
	ann.want(401, "GET", "/api/v1/me", nil) // the old log-ins stay ended
	w.logIn("ann@example.com")
}
