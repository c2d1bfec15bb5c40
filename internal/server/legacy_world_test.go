package server_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/atp"
	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// openLegacy adds the doors of the legacy protocols to a node of a pair.
func (p *pair) openLegacy(node string, parts *server.Parts, cfg server.Config) {
	if cfg.Push.Mode == "" && cfg.ChatRoom.Mode == "" {
		return
	}
	plain := ws.NewServer(ws.Config{})
	parts.PlainSockets = plain
	if cfg.ChatRoom.Mode != "" {
		room := atp.Start(atp.Config{Every: roomEvery, Gap: 5 * time.Millisecond}, atp.Parts{
			Node: node, Hub: parts.Hub, Names: p.db, Store: p.db, Presence: p.registry.On(node), Log: parts.Log,
		})
		p.t.Cleanup(room.Close)
		parts.ChatRoom = room
	}
	p.t.Cleanup(func() { p.must(plain.Shutdown(context.Background(), uint16(wire.CloseRestart), "the test ends")) })
}

// roomWorld are two nodes with the chat room open, and each one's own address.
type roomWorld struct {
	*pair
	owner *person
	bases [2]string
}

// roomEvery is how often a room looks.
const roomEvery = 50 * time.Millisecond

// drainSoon lets the sessions of a node go at once.
var drainSoon = live.Drain{Spread: 10 * time.Millisecond, Grace: 10 * time.Millisecond}

// silent makes the nodes forget what they should tell one another.
func silent(c *live.Config) { c.DropDeliveries = func() bool { return true } }

// openDoor lets everybody in, and the account that answers from this machine.
func openDoor() server.Config {
	return server.Config{ChatRoom: server.ChatEntry{Entry: server.Entry{Mode: server.OpenEntry}, Agent: "olive@example.com", AgentNetworks: loopback()}}
}

func newRoom(t *testing.T, cfg server.Config, change ...func(*live.Config)) *roomWorld {
	t.Helper()
	w := newRoomNodes(t, cfg, change...)
	made, err := w.sites.Make(t.Context(), audit.By{}, "Shop")
	w.must(err)
	_, _, err = w.people.Make(t.Context(), audit.By{}, identity.NewAgent{Name: "Olive", Email: "olive@example.com", Roles: map[chat.SiteID]chat.Role{made.ID: chat.RoleAgent}})
	w.must(err)
	return w
}

// newRoomWithOwner has an owner who can log in; a password takes its time.
func newRoomWithOwner(t *testing.T, cfg server.Config) *roomWorld {
	t.Helper()
	w := newRoomNodes(t, cfg)
	w.owner = w.pair.owner()
	return w
}

func newRoomNodes(t *testing.T, cfg server.Config, change ...func(*live.Config)) *roomWorld {
	t.Helper()
	w := &roomWorld{pair: newPair(t, cfg, change...)}
	for i, node := range w.nodes {
		one := httptest.NewServer(node.Handler())
		t.Cleanup(one.Close)
		w.bases[i] = one.URL
	}
	return w
}

// page is a legacy page: what it was told.
type page struct {
	w    *roomWorld
	name string
	conn *ws.ClientConn

	mu     sync.Mutex
	news   chan struct{}
	done   chan struct{} // closed when nothing comes any more
	frames []legacy.Frame
	code   uint16

	answers int // that a test has seen
}

// opens opens a page's WebSocket on a node.
func (w *roomWorld) opens(node int, name string, header http.Header) (*page, int) {
	w.t.Helper()
	return w.opensAt(w.bases[node]+"/websocket/mq/chat/"+url.PathEscape(name), name, header)
}

func (w *roomWorld) opensAt(address, name string, header http.Header) (*page, int) {
	w.t.Helper()
	conn, err := ws.Dial(w.t.Context(), strings.Replace(address, "http", "ws", 1), ws.DialOptions{Header: header})
	var refused *ws.DialError
	switch {
	case errors.As(err, &refused):
		return nil, refused.Status
	case err != nil:
		w.t.Fatal(err)
	}
	p := &page{w: w, name: name, conn: conn, news: make(chan struct{}), done: make(chan struct{})}
	go p.listen()
	w.t.Cleanup(func() {
		_ = conn.Close()
		<-p.done
	})
	return p, http.StatusSwitchingProtocols
}

func (w *roomWorld) page(node int, name string) *page {
	w.t.Helper()
	p, status := w.opens(node, name, nil)
	if p == nil {
		w.t.Fatalf("%s: %d", name, status)
	}
	return p
}

