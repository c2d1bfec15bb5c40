package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/server"
)

// The callers of the table, in its order: nobody, an agent, a supervisor and an
// admin of the first site, and an owner.
var callers = []string{"nobody", "agent", "supervisor", "admin", "owner"}

// rights is what a route answers: to each of the callers where the site is their
// own, and where it is not ("-": the route names no site).
type rights struct{ own, other string }

// expected is the one table of who may use which route of REST. "+" is allowed;
// 1, 3, 4 stand for 401, 403, 404, k for the 401 of who brings no API key. An owner works on every site.
var expected = map[string]rights{
	"GET /api/v1/setup":          {"+++++", "-"},
	"POST /api/v1/setup":         {"+++++", "-"}, // by the secret of its link alone
	"POST /api/v1/link":          {"+++++", "-"},
	"POST /api/v1/link/password": {"+++++", "-"},
	"POST /api/v1/log-in":        {"+++++", "-"},
	"POST /api/v1/log-out":       {"+++++", "-"},
	"GET /api/v1/widget/{key}":   {"+++++", "-"},

	"GET /api/v1/widget/{key}/portraits":     {"+++++", "-"},
	"PUT /api/v1/me/portrait":                {"1++++", "-"},
	"DELETE /api/v1/me/portrait":             {"1++++", "-"},
	"DELETE /api/v1/people/{agent}/portrait": {"1333+", "-"},
	"PUT /api/v1/sites/{site}/logo":          {"133++", "1444+"},
	"DELETE /api/v1/sites/{site}/logo":       {"133++", "1444+"},

	"GET /api/v1/me":                        {"1++++", "-"},
	"PATCH /api/v1/me":                      {"1++++", "-"},
	"POST /api/v1/me/password":              {"1++++", "-"},
	"GET /api/v1/me/log-ins":                {"1++++", "-"},
	"DELETE /api/v1/me/log-ins/{log_in}":    {"1++++", "-"},
	"DELETE /api/v1/me/log-ins":             {"1++++", "-"},
	"GET /api/v1/sites":                     {"1++++", "-"},
	"POST /api/v1/sites":                    {"1333+", "-"},
	"GET /api/v1/people":                    {"1333+", "-"},
	"POST /api/v1/people":                   {"1333+", "-"},
	"PATCH /api/v1/people/{agent}":          {"1333+", "-"},
	"POST /api/v1/people/{agent}/link":      {"1333+", "-"},
	"DELETE /api/v1/people/{agent}/log-ins": {"1333+", "-"},
	"GET /api/v1/audit":                     {"1333+", "-"},

	"GET /api/v1/sites/{site}":                                  {"1++++", "1444+"},
	"PATCH /api/v1/sites/{site}":                                {"133++", "1444+"},
	"POST /api/v1/sites/{site}/key":                             {"133++", "1444+"},
	"GET /api/v1/sites/{site}/snippet":                          {"1++++", "1444+"},
	"GET /api/v1/sites/{site}/agents":                           {"1++++", "1444+"},
	"POST /api/v1/sites/{site}/agents":                          {"133++", "1444+"},
	"PUT /api/v1/sites/{site}/agents/{agent}":                   {"133++", "1444+"},
	"DELETE /api/v1/sites/{site}/agents/{agent}":                {"133++", "1444+"},
	"GET /api/v1/sites/{site}/broadcasts":                       {"13+++", "1444+"},
	"POST /api/v1/sites/{site}/broadcasts":                      {"13+++", "1444+"},
	"POST /api/v1/sites/{site}/broadcasts/count":                {"13+++", "1444+"},
	"GET /api/v1/sites/{site}/broadcasts/{broadcast}":           {"13+++", "1444+"},
	"PUT /api/v1/sites/{site}/broadcasts/{broadcast}":           {"13+++", "1444+"},
	"DELETE /api/v1/sites/{site}/broadcasts/{broadcast}":        {"13+++", "1444+"},
	"POST /api/v1/sites/{site}/broadcasts/{broadcast}/publish":  {"13+++", "1444+"},
	"POST /api/v1/sites/{site}/broadcasts/{broadcast}/schedule": {"13+++", "1444+"},
	"POST /api/v1/sites/{site}/broadcasts/{broadcast}/withdraw": {"13+++", "1444+"},
	"GET /api/v1/sites/{site}/audit":                            {"133++", "1444+"},

	"GET /api/v1/sites/{site}/conversations":                          {"1++++", "1444+"},
	"GET /api/v1/sites/{site}/conversations/{conversation}":           {"1++++", "1444+"},
	"GET /api/v1/sites/{site}/conversations/{conversation}/events":    {"1++++", "1444+"},
	"GET /api/v1/sites/{site}/conversations/{conversation}/rounds":    {"1++++", "1444+"},
	"GET /api/v1/sites/{site}/conversations/{conversation}/marks":     {"1++++", "1444+"},
	"GET /api/v1/sites/{site}/presence":                               {"1++++", "1444+"},
	"GET /api/v1/sites/{site}/visitors":                               {"1++++", "1444+"},
	"GET /api/v1/sites/{site}/visitors/{visitor}":                     {"1++++", "1444+"},
	"GET /api/v1/sites/{site}/visitors/{visitor}/presence":            {"1++++", "1444+"},
	"GET /api/v1/sites/{site}/visitors/{visitor}/export":              {"133++", "1444+"},
	"DELETE /api/v1/sites/{site}/visitors/{visitor}":                  {"133++", "1444+"},
	"PATCH /api/v1/sites/{site}/visitors/{visitor}":                   {"kkkkk", "kkkkk"}, // these by an API key alone
	"POST /api/v1/sites/{site}/conversations/{conversation}/messages": {"kkkkk", "kkkkk"},
	"POST /api/v1/sites/{site}/conversations/{conversation}/notes":    {"kkkkk", "kkkkk"},
	"POST /api/v1/sites/{site}/conversations/{conversation}/assign":   {"kkkkk", "kkkkk"},
	"POST /api/v1/sites/{site}/conversations/{conversation}/take":     {"kkkkk", "kkkkk"},
	"POST /api/v1/sites/{site}/conversations/{conversation}/release":  {"kkkkk", "kkkkk"},
	"POST /api/v1/sites/{site}/conversations/{conversation}/resolve":  {"kkkkk", "kkkkk"},
	"PUT /api/v1/sites/{site}/conversations/{conversation}/marks":     {"kkkkk", "kkkkk"},

	"GET /api/v1/sites/{site}/webhooks":                                         {"133++", "1444+"},
	"POST /api/v1/sites/{site}/webhooks":                                        {"133++", "1444+"},
	"GET /api/v1/sites/{site}/webhooks/{webhook}":                               {"133++", "1444+"},
	"PUT /api/v1/sites/{site}/webhooks/{webhook}":                               {"133++", "1444+"},
	"DELETE /api/v1/sites/{site}/webhooks/{webhook}":                            {"133++", "1444+"},
	"POST /api/v1/sites/{site}/webhooks/{webhook}/secret":                       {"133++", "1444+"},
	"POST /api/v1/sites/{site}/webhooks/{webhook}/resume":                       {"133++", "1444+"},
	"POST /api/v1/sites/{site}/webhooks/{webhook}/ping":                         {"133++", "1444+"},
	"POST /api/v1/sites/{site}/webhooks/{webhook}/replay":                       {"133++", "1444+"},
	"GET /api/v1/sites/{site}/webhooks/{webhook}/deliveries":                    {"133++", "1444+"},
	"POST /api/v1/sites/{site}/webhooks/{webhook}/deliveries/{delivery}/replay": {"133++", "1444+"},

	"GET /api/v1/sites/{site}/api-keys":              {"133++", "1444+"},
	"POST /api/v1/sites/{site}/api-keys":             {"133++", "1444+"},
	"DELETE /api/v1/sites/{site}/api-keys/{api_key}": {"133++", "1444+"},

	"GET /api/v1/sites/{site}/signing-keys":                  {"133++", "1444+"},
	"POST /api/v1/sites/{site}/signing-keys":                 {"133++", "1444+"},
	"DELETE /api/v1/sites/{site}/signing-keys/{signing_key}": {"133++", "1444+"},
	"POST /api/v1/widget/{key}/log-in":                       {"+++++", "-"}, // by a website's token alone
	"DELETE /api/v1/widget/{key}/log-in":                     {"+++++", "-"}, // by the log-in alone
	"POST /api/v1/widget/{key}/push-ticket":                  {"+++++", "-"},

	"POST /api/v1/push":           {"kkkkk", "-"},
	"POST /api/v1/legacy/tickets": {"kkkkk", "-"},
	"GET /api/v1/api-key":         {"kkkkk", "-"}, // by an API key alone
}

