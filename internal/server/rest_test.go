package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/server"
)

func TestEveryDeedIsWrittenDown(t *testing.T) {
	w := newWorld(t, server.Config{})
	owner := w.owner()
	shop := w.firstSite()
	ann := w.invite(owner, "ann", idOf(shop), "agent")
	owner.want(200, "PUT", "/api/v1/sites/"+idOf(shop)+"/agents/"+ann.id, fields{"role": "admin"})
	owner.want(200, "PATCH", "/api/v1/sites/"+idOf(shop), fields{"version": 1, "name": "Shop 2"})
	owner.want(200, "POST", "/api/v1/sites/"+idOf(shop)+"/key", fields{"version": 2})
	owner.want(204, "DELETE", "/api/v1/sites/"+idOf(shop)+"/agents/"+ann.id, nil)
	owner.want(204, "DELETE", "/api/v1/people/"+ann.id+"/log-ins", nil)
	owner.want(200, "PATCH", "/api/v1/people/"+ann.id, fields{"name": "Anna"})
	w.person().want(401, "POST", "/api/v1/log-in", fields{"email": "ann@example.com", "password": "wrong"})
	w.logIn("olive@example.com").want(204, "POST", "/api/v1/log-out", nil)

	seen := map[string]map[string]any{}
	for _, one := range owner.want(200, "GET", "/api/v1/audit?limit=200", nil).get("entries").([]any) {
		e := one.(map[string]any)
		seen[e["what"].(string)] = e
		if e["address"] != "127.0.0.1" || e["at"] == nil {
			t.Errorf("from where and when: %v", e)
		}
	}
	for _, what := range []audit.What{
		audit.SetUp, audit.LoggedIn, audit.LogInFailed, audit.LoggedOut, audit.LogInRevoked, audit.PasswordChanged, audit.LinkMade,
		audit.LinkUsed, audit.AgentMade, audit.AgentChanged, audit.RoleSet, audit.RoleRemoved, audit.SiteMade, audit.SiteChanged, audit.KeyRotated,
	} {
		if seen[string(what)] == nil {
			t.Errorf("%s is not written down", what)
		}
	}
	if e := seen["role_set"]; e["by"].(map[string]any)["name"] != "Olive" || e["agent"].(map[string]any)["id"] != ann.id || e["site"] != idOf(shop) {
		t.Errorf("role_set: %v", e)
	}
	page := owner.want(200, "GET", "/api/v1/audit?limit=2", nil).get("entries").([]any)
	last := page[1].(map[string]any)["id"].(string)
	next := owner.want(200, "GET", "/api/v1/audit?limit=1&before="+last, nil).get("entries").([]any)
	if len(page) != 2 || len(next) != 1 || next[0].(map[string]any)["id"].(string) >= last {
		t.Errorf("pages: %v, then %v", page, next)
	}
	rows := owner.want(200, "GET", "/api/v1/sites/"+idOf(shop)+"/audit", nil).get("entries").([]any)
	for _, one := range rows {
		if one.(map[string]any)["site"] != idOf(shop) {
			t.Errorf("in the site's audit: %v", one)
		}
	}
	if len(rows) == 0 {
		t.Error("the site's audit is empty")
	}
}

