package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/server"
)

// knock is a request to a streaming door by hand; name "-" leaves a header out.
func (p *pair) knock(path, body string, headers ...string) *http.Response {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.base+path, strings.NewReader(body))
	p.must(err)
	req.Header.Set("Origin", p.base)
	req.Header.Set("Kefu-Stream", "line")
	req.Header.Set("Kefu-Poll", "0")
	req.Header.Set("Kefu-Site", p.firstSite().Key)
	for i := 0; i < len(headers); i += 2 {
		if req.Header.Del(headers[i]); headers[i+1] != "-" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	p.must(err)
	p.t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func text(t *testing.T, res *http.Response) string {
	t.Helper()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

func hello(p *pair, secret string) string {
	return fmt.Sprintf(`{"t":"hello","site":%q,"secret":%q}`, p.firstSite().Key, secret)
}

func send(words string) (id, frame string) {
	id = uuid.Must(uuid.NewV7()).String()
	return id, fmt.Sprintf(`{"t":"send","id":%q,"text":%q}`, id, words)
}

// What is refused before anything of it takes effect, and with what.
func TestStreamingDoorsRefuse(t *testing.T) {
	p := newPair(t, server.Config{FrameBytes: 8 << 10})
	owner := p.owner()
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	secret, other := client.NewSecret(), client.NewSecret()
	bearer, cookie := "Bearer "+secret, owner.cookie()
	_, message := send("x")
	visitor, up, agent := server.VisitorStream, server.VisitorStream+"/frame", server.AgentStream
	for name, c := range map[string]struct {
		path, body string
		headers    []string
		status     int
		code       string
	}{
		"no secret":                  {visitor, hello(p, secret), nil, 400, "bad_secret"},
		"a secret that is none":      {visitor, hello(p, "x"), []string{"Authorization", "Bearer x"}, 400, "bad_secret"},
		"another secret in hello":    {visitor, hello(p, other), []string{"Authorization", bearer}, 400, "bad_secret"},
		"no origin":                  {visitor, hello(p, secret), []string{"Authorization", bearer, "Origin", "-"}, 403, "cross_origin"},
		"another website":            {visitor, hello(p, secret), []string{"Authorization", bearer, "Origin", "https://evil.example"}, 403, "cross_origin"},
		"no name":                    {visitor, hello(p, secret), []string{"Authorization", bearer, "Kefu-Stream", "-"}, 400, "bad_request"},
		"too long a name":            {visitor, hello(p, secret), []string{"Authorization", bearer, "Kefu-Stream", strings.Repeat("x", 65)}, 400, "bad_request"},
		"an empty body":              {visitor, " \n\n", []string{"Authorization", bearer}, 400, "bad_request"},
		"too many frames":            {visitor, strings.Repeat(hello(p, secret)+"\n", 65), []string{"Authorization", bearer}, 400, "bad_request"},
		"a huge body":                {visitor, strings.Repeat("x", 65<<10), []string{"Authorization", bearer}, 413, "too_large"},
		"a frame without a secret":   {up, message, nil, 400, "bad_secret"},
		"a frame from elsewhere":     {up, message, []string{"Authorization", bearer, "Origin", "https://evil.example"}, 403, "cross_origin"},
		"a frame over its bound":     {up, strings.Repeat("x", 9<<10), []string{"Authorization", bearer}, 413, "too_large"},
		"an agent without a log-in":  {agent, `{"t":"hello"}`, nil, 401, "not_logged_in"},
		"an agent's frame without":   {agent + "/frame", message, nil, 401, "not_logged_in"},
		"an agent from elsewhere":    {agent, `{"t":"hello"}`, []string{"Cookie", cookie, "Origin", "https://evil.example"}, 403, "cross_origin"},
		"an agent without an origin": {agent + "/frame", message, []string{"Cookie", cookie, "Origin", "-"}, 403, "cross_origin"},
	} {
		t.Run(name, func(t *testing.T) {
			res := p.knock(c.path, c.body, c.headers...)
			var problem struct{ Code string }
			if body := text(t, res); res.StatusCode != c.status || json.Unmarshal([]byte(body), &problem) != nil || problem.Code != c.code {
				t.Errorf("%d %s, want %d %s", res.StatusCode, body, c.status, c.code)
			}
		})
	}
	if n, _ := p.db.Counts(t.Context(), nil); len(n) != 0 {
		t.Errorf("something was kept: %v", n)
	}
}

// What no session answers, and what one answers as a WebSocket would.
func TestStreamsAnswerGarbageAsWebSocketsDo(t *testing.T) {
	p := newPair(t, server.Config{})
	p.owner()
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	secret := client.NewSecret()
	auth := []string{"Authorization", "Bearer " + secret}
	foreign := uuid.Must(uuid.NewV7()).String()
	for body, want := range map[string]string{
		"garbage":                            `"code":"bad_frame"`,
		`{"t":"dance"}`:                      `"code":"unknown_frame"`,
		`{"t":"presence","presence":"away"}`: `"code":"unknown_frame"`,
		hello(p, secret):                     `"code":"unknown_frame"`,
		`{"t":"take","id":"` + foreign + `","c":"` + foreign + `"}`:                `"code":"not_found"`,
		`{"t":"page","r":7,"c":"` + foreign + `"}`:                                 `"r":7,"code":"not_found"`,
		`{"t":"send","id":"` + foreign + `","c":"` + foreign + `","text":"mine?"}`: `"code":"not_found"`,
		`{"t":"ping"}`: `"t":"pong"`,
	} {
		if got := text(t, p.knock(server.VisitorStream+"/frame", body, auth...)); !strings.Contains(got, want) {
			t.Errorf("%s is answered with %s, want %s", body, got, want)
		}
	}
	if res := p.knock(server.VisitorStream+"/frame", `{"t":"typing","on":true}`, auth...); res.StatusCode != http.StatusNoContent {
		t.Errorf("typing is answered with %d, want 204", res.StatusCode)
	}
	for body, want := range map[string]string{
		"garbage":      `"end":4501`,
		`{"t":"ping"}`: `"end":4501`,
		`{"t":"hello","site":"absent","secret":"` + secret + `"}`: `"end":4501`,
		hello(p, secret): `"end":1000`,
	} {
		if got := text(t, p.knock(server.VisitorStream, body, auth...)); !strings.Contains(got, want) {
			t.Errorf("a poll with %s is answered with %s, want %s", body, got, want)
		}
	}
}

// The same frame twice, on both nodes, is kept once; somebody else's conversation stays closed.
func TestFramesOnAnyNode(t *testing.T) {
	p := newPair(t, server.Config{})
	p.owner()
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	path := server.VisitorStream + "/frame"
	auth := []string{"Authorization", "Bearer " + client.NewSecret()}
	_, frame := send("once")
	first := text(t, p.knock(path, frame, auth...))
	for range 3 {
		if again := text(t, p.knock(path, frame, auth...)); again != first || !strings.Contains(again, `"t":"ack"`) {
			t.Errorf("a repeat is answered with %s, at first it was %s", again, first)
		}
	}
	var ack struct{ C string }
	p.must(json.Unmarshal([]byte(first), &ack))
	page := text(t, p.knock(path, `{"t":"page","r":1}`, auth...))
	if strings.Count(page, `"once"`) != 1 {
		t.Errorf("the page is %s, want the message once", page)
	}
	stranger := []string{"Authorization", "Bearer " + client.NewSecret()}
	for _, frame := range []string{
		`{"t":"page","r":1,"c":"` + ack.C + `"}`,
		`{"t":"send","id":"` + uuid.Must(uuid.NewV7()).String() + `","c":"` + ack.C + `","text":"theirs"}`,
	} {
		if got := text(t, p.knock(path, frame, stranger...)); !strings.Contains(got, `"code":"not_found"`) {
			t.Errorf("a stranger's %s is answered with %s", frame, got)
		}
	}
}

// The rate of a sender holds over its requests, on each node.
func TestFramesHaveARate(t *testing.T) {
	p := newPair(t, server.Config{}, func(c *live.Config) { c.Others = live.Rate{Burst: 5, PerSecond: 0.001} })
	p.owner()
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	auth := []string{"Authorization", "Bearer " + client.NewSecret()}
	ping := func(auth []string) string {
		return text(t, p.knock(server.VisitorStream+"/frame", `{"t":"ping"}`, auth...))
	}
	for i := range 12 {
		if got := ping(auth); strings.Contains(got, `"code":"rate_limited"`) != (i >= 10) {
			t.Errorf("frame %d is answered with %s", i, got)
		}
	}
	if got := ping([]string{"Authorization", "Bearer " + client.NewSecret()}); !strings.Contains(got, "pong") {
		t.Errorf("another visitor is answered with %s", got)
	}
}

// A body that trickles holds nobody up for long.
func TestSlowBodyIsCut(t *testing.T) {
	p := newPair(t, server.Config{HeaderTimeout: 100 * time.Millisecond, SessionsPerAddress: 1})
	p.owner()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.base, "http://"))
	p.must(err)
	defer conn.Close()
	p.must(conn.SetDeadline(time.Now().Add(20 * time.Second)))
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nKefu-Stream: a\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n{",
		server.VisitorStream, strings.TrimPrefix(p.base, "http://"), p.base, client.NewSecret())
	p.must(err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	p.must(err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("a trickling body is answered with %d, want 400", res.StatusCode)
	}
}

// Bodies that trickle are few from one network, and others may go on.
func TestSlowBodiesAreBounded(t *testing.T) {
	p := newPair(t, server.Config{HeaderTimeout: time.Hour, SessionsPerAddress: 4})
	p.owner()
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	auth := []string{"Authorization", "Bearer " + client.NewSecret()}
	_, frame := send("after")
	slow := make([]*io.PipeWriter, 2) // one on each node
	done := make(chan struct{}, len(slow))
	for i := range slow {
		var body *io.PipeReader
		body, slow[i] = io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.base+server.VisitorStream+"/frame", body)
		p.must(err)
		req.Header.Set("Origin", p.base)
		req.Header.Set(auth[0], auth[1])
		go func() {
			if res, err := http.DefaultTransport.RoundTrip(req); err == nil {
				_ = res.Body.Close()
			}
			done <- struct{}{}
		}()
		_, err = slow[i].Write([]byte("{"))
		p.must(err)
	}
	refused := func() bool {
		return strings.Contains(text(t, p.knock(server.VisitorStream+"/frame", frame, auth...)), `"code":"too_many"`)
	}
	for nodes := 0; nodes < len(slow); nodes++ { // until both bodies are being read
		if !refused() {
			nodes = -1
		}
	}
	for _, one := range slow {
		p.must(one.Close())
		<-done
	}
	for range 2 {
		if got := text(t, p.knock(server.VisitorStream+"/frame", frame, auth...)); !strings.Contains(got, `"t":"ack"`) {
			t.Errorf("when they are gone, a frame is answered with %s", got)
		}
	}
}