// stage is a world with two sites and everybody of the table.
type stage struct {
	*world
	own, other chat.SiteID
	cast       map[string]*person
	n          int
}

func newStage(t *testing.T) *stage {
	w := newWorld(t, server.Config{})
	w.keeps(server.Config{RequestBurst: 100000})
	s := &stage{world: w, cast: map[string]*person{"nobody": w.person(), "owner": w.owner()}}
	s.own = w.firstSite().ID
	blog, err := chat.ParseID(s.cast["owner"].want(201, "POST", "/api/v1/sites", fields{"name": "Blog"}).string("id"))
	w.must(err)
	s.other = chat.SiteID(blog)
	for _, role := range []string{"agent", "supervisor", "admin"} {
		s.cast[role] = w.invite(s.cast["owner"], role, jsonID(int64(s.own)), role)
	}
	return s
}

// extra makes an agent of a site for somebody to do something to.
func (s *stage) extra(on chat.SiteID) identity.Agent {
	s.n++
	roles := map[chat.SiteID]chat.Role{}
	if on != 0 {
		roles[on] = chat.RoleAgent
	}
	a, _, err := s.people.Make(s.t.Context(), audit.By{}, identity.NewAgent{Name: "Extra", Email: fmt.Sprintf("extra%d@example.com", s.n), Roles: roles})
	s.must(err)
	return a
}

