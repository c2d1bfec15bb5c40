package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
)

var quiet = slog.New(slog.DiscardHandler)

func open(t testing.TB, cfg Config) *DB {
	t.Helper()
	if cfg.Path == "" && cfg.URL == "" {
		cfg.Path = newFile(t)
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
	return db
}

// raw is the file beside the store, for looking and for breaking.
func raw(t testing.TB, path string) *sql.DB {
	t.Helper()
	opened, err := sqliteDialect{Config{Path: path, Synchronous: "full"}}.pool(t.Context(), 1, false)
	if err != nil {
		t.Fatal(err)
	}
	pool := opened.DB
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}

var visitor = chat.Actor{Kind: chat.VisitorActor}

func beginning(n byte) *chat.Beginning {
	hash := make([]byte, 32)
	hash[0] = n
	return &chat.Beginning{Site: 1, SecretHash: hash}
}

func message(n byte, text string) chat.Change {
	return chat.Change{
		Begin: beginning(n), By: visitor, ClientID: uuid.Must(uuid.NewV7()), Fingerprint: []byte(text), Decide: chat.SendMessage(visitor, text, world{}),
	}
}

type outcomeOf struct {
	changed chat.Changed
	err     error
}

func submit(db *DB, c chat.Change) <-chan outcomeOf {
	out := make(chan outcomeOf, 1)
	c.Done = func(changed chat.Changed, err error) { out <- outcomeOf{changed, err} }
	db.Change(&c)
	return out
}

func send(t testing.TB, db *DB, c chat.Change) chat.Changed {
	t.Helper()
	o := <-submit(db, c)
	if o.err != nil {
		t.Fatal(o.err)
	}
	return o.changed
}

func TestLessThanFullDurabilityIsRefused(t *testing.T) {
	for _, level := range []string{"normal", "off"} {
		_, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), DatabaseFile), Synchronous: level}, quiet)
		if err == nil || !strings.Contains(err.Error(), "power cut") {
			t.Errorf("synchronous %s: got %v", level, err)
		}
		open(t, Config{Synchronous: level, Relaxed: true})
	}
	if _, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), DatabaseFile), Synchronous: "some"}, quiet); err == nil {
		t.Error("an unknown level was not refused")
	}
	db := open(t, Config{})
	l, err := db.dialect.writer()
	if err != nil {
		t.Fatal(err)
	}
	h, level := newHot(l), -1
	if err := h.query("PRAGMA synchronous", func(r scanner) error { return r.Scan(&level) }); err != nil || level != fullSynchronous {
		t.Errorf("the writer has synchronous %d, %v", level, err)
	}
	if err := h.close(); err != nil {
		t.Error(err)
	}
}

func TestTooNewDatabaseStopsTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), DatabaseFile)
	if err := open(t, Config{Path: path}).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := raw(t, path).Exec("UPDATE compatibility SET oldest_schema = 9000"); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Config{Path: path}, quiet)
	if err == nil || !strings.Contains(err.Error(), "too new") || !strings.Contains(err.Error(), "9000") {
		t.Errorf("got %v", err)
	}
}

