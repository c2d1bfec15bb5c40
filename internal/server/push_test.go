package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/push"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// plainly opens a WebSocket as a legacy page does: without a subprotocol.
func (w *world) plainly(path string, header http.Header) (*ws.ClientConn, int, string) {
	w.t.Helper()
	conn, err := ws.Dial(w.t.Context(), strings.Replace(w.base, "http", "ws", 1)+path, ws.DialOptions{Header: header})
	var refused *ws.DialError
	switch {
	case errors.As(err, &refused):
		return nil, refused.Status, refused.Body
	case err != nil:
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	return conn, http.StatusSwitchingProtocols, ""
}

// reads is the next message of a connection.
func (w *world) reads(conn *ws.ClientConn) string {
	w.t.Helper()
	w.must(conn.SetReadDeadline(time.Now().Add(8 * time.Second)))
	data, err := conn.Read()
	w.must(err)
	return string(data)
}

func (w *world) push(request, payload string, ids ...string) (reached int, position int64) {
	w.t.Helper()
	out, err := w.hub.Push(w.t.Context(), push.Order{Site: w.firstSite().ID, Request: request, IDs: ids, Payload: payload})
	w.must(err)
	if !out.Complete {
		w.t.Errorf("push %s is not complete", request)
	}
	return out.Reached, out.Position
}

// ticket is one for a door, as it is shown.
func (w *world) ticket(door legacy.Door, name string, reusable bool) string {
	w.t.Helper()
	shown, hash := legacy.NewTicket()
	_, err := w.db.AddTicket(w.t.Context(), hash, legacy.Ticket{Site: w.firstSite().ID, Door: door, Name: name, Reusable: reusable}, legacy.TicketLasts)
	w.must(err)
	return shown
}

func TestPushDoorIsClosedUnlessItIsOpened(t *testing.T) {
	w := newWorld(t, server.Config{})
	w.owner()
	if _, status, body := w.plainly("/websocket/x", nil); status != 404 {
		t.Errorf("%d %s, want 404", status, body)
	}
}

func TestPushDoorThatIsOpen(t *testing.T) {
	w := newWorld(t, server.Config{Push: server.Entry{Mode: server.OpenEntry}})
	if _, status, _ := w.plainly("/websocket/x", nil); status != 404 {
		t.Errorf("before the set-up: %d, want 404", status)
	}
	w.owner()
	id := "用户 7"
	first, _, _ := w.plainly("/websocket/"+url.PathEscape(id), http.Header{"Origin": {w.base}})
	second, _, _ := w.plainly("/websocket/"+url.PathEscape(id), nil)
	other, _, _ := w.plainly("/websocket/other?after=0", nil)
	if got := w.reads(other); got != `{"position":0}` {
		t.Errorf("the beginning is %s", got)
	}
	payload := `{"userId":1,"cId":7,"userIocn":"https://shop.example/a.png","cltext":"你好","clstate":"0","tpye":"0"}`
	w.must(first.Write([]byte("not interpreted")))
	if n, _ := w.push("1", payload, id); n != 2 {
		t.Errorf("%d reached, want 2", n)
	}
	for _, conn := range []*ws.ClientConn{first, second} {
		if got := w.reads(conn); got != payload {
			t.Errorf("got %s", got)
		}
	}
	_, position := w.push("2", "to all")
	for conn, want := range map[*ws.ClientConn]string{first: "to all", second: "to all", other: fmt.Sprintf(`{"position":%d,"payload":"to all"}`, position)} {
		if got := w.reads(conn); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	w.must(other.Close())
	_, missed := w.push("3", "missed", "other")
	back, _, _ := w.plainly(fmt.Sprint("/websocket/other?after=", position), nil)
	for _, want := range []string{fmt.Sprintf(`{"position":%d}`, position), fmt.Sprintf(`{"position":%d,"payload":"missed"}`, missed)} {
		if got := w.reads(back); got != want {
			t.Errorf("came back: %s, want %s", got, want)
		}
	}
	for path, code := range map[string]string{"/websocket/" + strings.Repeat("x", push.MaxID+1): "bad_request", "/websocket/x?after=-1": "bad_request", "/websocket/x?after=": "bad_request"} {
		if _, status, body := w.plainly(path, nil); status != 400 || !strings.Contains(body, code) {
			t.Errorf("%.30s: %d %s", path, status, body)
		}
	}
	if _, status, body := w.plainly("/websocket/x", http.Header{"Origin": {"https://evil.example"}}); status != 403 || !strings.Contains(body, "cross_origin") {
		t.Errorf("another website: %d %s", status, body)
	}
}

func TestPushDoorThatWantsATicket(t *testing.T) {
	w := newWorld(t, server.Config{Push: server.Entry{Mode: server.TokenEntry}})
	w.owner()
	once, other, chatty, cookie := w.ticket(legacy.PushDoor, "x", false), w.ticket(legacy.PushDoor, "y", false), w.ticket(legacy.ChatDoor, "x", false), w.ticket(legacy.PushDoor, "x", true)
	own := func(value string) http.Header {
		return http.Header{"Origin": {w.base}, "Cookie": {"kefu_legacy=" + value}}
	}
	evil := own(cookie)
	evil.Set("Origin", "https://evil.example")
	for i, c := range []struct {
		path   string
		header http.Header
		status int
		code   string
	}{
		{"/websocket/x", nil, 403, "not_allowed"},
		{"/websocket/x?ticket=" + strings.Repeat("A", 43), nil, 403, "not_allowed"},
		{"/websocket/x?ticket=" + other, nil, 403, "another name"},
		{"/websocket/x?ticket=" + chatty, nil, 403, "another door"},
		{"/websocket/x?ticket=" + cookie, nil, 403, "another door"}, // a reusable one stands in no address
		{"/websocket/x?ticket=" + once, http.Header{"Origin": {"https://anywhere.example"}}, 101, ""},
		{"/websocket/x?ticket=" + once, nil, 403, "used already"},
		{"/websocket/x", own(cookie), 101, ""},
		{"/websocket/x", own(cookie), 101, ""},
		{"/websocket/y", own(cookie), 403, "another name"},
		{"/websocket/x", evil, 403, "cross_origin"},
	} {
		if _, status, body := w.plainly(c.path, c.header); status != c.status || !strings.Contains(body, c.code) {
			t.Errorf("%d: %d %s, want %d %s", i, status, body, c.status, c.code)
		}
	}
	late := w.ticket(legacy.PushDoor, "x", false)
	w.clock.forward(legacy.TicketLasts + time.Second)
	if _, status, _ := w.plainly("/websocket/x?ticket="+late, nil); status != 403 {
		t.Errorf("after its end: %d, want 403", status)
	}
	if n, _ := w.push("1", "hello", "x"); n != 3 {
		t.Errorf("%d reached, want 3", n)
	}
}

// TestPushDoorIsBounded: who sends without end is closed, and so is everybody, with
// "come back", when the server stops.
func TestPushDoorIsBounded(t *testing.T) {
	w := newWorld(t, server.Config{Push: server.Entry{Mode: server.OpenEntry}, SessionsPerAddress: 2})
	w.owner()
	loud, _, _ := w.plainly("/websocket/x", nil)
	quiet, _, _ := w.plainly("/websocket/x", nil)
	if _, status, body := w.plainly("/websocket/x", nil); status != 429 || !strings.Contains(body, string(wire.TooMany)) {
		t.Errorf("one too many: %d %s", status, body)
	}
	for range 2000 {
		if loud.Write([]byte("x")) != nil {
			break
		}
	}
	closed := func(conn *ws.ClientConn, code wire.CloseCode) {
		t.Helper()
		w.must(conn.SetReadDeadline(time.Now().Add(8 * time.Second)))
		_, err := conn.Read()
		var end *ws.CloseError
		if !errors.As(err, &end) || end.Code != uint16(code) {
			t.Errorf("closed with %v, want %d", err, code)
		}
	}
	closed(loud, wire.CloseRate)
	w.hub.Close()
	closed(quiet, wire.CloseRestart)
	if _, err := w.hub.Push(t.Context(), push.Order{Site: 1}); chat.CodeOf(err) != chat.BadText {
		t.Errorf("%v", err)
	}
}

// TestPushOverREST: an application server pushes with an API key of that scope, to one
// id, several or all of its own site, and a repeated request makes no second push.
func TestPushOverREST(t *testing.T) {
	w := newWorld(t, server.Config{Push: server.Entry{Mode: server.OpenEntry}})
	w.owner()
	program := func(scopes ...identity.Scope) *person {
		_, secret, err := w.parts.Keys.Make(t.Context(), audit.By{}, w.firstSite().ID, "Shop", scopes)
		w.must(err)
		return w.program(secret)
	}
	shop := program(identity.PushScope)
	x, _, _ := w.plainly("/websocket/x", nil)
	y, _, _ := w.plainly("/websocket/y", nil)
	push := func(status int, key string, body fields) answer {
		t.Helper()
		shop.header.Set("Idempotency-Key", key)
		return shop.want(status, "POST", "/api/v1/push", body)
	}
	for i, c := range []struct {
		body    fields
		reached string
	}{
		{fields{"id": "x", "payload": "one"}, "1"},
		{fields{"ids": []string{"x", "y", "z"}, "payload": "several"}, "2"},
		{fields{"all": true, "payload": "all"}, "2"},
		{fields{"id": "nobody", "payload": "none"}, "0"},
	} {
		key := fmt.Sprint("key ", i)
		made := push(200, key, c.body)
		if fmt.Sprint(made.get("reached")) != c.reached || made.get("complete") != true {
			t.Errorf("%d: %s, want %s reached", i, made.text, c.reached)
		}
		if again := push(200, key, c.body); again.text != made.text {
			t.Errorf("%d repeated: %s, want %s", i, again.text, made.text)
		}
		if other := push(409, key, fields{"id": "x", "payload": "something else"}); other.code() != "client_id_reused" {
			t.Errorf("%d with another body: %s", i, other.text)
		}
	}
	for conn, want := range map[*ws.ClientConn][]string{x: {"one", "several", "all"}, y: {"several", "all"}} {
		for _, text := range want {
			if got := w.reads(conn); got != text {
				t.Errorf("got %s, want %s", got, text)
			}
		}
	}
	for name, c := range map[string]struct {
		status int
		key    string
		body   fields
	}{
		"nobody named":       {400, "k", fields{"payload": "p"}},
		"two ways of naming": {400, "k", fields{"id": "x", "all": true, "payload": "p"}},
		"no payload":         {422, "k", fields{"id": "x"}},
		"a long payload":     {422, "k", fields{"id": "x", "payload": strings.Repeat("界", 30_000)}},
		"no key":             {422, "", fields{"id": "x", "payload": "p"}},
		"a long id":          {422, "k", fields{"id": strings.Repeat("i", 129), "payload": "p"}},
	} {
		if a := push(c.status, c.key, c.body); a.code() == "" {
			t.Errorf("%s: %s", name, a.text)
		}
	}
	if a := push(422, "", fields{"id": "x", "payload": "p"}); !strings.Contains(a.text, "Idempotency-Key") {
		t.Errorf("it does not say which header is missing: %s", a.text)
	}
	legacyOnly := program(identity.LegacyScope)
	legacyOnly.header.Set("Idempotency-Key", "k")
	legacyOnly.want(403, "POST", "/api/v1/push", fields{"id": "x", "payload": "p"})
}

// TestTicketsOverREST: an application server gets a ticket for its page. Tickets are
// counted, and not written down.
func TestTicketsOverREST(t *testing.T) {
	w := newWorld(t, server.Config{Push: server.Entry{Mode: server.TokenEntry}})
	watch := w.watched(server.Config{Push: server.Entry{Mode: server.TokenEntry}})
	w.owner()
	key, secret, err := w.parts.Keys.Make(t.Context(), audit.By{}, w.firstSite().ID, "Shop", []identity.Scope{identity.LegacyScope})
	w.must(err)
	shop := w.program(secret)
	once := shop.want(201, "POST", "/api/v1/legacy/tickets", fields{"door": "push", "name": "x"})
	for i, want := range []int{101, 403} {
		if _, status, body := w.plainly("/websocket/x?ticket="+once.string("ticket"), nil); status != want {
			t.Errorf("try %d: %d %s, want %d", i, status, body, want)
		}
	}
	cookie := shop.want(201, "POST", "/api/v1/legacy/tickets", fields{"door": "push", "name": "x", "cookie": true, "seconds": 3600})
	for range 2 {
		if _, status, body := w.plainly("/websocket/x", http.Header{"Cookie": {"kefu_legacy=" + cookie.string("ticket")}}); status != 101 {
			t.Errorf("the cookie's: %d %s", status, body)
		}
	}
	lasts := func(a answer) time.Duration {
		return time.UnixMilli(int64(a.get("expires_at").(float64))).Sub(w.clock.Now())
	}
	if a, b := lasts(once), lasts(cookie); a > legacy.TicketLasts || a < 0 || b > time.Hour || b < time.Hour-time.Minute {
		t.Errorf("they last %s and %s", a, b)
	}
	for _, bad := range []fields{{"door": "push", "name": ""}, {"door": "chat", "name": " a"}, {"door": "none", "name": "x"}, {"door": "push", "name": "x", "seconds": 1}} {
		shop.want(422, "POST", "/api/v1/legacy/tickets", bad)
	}
	entries, err := w.db.Entries(t.Context(), audit.Query{Site: w.firstSite().ID, Limit: 10})
	w.must(err)
	for _, e := range entries {
		if e.By.ID == key.ID {
			t.Errorf("the audit has %+v: an application makes thousands of tickets", e)
		}
	}
	for what, want := range map[string]int{"ticket push made": 2, "ticket push used": 3, "ticket push refused": 1} {
		if n := watch.count(what); n != want {
			t.Errorf("%s: %d times, want %d", what, n, want)
		}
	}
}