// request is a request that would succeed if it were allowed, but where it
// would spoil the caller's own log-in: then one that fails behind the gate.
func (s *stage) request(r server.Route, on chat.SiteID) (path string, body any) {
	target := s.extra(on)
	one, _ := s.sites.ByID(on)
	thread := s.begun(on, "Li")
	path = strings.NewReplacer(
		"{conversation}", thread.UUID.String(), "{visitor}", jsonID(int64(thread.Visitor)),
		"{site}", jsonID(int64(on)), "{agent}", jsonID(int64(target.ID)), "{key}", one.Key, "{log_in}", "1", "{broadcast}", s.draft(on, r.Path),
	).Replace(r.Path)
	if strings.Contains(path, "{webhook}") {
		hook, delivery := s.webhook(on)
		path = strings.NewReplacer("{webhook}", hook, "{delivery}", delivery).Replace(path)
	}
	switch r.Method + " " + strings.TrimPrefix(r.Path, "/api/v1") {
	case "PATCH /me", "POST /me/password", "POST /setup", "POST /link", "POST /link/password", "POST /log-in", "POST /widget/{key}/log-in":
		body = fields{"nothing": true}
	case "PUT /me/portrait", "PUT /sites/{site}/logo":
		body = string(picture(s.t, 3, 3, asJPEG))
	case "GET /widget/{key}/portraits":
		path += "?agents=1"
	case "POST /sites":
		body = fields{"name": "New"}
	case "POST /people":
		body = fields{"name": "New", "email": fmt.Sprintf("new%d@example.com", s.n)}
	case "PATCH /people/{agent}", "PATCH /sites/{site}", "POST /sites/{site}/key":
		body = fields{"name": "Renamed"}
		if strings.Contains(r.Path, "sites") {
			body = fields{"version": one.Version}
		}
	case "POST /sites/{site}/agents":
		body = fields{"email": s.extra(0).Email, "role": "supervisor"}
	case "POST /sites/{site}/api-keys":
		body = fields{"name": "New", "scopes": []string{"push"}}
	case "DELETE /sites/{site}/api-keys/{api_key}":
		key, _, err := s.parts.Keys.Make(s.t.Context(), audit.By{}, on, "Extra", []identity.Scope{identity.PushScope})
		s.must(err)
		path = strings.Replace(path, "{api_key}", jsonID(key.ID), 1)
	case "POST /sites/{site}/webhooks":
		s.webhook(on)
		body = fields{"url": "https://127.0.0.1:1/", "types": []string{"message.created"}, "on": true}
	case "PUT /sites/{site}/webhooks/{webhook}":
		body = fields{"url": "https://127.0.0.1:1/", "types": []string{"note.created"}, "on": true}
	case "POST /sites/{site}/webhooks/{webhook}/replay":
		body = fields{"since": "1"}
	case "DELETE /sites/{site}/signing-keys/{signing_key}":
		path = strings.Replace(path, "{signing_key}", s.signingKey(on), 1)
	case "POST /sites/{site}/broadcasts":
		body = word("word", "all")
	case "POST /sites/{site}/broadcasts/count":
		body = fields{"audience": fields{"kind": "all"}}
	case "PUT /sites/{site}/broadcasts/{broadcast}":
		body = fields{"version": 1, "content": word("other", "all")}
	case "DELETE /sites/{site}/broadcasts/{broadcast}":
		path += "?version=1"
	case "POST /sites/{site}/broadcasts/{broadcast}/publish":
		body = fields{"version": 1}
	case "POST /sites/{site}/broadcasts/{broadcast}/schedule":
		body = fields{"version": 1, "at": s.clock.Now().Add(time.Hour).UnixMilli()}
	case "POST /sites/{site}/broadcasts/{broadcast}/withdraw":
		body = fields{"version": 2}
	case "PUT /sites/{site}/agents/{agent}":
		body = fields{"role": "supervisor"}
	}
	return path, body
}

