package store

import (
	"context"
	"sync"
	"testing"

	"github.com/kefu-chat/kefu/internal/store/storetest"
	"github.com/kefu-chat/kefu/test/engines"
)

// server is an engine that several nodes share.
type server struct {
	name string
	// fresh makes a database without rows, whose schema is up to date; lend does so for
	// a test that changes rows only; empty makes one without a schema. All give its URL.
	fresh, lend, empty func(t testing.TB) string
}

func servers(t testing.TB) []server {
	return []server{
		{
			name:  "PostgreSQL",
			fresh: func(t testing.TB) string { return engines.SharedPostgreSQL(t).NewMigrated(t, migrateServer) },
			lend:  func(t testing.TB) string { return engines.SharedPostgreSQL(t).NewMigrated(t, migrateServer) },
			empty: func(t testing.TB) string { return engines.SharedPostgreSQL(t).NewDatabase(t) },
		},
		{
			name:  "MariaDB",
			fresh: func(t testing.TB) string { return engines.SharedMariaDB(t).NewMigrated(t, migrateServer) },
			lend:  func(t testing.TB) string { return engines.SharedMariaDB(t).Lend(t, migrateServer) },
			empty: func(t testing.TB) string { return engines.SharedMariaDB(t).NewDatabase(t) },
		},
	}
}

// opener opens stores: a place is a database of its own.
func (s server) opener() storetest.Open {
	var mu sync.Mutex
	places := map[string]string{}
	return func(t testing.TB, o storetest.Options) storetest.Engine {
		t.Helper()
		mu.Lock()
		if places[o.Place] == "" {
			places[o.Place] = s.lend(t)
		}
		url := places[o.Place]
		mu.Unlock()
		cfg := Config{URL: url, Now: o.Now, Committed: o.Committed, Marked: o.Marked, Commit: o.Commit}
		if o.Fast {
			cfg.Synchronous, cfg.Relaxed = "off", true
		}
		db, err := Open(context.Background(), cfg, quiet)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
}

func TestServers(t *testing.T) {
	t.Parallel()
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, s.opener())
		})
	}
}

func TestTwoNodes(t *testing.T) {
	t.Parallel()
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			storetest.RunTwo(t, s.opener())
		})
	}
}
