package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// confidential are the words that stand in everything that this test sends and
// that no log may have.
const confidential = "c0nf1dential"

func word(what string) string { return what + "-" + confidential }

// talker is a live connection of somebody.
type talker struct {
	t    *testing.T
	conn *ws.ClientConn
}

func talk(t *testing.T, a *App, door, cookie string) *talker {
	t.Helper()
	base := "http://" + a.Address().String()
	header := http.Header{"Origin": {base}}
	if cookie != "" {
		header.Set("Cookie", cookie)
	}
	conn, err := ws.Dial(t.Context(), strings.Replace(base, "http", "ws", 1)+door, ws.DialOptions{Header: header, Subprotocols: []string{wire.Subprotocol}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &talker{t, conn}
}

func (k *talker) say(format string, args ...any) {
	k.t.Helper()
	if err := k.conn.Write(fmt.Appendf(nil, format, args...)); err != nil {
		k.t.Fatal(err)
	}
}

func (k *talker) until(want string) string {
	k.t.Helper()
	for {
		data, err := k.conn.Read()
		if err != nil {
			k.t.Fatalf("no %s: %v", want, err)
		}
		if strings.Contains(string(data), want) {
			return string(data)
		}
	}
}

// cookieOf is the cookie of a log-in.
func cookieOf(t *testing.T, res *http.Response, text string) string {
	t.Helper()
	if len(res.Cookies()) != 1 {
		t.Fatalf("%d %s", res.StatusCode, text)
	}
	return res.Cookies()[0].Name + "=" + res.Cookies()[0].Value
}

// TestNoLogTellsWhatIsConfidential drives all that carries a secret, a text or an
// address through a server that logs everything, failures included.
func TestNoLogTellsWhatIsConfidential(t *testing.T) {
	log := &tail{}
	a, err := Start(t.Context(), configured(t, "--data="+t.TempDir(), "--admin-listen=127.0.0.1:0"), "test",
		slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	made, err := a.people.MakeSetup(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + a.Address().String()
	browser := surfer(t, a.Address().String(), nil)
	defer browser.CloseIdleConnections()
	ask := func(method, path, cookie string, body any) (*http.Response, string) {
		return send(t, browser, method, base+path, body, http.Header{"Cookie": {cookie}, "X-Forwarded-For": {word("address")}})
	}
	email := word("olive") + "@example.com"
	res, text := ask("POST", "/api/v1/setup", "", map[string]any{
		"secret": made.Secret, "name": word("Olive"), "email": email, "password": word("password"), "site": word("Shop"),
	})
	cookie := cookieOf(t, res, text)
	secrets := []string{made.Secret, strings.SplitN(cookie, "=", 2)[1]}
	for range 7 { // into the pause
		ask("POST", "/api/v1/log-in", "", map[string]any{"email": email, "password": word("wrong")})
	}
	ask("POST", "/api/v1/log-in", "", map[string]any{"email": word("nobody"), "password": word("wrong")})
	ask("POST", "/api/v1/log-in", "", word("no object"))
	ask("GET", "/api/v1/me?"+word("query"), cookie, nil)
	ask("GET", "/"+word("path"), cookie, nil)
	ask("GET", "/chat/"+word("key"), "kefu="+word("cookie"), nil)
	_, invited := ask("POST", "/api/v1/people", cookie, map[string]any{"name": word("Bob"), "email": word("bob") + "@example.com"})
	if _, link, ok := strings.Cut(invited, "#"); ok {
		secret, _, _ := strings.Cut(link, `"`)
		secrets = append(secrets, secret)
		ask("POST", "/api/v1/link", "", map[string]any{"secret": secret})
	} else {
		t.Errorf("no link came: %s", invited)
	}
	secrets = append(secrets, chatting(t, a, cookie)...)
	if err := a.db.Close(); err != nil { // and all that then fails
		t.Fatal(err)
	}
	if res, _ := ask("GET", "/api/v1/me/log-ins", cookie, nil); res.StatusCode != http.StatusInternalServerError {
		t.Errorf("without its database: %d", res.StatusCode)
	}
	if err := a.Stop(); err != nil {
		t.Error(err)
	}
	said := log.String()
	for _, want := range []string{`"msg":"a request was answered"`, `"route":"/api/v1/log-in"`, `"level":"ERROR"`, `"request":"`} {
		if !strings.Contains(said, want) {
			t.Errorf("the log, which this test is about, has no %s:\n%s", want, said)
		}
	}
	for _, secret := range append(secrets, confidential) {
		for line := range strings.Lines(said) {
			if secret == "" || strings.Contains(line, secret) {
				t.Errorf("the log tells %q: %s", secret, line)
			}
		}
	}
}

// chatting has visitor and agent write, and send what cannot be read.
func chatting(t *testing.T, a *App, cookie string) (secrets []string) {
	t.Helper()
	secret, key := client.NewSecret(), a.sites.All()[0].Key
	visitor, agent := talk(t, a, server.VisitorDoor, ""), talk(t, a, server.AgentDoor, cookie)
	visitor.say(`{"t":"hello","site":%q,"secret":%q,"says":{"name":%q,"email":%q}}`, key, secret, word("name"), word("mail")+"@example.com")
	visitor.until(`"t":"hello"`)
	agent.say(`{"t":"hello"}`)
	agent.until(`"t":"hello"`)
	visitor.say(`{"t":"send","id":"0198c0de-0000-7000-8000-000000000001","text":%q}`, word("message"))
	ack := visitor.until(`"t":"ack"`)
	_, c, _ := strings.Cut(ack, `"c":"`)
	c, _, _ = strings.Cut(c, `"`)
	agent.say(`{"t":"open","r":1,"c":%q}`, c)
	agent.say(`{"t":"send","id":"0198c0de-0000-7000-8000-000000000002","c":%q,"text":%q}`, c, word("reply"))
	agent.say(`{"t":"note","id":"0198c0de-0000-7000-8000-000000000003","c":%q,"text":%q}`, c, word("note"))
	visitor.until(word("reply"))
	visitor.say(`{"t":"send","id":%q,"text":%q}`, word("id"), word("bad"))
	visitor.until(`"t":"error"`)
	visitor.say(`{"t":%q}`, word("frame"))
	visitor.until(`"t":"error"`)
	visitor.say(`{"t":"send","text":"%s`, word("half"))
	visitor.until(`"t":"error"`)
	other := talk(t, a, server.VisitorDoor, "")
	other.say(`{"t":"hello","site":%q,"secret":%q}`, word("site"), word("secret"))
	other.until(`"t":"error"`)
	if err := a.db.Close(); err != nil { // a message that cannot be kept
		t.Fatal(err)
	}
	visitor.say(`{"t":"send","id":"0198c0de-0000-7000-8000-000000000004","text":%q}`, word("unkept"))
	visitor.until(`"t":"error"`)
	return []string{secret}
}

// tail is a log to be looked at.
type tail struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *tail) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestErrorsOfTheStartTellNoPassword: a server that cannot be reached is named
// without the password that stands in its address.
func TestErrorsOfTheStartTellNoPassword(t *testing.T) {
	for name, args := range map[string][]string{
		"PostgreSQL":             {"--database-url=postgres://kefu:" + confidential + "@127.0.0.1:1/kefu?sslmode=disable"},
		"MySQL":                  {"--database-url=mysql://kefu:" + confidential + "@127.0.0.1:1/kefu"},
		"an unreadable database": {"--database-url=mysql://kefu:" + confidential + "%zz@127.0.0.1:1/kefu"},
		"no database":            {"--database-url=postgres://kefu:" + confidential + "@127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, errs := invoke(t, nil, "", append([]string{"serve", "--data=" + t.TempDir(), "--listen=127.0.0.1:0", "--log-level=debug"}, args...)...)
			if status == exitOK || errs == "" || strings.Contains(out+errs, confidential) {
				t.Errorf("%d %q %q", status, out, errs)
			}
		})
	}
}
