package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
)

func TestChatRoomIsClosedUnlessItIsOpened(t *testing.T) {
	w := newWorld(t, server.Config{})
	w.owner()
	for _, path := range []string{"/websocket/mq/chat/alice", "/websocket/chat/alice", "/test/mq/chatMsg/getUserList"} {
		if _, status, body := w.plainly(path, nil); status != 404 {
			t.Errorf("%s: %d %s, want 404", path, status, body)
		}
	}
}

// TestOpenChatRoom: whoever gives a name has it, but super_admin and what is its own
// only from the networks that are named, and pages of named origins only.
func TestOpenChatRoom(t *testing.T) {
	cfg := openDoor()
	cfg.ChatRoom.Origins = []string{"https://old.example"}
	w := newRoom(t, cfg)
	outside := http.Header{"X-Forwarded-For": {"203.0.113.9"}}
	if p, status := w.opens(0, "super_admin", outside); p != nil || status != 403 {
		t.Errorf("super_admin from outside: %d, want 403", status)
	}
	if p, status := w.opens(0, "alice", outside); p == nil {
		t.Errorf("alice from outside: %d", status)
	}
	for _, path := range []string{"getUserList", "getHistoryChat/super_admin", "getWebSocketAddress/super_admin"} {
		if out := w.call(0, path, outside); out.Code != legacy.Failure || out.Msg != string(legacy.NotAllowed) || out.Data != nil {
			t.Errorf("%s from outside: %+v", path, out)
		}
		if out := w.call(0, path, nil); out.Code != legacy.Success {
			t.Errorf("%s from here: %+v", path, out)
		}
	}
	for origin, c := range map[string]struct {
		status  int
		allowed string
	}{
		"https://old.example":  {101, "https://old.example"},
		w.bases[0]:             {101, w.bases[0]},
		"https://evil.example": {403, ""},
		"null":                 {403, ""},
	} {
		head := http.Header{"Origin": {origin}}
		if _, status := w.opens(0, "bob", head); status != c.status {
			t.Errorf("%s: %d, want %d", origin, status, c.status)
		}
		out := w.call(0, "getHistoryChat/bob", head)
		if got := out.header.Get("Access-Control-Allow-Origin"); got != c.allowed || (out.Code == legacy.Success) != (c.status == 101) {
			t.Errorf("%s: code %d, allowed %q", origin, out.Code, got)
		}
	}
}