// signingKey is the only one of a site.
func (s *stage) signingKey(on chat.SiteID) string {
	keys := s.parts.SigningKeys
	all, err := keys.List(s.t.Context(), on)
	s.must(err)
	for _, k := range all {
		s.must(keys.Revoke(s.t.Context(), audit.By{}, on, k.ID, false))
	}
	made, _, err := keys.Make(s.t.Context(), audit.By{}, on)
	s.must(err)
	return made.KID()
}

func (s *stage) deeds() (version int64, entries int) {
	version, err := s.db.PeopleVersion(s.t.Context())
	s.must(err)
	all, err := s.db.Entries(s.t.Context(), audit.Query{Limit: 100000})
	s.must(err)
	return version, len(all)
}

func TestEveryRouteForEveryRoleOnOwnAndOtherSites(t *testing.T) {
	s := newStage(t)
	tried := map[string]bool{}
	for _, route := range s.server.Routes() {
		name := route.Method + " " + route.Path
		tried[name] = true
		want, listed := expected[name]
		if !listed {
			t.Errorf("%s is not in the table of rights: say who may use it", name)
			continue
		}
		if strings.Contains(route.Path, "{site}") == (want.other == "-") {
			t.Errorf("%s: the table and the path differ about naming a site", name)
			continue
		}
		for i, who := range callers {
			s.try(route, who, s.own, want.own[i])
			if want.other != "-" {
				s.try(route, who, s.other, want.other[i])
			}
		}
	}
	for name := range expected {
		if !tried[name] {
			t.Errorf("%s is in the table, but there is no such route", name)
		}
	}
}

