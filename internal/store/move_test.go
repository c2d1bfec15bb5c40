package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/test/engines"
)

// freshEnds make an empty database of each kind.
func freshEnds() map[string]func(t *testing.T) Config {
	return map[string]func(t *testing.T) Config{
		"SQLite":     func(t *testing.T) Config { return Config{Path: filepath.Join(t.TempDir(), DatabaseFile)} },
		"PostgreSQL": func(t *testing.T) Config { return Config{URL: engines.SharedPostgreSQL(t).NewDatabase(t)} },
		"MariaDB":    func(t *testing.T) Config { return Config{URL: engines.SharedMariaDB(t).NewDatabase(t)} },
	}
}

// newEnds make a database of each kind without rows, whose schema is up to date.
func newEnds(t testing.TB) map[string]func(t *testing.T) Config {
	all := map[string]func(t *testing.T) Config{"SQLite": func(t *testing.T) Config { return Config{Path: newFile(t)} }}
	for _, s := range servers(t) {
		all[s.name] = func(t *testing.T) Config { return Config{URL: s.fresh(t)} }
	}
	return all
}

// source is a database with rows in every table: every kind of value, more than a
// page of some.
type source struct {
	t      *testing.T
	end    *movedEnd
	tables []movedTable
	n      int64
}

func newSource(t *testing.T, cfg Config, rows int) *source {
	t.Helper()
	tables, err := movedTables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	end, err := openEnd(t.Context(), cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = end.close() })
	s := &source{t: t, end: end, tables: tables}
	for i := range tables {
		if !tables[i].seeded {
			s.fill(&tables[i], rows)
		}
	}
	return s
}

var samples = []string{"plain", "", "客服 你好 👩‍👩‍👧‍👦 مرحبا", "'; DROP TABLE event; --", strings.Repeat("long ", 5000), "trailing space ", "line\nbreak\ttab"}

func (s *source) fill(t *movedTable, rows int) {
	s.t.Helper()
	var all []movedRow
	for range rows {
		s.n++
		row := make(movedRow, len(t.columns))
		for c := range t.columns {
			row[c] = s.value(t, c)
		}
		all = append(all, row)
	}
	s.must(s.end.transact(s.t.Context(), func(tx *sql.Tx) error { return t.insert(s.t.Context(), tx, s.end.dialect, all) }))
}

// value is unique where it must be: numbers and byte strings are.
func (s *source) value(t *movedTable, c int) any {
	key := slices.Contains(t.key, c)
	switch t.columns[c].kind {
	case wholeNumber:
		if isFlag(t.columns[c].name) {
			return s.n % 2
		}
		return s.n << 20
	case byteString:
		if !key && (t.columns[c].name == "client_id" || t.columns[c].name == "external_id") && s.n%3 == 0 {
			return nil
		}
		return fmt.Appendf(nil, "%016d", s.n)
	default:
		if key {
			return fmt.Sprint("k", s.n)
		}
		if t.columns[c].name == "body" || t.columns[c].name == "by_name" && s.n%7 != 4 {
			return samples[s.n%int64(len(samples))]
		}
		return "short"
	}
}

func isFlag(name string) bool {
	return slices.Contains([]string{"public", "owner", "disabled"}, name)
}

func (s *source) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *source) exec(query string, args ...any) {
	s.t.Helper()
	_, err := s.end.db.ExecContext(s.t.Context(), s.end.dialect.worded(query), args...)
	s.must(err)
}

func TestMoveCarriesEverything(t *testing.T) {
	for from, one := range newEnds(t) {
		for to, other := range freshEnds() {
			if from == to {
				continue
			}
			t.Run(from+" to "+to, func(t *testing.T) {
				cfg := MoveConfig{From: one(t), To: other(t), PageRows: 7}
				s := newSource(t, cfg.From, 30)
				cfg.BeforeFence = func() { // what happens while the first pass copies
					s.exec("DELETE FROM event WHERE conversation = (SELECT c FROM (SELECT MIN(conversation) AS c FROM event) x)")
					s.exec("UPDATE head SET seq = seq + 1")
					s.exec("UPDATE people_version SET version = 42")
					for i := range s.tables {
						if !s.tables[i].seeded {
							s.fill(&s.tables[i], 9)
						}
					}
				}
				report, err := Move(t.Context(), cfg, quiet)
				if err != nil {
					t.Fatal(err)
				}
				if len(report.Tables) != len(s.tables) || report.Repaired < 30 {
					t.Errorf("%d tables, %d rows repaired", len(report.Tables), report.Repaired)
				}
				for _, c := range report.Tables {
					if want, err := s.end.count(t.Context(), c.Table); err != nil || c.Rows != want {
						t.Errorf("%s: %d rows moved of %d, %v", c.Table, c.Rows, want, err)
					}
				}
				mustOpen(t, cfg.To, nil)
				mustOpen(t, cfg.From, ErrMoved)
			})
		}
	}
}