// schema is what makes the database, without the log of migrations.
func schema(t *testing.T, db *sql.DB) []string {
	t.Helper()
	rows, err := db.Query("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name NOT IN (?, 'sqlite_sequence') ORDER BY type, name", schemaTable)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// TestUpgradeEndsInTheSameSchema migrates one step at a time, with a start after
// each, and compares with a fresh install.
func TestUpgradeEndsInTheSameSchema(t *testing.T) {
	dir := t.TempDir()
	fresh, stepped := filepath.Join(dir, "fresh.db"), filepath.Join(dir, "stepped.db")
	open(t, Config{Path: fresh})
	steps(t, "sqlite", func(name string, some fs.FS) {
		if err := migrateWith(t.Context(), raw(t, stepped), sqliteDialect{}, some, quiet); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	})
	a, b := schema(t, raw(t, fresh)), schema(t, raw(t, stepped))
	if len(a) < 10 || !slices.Equal(a, b) {
		t.Errorf("fresh:    %s\nupgraded: %s", a, b)
	}
}

// TestBrokenChangeHarmsOnlyItself makes the database refuse one row: its group
// fails, and is retried one by one.
func TestBrokenChangeHarmsOnlyItself(t *testing.T) {
	db := open(t, Config{})
	send(t, db, message(1, "hello"))
	const trigger = "CREATE TRIGGER boom BEFORE INSERT ON event WHEN NEW.body LIKE '%boom%' BEGIN SELECT RAISE(ABORT, 'boom'); END"
	if _, err := raw(t, db.cfg.Path).Exec(trigger); err != nil {
		t.Fatal(err)
	}
	harmsOnlyItself(t, db)
}

// harmsOnlyItself sends some changes that the database refuses among many others.
func harmsOnlyItself(t *testing.T, db *DB) {
	t.Helper()
	var outs []<-chan outcomeOf
	for i := range 60 {
		text := "fine"
		if i%20 == 7 {
			text = "boom"
		}
		outs = append(outs, submit(db, message(byte(1+i%3), text)))
	}
	for i, out := range outs {
		o := <-out
		if bad := i%20 == 7; (o.err != nil) != bad {
			t.Errorf("change %d: %v", i, o.err)
		}
		if o.err != nil && (chat.CodeOf(o.err) != chat.Unknown || len(o.changed.Events) != 0) {
			t.Errorf("change %d gave %+v, %v", i, o.changed, o.err)
		}
	}
}

func TestSlowTransactionIsCut(t *testing.T) {
	path := newFile(t)
	db := open(t, Config{Path: path, Limit: time.Nanosecond})
	o := <-submit(db, message(1, "hello"))
	if !errors.Is(o.err, errCut) {
		t.Errorf("got %+v", o)
	}
	var n int
	if err := raw(t, path).QueryRow("SELECT COUNT(*) FROM event").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d events are there, %v", n, err)
	}
}

