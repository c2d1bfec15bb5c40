package store

import (
	"context"
	"errors"
	"testing"
)

// TestACancelledReadKeepsItsConnection: whoever goes away leaves a connection that
// others can use.
func TestACancelledReadKeepsItsConnection(t *testing.T) {
	configs := map[string]func(t *testing.T) Config{"SQLite": func(*testing.T) Config { return Config{} }}
	for _, s := range servers(t) {
		configs[s.name] = func(t *testing.T) Config { return Config{URL: s.fresh(t)} }
	}
	for name, cfg := range configs {
		t.Run(name, func(t *testing.T) {
			r := open(t, cfg(t)).readers
			one := func(h *hot) error { return h.query("SELECT 1", func(scanner) error { return nil }) }
			if err := r.once(t.Context(), "test", one); err != nil {
				t.Fatal(err)
			}
			first := <-r.idle
			r.idle <- first
			for what, read := range map[string]func(context.Context, string, func(*hot) error) error{"once": r.once, "use": r.use} {
				ctx, cancel := context.WithCancel(t.Context())
				err := read(ctx, "test", func(h *hot) error {
					if err := h.later("SELECT 2", func(scanner) error { return nil }); err != nil {
						return err
					}
					cancel()
					return one(h)
				})
				if !errors.Is(err, context.Canceled) || len(r.idle) != 1 {
					t.Fatalf("%s: %v, and %d connections are left", what, err, len(r.idle))
				}
				if err := read(t.Context(), "test", func(h *hot) error {
					if h != first {
						t.Errorf("%s: another connection was opened", what)
					}
					return one(h)
				}); err != nil {
					t.Errorf("%s: the connection is of no use: %v", what, err)
				}
			}
			if n := r.errors.Load(); n != 0 {
				t.Errorf("%d failed reads are counted, want none", n)
			}
		})
	}
}