// Who begins the next stream within the grace is not gone meanwhile, and holds one seat, not two.
func TestGraceBetweenStreams(t *testing.T) {
	for _, c := range []struct {
		grace time.Duration
		stays bool
	}{{time.Hour, true}, {time.Nanosecond, false}} {
		t.Run(c.grace.String(), func(t *testing.T) {
			p := newPair(t, server.Config{StreamGrace: c.grace, SessionsPerAddress: 3})
			p.owner()
			t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
			secret := client.NewSecret()
			want := int64(0) // nobody waits for the next stream: a timer sees to it
			if c.stays {
				want = 1
			}
			for i := range 8 { // four on each node, which has three seats
				got := text(t, p.knock(server.VisitorStream, hello(p, secret), "Authorization", "Bearer "+secret))
				if !strings.Contains(got, `"t":"hello"`) {
					t.Fatalf("poll %d was answered with %s", i, got)
				}
				late := time.Now().Add(20 * time.Second)
				for n := want - 1; n != want; runtime.Gosched() {
					if n = p.registry.On("c").Count(p.firstSite().ID); n != want && (c.stays || time.Now().After(late)) {
						t.Fatalf("%d visitors are here after poll %d, want %d", n, i, want)
					}
				}
			}
		})
	}
}

// online waits until the only visitor is online.
func (p *pair) online(t *testing.T) {
	t.Helper()
	late := time.Now().Add(20 * time.Second)
	for {
		if all, _ := p.registry.On("c").Visitors(p.firstSite().ID, 1); len(all) == 1 && all[0].State == presence.Online {
			return
		}
		if time.Now().After(late) {
			t.Fatal("the visitor is not online")
		}
		runtime.Gosched()
	}
}