func (p *page) listen() {
	defer close(p.done)
	for {
		data, err := p.conn.Read()
		p.mu.Lock()
		var end *ws.CloseError
		var f legacy.Frame
		switch {
		case errors.As(err, &end):
			p.code = end.Code
		case err != nil:
			p.code = 1
		case json.Unmarshal(data, &f) != nil:
			p.w.t.Errorf("%s was told %s", p.name, data)
		default:
			p.frames = append(p.frames, f)
		}
		close(p.news)
		p.news = make(chan struct{})
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// until waits until what came is so.
func (p *page) until(what string, so func(frames []legacy.Frame, code uint16) bool) {
	p.w.t.Helper()
	deadline := time.After(8 * time.Second)
	for {
		p.mu.Lock()
		ok, news := so(p.frames, p.code), p.news
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-news:
		case <-deadline:
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, f := range p.frames {
				p.w.t.Logf("%s was told %s", p.name, f.Encode())
			}
			p.w.t.Fatalf("%s: never %s (closed with %d)", p.name, what, p.code)
		}
	}
}

// told waits until exactly these texts have come as messages, in this order, each
// as sender>receiver:text.
func (p *page) told(want ...string) {
	p.w.t.Helper()
	p.until(strings.Join(want, " | "), func(frames []legacy.Frame, _ uint16) bool {
		return strings.Join(messagesIn(frames), "\x00") == strings.Join(want, "\x00")
	})
}

func messagesIn(frames []legacy.Frame) (all []string) {
	for _, f := range frames {
		if f.Key == legacy.Message {
			all = append(all, f.Data.Sender+">"+f.Data.Receiver+":"+f.Data.Text)
		}
	}
	return all
}

// lists waits until the newest lists are these.
func (p *page) lists(key int, online, users string) {
	p.w.t.Helper()
	p.until("online "+online+", users "+users, func(frames []legacy.Frame, _ uint16) bool {
		for i := len(frames) - 1; i >= 0; i-- {
			if f := frames[i]; f.Key == legacy.Connected || f.Key == legacy.Disconnected {
				return f.Key == key && strings.Join(*f.Online, ",") == online && strings.Join(*f.Users, ",") == users
			}
		}
		return false
	})
}

func (p *page) closedWith(code wire.CloseCode) {
	p.w.t.Helper()
	p.until("closed", func(_ []legacy.Frame, have uint16) bool { return have == uint16(code) })
}

// answered waits for so many answers to refused frames, and gives the last one's words.
func (p *page) answered(n int) (words string) {
	p.w.t.Helper()
	p.until("an answer", func(frames []legacy.Frame, _ uint16) bool {
		have := 0
		for _, f := range frames {
			if f.Key == legacy.Refused && f.Code != nil && *f.Code == legacy.Failure {
				have, words = have+1, f.Msg
			}
		}
		return have == n
	})
	return words
}

// says sends a message as the page does.
func (p *page) says(text, receiver string) { p.saysAs(text, p.name, receiver) }

func (p *page) saysAs(text, sender, receiver string) {
	p.w.t.Helper()
	data, err := json.Marshal(map[string]string{"msg": text, "sender": sender, "receiver": receiver, "createTime": "2023-05-16T08:00:00.000Z"})
	p.w.must(err)
	p.w.must(p.conn.Write(data))
}

// called is an answer of the room over HTTP.
type called struct {
	Code   int
	Msg    string
	Data   any
	header http.Header
}

func (w *roomWorld) call(node int, path string, header http.Header) called {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.bases[node]+"/test/mq/chatMsg/"+path, nil)
	w.must(err)
	r.Header = header.Clone()
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	res, err := http.DefaultClient.Do(r)
	w.must(err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		w.t.Errorf("%s: status %d, want 200 whatever the answer is", path, res.StatusCode)
	}
	var out called
	w.must(json.UnmarshalRead(res.Body, &out, json.MatchCaseInsensitiveNames(true)))
	out.header = res.Header
	return out
}

// history are the texts of a name's history, as told has them.
func (w *roomWorld) history(node int, name string) []string {
	w.t.Helper()
	out := w.call(node, "getHistoryChat/"+url.PathEscape(name), nil)
	list, ok := out.Data.([]any)
	if out.Code != legacy.Success || !ok {
		w.t.Fatalf("the history of %s is %+v", name, out)
	}
	all := []string{}
	for _, one := range list {
		m := one.(map[string]any)
		all = append(all, m["sender"].(string)+">"+m["receiver"].(string)+":"+m["msg"].(string))
	}
	return all
}
