package store

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

func TestAPIKeys(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { apiKeysIn(t, open(t, Config{})) })
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) { apiKeysIn(t, open(t, Config{URL: s.lend(t)})) })
	}
}

func apiKeysIn(t *testing.T, db *DB) {
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	hash := func(n int) []byte { return fmt.Appendf(nil, "%032d", n) }
	key := func(n int64, on chat.SiteID) identity.Key {
		return identity.Key{
			ID: n, Site: on, Name: "客服 'key' " + fmt.Sprint(n), Scopes: []identity.Scope{identity.PushScope, identity.LegacyScope},
			MadeBy: chat.ActorRef{Kind: chat.AgentActor, ID: 5, Name: "Öl"}, MadeAt: 1000 + chat.Millis(n),
		}
	}
	for n := range int64(3) {
		must(db.InsertKey(ctx, key(n+1, 71), hash(int(n+1))))
	}
	must(db.InsertKey(ctx, key(9, 72), hash(9)))
	if err := db.InsertKey(ctx, key(10, 72), hash(9)); err == nil {
		t.Error("two keys have one hash")
	}
	absent := &chat.Refusal{Code: chat.NotFound}
	found, err := db.KeyByHash(ctx, hash(2))
	must(err)
	if diff := cmp.Diff(key(2, 71), found); diff != "" {
		t.Error(diff)
	}
	if _, err := db.KeyByHash(ctx, hash(4)); !errors.Is(err, absent) {
		t.Errorf("an unknown key: %v", err)
	}
	must(db.TouchKey(ctx, 2, 7000))
	must(db.TouchKey(ctx, 2, 6000)) // of a node that was slower
	if err := db.RevokeKey(ctx, 72, 3, 8000); !errors.Is(err, absent) {
		t.Errorf("another site's key was revoked: %v", err)
	}
	must(db.RevokeKey(ctx, 71, 3, 8000))
	if err := db.RevokeKey(ctx, 71, 3, 9000); !errors.Is(err, absent) {
		t.Errorf("it was revoked twice: %v", err)
	}
	if _, err := db.KeyByHash(ctx, hash(3)); !errors.Is(err, absent) {
		t.Errorf("a revoked key: %v", err)
	}
	all, err := db.Keys(ctx, 71)
	must(err)
	second := key(2, 71)
	second.LastUsedAt = 7000
	if diff := cmp.Diff([]identity.Key{second, key(1, 71)}, all); diff != "" {
		t.Error(diff)
	}
	undone := errors.New("undone")
	if err := db.Together(ctx, func(ctx context.Context) error {
		must(db.RevokeKey(ctx, 71, 1, 9000))
		return undone
	}); !errors.Is(err, undone) {
		t.Fatal(err)
	}
	if _, err := db.KeyByHash(ctx, hash(1)); err != nil {
		t.Errorf("a revocation that was undone: %v", err)
	}
}