// A poll that knows what it would begin with waits for news, and says nothing where there are none.
func TestPollWaitsForNews(t *testing.T) {
	for _, c := range []struct {
		lasts time.Duration
		news  bool
	}{{time.Minute, true}, {50 * time.Millisecond, false}} {
		t.Run(c.lasts.String(), func(t *testing.T) {
			p := newPair(t, server.Config{PollLasts: c.lasts})
			p.owner()
			t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
			secret := client.NewSecret()
			auth := []string{"Authorization", "Bearer " + secret}
			say := func(words string) {
				_, frame := send(words)
				text(t, p.knock(server.VisitorStream+"/frame", frame, auth...))
			}
			say("first")
			seen := seenBy(t, text(t, p.knock(server.VisitorStream, as(hello(p, secret), "away"), auth...)))
			var got string
			// News that come before the poll has read the page stand in its beginning: then the next one waits.
			for range 10 {
				answered := make(chan string, 1)
				go func() {
					answered <- text(t, p.knock(server.VisitorStream, hello(p, secret), append(auth, "Kefu-Poll", seen)...))
				}()
				if c.news {
					p.online(t) // so the poll has begun
					say("second")
				}
				if got = <-answered; !strings.Contains(got, `"t":"hello"`) || !strings.Contains(got, "second") {
					break
				}
				seen = seenBy(t, text(t, p.knock(server.VisitorStream, as(hello(p, secret), "away"), auth...)))
			}
			if strings.Contains(got, `"t":"hello"`) || strings.Contains(got, "first") {
				t.Errorf("the poll repeats what the one before said: %s", got)
			}
			if strings.Contains(got, "second") != c.news || !strings.Contains(got, `"end":1000`) {
				t.Errorf("the poll is answered with %s", got)
			}
		})
	}
}

func as(hello, presence string) string {
	return strings.Replace(hello, `"t"`, `"presence":"`+presence+`","t"`, 1)
}

// seenBy is what a poll's last line says it has shown.
func seenBy(t *testing.T, answer string) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(answer), "\n")
	var end struct{ Seen string }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &end); err != nil {
		t.Fatal(err)
	}
	return end.Seen
}
