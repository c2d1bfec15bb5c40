package store

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// TestAMoveLosesItsLastAnswer: whatever becomes of the last statement, one of the
// two databases takes changes, and never both.
func TestAMoveLosesItsLastAnswer(t *testing.T) {
	lost := errors.New("the answer was lost")
	for name, c := range map[string]struct {
		end   func(stop func(), end func() error) error
		moved bool
	}{
		"it was run":                   {func(_ func(), end func() error) error { return errors.Join(end(), lost) }, true},
		"it was not":                   {func(func(), func() error) error { return lost }, false},
		"somebody stops it then":       {func(stop func(), end func() error) error { stop(); return end() }, true},
		"somebody stopped it for good": {func(stop func(), end func() error) error { stop(); return errors.Join(end(), lost) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := MoveConfig{From: newEnds(t)["SQLite"](t), To: newEnds(t)["PostgreSQL"](t)}
			newSource(t, cfg.From, 3)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			cfg.End = func(end func() error) error { return c.end(stop, end) }
			report, err := Move(ctx, cfg, quiet)
			if (err == nil) != c.moved || c.moved && len(report.Tables) == 0 {
				t.Errorf("the move ends with %d tables and %v, want that it is moved: %t", len(report.Tables), err, c.moved)
			}
			if c.moved {
				mustOpen(t, cfg.From, ErrMoved)
				mustOpen(t, cfg.To, nil)
				return
			}
			mustOpen(t, cfg.From, nil)
			cfg.End = nil
			if _, err := Move(t.Context(), cfg, quiet); err != nil {
				t.Errorf("the same again: %v", err)
			}
		})
	}
}

// TestAMoveLosesItsTarget: while nobody knows whether it has ended, the source stays closed.
func TestAMoveLosesItsTarget(t *testing.T) {
	cfg := MoveConfig{From: newEnds(t)["SQLite"](t), To: newEnds(t)["PostgreSQL"](t)}
	newSource(t, cfg.From, 3)
	target := cfg.To
	line, address := newWire(t, cfg.To.URL)
	cfg.To.URL = address
	cfg.End = func(end func() error) error {
		err := end()
		line.set(func(w *wire) { w.refuses = true })
		line.cut()
		return errors.Join(err, errors.New("the answer was lost"))
	}
	if _, err := Move(t.Context(), cfg, quiet); !errors.Is(err, errEndUnknown) {
		t.Errorf("the move ends with %v, want that nobody knows", err)
	}
	mustOpen(t, cfg.From, ErrMoved)
	mustOpen(t, target, nil)
}

// TestAPageBeginsWhereTheLastOneEnded: what is before it, in the same conversation, is
// not read again.
func TestAPageBeginsWhereTheLastOneEnded(t *testing.T) {
	s := newSource(t, newEnds(t)["SQLite"](t), 3)
	seen := false
	for i := range s.tables {
		table := &s.tables[i]
		if table.name != "event" {
			continue
		}
		seen = true
		page, err := table.page(t.Context(), s.end, nil, 1)
		if err != nil || len(page) != 1 {
			t.Fatal(page, err)
		}
		var id, parent, unused int
		var plan string
		if err := s.end.db.QueryRowContext(t.Context(), "EXPLAIN QUERY PLAN "+table.selectPage(s.end.dialect, false, 1), table.behindArgs(s.end.dialect, page[0])...).
			Scan(&id, &parent, &unused, &plan); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(plan, "(conversation,seq)>(?,?)") {
			t.Errorf("the next page is found by %q, want by both columns", plan)
		}
	}
	if !seen {
		t.Error("there are no events")
	}
}