// mustOpen opens the database as a server does.
func mustOpen(t *testing.T, cfg Config, want error) {
	t.Helper()
	db, err := Open(t.Context(), cfg, quiet)
	if !errors.Is(err, want) {
		t.Errorf("open: %v, want %v", err, want)
	}
	if err == nil {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestAMoveTakesItsTime: what it asks of a large database takes longer than a
// statement of a node may.
func TestAMoveTakesItsTime(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			end, err := openEnd(t.Context(), Config{URL: s.fresh(t), Limit: 50 * time.Millisecond}, quiet)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = end.close() }()
			slow := map[string]string{"PostgreSQL": "SELECT 0 FROM pg_sleep(1.5)", "MariaDB": "SELECT SLEEP(1.5)"}[s.name]
			for range 2 { // on each of its connections
				conn, err := end.db.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()
				cut := 1
				if err := conn.QueryRowContext(t.Context(), slow).Scan(&cut); err != nil || cut != 0 {
					t.Errorf("a slow statement was cut: %d, %v", cut, err)
				}
			}
		})
	}
}

func TestMoveRefusesATargetThatIsNotEmpty(t *testing.T) {
	cfg := MoveConfig{From: newEnds(t)["SQLite"](t), To: newEnds(t)["SQLite"](t)}
	newSource(t, cfg.From, 3)
	newSource(t, cfg.To, 1)
	if _, err := Move(t.Context(), cfg, quiet); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("%v, want a refusal", err)
	}
	mustOpen(t, cfg.From, nil)
}

// What is not there is not made, moved or opened again.
func TestMoveRefusesASourceThatIsNotThere(t *testing.T) {
	sources := freshEnds()
	sources["a path that was mistyped"] = func(t *testing.T) Config { return Config{Path: filepath.Join(t.TempDir(), "such.db")} }
	sources["SQLite"] = func(t *testing.T) Config {
		path := filepath.Join(t.TempDir(), "other.db")
		if _, err := raw(t, path).ExecContext(t.Context(), "CREATE TABLE other (id INTEGER)"); err != nil {
			t.Fatal(err)
		}
		return Config{Path: path}
	}
	for name, fresh := range sources {
		t.Run(name, func(t *testing.T) {
			from := fresh(t)
			if _, err := Move(t.Context(), MoveConfig{From: from, To: freshEnds()["SQLite"](t)}, quiet); err == nil {
				t.Error("nothing was moved, and it was not said")
			}
			if err := Reopen(t.Context(), from, quiet); err == nil {
				t.Error("nothing was opened again, and it was not said")
			}
			if _, err := os.Stat(from.Path); name == "a path that was mistyped" && err == nil {
				t.Error("the file was made")
			}
		})
	}
}

// A move that is interrupted goes on where it was, and another source's is refused.
func TestMoveGoesOn(t *testing.T) {
	cfg := MoveConfig{From: newEnds(t)["SQLite"](t), To: freshEnds()["PostgreSQL"](t), PageRows: 5}
	newSource(t, cfg.From, 40)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := int64(0)
	interrupted := cfg
	interrupted.Progress = func(p MoveProgress) {
		if first = p.Done; p.Table == "event" && p.Done > 30 {
			cancel()
		}
	}
	if _, err := Move(ctx, interrupted, quiet); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want that it was cancelled", err)
	}
	mustOpen(t, cfg.From, nil)
	if _, err := Open(t.Context(), cfg.To, quiet); err == nil || !strings.Contains(err.Error(), "has not ended") {
		t.Errorf("a half moved database opens: %v", err)
	}
	other := cfg
	other.From = newEnds(t)["SQLite"](t)
	newSource(t, other.From, 1)
	if _, err := Move(t.Context(), other, quiet); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("another source: %v, want a refusal", err)
	}
	second := int64(0)
	cfg.Progress = func(p MoveProgress) {
		if p.Step == MoveCopies {
			second = p.Done
		}
	}
	report, err := Move(t.Context(), cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	all := int64(0)
	for _, c := range report.Tables {
		all += c.Rows
	}
	if first == 0 || second >= all {
		t.Errorf("%d rows were copied first, and then %d of %d again", first, second, all)
	}
}

// While a database is closed its nodes refuse what would change it; opened again they go on.
func TestAClosedDatabaseTakesNothing(t *testing.T) {
	for name, fresh := range newEnds(t) {
		t.Run(name, func(t *testing.T) {
			cfg := fresh(t)
			db, err := Open(t.Context(), cfg, quiet)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			end, err := openEnd(t.Context(), cfg, quiet)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = end.close() }()
			for _, closed := range []bool{true, false} {
				if err := end.setFence(t.Context(), closed); err != nil {
					t.Fatal(err)
				}
				done := make(chan error, 1)
				db.Change(&chat.Change{
					Begin:  &chat.Beginning{Site: 1, SecretHash: []byte(fmt.Sprint("secret ", closed))},
					By:     chat.Actor{Kind: chat.VisitorActor},
					Decide: func(chat.State, chat.Log) ([]chat.Draft, error) { return nil, nil },
					Done:   func(_ chat.Changed, err error) { done <- err },
				})
				if err := <-done; (chat.CodeOf(err) == chat.Busy) != closed {
					t.Errorf("closed %t: a change ends with %v", closed, err)
				}
				if err := db.Together(t.Context(), func(context.Context) error { return nil }); (chat.CodeOf(err) == chat.Busy) != closed {
					t.Errorf("closed %t: people end with %v", closed, err)
				}
			}
		})
	}
}
