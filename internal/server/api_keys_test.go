package server_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/server"
)

// program is an application server with an API key.
func (w *world) program(secret string) *person {
	p := w.person()
	p.header.Set("Authorization", "Bearer "+secret)
	return p
}

func keysPath(w *world) string { return "/api/v1/sites/" + idOf(w.firstSite()) + "/api-keys" }

func TestAPIKeyFromItsMakingToItsEnd(t *testing.T) {
	w := newWorld(t, server.Config{})
	owner := w.owner()
	made := owner.want(201, "POST", keysPath(w), fields{"name": " Shop's back end ", "scopes": []string{"legacy", "push", "push"}})
	secret, id := made.string("secret"), made.string("key", "id")
	if !strings.HasPrefix(secret, "kfk_") || len(secret) != 4+43 {
		t.Errorf("the secret is %q", secret)
	}
	if name, scopes := made.string("key", "name"), fmt.Sprint(made.get("key", "scopes")); name != "Shop's back end" || scopes != "[push legacy]" {
		t.Errorf("made %s", made.text)
	}
	listed := owner.want(200, "GET", keysPath(w), nil)
	if strings.Contains(listed.text, secret[4:]) || !strings.Contains(listed.text, `"made_by":"Olive"`) || strings.Contains(listed.text, "last_used_at") {
		t.Errorf("the list is %s", listed.text)
	}

	program := w.program(secret)
	own := program.want(200, "GET", "/api/v1/api-key", nil)
	if own.string("site") != idOf(w.firstSite()) || own.string("key", "id") != id || strings.Contains(own.text, secret[4:]) {
		t.Errorf("its own is %s", own.text)
	}
	if listed = owner.want(200, "GET", keysPath(w), nil); !strings.Contains(listed.text, "last_used_at") {
		t.Errorf("after its use the list is %s", listed.text)
	}

	owner.want(204, "DELETE", keysPath(w)+"/"+id, nil)
	if a := program.ask("GET", "/api/v1/api-key", nil); a.status != 401 || a.code() != "bad_key" {
		t.Errorf("the revoked key gets %d %s", a.status, a.text)
	}
	owner.want(404, "DELETE", keysPath(w)+"/"+id, nil)
	if listed = owner.want(200, "GET", keysPath(w), nil); strings.Contains(listed.text, id) {
		t.Errorf("after its end the list is %s", listed.text)
	}
	entries, err := w.db.Entries(t.Context(), audit.Query{Site: w.firstSite().ID, Limit: 2})
	w.must(err)
	if len(entries) != 2 || entries[0].What != audit.APIKeyRevoked || entries[1].What != audit.APIKeyMade ||
		entries[1].Detail["name"] != "Shop's back end" || entries[1].Detail["scopes"] != "push legacy" || entries[0].By.Name != "Olive" {
		t.Errorf("the audit has %+v", entries)
	}
}

// TestRevokedKeyOnAnotherNode: it works there for no longer than 2 s.
func TestRevokedKeyOnAnotherNode(t *testing.T) {
	w := newWorld(t, server.Config{})
	w.owner()
	here, there := w.parts.Keys, identity.NewKeys(w.db, w.db, w.clock.Now)
	key, secret, err := here.Make(t.Context(), audit.By{}, w.firstSite().ID, "Shop", identity.Scopes())
	w.must(err)
	_, err = there.Find(t.Context(), secret)
	w.must(err)
	w.must(here.Revoke(t.Context(), audit.By{}, key.Site, key.ID))
	w.clock.forward(2 * time.Second)
	if found, err := there.Find(t.Context(), secret); err == nil {
		t.Errorf("after 2 s the other node still finds %+v", found)
	}
}

