package server_test

import (
	"encoding/json"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
)

// keepsAsking is a server that takes as many requests as a test makes.
func keepsAsking() server.Config {
	return server.Config{RequestBurst: 1e6, RequestPerSecond: 1e6, HandshakeBurst: 1e6, HandshakePerSecond: 1e6}
}

func parse(t *testing.T, id string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// change changes the settings of a site.
func (w *world) change(on site.Site, f func(*site.Settings)) {
	w.t.Helper()
	now, _ := w.sites.ByID(on.ID)
	f(&now.Settings)
	_, err := w.sites.Update(w.t.Context(), audit.By{}, now)
	w.must(err)
}

// doors are all that a visitor's client may knock at; each answers with a code, or "".
func (a *archive) doors(key, secret string) map[string]func() string {
	asks := func(method, path string, body any) func() string {
		return func() string {
			p := a.visitorOf(key)
			p.header.Set("Authorization", "Bearer "+secret)
			return p.ask(method, path, body).code()
		}
	}
	hello := func(transport client.Transport) func() string {
		return func() string {
			cfg := client.Config{URL: strings.Replace(a.base, "http", "ws", 1) + server.VisitorDoor, Transport: transport, Stay: true}
			cfg.Header = map[string][]string{"Origin": {a.base}}
			code := make(chan string, 10)
			cfg.Observer.Connected = func(*wire.ServerHello) { code <- "" }
			cfg.Observer.Error = func(e *wire.ServerError) { code <- string(e.Code) }
			cfg.Observer.Stopped = func(err error) {
				if err != nil {
					code <- err.Error()
				}
			}
			v := client.StartVisitor(a.t.Context(), cfg, key, secret)
			defer v.Close()
			select {
			case c := <-code:
				return c
			case <-time.After(20 * time.Second):
				return "no answer"
			}
		}
	}
	send := fields{"t": "send", "id": uuid.Must(uuid.NewV7()).String(), "text": "hello"}
	return map[string]func() string{
		"WebSocket":  hello(client.WebSocket),
		"stream":     hello(client.Streaming),
		"poll":       hello(client.Polling),
		"frame":      asks("POST", server.VisitorStream+"/frame", send),
		"off":        asks("POST", server.VisitorStream+"/frame", fields{"t": "broadcasts", "off": true}),
		"upload":     asks("POST", "/files/v1/uploads", fields{"name": "a.txt", "size": 5}),
		"state":      asks("GET", "/files/v1/uploads/5", nil),
		"part":       asks("PUT", "/files/v1/uploads/5/parts/1", "hello"),
		"complete":   asks("POST", "/files/v1/uploads/5/complete", nil),
		"addresses":  asks("POST", "/files/v1/addresses", fields{"files": []string{"5"}}),
		"cancelling": asks("DELETE", "/files/v1/uploads/5", nil),
	}
}

// TestWhoAtEveryDoor: who may come in, and with which code not, is the same everywhere.
func TestWhoAtEveryDoor(t *testing.T) {
	a := newArchive(t, files.Config{})
	s := a.website(a.firstSite())
	blog, err := a.sites.Make(t.Context(), audit.By{}, "Blog")
	a.must(err)
	ended := s.logIn("person")
	if out := s.logOut(ended); out.status != 204 {
		t.Fatal(out.text)
	}
	good, anonymous := s.logIn("person"), client.NewSecret()
	try := func(what, key, secret, want string) {
		t.Helper()
		for door, knock := range a.doors(key, secret) {
			got := knock()
			lets := got == "" || got == "not_found" // of what is not there, behind the door
			if want == "" && !lets || want != "" && !strings.Contains(got, want) {
				t.Errorf("%s at %s: %q, want %q", what, door, got, want)
			}
		}
	}
	try("a log-in", s.on.Key, good, "")
	try("a secret", s.on.Key, anonymous, "")
	try("a log-in that ended", s.on.Key, ended, "log_in_ended")
	try("one that never was", s.on.Key, "kfv_"+client.NewSecret(), "log_in_ended")
	try("one that cannot be", s.on.Key, "kfv_x", "log_in_ended")
	try("one of another site", blog.Key, good, "log_in_ended")
	try("no secret", s.on.Key, "x", "bad_secret")
	a.change(s.on, func(s *site.Settings) { s.VerifiedOnly = true })
	try("a secret, where all are verified", s.on.Key, anonymous, "verified_only")
	try("a log-in, where all are verified", s.on.Key, good, "")
	try("one that ended, where all are verified", s.on.Key, ended, "log_in_ended")
}

// device is a verified visitor's device, or an agent's console.
type device struct {
	*client.Visitor
	*seen
	lost   chan uint16
	errors chan chat.Code
}

func (p *pair) device(transport client.Transport, logIn string) *device {
	d := &device{seen: newSeen(), lost: make(chan uint16, 100), errors: make(chan chat.Code, 100)}
	cfg := p.config(transport, server.VisitorDoor)
	cfg.Observer = d.observer()
	cfg.Marks = false
	cfg.Observer.Lost = func(code uint16, _ error) { d.lost <- code }
	cfg.Observer.Error = func(e *wire.ServerError) { d.errors <- e.Code }
	d.Visitor = client.StartVisitor(p.t.Context(), cfg, p.firstSite().Key, logIn)
	p.t.Cleanup(d.Close)
	return d
}

// reaches polls until a condition holds.
func reaches(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("not reached: " + what)
		}
	}
}

