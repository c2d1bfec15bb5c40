package server_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/retention"
)

// TestErasedNamesLeaveTheRoom: the account that answers is shown the name of somebody
// who was erased no longer, on any node, with notices and without.
func TestErasedNamesLeaveTheRoom(t *testing.T) {
	for what, change := range map[string][]func(*live.Config){"told": nil, "healed": {silent}} {
		t.Run(what, func(t *testing.T) {
			w := newRoom(t, openDoor(), change...)
			admin := w.page(1, "super_admin")
			alice, bob := w.page(0, "alice"), w.page(0, "bob")
			alice.says("who I am", "super_admin")
			alice.told("alice>super_admin:who I am")
			bob.says("me, too", "super_admin")
			bob.told("bob>super_admin:me, too")
			admin.lists(legacy.Connected, "alice,bob", "alice,bob")
			w.must(alice.conn.Close())
			admin.lists(legacy.Disconnected, "bob", "alice,bob")

			on := w.firstSite().ID
			hash, err := w.db.NamedHash(t.Context(), on, "alice")
			w.must(err)
			v, err := w.db.Visitor(t.Context(), on, hash[:])
			w.must(err)
			sweep := func(context.Context) error { return nil }
			eraser := retention.NewEraser(w.db, w.db, nil, w.hubs[0], sweep, w.clock.Now, slog.New(slog.DiscardHandler))
			_, err = eraser.Erase(t.Context(), audit.By{Actor: chat.System().Ref()}, on, v.ID)
			w.must(err)
			admin.lists(legacy.Disconnected, "bob", "bob")
			back := w.page(1, "alice")
			admin.lists(legacy.Connected, "alice,bob", "alice,bob")
			back.says("somebody new", "super_admin")
			back.told("alice>super_admin:somebody new")
		})
	}
}
