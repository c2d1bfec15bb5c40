package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

func (s *stage) refusal(door string, header http.Header) (status int, body string) {
	s.t.Helper()
	conn, err := s.dial(door, header)
	if err == nil {
		_ = conn.Close()
		return http.StatusSwitchingProtocols, ""
	}
	var refused *ws.DialError
	if !errors.As(err, &refused) {
		s.t.Fatal(err)
	}
	return refused.Status, refused.Body
}

func TestTheAgentsDoorIsForOwnPagesAndLogInsOnly(t *testing.T) {
	s := newStage(t)
	cookie := s.cast["agent"].cookie()
	port := s.base[strings.LastIndex(s.base, ":"):]
	for name, c := range map[string]struct {
		origin, cookie string
		status         int
		code           string
	}{
		"own origin":       {s.base, cookie, 101, ""},
		"no log-in":        {s.base, "", 401, "not_logged_in"},
		"a made-up log-in": {s.base, "kefu=" + strings.Repeat("A", 43), 401, "not_logged_in"},
		"the name for TLS": {s.base, "__Host-" + cookie, 401, "not_logged_in"},
		"another site":     {"https://evil.example", cookie, 403, "cross_origin"},
		"another scheme":   {strings.Replace(s.base, "http", "https", 1), cookie, 403, "cross_origin"},
		"another port":     {"http://127.0.0.1:1", cookie, 403, "cross_origin"},
		"another name":     {"http://localhost" + port, cookie, 403, "cross_origin"},
		"a longer name":    {s.base + ".evil.example", cookie, 403, "cross_origin"},
		"null":             {"null", cookie, 403, "cross_origin"},
		"a path":           {s.base + "/", cookie, 403, "cross_origin"},
	} {
		status, body := s.refusal(server.AgentDoor, http.Header{"Origin": {c.origin}, "Cookie": {c.cookie}})
		if status != c.status || !strings.Contains(body, c.code) {
			t.Errorf("%s: %d %s, want %d %s", name, status, body, c.status, c.code)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+server.AgentDoor, nil)
	s.must(err)
	req.Header = http.Header{"Cookie": {cookie}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"}}
	res, err := http.DefaultTransport.RoundTrip(req)
	s.must(err)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("without an Origin: %d", res.StatusCode)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func TestAVisitorOfAnotherWebsiteNeedsItsOriginOnTheList(t *testing.T) {
	s := newStage(t)
	one, _ := s.sites.ByID(s.own)
	hello := `{"t":"hello","site":"` + one.Key + `","secret":"` + strings.Repeat("A", 43) + `"}`
	conn, err := s.dial(server.VisitorDoor, http.Header{"Origin": {"https://shop.example"}})
	s.must(err)
	p := &peer{s: s, conn: conn}
	p.say(hello)
	if h := p.until(func(h head) bool { return h.T == "error" || h.T == "hello" }); h.Code != "unknown_site" {
		t.Errorf("an origin that is not on the list: %s", h.raw)
	}
	_ = conn.Close()
	s.cast["owner"].want(200, "PATCH", "/api/v1/sites/"+jsonID(int64(s.own)), fields{"version": 1, "settings": fields{
		"origins": []string{"https://shop.example"}, "answer_goal_seconds": 60,
		"look": fields{"brand": "#112233", "placement": "left", "language": "auto", "theme": "auto"},
	}})
	s.connect(server.VisitorDoor, hello, http.Header{"Origin": {"https://shop.example"}})
}

// closedWith reads until the server closes.
func (p *peer) closedWith() (code uint16, after time.Duration) {
	p.s.t.Helper()
	begin := time.Now()
	p.s.must(p.conn.SetReadDeadline(begin.Add(10 * time.Second)))
	for {
		_, err := p.conn.Read()
		var end *ws.CloseError
		if errors.As(err, &end) {
			return end.Code, time.Since(begin)
		}
		p.s.must(err)
	}
}

func TestWhoIsRevokedLosesTheConnection(t *testing.T) {
	own := func(s *stage) string {
		return "/api/v1/sites/" + jsonID(int64(s.own)) + "/agents/" + s.cast["agent"].id
	}
	for name, c := range map[string]struct {
		code wire.CloseCode
		do   func(s *stage)
	}{
		"log-out": {wire.CloseRevoked, func(s *stage) { s.cast["agent"].want(204, "POST", "/api/v1/log-out", nil) }},
		"revoked": {wire.CloseRevoked, func(s *stage) {
			s.cast["owner"].want(204, "DELETE", "/api/v1/people/"+s.cast["agent"].id+"/log-ins", nil)
		}},
		"disabled": {wire.CloseRevoked, func(s *stage) {
			s.cast["owner"].want(200, "PATCH", "/api/v1/people/"+s.cast["agent"].id, fields{"disabled": true})
		}},
		"promoted": {wire.CloseChanged, func(s *stage) { s.cast["admin"].want(200, "PUT", own(s), fields{"role": "supervisor"}) }},
		"removed":  {wire.CloseChanged, func(s *stage) { s.cast["admin"].want(204, "DELETE", own(s), nil) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			p, bystander := s.agent(s.cast["agent"]), s.agent(s.cast["admin"])
			c.do(s)
			code, after := p.closedWith()
			if code != uint16(c.code) || after > 5*time.Second {
				t.Errorf("closed with %d after %v, want %d within 5 s", code, after, c.code)
			}
			if bystander.try(`{"t":"ping"}`, "", "") != "" {
				t.Error("somebody else was disturbed")
			}
		})
	}
}

func TestSeatsAndHandshakesOfANetworkAreBounded(t *testing.T) {
	w := newWorld(t, server.Config{SessionsPerAddress: 3, HandshakeBurst: 8, HandshakePerSecond: 1, TrustedProxies: loopback()})
	s := &stage{world: w}
	dial := func(address string) (*ws.ClientConn, int, string) {
		conn, err := s.dial(server.VisitorDoor, http.Header{"X-Forwarded-For": {address}})
		var refused *ws.DialError
		if errors.As(err, &refused) {
			return nil, refused.Status, refused.Body
		}
		s.must(err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn, 101, ""
	}
	var conns []*ws.ClientConn
	for i := range 3 {
		c, status, body := dial(fmt.Sprintf("2001:db8::%d", i))
		if status != 101 {
			t.Fatalf("connection %d: %d %s", i, status, body)
		}
		conns = append(conns, c)
	}
	if _, status, body := dial("2001:db8::99"); status != 429 || !strings.Contains(body, `"too_many"`) {
		t.Errorf("one more of the same /64: %d %s", status, body)
	}
	if _, status, _ := dial("2001:db8:0:1::1"); status != 101 {
		t.Errorf("another /64: %d", status)
	}
	s.must(conns[0].CloseWith(1000, ""))
	for deadline := time.Now().Add(10 * time.Second); ; {
		_, status, body := dial("2001:db8::99")
		if status == 101 {
			break
		}
		if time.Now().After(deadline) || strings.Contains(body, "rate_limited") {
			t.Fatalf("the seat was not given back: %d %s", status, body)
		}
		w.clock.forward(time.Second)
	}
	for range 20 {
		dial("192.0.2.1")
	}
	if _, status, body := dial("192.0.2.1"); status != 429 || !strings.Contains(body, `"rate_limited"`) {
		t.Errorf("too many handshakes: %d %s", status, body)
	}
	knock := w.person() // no browser's log-in: what it costs is bounded all the same
	knock.header = http.Header{"X-Forwarded-For": {"192.0.2.2"}, "Origin": {w.base}}
	for range 20 {
		knock.ask("GET", server.AgentDoor, nil)
	}
	if a := knock.ask("GET", server.AgentDoor, nil); a.status != 429 || a.code() != "rate_limited" {
		t.Errorf("too many without a log-in: %d %s", a.status, a.text)
	}
}

func TestOnlyATrustedProxySpeaksForOthers(t *testing.T) {
	for name, c := range map[string]struct {
		cfg                     server.Config
		header                  http.Header
		address, origin, cookie string
	}{
		"nobody is trusted": {
			server.Config{}, http.Header{"X-Forwarded-For": {"192.0.2.7"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"kefu.example"}},
			"127.0.0.1", "http://127.0.0.1", "kefu=",
		},
		"a trusted proxy": {
			server.Config{TrustedProxies: loopback()}, http.Header{"X-Forwarded-For": {"10.9.9.9, 192.0.2.7"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"kefu.example"}},
			"192.0.2.7", "https://kefu.example", "__Host-kefu=",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.cfg)
			p := w.person()
			p.header = c.header
			a := p.want(201, "POST", "/api/v1/setup", fields{"secret": w.setup, "name": "Olive", "email": "olive@example.com", "password": password, "site": "Shop"})
			cookie := a.header.Get("Set-Cookie")
			if !strings.HasPrefix(cookie, c.cookie) || strings.Contains(cookie, "Secure") != (c.cookie != "kefu=") {
				t.Errorf("the cookie is %q", cookie)
			}
			p.header = c.header.Clone()
			p.header.Set("Cookie", strings.SplitN(cookie, ";", 2)[0])
			snippet := p.want(200, "GET", "/api/v1/sites/"+idOf(w.firstSite())+"/snippet", nil)
			if !strings.HasPrefix(snippet.string("origin"), c.origin) || !strings.Contains(snippet.string("script"), `src="`+c.origin) {
				t.Errorf("the snippet is %s", snippet.text)
			}
			entry := p.want(200, "GET", "/api/v1/audit?limit=1", nil).get("entries").([]any)[0].(map[string]any)
			if entry["address"] != c.address {
				t.Errorf("the address is %v, want %s", entry["address"], c.address)
			}
		})
	}
}

func TestAnotherWebsiteCannotAct(t *testing.T) {
	s := newStage(t)
	p := s.cast["owner"]
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"no header (no browser)":   {http.Header{}, 201},
		"same origin":              {http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {s.base}}, 201},
		"cross-site":               {http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, 403},
		"same-site":                {http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		"an old browser":           {http.Header{"Origin": {"https://evil.example"}}, 403},
		"own name over plain HTTP": {http.Header{"Origin": {strings.Replace(s.base, "http://", "https://", 1)}}, 403},
		"an old browser, own page": {http.Header{"Origin": {s.base}}, 201},
	} {
		p.header = c.header
		if a := p.ask("POST", "/api/v1/sites", fields{"name": "New"}); a.status != c.status || c.status == 403 && a.code() != "cross_origin" {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
}

func TestABadHostIsRefused(t *testing.T) {
	w := newWorld(t, server.Config{})
	for _, host := range []string{"", "a b", `evil";x`, "a,b", "[::1", "host:port", "a/b"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/setup", nil)
		r.Host = host
		rec := httptest.NewRecorder()
		w.server.Handler().ServeHTTP(rec, r)
		if rec.Code != http.StatusBadRequest {
			t.Errorf("host %q: %d", host, rec.Code)
		}
	}
	for _, host := range []string{"kefu.example", "KEFU.example:8080", "[::1]:80", "127.0.0.1"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/setup", nil)
		r.Host = host
		rec := httptest.NewRecorder()
		w.server.Handler().ServeHTTP(rec, r)
		if rec.Code != http.StatusOK {
			t.Errorf("host %q: %d", host, rec.Code)
		}
	}
}
