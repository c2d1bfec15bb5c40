package server_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/server"
)

// swallower is a proxy that never tells the server of a client that is gone: it
// reads on what nobody wants any more, and keeps the request open.
type swallower struct {
	*httptest.Server
	began chan struct{}
	ended chan string // the whole answer
}

func (p *pair) swallow() *swallower {
	ctx, cancel := context.WithCancel(context.Background())
	s := &swallower{began: make(chan struct{}), ended: make(chan string, 8)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		up, err := http.NewRequestWithContext(ctx, r.Method, p.base+r.URL.Path, bytes.NewReader(body))
		if err != nil {
			return
		}
		up.Header, up.Host = r.Header, r.Host
		s.began <- struct{}{}
		res, err := http.DefaultTransport.RoundTrip(up)
		if err != nil {
			return
		}
		defer res.Body.Close()
		all, _ := io.ReadAll(res.Body)
		s.ended <- string(all)
	}))
	p.t.Cleanup(func() {
		cancel()
		s.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	return s
}

// vanish sends a request through the proxy, and is gone without a word.
func (p *pair) vanish(through *swallower, body string, headers ...string) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, through.URL+server.VisitorStream, bytes.NewReader([]byte(body)))
	p.must(err)
	req.Header.Set("Origin", through.URL)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if res, err := http.DefaultTransport.RoundTrip(req); err == nil {
			_ = res.Body.Close()
		}
	}()
	<-through.began
	cancel()
	<-sent
}

// Of two who vanish behind a proxy that tells nobody, one streaming and one in a
// poll that waits, each is gone when its request has lasted and the grace is over;
// the other, whose request lasts an hour, is still shown: the proxy does hold on.
func TestVanishedBehindProxy(t *testing.T) {
	const soon = 100 * time.Millisecond
	for name, cfg := range map[string]server.Config{
		"streaming": {StreamLasts: soon, PollLasts: time.Hour, StreamGrace: soon},
		"polling":   {StreamLasts: time.Hour, PollLasts: soon, StreamGrace: soon},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, cfg)
			p.owner()
			proxy := p.swallow()
			secrets := [2]string{client.NewSecret(), client.NewSecret()}
			polls, streams := as(hello(p, secrets[0]), "away"), hello(p, secrets[1])
			seen := seenBy(t, text(t, p.knock(server.VisitorStream, polls, "Authorization", "Bearer "+secrets[0])))
			begun := time.Now()
			p.vanish(proxy, polls, "Authorization", "Bearer "+secrets[0], "Kefu-Stream", "a", "Kefu-Poll", seen)
			p.vanish(proxy, streams, "Authorization", "Bearer "+secrets[1], "Kefu-Stream", "b")
			stays := presence.Away
			if name == "polling" {
				stays = presence.Online
			}
			late := time.NewTimer(20 * time.Second)
			defer late.Stop()
			select {
			case answer := <-proxy.ended:
				if took := time.Since(begun); took < soon || !bytes.Contains([]byte(answer), []byte(`"end":1000`)) {
					t.Errorf("the request ended after %s with %q", took, answer)
				}
			case <-late.C:
				t.Fatal("no request ended: its client is shown for good")
			}
			p.only(t, stays)
			if len(proxy.ended) > 0 {
				t.Errorf("the other request ended, too: %q", <-proxy.ended)
			}
		})
	}
}

// only waits until one visitor is left, in this state.
func (p *pair) only(t *testing.T, state presence.State) {
	t.Helper()
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		all, _ := p.registry.On("c").Visitors(p.firstSite().ID, 3)
		if len(all) == 1 && all[0].State == state {
			return
		}
		select {
		case <-look.C:
		case <-late.C:
			t.Fatalf("here are %+v, want one who is %s", all, state)
		}
	}
}
