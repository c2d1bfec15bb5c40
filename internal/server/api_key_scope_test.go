package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/store"
)

// TestScopesAndSitesOfKeys asks the gate alone: each key for each scope, on its own
// site and on another.
func TestScopesAndSitesOfKeys(t *testing.T) {
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), store.DatabaseFile)}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	sites := site.New(db, db, nil, time.Now)
	people := identity.New(identity.Config{}, db, db, sites, nil, time.Now)
	keys := identity.NewKeys(db, db, time.Now)
	s := New(Config{}, Parts{Sites: sites, People: people, Keys: keys, Log: slog.New(slog.DiscardHandler)})
	var both [2]site.Site
	for i := range both {
		if both[i], err = sites.Make(t.Context(), audit.By{}, "Shop"); err != nil {
			t.Fatal(err)
		}
	}
	for _, has := range identity.Scopes() {
		key, secret, err := keys.Make(t.Context(), audit.By{}, both[0].ID, "of "+string(has), []identity.Scope{has})
		if err != nil {
			t.Fatal(err)
		}
		for _, asked := range identity.Scopes() {
			for named, who := range map[string]access{"": withKey(asked), idText(both[0].ID): onSiteOrKey(chat.RoleSupervisor, asked), idText(both[1].ID): onSiteOrKey(chat.RoleSupervisor, asked)} {
				r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", nil)
				r.Header.Set("Authorization", "bearer "+secret)
				r.SetPathValue("site", named)
				c, err := s.admit(httptest.NewRecorder(), r, who)
				want := chat.Code("")
				switch {
				case has != asked:
					want = chat.NotAllowed
				case named == idText(both[1].ID):
					want = chat.NotFound
				}
				if want == "" {
					ref := chat.ActorRef{Kind: chat.KeyActor, ID: key.ID, Name: key.Name}
					if err != nil || c.site.ID != both[0].ID || c.by().Actor != ref || c.agent.ID != 0 {
						t.Errorf("%s for %s on %q: %+v, %v", has, asked, named, c, err)
					}
				} else if !errors.Is(err, &chat.Refusal{Code: want}) {
					t.Errorf("%s for %s on %q: %v, want %s", has, asked, named, err, want)
				}
			}
		}
	}
}
