package store

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/certificate"
)

var _ certificate.Store = (*DB)(nil)

func TestOfManyNodesOneKeepsACertificate(t *testing.T) {
	places := map[string]func(testing.TB) Config{
		"SQLite": func(t testing.TB) Config { return Config{Path: newFile(t)} },
	}
	for _, s := range servers(t) {
		places[s.name] = func(t testing.TB) Config { return Config{URL: s.lend(t)} }
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			cfg := place(t)
			nodes := make([]*DB, 1)
			if cfg.URL != "" {
				nodes = make([]*DB, 3)
			}
			for i := range nodes {
				db, err := Open(t.Context(), cfg, quiet)
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				nodes[i] = db
			}
			racingCertificates(t, nodes)
		})
	}
}

func racingCertificates(t *testing.T, nodes []*DB) {
	const name, racers = "certificate/of all", 12
	for version := range int64(3) { // the first is an insert
		var won atomic.Int64
		var all sync.WaitGroup
		for i := range racers {
			all.Go(func() {
				kept, err := nodes[i%len(nodes)].KeepCertificate(t.Context(), name, fmt.Appendf(nil, "%d\x00of %d", i, version), version)
				if err != nil {
					t.Error(err)
				}
				if kept && !won.CompareAndSwap(0, int64(i)+1) {
					t.Errorf("version %d was written by two", version)
				}
			})
		}
		all.Wait()
		value, now, at, err := nodes[len(nodes)-1].KeptCertificate(t.Context(), name)
		want := fmt.Sprintf("%d\x00of %d", won.Load()-1, version)
		if err != nil || now != version+1 || string(value) != want {
			t.Fatalf("%q of version %d is kept, want %q of %d: %v", value, now, want, version+1, err)
		}
		if off := time.Since(time.UnixMilli(at)).Abs(); off > time.Minute {
			t.Errorf("the database's time is %s off", off)
		}
	}
	if _, version, _, err := nodes[0].KeptCertificate(context.Background(), "another"); err != nil || version != 0 {
		t.Errorf("a name without a value has version %d: %v", version, err)
	}
}