// TestLookingAtADoorTakesNoName: a request that is no handshake replaces nobody.
func TestLookingAtADoorTakesNoName(t *testing.T) {
	w := newRoom(t, openDoor())
	alice := w.page(0, "alice")
	for name, c := range map[string]struct {
		node   int
		header map[string]string
		status int
	}{
		"a page":                {1, nil, http.StatusUpgradeRequired},
		"a version of tomorrow": {0, map[string]string{"Sec-Websocket-Version": "14", "Sec-Websocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}, http.StatusUpgradeRequired},
		"a key that is none":    {0, map[string]string{"Sec-Websocket-Version": "13", "Sec-Websocket-Key": "x"}, http.StatusBadRequest},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.bases[c.node]+"/websocket/mq/chat/alice", nil)
		w.must(err)
		for name, value := range c.header {
			r.Header.Set(name, value)
			r.Header.Set("Upgrade", "websocket")
			r.Header.Set("Connection", "Upgrade")
		}
		res, err := http.DefaultClient.Do(r)
		w.must(err)
		w.must(res.Body.Close())
		if res.StatusCode != c.status {
			t.Errorf("%s: %s, want %d", name, res.Status, c.status)
		}
	}
	alice.says("still here", "super_admin")
	alice.told("alice>super_admin:still here")
}

// TestOpenChatRoomWithoutItsAgent: the agent behind super_admin must be there and
// work on the site.
func TestOpenChatRoomWithoutItsAgent(t *testing.T) {
	cfg := openDoor()
	cfg.ChatRoom.Agent = "nobody@example.com"
	w := newRoom(t, cfg)
	if _, status := w.opens(0, "super_admin", nil); status != 503 {
		t.Errorf("%d, want 503", status)
	}
	if out := w.call(0, "getUserList", nil); out.Code != legacy.Failure || out.Msg != string(legacy.NoAgent) {
		t.Errorf("%+v", out)
	}
}

// TestChatRoomWithTickets: a name needs a ticket of the application's server, in a
// cookie or in the address; super_admin an agent's log-in.
func TestChatRoomWithTickets(t *testing.T) {
	cfg := openDoor()
	cfg.ChatRoom.Mode = server.TokenEntry
	w := newRoomWithOwner(t, cfg)
	keys := identity.NewKeys(w.db, w.db, w.clock.Now)
	_, secret, err := keys.Make(t.Context(), audit.By{}, w.firstSite().ID, "Shop", []identity.Scope{identity.LegacyScope})
	w.must(err)
	own := func(node int, cookie string) http.Header {
		return http.Header{"Origin": {w.bases[node]}, "Cookie": {cookie}}
	}
	cookie := own(0, "kefu_legacy="+w.ticket(legacy.ChatDoor, "alice", true))
	for name, c := range map[string]struct {
		user   string
		header http.Header
		code   int
	}{
		"no cookie":          {"alice", nil, legacy.Failure},
		"the name's cookie":  {"alice", cookie, legacy.Success},
		"another one's":      {"bob", cookie, legacy.Failure},
		"super_admin's":      {"super_admin", cookie, legacy.Failure},
		"an API key":         {"bob", http.Header{"Authorization": {"Bearer " + secret}}, legacy.Success},
		"a wrong API key":    {"bob", http.Header{"Authorization": {"Bearer kfk_" + strings.Repeat("A", 43)}}, legacy.Failure},
		"an agent's log-in":  {"super_admin", own(0, w.owner.cookie()), legacy.Success},
		"a log-in elsewhere": {"alice", own(0, w.owner.cookie()), legacy.Failure},
	} {
		for _, call := range []string{"getHistoryChat/", "getWebSocketAddress/"} {
			if out := w.call(0, call+c.user, c.header); out.Code != c.code || c.code == legacy.Failure && out.Msg != string(legacy.NotAllowed) {
				if name != "a wrong API key" || out.Code != legacy.Failure {
					t.Errorf("%s, %s: %+v", name, call, out)
				}
			}
		}
	}
	address := w.call(0, "getWebSocketAddress/alice", cookie).Data.(string)
	if !strings.Contains(address, "/websocket/mq/chat/alice?ticket=") {
		t.Fatalf("the address is %s", address)
	}
	alice, status := w.opensAt(strings.Replace(address, "ws://", "http://", 1), "alice", nil)
	if alice == nil {
		t.Fatalf("by the address: %d", status)
	}
	for i, base := range w.bases {
		_, path, _ := strings.Cut(strings.TrimPrefix(address, "ws://"), "/")
		if again, status := w.opensAt(base+"/"+path, "alice", nil); again != nil || status != 403 {
			t.Errorf("by the same address again, on node %d: %d, want 403", i, status)
		}
	}
	if p, _ := w.opens(0, "alice", nil); p != nil {
		t.Error("without a ticket")
	}
	byCookie, _ := w.opens(0, "alice", cookie)
	alice.closedWith(wire.CloseElsewhere)
	sue := w.invite(w.owner, "sue", idOf(w.firstSite()), "supervisor")
	admin, status := w.opens(1, "super_admin", own(1, sue.cookie()))
	if admin == nil {
		t.Fatalf("super_admin by a log-in: %d", status)
	}
	byCookie.says("hello", "super_admin")
	admin.told("alice>super_admin:hello")
	admin.says("I am Sue", "alice")
	byCookie.told("alice>super_admin:hello", "super_admin>alice:I am Sue")
	console := w.console(w.owner)
	row := console.waiting("alice")
	admin.says("really", "alice")
	console.heard(row, "really", "sue")
	sue.want(204, "POST", "/api/v1/log-out", nil)
	admin.closedWith(wire.CloseRevoked)
}

// TestChatRoomIsHealed: without any notice all comes, late.
func TestChatRoomIsHealed(t *testing.T) {
	w := newRoom(t, openDoor(), silent)
	first, admin := w.page(0, "alice"), w.page(1, "super_admin")
	first.says("hello", "super_admin")
	first.told("alice>super_admin:hello")
	admin.told("alice>super_admin:hello")
	admin.says("good morning", "alice")
	first.told("alice>super_admin:hello", "super_admin>alice:good morning")
	w.page(1, "alice")
	first.closedWith(wire.CloseElsewhere)
	admin.lists(legacy.Connected, "alice", "alice")
}

// TestDeadNodeLeavesNobodyOnline: who was on a node that died is not shown as online.
func TestDeadNodeLeavesNobodyOnline(t *testing.T) {
	w := newRoom(t, openDoor())
	w.registry.On("dead").Renew(nil)
	_, err := w.db.EnterName(t.Context(), w.firstSite().ID, "bob", "token", "dead")
	w.must(err)
	admin := w.page(0, "super_admin")
	w.page(1, "alice")
	admin.lists(legacy.Connected, "alice,bob", "alice,bob")
	w.registry.On("dead").Leave()
	admin.lists(legacy.Disconnected, "alice", "alice,bob")
}

// TestChatRoomDrains: a node that goes closes its pages with "come back".
func TestChatRoomDrains(t *testing.T) {
	w := newRoom(t, openDoor())
	alice, admin := w.page(1, "alice"), w.page(1, "super_admin")
	admin.lists(legacy.Connected, "alice", "alice")
	w.must(w.hubs[1].Drain(t.Context(), drainSoon))
	alice.closedWith(wire.CloseRestart)
	admin.closedWith(wire.CloseRestart)
	back := w.page(0, "alice")
	back.says("here again", "super_admin")
	back.told("alice>super_admin:here again")
}

// TestListsAreCoalesced: many who come at once make few frames.
func TestListsAreCoalesced(t *testing.T) {
	w := newRoom(t, openDoor())
	admin := w.page(0, "super_admin")
	admin.lists(legacy.Connected, "", "")
	begun := time.Now()
	var names []string
	for i := range 40 {
		name := fmt.Sprintf("user%02d", i)
		w.page(i%2, name)
		names = append(names, name)
	}
	all := strings.Join(names, ",")
	admin.lists(legacy.Connected, all, all)
	most := int(time.Since(begun)/roomEvery) + 3
	admin.mu.Lock()
	defer admin.mu.Unlock()
	if len(admin.frames) > most {
		t.Errorf("%d frames in %s, want %d at most", len(admin.frames), time.Since(begun), most)
	}
}

// TestNoUnverifiedCustomer: of a site for verified visitors only the chat room is closed
// to customers, of whom no website has said who they are.
func TestNoUnverifiedCustomer(t *testing.T) {
	w := newRoom(t, openDoor())
	w.change(w.firstSite(), func(s *site.Settings) { s.VerifiedOnly = true })
	alice := w.page(0, "alice")
	alice.until("turned away", func(_ []legacy.Frame, code uint16) bool { return code == uint16(wire.CloseRefused) })
	w.change(w.firstSite(), func(s *site.Settings) { s.VerifiedOnly = false })
	bob := w.page(0, "bob")
	bob.says("and now", "super_admin")
	bob.told("bob>super_admin:and now")
}