func TestNoKeyNoEntry(t *testing.T) {
	w := newWorld(t, server.Config{})
	owner := w.owner()
	secret := owner.want(201, "POST", keysPath(w), fields{"name": "Shop", "scopes": []string{"push"}}).string("secret")
	for name, header := range map[string]string{
		"none": "", "no scheme": secret, "another scheme": "Basic " + secret, "nothing": "Bearer", "empty": "Bearer ", "without prefix": "Bearer " + secret[4:],
		"cut": "Bearer " + secret[:len(secret)-1], "longer": "Bearer " + secret + "A", "another": "Bearer kfk_" + strings.Repeat("A", 43), "two": "Bearer " + secret + " " + secret,
	} {
		p := w.person()
		if header != "" {
			p.header.Set("Authorization", header)
		}
		if a := p.ask("GET", "/api/v1/api-key", nil); a.status != 401 || a.code() != "bad_key" {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
		if a := p.ask("GET", "/api/v1/api-key?key="+secret, nil); a.status != 401 {
			t.Errorf("%s: a key in the address gets %d", name, a.status)
		}
	}
	if a := w.program(secret).ask("GET", "/api/v1/api-key", nil); a.status != 200 {
		t.Errorf("the key itself: %d %s", a.status, a.text)
	}
	page := w.program(secret) // in a browser, on a page of another website
	page.header.Set("Origin", "https://evil.example")
	if a := page.ask("POST", keysPath(w), fields{"name": "x", "scopes": []string{"push"}}); a.status != 403 {
		t.Errorf("a page of another website: %d %s", a.status, a.text)
	}
}

// TestKeysOpenNoAgentsRoutes: a key has no role, on its own site neither.
func TestKeysOpenNoAgentsRoutes(t *testing.T) {
	s := newStage(t)
	_, secret, err := s.parts.Keys.Make(t.Context(), audit.By{}, s.own, "Shop", identity.Scopes())
	s.must(err)
	program := s.program(secret)
	tried := 0
	for _, route := range s.server.Routes() {
		if strings.HasPrefix(route.Access, "anybody") || strings.Contains(route.Access, "key") {
			continue
		}
		path, body := s.request(route, s.own)
		if a := program.ask(route.Method, path, body); a.status != 401 || a.code() != "not_logged_in" {
			t.Errorf("%s %s: %d %s", route.Method, path, a.status, a.text)
		}
		tried++
	}
	if tried < 20 {
		t.Errorf("only %d routes were tried", tried)
	}
}

// TestManyWrongKeys: they are refused for a while, and who has a right one is not.
func TestManyWrongKeys(t *testing.T) {
	w := newWorld(t, server.Config{})
	owner := w.owner()
	secret := owner.want(201, "POST", keysPath(w), fields{"name": "Shop", "scopes": []string{"push"}}).string("secret")
	program := w.program(secret)
	for range 40 {
		program.want(200, "GET", "/api/v1/api-key", nil) // a right one counts as no wrong one
	}
	wrong := w.program("kfk_" + strings.Repeat("A", 43))
	var last answer
	for n := 0; n < 100 && last.status != http.StatusTooManyRequests; n++ {
		if last = wrong.ask("GET", "/api/v1/api-key", nil); n < 20 && last.status != 401 {
			t.Fatalf("wrong key %d: %d %s", n, last.status, last.text)
		}
	}
	if last.code() != "rate_limited" || last.header.Get("Retry-After") == "" {
		t.Errorf("after many wrong keys: %d %s", last.status, last.text)
	}
	w.clock.forward(3 * time.Second) // the node asks the database for it again
	program.want(200, "GET", "/api/v1/api-key", nil)
	w.clock.forward(time.Minute)
	if a := wrong.ask("GET", "/api/v1/api-key", nil); a.status != 401 {
		t.Errorf("after a pause: %d %s", a.status, a.text)
	}
}

// TestKeysHaveRequestsOfTheirOwn: a server is not held up by people behind the same
// address, nor they by it, and each key has its bound.
func TestKeysHaveRequestsOfTheirOwn(t *testing.T) {
	w := newWorld(t, server.Config{RequestBurst: 15, RequestPerSecond: 0.001, KeyBurst: 30, KeyPerSecond: 0.001})
	owner := w.owner()
	var programs []*person
	for range 2 {
		programs = append(programs, w.program(owner.want(201, "POST", keysPath(w), fields{"name": "Shop", "scopes": []string{"push"}}).string("secret")))
		programs[len(programs)-1].want(200, "GET", "/api/v1/api-key", nil)
	}
	for n := range 30 {
		if a := programs[0].ask("GET", "/api/v1/api-key", nil); a.status != 200 {
			t.Fatalf("request %d of a key: %d %s", n, a.status, a.text)
		}
	}
	if a := programs[0].ask("GET", "/api/v1/api-key", nil); a.status != 429 || a.header.Get("Retry-After") == "" {
		t.Errorf("one more: %d %s", a.status, a.text)
	}
	programs[1].want(200, "GET", "/api/v1/api-key", nil)
	owner.want(200, "GET", "/api/v1/me", nil)
	for range 15 {
		owner.ask("GET", "/api/v1/me", nil)
	}
	if a := owner.ask("GET", "/api/v1/me", nil); a.status != 429 {
		t.Errorf("the address is not bounded: %d %s", a.status, a.text)
	}
	programs[1].want(200, "GET", "/api/v1/api-key", nil)
}

func TestLastUseIsWrittenOnceAMinute(t *testing.T) {
	w := newWorld(t, server.Config{})
	w.owner()
	key, secret, err := w.parts.Keys.Make(t.Context(), audit.By{}, w.firstSite().ID, "Shop", identity.Scopes())
	w.must(err)
	used := func() int64 {
		t.Helper()
		w.program(secret).want(200, "GET", "/api/v1/api-key", nil)
		all, err := w.parts.Keys.List(t.Context(), key.Site)
		w.must(err)
		return int64(all[0].LastUsedAt)
	}
	first := used()
	w.clock.forward(30 * time.Second)
	second := used()
	w.clock.forward(40 * time.Second)
	third := used()
	if first == 0 || second != first || third < first+60_000 {
		t.Errorf("its last use was %d, %d, %d", first, second, third)
	}
}

func TestBadAPIKeysAreNotMade(t *testing.T) {
	w := newWorld(t, server.Config{})
	owner := w.owner()
	for field, body := range map[string]fields{
		"name":   {"name": " ", "scopes": []string{"push"}},
		"scopes": {"name": "Shop", "scopes": []string{}},
	} {
		if a := owner.ask("POST", keysPath(w), body); a.status != 422 || a.string("field") != field {
			t.Errorf("%v: %d %s", body, a.status, a.text)
		}
	}
	owner.want(422, "POST", keysPath(w), fields{"name": "Shop", "scopes": []string{"push", "everything"}})
	for n := range identity.MaxKeys {
		owner.want(201, "POST", keysPath(w), fields{"name": fmt.Sprint(n), "scopes": []string{"push"}})
	}
	if a := owner.ask("POST", keysPath(w), fields{"name": "one more", "scopes": []string{"push"}}); a.status != 409 || a.code() != "too_many_keys" {
		t.Errorf("one key too many: %d %s", a.status, a.text)
	}
}

// TestNoKeyInLogsNorDatabase looks for the secret where an attacker would.
func TestNoKeyInLogsNorDatabase(t *testing.T) {
	w, _, log := observedWorld(t)
	owner := w.owner()
	made := owner.want(201, "POST", keysPath(w), fields{"name": "Shop", "scopes": []string{"push"}})
	secret := made.string("secret")
	program := w.program(secret)
	program.want(200, "GET", "/api/v1/api-key", nil)
	wrong := "kfk_" + strings.Repeat("B", 43)
	w.program(wrong).want(401, "GET", "/api/v1/api-key", nil)
	owner.want(204, "DELETE", keysPath(w)+"/"+made.string("key", "id"), nil)
	program.want(401, "GET", "/api/v1/api-key", nil)
	if text := log.String(); !strings.Contains(text, "api-key") || strings.Contains(text, secret[4:]) || strings.Contains(text, wrong[4:]) {
		t.Errorf("the log says %s", text)
	}
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(w.database + suffix)
		w.must(err)
		if bytes.Contains(data, []byte(secret[4:])) {
			t.Errorf("the database has the key in it%s", suffix)
		}
	}
}