// TestDevices: one verified visitor on two nodes has one conversation, with its marks
// and what is unread; a device whose log-in is revoked is cut, and the other stays.
func TestDevices(t *testing.T) {
	p := newPair(t, keepsAsking())
	owner := p.owner()
	s := p.website(p.firstSite())
	phone, desk := p.device(client.WebSocket, s.logIn("person")), (*device)(nil)
	stolen := s.logIn("person")
	desk = p.device(client.WebSocket, stolen) // the next connection comes to the other node
	settled(t, phone.Send("from the phone"))
	if texts := desk.want(t, 1); texts[0] != "from the phone" {
		t.Errorf("the other device is shown %q", texts)
	}
	settled(t, desk.Send("from the desk"))
	phone.want(t, 2)
	if a, b := phone.Conversation().ID(), desk.Conversation().ID(); a != b || a.IsNil() {
		t.Errorf("two conversations: %s and %s", a, b)
	}

	rows := make(chan wire.Row, 100)
	cfg := p.agentConfig(client.WebSocket, owner)
	cfg.URL = strings.Replace(cfg.URL, server.VisitorDoor, server.AgentDoor, 1)
	cfg.Observer.List = func(l *wire.ServerList) {
		for _, r := range l.Rows {
			rows <- r
		}
	}
	agent := client.StartAgent(t.Context(), cfg)
	t.Cleanup(agent.Close)
	agent.Watch(chat.ViewWaiting)
	row := <-rows
	if v := row.Visitor; !v.Verified || v.Vouched == nil || v.Vouched.ID != "person" || v.Vouched.Name != "Ann 安" || v.Vouched.Fields["plan"] != "gold" || v.Says != nil {
		t.Errorf("agents see %+v", v)
	}
	settled(t, agent.Send(row.C, "an answer"))
	phone.want(t, 3)
	desk.want(t, 3)
	last := phone.Conversation().At().N
	unreadOn := func(what string, want int64) {
		t.Helper()
		one := p.device(client.Streaming, s.logIn("person"))
		one.want(t, 3)
		if _, _, unread := one.Conversation().Marks(); unread != want {
			t.Errorf("%d are unread %s, want %d", unread, what, want)
		}
	}
	unreadOn("on a device that comes before one has read", 1)
	p.must(phone.Conversation().Read(last))
	reaches(t, "what is read on one device is read on the other", func() bool {
		mine, _, unread := desk.Conversation().Marks()
		return mine.Read == last && unread == 0
	})
	unreadOn("on a device that comes later", 0)
	third := p.device(client.Streaming, s.logIn("person"))
	third.want(t, 3)

	begun := time.Now()
	if out := s.logOut(stolen); out.status != 204 {
		t.Fatal(out.text)
	}
	select {
	case code := <-desk.lost:
		if late := time.Since(begun); wire.CloseCode(code) != wire.CloseRevoked || late > 5*time.Second {
			t.Errorf("cut with %d after %s", code, late)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a revoked device is not cut")
	}
	if code := <-desk.errors; code != wire.LogInEnded {
		t.Errorf("it is told %s", code)
	}
	<-desk.Done()
	settled(t, phone.Send("still here"))
	third.want(t, 4)
	if len(phone.lost) > 0 {
		t.Error("the other device was cut, too")
	}
	cut := s.logIn("person")
	streaming := p.device(client.Streaming, cut)
	streaming.want(t, 4)
	s.logOut(cut)
	<-streaming.Done()
	phone.inOrder(t, "the phone")
}

// TestVouchedIsNotOverwritten: what a page says, and an older row, stand beside what
// the website vouches for, and never in its place.
func TestVouchedIsNotOverwritten(t *testing.T) {
	p := newPair(t, keepsAsking())
	p.owner()
	s := p.website(p.firstSite())
	d := p.device(client.WebSocket, s.logIn("person"))
	settled(t, d.Send("hello"))
	claims := s.claims("person")
	claims["name"] = "Ann the second"
	fresh := s.exchange(s.token(claims), client.NewSecret())
	hello := wire.ClientHello{Site: s.on.Key, Secret: fresh.string("log_in"), Says: &wire.Says{Name: "the Director", Fields: map[string]string{"vouched": "x"}}}
	body, err := wire.Encode(hello)
	p.must(err)
	res := p.knock(server.VisitorStream, string(body), "Authorization", "Bearer "+hello.Secret)
	p.must(res.Body.Close())
	reaches(t, "agents see both", func() bool {
		var rows []chat.ListRow
		rows, err = p.db.List(t.Context(), chat.ListQuery{Sites: []chat.SiteID{s.on.ID}, View: chat.ViewWaiting, Limit: 10})
		p.must(err)
		if len(rows) != 1 || rows[0].Profile.Vouched == nil {
			t.Fatalf("rows: %+v", rows)
		}
		got := rows[0].Profile
		return got.Name == "the Director" && got.Vouched.Name == "Ann the second" && got.Vouched.Email == "ann@example.com"
	})
}

// TestExchangeCarries: the open round goes along with who proves to have written it,
// once, unless the site wants otherwise.
func TestExchangeCarries(t *testing.T) {
	p := newPair(t, keepsAsking())
	p.owner()
	s := p.website(p.firstSite())
	exchange := func(token, exchange, secret string) answer {
		browser := p.person()
		browser.header.Set("Origin", p.base)
		return browser.ask("POST", "/api/v1/widget/"+s.on.Key+"/log-in", fields{"token": token, "exchange": exchange, "secret": secret})
	}
	anonymous := func(words string) string {
		secret := client.NewSecret()
		d := p.device(client.WebSocket, secret)
		settled(t, d.Send(words))
		d.Close()
		return secret
	}
	mine, token, made := anonymous("before the log-in"), s.token(s.claims("person")), client.NewSecret()
	if a := exchange(token, made, "no secret"); a.code() != "bad_secret" {
		t.Errorf("no secret: %s", a.text)
	}
	for range 2 { // a lost answer
		if a := exchange(token, made, mine); a.status != 200 || a.get("carried") != true {
			t.Errorf("%d %s: want it carried", a.status, a.text)
		}
	}
	if texts := p.device(client.WebSocket, s.logIn("person")).want(t, 1); texts[0] != "before the log-in" {
		t.Errorf("the verified visitor has %q", texts)
	}
	if a := exchange(s.token(s.claims("eve")), client.NewSecret(), client.NewSecret()); a.status != 200 || a.get("carried") != false {
		t.Errorf("a secret that nobody has: %s", a.text)
	}
	if a := exchange(s.token(s.claims("eve")), client.NewSecret(), mine); a.get("carried") != false {
		t.Errorf("somebody else logs in at the same computer: %s", a.text)
	}
	p.change(s.on, func(s *site.Settings) { s.CarryOver = false })
	if a := exchange(s.token(s.claims("person")), client.NewSecret(), anonymous("stays")); a.get("carried") != false {
		t.Errorf("a site that does not want it: %s", a.text)
	}
}

func parseJSON(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}