// TestSlowTransactionIsNotCommitted: not even where all of its statements were in time.
func TestSlowTransactionIsNotCommitted(t *testing.T) {
	db := open(t, Config{})
	l, err := db.dialect.writer()
	if err != nil {
		t.Fatal(err)
	}
	h := newHot(l)
	defer func() { _ = h.close() }()
	if err := h.begin(time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := h.exec("UPDATE people_version SET version = 77"); err != nil {
		t.Fatal(err)
	}
	h.until = time.Now().Add(-time.Second)
	var unmade errUnmade
	if err := h.commit(); !errors.As(err, &unmade) || !errors.Is(err, errCut) {
		t.Errorf("the commit of a transaction that took too long ended with %v", err)
	}
	if err := h.rollback(); err != nil {
		t.Error(err)
	}
	if version, err := db.PeopleVersion(t.Context()); err != nil || version == 77 {
		t.Errorf("it was kept: %d, %v", version, err)
	}
}

func TestFullQueueIsBusy(t *testing.T) {
	gate := make(chan struct{})
	db := open(t, Config{Queue: 3, Group: 1, Commit: func(commit func() error) error { <-gate; return commit() }})
	var outs []<-chan outcomeOf
	for range 10 {
		outs = append(outs, submit(db, message(1, "hello")))
	}
	close(gate)
	busy := 0
	for _, out := range outs {
		if o := <-out; chat.CodeOf(o.err) == chat.Busy && o.err != nil {
			busy++
		}
	}
	if busy < 6 || busy > 7 { // three wait, one may be under way
		t.Errorf("%d of 10 changes were refused", busy)
	}
}

func TestQueuedBytesAreBounded(t *testing.T) {
	gate := make(chan struct{})
	db := open(t, Config{QueueBytes: 1000, Group: 1, Commit: func(commit func() error) error { <-gate; return commit() }})
	var outs []<-chan outcomeOf
	for range 10 {
		outs = append(outs, submit(db, message(1, strings.Repeat("x", 400))))
	}
	close(gate)
	busy := 0
	for _, out := range outs {
		if o := <-out; o.err != nil && chat.CodeOf(o.err) == chat.Busy {
			busy++
		}
	}
	if busy < 7 || busy > 8 { // two wait, one may be under way
		t.Errorf("%d of 10 changes were refused", busy)
	}
	send(t, db, message(1, strings.Repeat("x", 900))) // what was taken counts no more
}

// TestErasureLeavesNothing looks for the text in every table after a recall.
func TestErasureLeavesNothing(t *testing.T) {
	db := open(t, Config{})
	begun := send(t, db, message(1, "SECRET one"))
	id, by := begun.Conversation.ID, chat.Actor{Kind: chat.VisitorActor, ID: int64(begun.Conversation.Visitor)}
	for _, rule := range []chat.Decide{chat.EditText(by, 2, "SECRET two"), chat.EditText(by, 2, "SECRET three")} {
		send(t, db, chat.Change{Conversation: id, By: by, ClientID: uuid.Must(uuid.NewV7()), Fingerprint: []byte("SECRET"), Decide: rule})
	}
	look := func() (found, prints int) {
		const query = "SELECT (SELECT COUNT(*) FROM event WHERE body LIKE '%SECRET%') + (SELECT COUNT(*) FROM event_revision WHERE body LIKE '%SECRET%')," +
			" (SELECT COUNT(*) FROM event WHERE fingerprint IS NOT NULL)"
		if err := raw(t, db.cfg.Path).QueryRow(query).Scan(&found, &prints); err != nil {
			t.Fatal(err)
		}
		return found, prints
	}
	if found, prints := look(); found != 3 || prints != 3 {
		t.Fatalf("%d texts and %d fingerprints are there before the recall: want 3 and 3", found, prints)
	}
	send(t, db, chat.Change{Conversation: id, By: by, ClientID: uuid.Must(uuid.NewV7()), Fingerprint: []byte("recall 2"), Decide: chat.RecallText(by, 2)})
	if found, prints := look(); found != 0 || prints != 1 {
		t.Errorf("%d texts and %d fingerprints are left: want none, and the recall's own", found, prints)
	}
}

// TestLogStaysBounded never lets the writer rest: without rest, a checkpoint
// beside it never finds the log all copied.
func TestLogStaysBounded(t *testing.T) {
	db := open(t, Config{Synchronous: "off", Relaxed: true, CheckpointAfter: 50, MaxLogPages: 100})
	const messages, inFlight = 8000, 512
	slots := make(chan error, inFlight)
	for range inFlight {
		slots <- nil
	}
	long := strings.Repeat("long ", 400)
	for i := range messages {
		if err := <-slots; err != nil {
			t.Fatal(err)
		}
		c := message(byte(i), long)
		c.Done = func(_ chat.Changed, err error) { slots <- err }
		db.Change(&c)
	}
	for range inFlight {
		if err := <-slots; err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(db.cfg.Path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 6<<20 { // 16 MB of texts were written
		t.Errorf("the log has %d bytes", info.Size())
	}
	t.Logf("the log has %d bytes", info.Size())
}

// TestListsNeedNoSorting holds the indexes to the queries.
func TestListsNeedNoSorting(t *testing.T) {
	db := open(t, Config{})
	row := chat.ListRow{State: chat.State{Conversation: 5, LastAt: 6, WaitingSince: 7}}
	for _, view := range []chat.View{chat.ViewWaiting, chat.ViewOpen, chat.ViewResolved} {
		for _, after := range []*chat.ListRow{nil, &row} {
			ranges, err := rangesOf(chat.ListQuery{Sites: []chat.SiteID{1}, View: view, After: after, Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range ranges {
				plan := explain(t, db, r.query, append(r.args, 10)...)
				if strings.Contains(plan, "SCAN") || strings.Contains(plan, "TEMP") {
					t.Errorf("%s: %s", view, plan)
				}
			}
		}
	}
	if plan := explain(t, db, newStatements(db).answersQuery(2), "a", "b", 1, "a", "b", 1); !strings.Contains(plan, "event_client (client_id=? AND by_kind=? AND by_id=?)") {
		t.Errorf("client_ids: %s", plan)
	}
}

func explain(t *testing.T, db *DB, query string, args ...any) string {
	t.Helper()
	rows, err := raw(t, db.cfg.Path).Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	return strings.Join(plan, "; ")
}
