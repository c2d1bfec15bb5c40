package store

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/bus/seal"
)

// clusterKeysIn tests the keys of a database that two nodes opened.
func clusterKeysIn(t *testing.T, cfg Config) {
	t.Helper()
	var clock atomic.Int64
	clock.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	cfg.Now = func() time.Time { return time.UnixMilli(clock.Load()) }
	var nodes [2]*DB
	for i := range nodes {
		if i > 0 && cfg.URL == "" {
			nodes[i] = nodes[0] // SQLite means one node
			continue
		}
		db, err := Open(context.Background(), cfg, quiet)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		nodes[i] = db
	}
	if keys, err := nodes[0].ClusterKeys(t.Context()); err != nil || len(keys) != 0 {
		t.Fatalf("a new database has %d keys, %v", len(keys), err)
	}
	for number := uint32(1); number <= 300; number += 1 + 100*(number/3) {
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				if err := nodes[i%2].AddClusterKey(t.Context(), seal.Key{Number: number, Secret: [seal.SecretSize]byte{byte(number), byte(i)}}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		clock.Add(90_000)
		one, err := nodes[0].ClusterKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		other, err := nodes[1].ClusterKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := min(int(number), 2); len(one) != want || len(other) != want {
			t.Fatalf("%d and %d keys after number %d, want %d", len(one), len(other), number, want)
		}
		newest := one[len(one)-1]
		if newest.Number != number || newest.Secret[0] != byte(number) || newest.Age != 90*time.Second {
			t.Errorf("the newest key is %d, %v old", newest.Number, newest.Age)
		}
		if newest != other[len(other)-1] {
			t.Error("two nodes hold different keys of one number")
		}
		if len(one) > 1 && (one[0].Number >= number || one[0].Age != 180*time.Second) {
			t.Errorf("the one before it is %d, %v old", one[0].Number, one[0].Age)
		}
	}
	if err := nodes[0].AddClusterKey(t.Context(), seal.Key{Number: 2}); err != nil {
		t.Fatal(err)
	}
	if keys, _ := nodes[0].ClusterKeys(t.Context()); len(keys) != 2 || keys[0].Number == 2 || keys[0].Secret == [seal.SecretSize]byte{} {
		t.Error("a key with a lower number was added")
	}
	var rows int
	if err := nodes[0].read.NewRaw("SELECT COUNT(*) FROM secret").Scan(t.Context(), &rows); err != nil || rows != 3 {
		t.Errorf("%d secrets are kept, %v; want the fingerprint's and two keys", rows, err)
	}
}

func TestClusterKeysInSQLite(t *testing.T) {
	clusterKeysIn(t, Config{Path: newFile(t), Synchronous: "off", Relaxed: true})
}

func TestClusterKeysInServers(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) { clusterKeysIn(t, Config{URL: s.lend(t), Readers: 4}) })
	}
}
