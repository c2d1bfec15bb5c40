package store

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// TestAClosedDatabaseAnswersOnce: also those whose conversation another committer writes.
func TestAClosedDatabaseAnswersOnce(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			address := s.fresh(t)
			one, seven := open(t, Config{URL: address, Committers: 1}), open(t, Config{URL: address, Committers: 7})
			const visitors = 12
			elsewhere := 0
			for n := range byte(visitors) {
				c := message(n, "hello")
				if seven.committerFor(&c) != seven.committerOf(send(t, one, c).Conversation.ID) {
					elsewhere++
				}
			}
			if elsewhere == 0 {
				t.Fatal("no conversation is another committer's: the test shows nothing")
			}
			end, err := openEnd(t.Context(), Config{URL: address}, quiet)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = end.close() }()
			if err := end.setFence(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			var answers [visitors]atomic.Int64
			for n := range byte(visitors) {
				c := message(n, "again")
				c.Done = func(_ chat.Changed, err error) {
					answers[n].Add(1)
					if chat.CodeOf(err) != chat.Busy {
						t.Errorf("a change of a closed database ends with %v", err)
					}
				}
				seven.Change(&c)
			}
			if err := seven.Close(); err != nil { // all is answered then
				t.Fatal(err)
			}
			for n := range answers {
				if got := answers[n].Load(); got != 1 {
					t.Errorf("change %d was answered %d times", n, got)
				}
			}
		})
	}
}

// TestClosingWaitsForWriters: as long as it may, also where the database itself gives up
// earlier and asks to try again.
func TestClosingWaitsForWriters(t *testing.T) {
	path := newFile(t)
	end, err := openEnd(t.Context(), Config{Path: path}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = end.close() }()
	end.db.SetMaxOpenConns(1)
	if _, err := end.db.Exec("PRAGMA busy_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	writer := raw(t, path)
	tx, err := writer.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("UPDATE fence SET closed = closed"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := end.setFence(ctx, true); err == nil || ctx.Err() == nil {
		t.Errorf("while another writes, closing ends with %v before its time", err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := end.setFence(t.Context(), true); err != nil {
		t.Error(err)
	}
}

// TestNothingIsLostAtTheFence: of what is written while the source is closed, all
// that was kept is in the target, and the rest was refused.
func TestNothingIsLostAtTheFence(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			source := Config{URL: s.fresh(t), Committers: 2, Readers: 4}
			db := open(t, source)
			var writers sync.WaitGroup
			var mu sync.Mutex
			changed := sync.NewCond(&mu)
			kept, refused, closing := map[string]bool{}, 0, false
			for n := range byte(6) {
				writers.Go(func() {
					for {
						c := message(n, "while it is moved")
						o := <-submit(db, c)
						mu.Lock()
						if o.err == nil {
							kept[string(c.ClientID[:])] = true
						} else {
							refused++
						}
						changed.Broadcast()
						for o.err == nil && len(kept) > 500 && !closing { // the copying has to catch up, whatever the disk is
							changed.Wait()
						}
						mu.Unlock()
						if o.err != nil {
							if chat.CodeOf(o.err) != chat.Busy {
								t.Errorf("a change ends with %v", o.err)
							}
							return
						}
					}
				})
			}
			target := Config{Path: newFile(t)}
			before := 0
			letGo := func() {
				closing = true
				changed.Broadcast()
			}
			report, err := Move(t.Context(), MoveConfig{From: source, To: target, PageRows: 50, BeforeFence: func() {
				mu.Lock()
				defer mu.Unlock()
				for len(kept) < 50 {
					changed.Wait()
				}
				before = len(kept)
				letGo()
				for len(kept) == before { // so that there is something to carry over
					changed.Wait()
				}
			}}, quiet)
			if err != nil {
				mu.Lock()
				letGo()
				mu.Unlock()
				_ = db.Close() // so that the writers end
			}
			writers.Wait()
			if err != nil {
				t.Fatal(err)
			}
			if refused != 6 || before < 50 || report.Repaired == 0 {
				t.Fatalf("%d writers were refused, %d changes were kept before, %d rows carried over: the test shows nothing", refused, before, report.Repaired)
			}
			moved := map[string]bool{}
			for _, id := range names(t, raw(t, target.Path), "SELECT client_id FROM event WHERE client_id IS NOT NULL") {
				moved[id] = true
			}
			if !maps.Equal(moved, kept) {
				t.Errorf("%d changes were kept, and %d are in the target", len(kept), len(moved))
			}
		})
	}
}

// TestAMoveThatWasKilledGoesOn: also where it left the source closed.
func TestAMoveThatWasKilledGoesOn(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			cfg := MoveConfig{From: Config{URL: s.fresh(t)}, To: newEnds(t)["SQLite"](t), PageRows: 5}
			from := newSource(t, cfg.From, 20)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			killed := cfg
			killed.Progress = func(p MoveProgress) {
				if p.Step == MoveCompares && p.Done > 0 {
					cancel()
				}
			}
			if _, err := Move(ctx, killed, quiet); !errors.Is(err, context.Canceled) {
				t.Fatalf("%v, want that it was stopped", err)
			}
			if err := from.end.setFence(t.Context(), true); err != nil { // as one that is killed cannot open it
				t.Fatal(err)
			}
			mustOpen(t, cfg.From, ErrMoved)
			report, err := Move(t.Context(), cfg, quiet)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range report.Tables {
				if want, err := from.end.count(t.Context(), c.Table); err != nil || c.Rows != want {
					t.Errorf("%s: %d rows moved of %d, %v", c.Table, c.Rows, want, err)
				}
			}
			mustOpen(t, cfg.From, ErrMoved)
			mustOpen(t, cfg.To, nil)
		})
	}
}