func TestSettingsAreCheckedFieldByField(t *testing.T) {
	w := newWorld(t, server.Config{})
	owner := w.owner()
	path := "/api/v1/sites/" + idOf(w.firstSite())
	look := func(name, value string) fields {
		l := fields{"brand": "#112233", "placement": "left", "language": "auto", "theme": "auto"}
		l[name] = value
		return l
	}
	good := look("brand", "#ABCDEF")
	for _, c := range []struct {
		settings fields
		field    string
	}{
		{fields{"origins": []string{"https://ok.example", "ftp://x"}, "look": good, "answer_goal_seconds": 60}, "settings.origins[1]"},
		{fields{"origins": []string{"https://ok.example/shop"}, "look": good, "answer_goal_seconds": 60}, "settings.origins[0]"},
		{fields{"origins": []string{"*"}, "look": good, "answer_goal_seconds": 60}, "settings.origins[0]"},
		{fields{"origins": []string{}, "look": look("brand", "blue"), "answer_goal_seconds": 60}, "settings.look.brand"},
		{fields{"origins": []string{}, "look": look("placement", "top"), "answer_goal_seconds": 60}, "settings.look.placement"},
		{fields{"origins": []string{}, "look": look("title", strings.Repeat("x", 81)), "answer_goal_seconds": 60}, "settings.look.title"},
		{fields{"origins": []string{}, "look": good, "answer_goal_seconds": 0}, "settings.answer_goal_seconds"},
		{fields{"origins": []string{}, "look": good, "answer_goal_seconds": 60, "colour": 1}, "settings.colour"},
	} {
		a := owner.want(422, "PATCH", path, fields{"version": 1, "settings": c.settings})
		if a.string("field") != c.field || a.code() != "bad_value" || a.string("text") == "" {
			t.Errorf("want field %q: %s", c.field, a.text)
		}
	}
	a := owner.want(200, "PATCH", path, fields{"version": 1, "settings": fields{
		"origins": []string{"HTTPS://Shop.Example:443/", "https://shop.example", "http://[::1]:8080"}, "look": good, "answer_goal_seconds": 60,
	}})
	origins := a.get("settings", "origins").([]any)
	if len(origins) != 2 || origins[0] != "https://shop.example" || origins[1] != "http://[::1]:8080" || a.get("settings", "look").(map[string]any)["brand"] != "#abcdef" {
		t.Errorf("normal form: %s", a.text)
	}
	if a := owner.want(409, "PATCH", path, fields{"version": 1, "name": "Late"}); a.code() != "conflict" {
		t.Errorf("an old version: %s", a.text)
	}
	before := a.string("key")
	after := owner.want(200, "POST", path+"/key", fields{"version": 2})
	if after.string("key") == before || len(after.string("key")) != 20 {
		t.Errorf("the key %q became %q", before, after.string("key"))
	}
	w.person().want(404, "GET", "/api/v1/widget/"+before, nil)
	w.person().want(200, "GET", "/api/v1/widget/"+after.string("key"), nil)
}

func TestErrorsHaveOneShape(t *testing.T) {
	w := newWorld(t, server.Config{RequestBurst: 40, RequestPerSecond: 1})
	p := w.person()
	post := func(body any, contentType string) answer {
		p.header = http.Header{}
		if contentType != "" {
			p.header.Set("Content-Type", contentType)
		}
		return p.ask("POST", "/api/v1/log-in", body)
	}
	for name, c := range map[string]struct {
		answer answer
		status int
		code   string
	}{
		"no JSON":           {post("{", ""), 400, "bad_request"},
		"bad UTF-8":         {post("{\"email\":\"a\xff@example.com\",\"password\":\"x\"}", ""), 400, "bad_request"},
		"no body":           {post("", ""), 400, "bad_request"},
		"missing field":     {post(fields{"email": "a@example.com"}, ""), 422, "bad_value"},
		"unknown field":     {post(fields{"email": "a@example.com", "password": "x", "admin": true}, ""), 422, "bad_value"},
		"wrong type":        {post(fields{"email": 5, "password": "x"}, ""), 422, "bad_value"},
		"too large":         {post(fields{"email": strings.Repeat("a", 9000), "password": "x"}, ""), 413, "too_large"},
		"media type":        {post("email=a", "application/x-www-form-urlencoded"), 415, "bad_media_type"},
		"not logged in":     {p.ask("GET", "/api/v1/me", nil), 401, "not_logged_in"},
		"no such route":     {p.ask("GET", "/api/v1/nothing", nil), 404, "not_found"},
		"another method":    {p.ask("PUT", "/api/v1/me", nil), 404, "not_found"},
		"no such widget":    {p.ask("GET", "/api/v1/widget/none", nil), 404, "not_found"},
		"door without page": {p.ask("GET", server.VisitorDoor, nil), 403, "cross_origin"},
	} {
		a := c.answer
		if a.status != c.status || a.code() != c.code || a.string("text") == "" || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %q %s", name, a.status, a.header.Get("Content-Type"), a.text)
		}
		for key := range a.body {
			if !strings.Contains(" code text field tries_left retry_after ", " "+key+" ") {
				t.Errorf("%s: the shape has no %q: %s", name, key, a.text)
			}
		}
	}
	for range 50 {
		p.ask("GET", "/api/v1/setup", nil)
	}
	if a := p.ask("GET", "/api/v1/setup", nil); a.status != 429 || a.code() != "rate_limited" || a.header.Get("Retry-After") == "" {
		t.Errorf("too many requests: %d %s", a.status, a.text)
	}
	w.clock.forward(2 * time.Second)
	p.want(200, "GET", "/api/v1/setup", nil)
}
