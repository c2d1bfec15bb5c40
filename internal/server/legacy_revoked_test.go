package server_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// shop is an application server with an API key for tickets.
type shop struct {
	w    *roomWorld
	keys *identity.Keys
	key  identity.Key
}

func (w *roomWorld) shop(name string) *shop {
	w.t.Helper()
	s := &shop{w: w, keys: identity.NewKeys(w.db, w.db, w.clock.Now)}
	var err error
	s.key, _, err = s.keys.Make(w.t.Context(), audit.By{}, w.firstSite().ID, name, []identity.Scope{identity.LegacyScope})
	w.must(err)
	return s
}

func (s *shop) ticket(door legacy.Door, name string, reusable bool) string {
	s.w.t.Helper()
	shown, hash := legacy.NewTicket()
	_, err := s.w.db.AddTicket(s.w.t.Context(), hash, legacy.Ticket{Site: s.key.Site, Door: door, Name: name, Reusable: reusable, Key: s.key.ID}, legacy.TicketLasts)
	s.w.must(err)
	return shown
}

// wait opens a connection that waits for pushes.
func (w *roomWorld) wait(node int, path string) (conn *ws.ClientConn, status int) {
	w.t.Helper()
	conn, err := ws.Dial(w.t.Context(), strings.Replace(w.bases[node], "http", "ws", 1)+path, ws.DialOptions{})
	var refused *ws.DialError
	if errors.As(err, &refused) {
		return nil, refused.Status
	}
	w.must(err)
	w.t.Cleanup(func() { _ = conn.Close() })
	return conn, http.StatusSwitchingProtocols
}

// TestTicketsEndWithTheirKey: a revoked key's unused tickets are refused on all nodes,
// and who came in by its tickets, also by those that they turned into, is cut.
func TestTicketsEndWithTheirKey(t *testing.T) {
	cfg := openDoor()
	cfg.ChatRoom.Mode, cfg.Push.Mode = server.TokenEntry, server.TokenEntry
	w := newRoom(t, cfg)
	revoked, other := w.shop("Old shop"), w.shop("New shop")
	cookieOf := func(s *shop, name string) http.Header {
		return http.Header{"Origin": {w.bases[0]}, "Cookie": {"kefu_legacy=" + s.ticket(legacy.ChatDoor, name, true)}}
	}
	enter := func(s *shop, name string) *page {
		address := w.call(0, "getWebSocketAddress/"+name, cookieOf(s, name)).Data.(string)
		p, status := w.opensAt(strings.Replace(address, "ws://", "http://", 1), name, nil)
		if p == nil {
			t.Fatalf("%s: %d", name, status)
		}
		return p
	}
	alice, bob := enter(revoked, "alice"), enter(other, "bob")
	waiting, _ := w.wait(1, "/websocket/x?ticket="+revoked.ticket(legacy.PushDoor, "x", false))
	staying, _ := w.wait(1, "/websocket/x?ticket="+other.ticket(legacy.PushDoor, "x", false))
	unused, cookie := revoked.ticket(legacy.PushDoor, "x", false), cookieOf(revoked, "carol")

	w.must(revoked.keys.Revoke(t.Context(), audit.By{}, revoked.key.Site, revoked.key.ID))
	begun := time.Now()
	for node := range w.bases {
		if _, status := w.wait(node, "/websocket/x?ticket="+unused); status != http.StatusForbidden {
			t.Errorf("node %d: an unused ticket of a revoked key: %d, want 403", node, status)
		}
		for _, call := range []string{"getWebSocketAddress/carol", "getHistoryChat/carol"} {
			if out := w.call(node, call, cookie); out.Code != legacy.Failure {
				t.Errorf("node %d: %s by a revoked key's cookie: %+v", node, call, out)
			}
		}
	}
	alice.closedWith(wire.CloseRevoked)
	w.must(waiting.SetReadDeadline(time.Now().Add(8 * time.Second)))
	var end *ws.CloseError
	if _, err := waiting.Read(); !errors.As(err, &end) || end.Code != uint16(wire.CloseRevoked) {
		t.Errorf("who waits for pushes is closed with %v, want %d", err, wire.CloseRevoked)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("they were cut after %s, want 5 s at most", took)
	}
	bob.says("still here", "super_admin")
	bob.told("bob>super_admin:still here")
	w.must(staying.Write([]byte("not interpreted")))
	if n := w.hubs[1].Stats().PushConns; n != 1 {
		t.Errorf("%d wait for pushes, want the other key's one", n)
	}
}