func (s *stage) try(route server.Route, who string, on chat.SiteID, want byte) {
	s.t.Helper()
	if route.Path == "/api/v1/log-out" && who != "nobody" { // with a log-in of its own
		s.logIn(map[bool]string{true: "olive", false: who}[who == "owner"]+"@example.com").want(204, route.Method, route.Path, nil)
		return
	}
	path, body := s.request(route, on)
	version, entries := s.deeds()
	a := s.cast[who].ask(route.Method, path, body)
	where := map[bool]string{true: "its own site", false: "another site"}[on == s.own]
	fail := func(text string) {
		s.t.Errorf("%s by %s on %s: %s: %d %s", route.Method+" "+path, who, where, text, a.status, a.text)
	}
	if want == '+' {
		behind := a.status == 422 || a.status == 410 || a.code() == "not_found" && strings.HasSuffix(path, "/log-ins/1") || a.code() == "log_in_ended" || strings.HasSuffix(path, "/push-ticket")
		if a.status >= 300 && !behind {
			fail("refused")
		}
		return
	}
	refusal := map[byte]string{'1': "401 not_logged_in", '3': "403 not_allowed", '4': "404 not_found", 'k': "401 bad_key"}[want]
	if have := fmt.Sprint(a.status, " ", a.code()); have != refusal {
		fail("want " + refusal)
	}
	if v, n := s.deeds(); v != version || n != entries {
		fail("refused, but something has changed")
	}
}

// A site of others and a site that does not exist, an agent of others and one
// that does not exist: nobody can tell them apart.
func TestAbsentAndForbiddenLookTheSame(t *testing.T) {
	s := newStage(t)
	foreign := s.extra(s.other)
	admin := s.cast["admin"]
	own := "/api/v1/sites/" + jsonID(int64(s.own))
	for _, c := range []struct {
		method, path string
		ids          [2]string
		body         any
	}{
		{"GET", "/api/v1/sites/%s", [2]string{jsonID(int64(s.other)), "1"}, nil},
		{"GET", "/api/v1/sites/%s", [2]string{jsonID(int64(s.other)), "x"}, nil},
		{"PATCH", "/api/v1/sites/%s", [2]string{jsonID(int64(s.other)), "1"}, fields{"version": 1}},
		{"PUT", own + "/agents/%s", [2]string{jsonID(int64(foreign.ID)), "1"}, fields{"role": "admin"}},
		{"DELETE", own + "/agents/%s", [2]string{jsonID(int64(foreign.ID)), "1"}, nil},
	} {
		a := admin.want(404, c.method, fmt.Sprintf(c.path, c.ids[0]), c.body)
		b := admin.want(404, c.method, fmt.Sprintf(c.path, c.ids[1]), c.body)
		if a.text != b.text {
			t.Errorf("%s %s: %s and %s", c.method, c.path, a.text, b.text)
		}
	}
	for _, path := range []string{"/api/v1/sites", own + "/agents", own + "/audit", "/api/v1/me"} {
		a := admin.want(200, "GET", path, nil)
		for _, secret := range []string{"Blog", jsonID(int64(s.other)), foreign.Email, jsonID(int64(foreign.ID))} {
			if strings.Contains(a.text, secret) {
				t.Errorf("GET %s tells an admin of another site %q: %s", path, secret, a.text)
			}
		}
	}
	if a := s.cast["agent"].want(200, "GET", own+"/agents", nil); strings.Contains(a.text, "@example.com") {
		t.Errorf("an agent reads e-mail addresses: %s", a.text)
	}
}

func TestARoleWorksAtOnce(t *testing.T) {
	s := newStage(t)
	agent, admin := s.cast["agent"], s.cast["admin"]
	own := "/api/v1/sites/" + jsonID(int64(s.own))
	agent.want(403, "PATCH", own, fields{"version": 1, "name": "Mine"})
	admin.want(200, "PUT", own+"/agents/"+agent.id, fields{"role": "admin"})
	agent.want(200, "PATCH", own, fields{"version": 1, "name": "Mine"})
	agent.want(200, "PUT", own+"/agents/"+admin.id, fields{"role": "agent"})
	admin.want(403, "PATCH", own, fields{"version": 2, "name": "Mine again"})
	agent.want(204, "DELETE", own+"/agents/"+admin.id, nil)
	admin.want(404, "GET", own, nil)
	agent.want(422, "POST", own+"/agents", fields{"email": "nobody@example.com", "role": "agent"})
	agent.want(201, "POST", own+"/agents", fields{"email": "ADMIN@example.com", "role": "supervisor"})
	admin.want(200, "GET", own, nil)
}
