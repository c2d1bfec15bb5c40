package store

import (
	"context"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/presence/presencetest"
)

var presenceTables = []string{"presence_visitor", "presence_shared", "presence_site", "presence_agent", "presence_node"}

// presenceIn runs the suite over a database, through two nodes' connections.
func presenceIn(t *testing.T, cfg Config) {
	t.Helper()
	var nodes []*DB
	for range 2 {
		db, err := Open(context.Background(), cfg, quiet)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		nodes = append(nodes, db)
		if cfg.URL == "" {
			break
		}
	}
	made := 0
	presencetest.Run(t, presencetest.Engine{
		Runs: 20,
		Place: func(testing.TB) presence.Place {
			made++
			return nodes[made%len(nodes)].Presence()
		},
		Lose: func(t testing.TB) {
			for _, table := range presenceTables {
				if _, err := nodes[0].write.Exec("DELETE FROM " + table); err != nil {
					t.Fatal(err)
				}
			}
		},
		Back: func(t testing.TB, by time.Duration) {
			if _, err := nodes[0].write.Exec("UPDATE presence_node SET until_at = until_at + ? WHERE until_at > 0", by.Milliseconds()); err != nil {
				t.Fatal(err)
			}
		},
	})
}

func TestPresenceInSQLite(t *testing.T) {
	presenceIn(t, Config{Path: newFile(t), Synchronous: "off", Relaxed: true})
}

func TestPresenceInServers(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) { presenceIn(t, Config{URL: s.lend(t), Readers: 4}) })
	}
}

func BenchmarkPresence(b *testing.B) {
	for _, s := range servers(b) {
		b.Run(s.name, func(b *testing.B) {
			db, err := Open(context.Background(), Config{URL: s.fresh(b), Limit: time.Minute}, quiet)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = db.Close() })
			presencetest.Cost(b, presencetest.Engine{Place: func(testing.TB) presence.Place { return db.Presence() }})
		})
	}
}
