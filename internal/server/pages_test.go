package server_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/store"
)

func TestPages(t *testing.T) {
	w := newWorld(t, server.Config{})
	p := w.person()
	moved := func(from, to string) {
		t.Helper()
		if a := p.want(302, "GET", from, nil); a.header.Get("Location") != to {
			t.Errorf("%s leads to %s, want %s", from, a.header.Get("Location"), to)
		}
	}
	moved("/", "/console/setup")
	moved("/setup", "/console/setup")
	moved("/console", "/console/")
	p.want(404, "GET", "/demo", nil)
	w.owner()
	moved("/", "/console/")
	key := w.firstSite().Key
	moved("/demo", "/demo?site="+key)
	moved("/demo?lang=zh-CN&site=old", "/demo?lang=zh-CN&site="+key)

	for path, want := range map[string]struct {
		status  int
		headers map[string]string // each contains
	}{
		"/console/":                       {200, map[string]string{"Content-Security-Policy": "frame-ancestors 'none'", "Cross-Origin-Opener-Policy": "same-origin", "X-Frame-Options": "DENY"}},
		"/console/settings/people":        {200, map[string]string{"Content-Type": "text/html"}},
		"/console/assets/none.js":         {404, nil},
		"/widget/frame.html?site=" + key:  {200, map[string]string{"Content-Security-Policy": "frame-ancestors 'self'", "Cross-Origin-Resource-Policy": "cross-origin"}},
		"/widget/frame.html?site=unknown": {404, nil},
		"/widget/frame.html":              {404, nil},
		"/widget/chat.html":               {404, nil},
		"/chat/" + key:                    {200, map[string]string{"Content-Security-Policy": "frame-ancestors 'none'"}},
		"/chat/unknown":                   {404, nil},
		"/demo?site=" + key:               {200, map[string]string{"Content-Security-Policy": "script-src 'self';"}},
		"/healthz":                        {404, nil}, // on the admin port
		"/metrics":                        {404, nil},
		"/debug/pprof/":                   {404, nil},
		"/nothing":                        {404, map[string]string{"Content-Type": "text/html"}},
		"/api/docs":                       {200, map[string]string{"Content-Type": "text/html", "Content-Security-Policy": "script-src 'self';", "Vary": "Accept-Language"}},
		"/api/docs.css":                   {200, map[string]string{"Content-Type": "text/css"}},
		"/api/docs.js":                    {200, map[string]string{"Content-Type": "text/javascript"}},
		"/api/v1/openapi.json":            {200, map[string]string{"Content-Type": "application/json"}},
		"/api/v1/widget/" + key:           {200, map[string]string{"Cache-Control": "public, max-age=60"}},
	} {
		a := p.ask("GET", path, nil)
		if a.status != want.status {
			t.Errorf("%s: %d, want %d", path, a.status, want.status)
		}
		for name, value := range want.headers {
			if !strings.Contains(a.header.Get(name), value) {
				t.Errorf("%s: %s is %q, want %q in it", path, name, a.header.Get(name), value)
			}
		}
		if csp := a.header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || strings.Contains(csp, "http:") || strings.Contains(csp, "*") {
			t.Errorf("%s: a policy that is not strict: %s", path, csp)
		}
		if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Referrer-Policy") == "" {
			t.Errorf("%s: headers are missing: %v", path, a.header)
		}
	}
}

func TestASiteWithOriginsEndsTheDemoAndIsFramedByThemOnly(t *testing.T) {
	w := newWorld(t, server.Config{})
	owner := w.owner()
	one := w.firstSite()
	owner.want(200, "PATCH", "/api/v1/sites/"+idOf(one), fields{"version": 1, "settings": fields{
		"origins": []string{"https://shop.example", "http://localhost:3000"}, "answer_goal_seconds": 60,
		"look": fields{"brand": "#112233", "placement": "left", "language": "auto", "theme": "auto"},
	}})
	p := w.person()
	p.want(404, "GET", "/demo", nil)
	p.want(404, "GET", "/demo?site="+one.Key, nil)
	for lang, says := range map[string]string{"en-GB,en;q=0.9": "The demo shop is off", "zh-CN,zh;q=0.9,en;q=0.8": "演示商店已关闭", "fr, en;q=0.5, zh;q=0.4": "The demo shop is off", "": "The demo shop is off"} {
		p.header.Set("Accept-Language", lang)
		a := p.want(404, "GET", "/demo", nil)
		if !strings.Contains(a.text, says) || !strings.Contains(a.text, `href="/console/"`) {
			t.Errorf("the demo that is off says in %q: %s", lang, a.text)
		}
		if a.header.Get("Vary") != "Accept-Language" || !strings.Contains(a.header.Get("Content-Security-Policy"), "style-src 'sha256-") {
			t.Errorf("headers of the demo that is off: %v", a.header)
		}
	}
	p.header.Del("Accept-Language")
	csp := p.want(200, "GET", "/widget/frame.html?site="+one.Key, nil).header.Get("Content-Security-Policy")
	if !strings.HasSuffix(csp, "frame-ancestors 'self' https://shop.example http://localhost:3000") {
		t.Errorf("the frame's policy: %s", csp)
	}
	for origin, status := range map[string]int{"": 200, w.base: 200, "https://shop.example": 200, "https://evil.example": 404, "null": 404} {
		p.header.Set("Origin", origin)
		if origin == "" {
			p.header.Del("Origin")
		}
		a := p.want(status, "GET", "/api/v1/widget/"+one.Key, nil)
		allowed := a.header.Get("Access-Control-Allow-Origin")
		if foreign := origin == "https://shop.example"; foreign && allowed != origin || !foreign && allowed != "" {
			t.Errorf("origin %q: Access-Control-Allow-Origin %q", origin, allowed)
		}
	}
}

// asked counts how often the database is asked whether people or sites have changed.
type asked struct {
	*store.DB
	times atomic.Int64
}

func (a *asked) PeopleVersion(ctx context.Context) (int64, error) {
	a.times.Add(1)
	return a.DB.PeopleVersion(ctx)
}

func TestUnknownKeysDoNotReachTheDatabaseWithoutBound(t *testing.T) {
	w := newWorld(t, server.Config{})
	w.owner()
	key := w.firstSite().Key
	db := &asked{DB: w.db}
	parts := w.parts
	parts.People = identity.New(identity.Config{}, db, w.db, w.sites, &told{w.hub}, w.clock.Now)
	w.must(parts.People.Refresh(t.Context()))
	db.times.Store(0)
	w.server = server.New(server.Config{Now: w.clock.Now, RequestBurst: 10, RequestPerSecond: 0.001}, parts)
	w.listen()
	p := w.person()
	for i := range 20 {
		p.want(404, "GET", fmt.Sprintf("/widget/frame.html?site=k%d", i), nil)
		p.want(404, "GET", fmt.Sprintf("/chat/k%d", i), nil)
	}
	if n := db.times.Load(); n != 10 {
		t.Errorf("40 unknown keys asked the database %d times, want 10", n)
	}
	// Whoever is behind the same address keeps the widget.
	for range 20 {
		p.want(200, "GET", "/widget/frame.html?site="+key, nil)
		p.want(200, "GET", "/chat/"+key, nil)
	}
}
