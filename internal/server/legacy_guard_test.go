package server_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/wire"
)

// TestWhoMayBeSuperAdminByAnOpenDoor: the account that answers is let in by where it
// is, so what could lie about that is refused: the pages of the site's visitors, names
// that others give this server, proxies that nobody declared, and other spellings.
func TestWhoMayBeSuperAdminByAnOpenDoor(t *testing.T) {
	cfg := openDoor()
	cfg.ChatRoom.Origins = []string{"https://old.example"}
	w := newRoom(t, cfg)
	on := w.firstSite()
	on.Settings.Origins = []string{"https://shop.example"}
	_, err := w.sites.Update(t.Context(), audit.By{}, on)
	w.must(err)
	behind := func(host string) http.Header {
		return http.Header{"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {host}}
	}
	for name, c := range map[string]struct {
		user   string
		header http.Header
		status int
	}{
		"from here":                {"super_admin", nil, 101},
		"a page of this server":    {"super_admin", http.Header{"Origin": {w.bases[0]}}, 101},
		"a page that is named":     {"super_admin", http.Header{"Origin": {"https://old.example"}}, 101},
		"a page of the site":       {"super_admin", http.Header{"Origin": {"https://shop.example"}}, 403},
		"a visitor of that page":   {"alice", http.Header{"Origin": {"https://shop.example"}}, 101},
		"a name that is set":       {"super_admin", behind("old.example"), 101},
		"a name that others gave":  {"super_admin", behind("rebound.example"), 403},
		"a visitor by that name":   {"alice", behind("rebound.example"), 101},
		"another case":             {"Super_Admin", nil, 400},
		"blanks around it":         {"super_admin ", nil, 400},
		"another alphabet":         {"ѕuper_аdmin", nil, 400},
		"what nobody sees":         {"super_admin\u200b", nil, 400},
		"more than a name can be":  {string(make([]byte, 4096)), nil, 400},
		"a name, just not so long": {"super_admin_2", nil, 101},
	} {
		if _, status := w.opens(0, c.user, c.header); status != c.status {
			t.Errorf("%s: %d, want %d", name, status, c.status)
		}
		if out := w.call(0, "getHistoryChat/"+escaped(c.user), c.header); (out.Code == legacy.Success) != (c.status == 101) {
			t.Errorf("%s, its history: %+v", name, out)
		}
	}
}

// TestTwoWhoComeInTogether: of two log-ins of one name at the same instant one stays.
func TestTwoWhoComeInTogether(t *testing.T) {
	w := newRoom(t, openDoor())
	for range 10 {
		var coming sync.WaitGroup
		var mu sync.Mutex
		pages := map[*page]bool{}
		ends := make(chan *page, 4)
		for range cap(ends) {
			coming.Go(func() {
				p := w.page(0, "alice")
				mu.Lock()
				defer mu.Unlock()
				pages[p] = true
				go func() { <-p.done; ends <- p }()
			})
		}
		coming.Wait()
		for range cap(ends) - 1 {
			p := <-ends
			p.closedWith(wire.CloseElsewhere)
			delete(pages, p)
		}
		for p := range pages {
			p.says("I stay", "super_admin")
			p.told("alice>super_admin:I stay")
		}
	}
}

// TestNoTicketForSuperAdmin: that account comes in by a log-in, never by a ticket.
func TestNoTicketForSuperAdmin(t *testing.T) {
	w := newWorld(t, server.Config{})
	w.owner()
	_, secret, err := w.parts.Keys.Make(t.Context(), audit.By{}, w.firstSite().ID, "Shop", []identity.Scope{identity.LegacyScope})
	w.must(err)
	shop := w.program(secret)
	shop.want(422, "POST", "/api/v1/legacy/tickets", fields{"door": "chat", "name": "super_admin"})
	shop.want(422, "POST", "/api/v1/legacy/tickets", fields{"door": "chat", "name": "Super_Admin"})
	shop.want(201, "POST", "/api/v1/legacy/tickets", fields{"door": "push", "name": "super_admin"})
}
