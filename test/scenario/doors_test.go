//go:build linux

package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// openDoors are the settings with which pages of the legacy protocols come in unchanged;
// agent5 answers as super_admin.
var openDoors = []string{
	"--legacy-atp-mode=open", "--legacy-atp-agent=agent5@example.com", "--legacy-atp-anybody-may-connect=true",
	"--legacy-push-mode=open", "--legacy-push-anybody-may-connect=true",
}

// legacyPage is a page of a legacy protocol, and what it was told.
type legacyPage struct {
	conn *ws.ClientConn
	done chan struct{}

	mu   sync.Mutex
	told []string
	code uint16
}

// legacyPage opens a page at a path of a node.
func (s *server) legacyPage(path string) *legacyPage {
	s.t.Helper()
	conn, err := ws.Dial(s.t.Context(), "ws://"+s.address+path, ws.DialOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	p := &legacyPage{conn: conn, done: make(chan struct{})}
	go p.listen()
	s.t.Cleanup(func() {
		_ = conn.Close()
		<-p.done
	})
	return p
}

func (p *legacyPage) listen() {
	defer close(p.done)
	for {
		data, err := p.conn.Read()
		p.mu.Lock()
		var end *ws.CloseError
		if errors.As(err, &end) {
			p.code = end.Code
		}
		if err == nil {
			p.told = append(p.told, string(data))
		}
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// has says what is missing until a frame has all these parts.
func (p *legacyPage) has(parts ...string) func() string {
	return func() string {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, frame := range p.told {
			missing := 0
			for _, part := range parts {
				if !strings.Contains(frame, part) {
					missing++
				}
			}
			if missing == 0 {
				return ""
			}
		}
		return fmt.Sprintf("no frame has %q: %q", parts, p.told)
	}
}

func (p *legacyPage) closedWith(code wire.CloseCode) func() string {
	return func() string {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.code != uint16(code) {
			return fmt.Sprintf("closed with %d, want %d", p.code, code)
		}
		return ""
	}
}

func (p *legacyPage) says(t *testing.T, text, sender, receiver string) {
	t.Helper()
	data, err := json.Marshal(legacy.Said{Text: text, Sender: sender, Receiver: receiver})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.conn.Write(data); err != nil {
		t.Fatal(err)
	}
}

// chatRoomElsewhere: a customer and super_admin of the chat room on two nodes; the
// customer logs in once more on a third.
func chatRoomElsewhere(t *testing.T, c *cluster) {
	t.Helper()
	const door = "/websocket/mq/chat/"
	first, second, third := c.nodes[0], c.nodes[1], c.nodes[2]
	customer, admin := first.legacyPage(door+url.PathEscape("小明")), third.legacyPage(door+legacy.AgentName)
	soon(t, "the customer in super_admin's list", admin.has(`"key":1`, `"onlineList":["小明"]`))
	customer.says(t, "在吗？", "小明", legacy.AgentName)
	soon(t, "the customer's message on the other node", admin.has(`"key":3`, "在吗？", `"sender":"小明"`))
	admin.says(t, "在的。", legacy.AgentName, "小明")
	soon(t, "the answer on the other node", customer.has(`"key":3`, "在的。", `"sender":"super_admin"`))

	again := second.legacyPage(door + url.PathEscape("小明"))
	soon(t, "the first page's end", customer.closedWith(wire.CloseElsewhere))
	soon(t, "key 4", customer.has(`"key":4`))
	admin.says(t, "还在吗？", legacy.AgentName, "小明")
	soon(t, "the answer at the newer page", again.has(`"key":3`, "还在吗？"))
	if why := customer.has("还在吗？")(); why == "" {
		t.Error("the page that was replaced still got a message")
	}
}

// pushElsewhere: a push by one node reaches those who wait at two others, and counts them.
func pushElsewhere(t *testing.T, c *cluster) {
	t.Helper()
	waiting := []*legacyPage{c.nodes[0].legacyPage("/websocket/7"), c.nodes[1].legacyPage("/websocket/7")}
	_, secret := makeKey(t, c, "push")
	body, err := json.Marshal(map[string]any{"id": "7", "payload": "order 4711 is paid"})
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Reached  int  `json:"reached"`
		Complete bool `json:"complete"`
	}
	if status := withKey(t, http.MethodPost, c.nodes[2].base()+"/api/v1/push", secret, body, &out); status != http.StatusOK || out.Reached != 2 || !out.Complete {
		t.Errorf("the push answered %d, %+v: want that it reached 2, of all nodes", status, out)
	}
	for i, p := range waiting {
		soon(t, fmt.Sprint("the push at page ", i), p.has("order 4711 is paid"))
	}
}

// broadcastElsewhere: a broadcast that one node publishes comes to a visitor at another.
func broadcastElsewhere(t *testing.T, c *cluster, publishes *server, told <-chan string) {
	t.Helper()
	var made struct {
		ID        string `json:"id"`
		Version   int64  `json:"version"`
		Delivered int64  `json:"delivered"`
	}
	all := fmt.Sprintf("%s/api/v1/sites/%s/broadcasts", publishes.base(), c.in.site)
	draft := map[string]any{"text": "We close at six today.", "show": "card", "audience": map[string]any{"kind": "all"}}
	if _, err := rest(http.MethodPost, all, c.in.owner.cookie, draft, &made); err != nil {
		t.Fatal(err)
	}
	one := all + "/" + made.ID
	if _, err := rest(http.MethodPost, one+"/publish", c.in.owner.cookie, map[string]any{"version": made.Version}, nil); err != nil {
		t.Fatal(err)
	}
	if frame := await(t, "the broadcast at the other node", told); !strings.Contains(frame, "We close at six today.") {
		t.Errorf("the visitor was told %s", frame)
	}
	soon(t, "the delivery in the count", func() string { // the chat room cannot show its customer any
		if _, err := rest(http.MethodGet, one, c.in.owner.cookie, nil, &made); err != nil || made.Delivered != 1 {
			return fmt.Sprintf("%d delivered, %v", made.Delivered, err)
		}
		return ""
	})
}

// withKey calls the REST interface with an API key; out may be nil.
func withKey(t *testing.T, method, address, secret string, body []byte, out any) (status int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+secret)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", "of this test")
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if out != nil {
		if err := json.UnmarshalRead(answer.Body, out); err != nil {
			t.Fatal(err)
		}
	}
	return answer.StatusCode
}
