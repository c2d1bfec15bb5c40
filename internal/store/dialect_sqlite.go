package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/kefu-chat/kefu/internal/faults"
)

// sqliteDialect is a file of this node's own.
type sqliteDialect struct{ cfg Config }

func newSQLite(cfg Config) (dialect, error) {
	return sqliteDialect{cfg}, checkSynchronous(cfg)
}

// synchronousLevels are in the order of SQLite's numbers for them.
var synchronousLevels = []string{"off", "normal", "full", "extra"}

const fullSynchronous = 2

func checkSynchronous(cfg Config) error {
	level := slices.Index(synchronousLevels, cfg.Synchronous)
	switch {
	case level < 0:
		return fmt.Errorf("database synchronous is %q: use one of %s", cfg.Synchronous, strings.Join(synchronousLevels, ", "))
	case level < fullSynchronous && !cfg.Relaxed:
		return fmt.Errorf("database synchronous is %q: acknowledged messages could be lost at a power cut; "+
			"use \"full\", or set relaxed if losing some is acceptable", cfg.Synchronous)
	}
	return nil
}

func (d sqliteDialect) name() string  { return "sqlite" }
func (d sqliteDialect) place() string { return d.cfg.Path }
func (d sqliteDialect) shared() bool  { return false }

// dsn names the file with the settings that each connection needs. Nobody
// checkpoints by the way: that is the checkpointer's work.
func (d sqliteDialect) dsn(cacheKiB int, more ...string) string {
	level := d.cfg.Synchronous
	if faults.Off("fsync") {
		level = "off"
	}
	pragmas := append([]string{
		"busy_timeout(4000)",
		"journal_mode(wal)",
		"synchronous(" + level + ")",
		"wal_autocheckpoint(0)",
		"journal_size_limit(67108864)",
		"temp_store(memory)",
		"secure_delete(on)", // what is erased leaves the file, too
		fmt.Sprintf("cache_size(-%d)", cacheKiB),
	}, more...)
	query := url.Values{"_txlock": {"immediate"}, "_error_rc": {"1"}, "_pragma": pragmas}
	return "file:" + (&url.URL{Path: d.cfg.Path}).EscapedPath() + "?" + query.Encode()
}

// Cache sizes in KiB: the writer keeps the pages that every group touches.
const (
	writerCache = 32768
	readerCache = 4096
)

func (d sqliteDialect) pool(_ context.Context, size int, readOnly bool) (*bun.DB, error) {
	name := d.dsn(readerCache)
	if readOnly {
		name = strings.Replace(d.dsn(readerCache, "query_only(1)"), "_txlock=immediate", "_txlock=deferred", 1)
	}
	pool := sql.OpenDB(sqliteConnector{name: name, driver: &sqlite.Driver{}})
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return bun.NewDB(pool, sqlitedialect.New()), nil
}

// sqliteConnector opens connections without a driver registered by name.
type sqliteConnector struct {
	name   string
	driver *sqlite.Driver
}

func (c sqliteConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.name) }
func (c sqliteConnector) Driver() driver.Driver                        { return c.driver }

func (d sqliteDialect) prepare() error { return makePrivate(d.cfg.Path) }

// makePrivate makes the file, if there is none, readable by its owner only: SQLite
// would let everybody read it. The files beside it take after it.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// durable asks the engine what it really does: a file system without shared
// memory, for instance, refuses the write-ahead log.
func (d sqliteDialect) durable(ctx context.Context, db *sql.DB, _ *slog.Logger) error {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the journal mode is %q where \"wal\" is needed: put the file on a local file system", mode)
	}
	var level int
	if err := db.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&level); err != nil {
		return err
	}
	if level < fullSynchronous && !d.cfg.Relaxed && !faults.Off("fsync") {
		return fmt.Errorf("synchronous is %q where \"full\" is needed: acknowledged messages could be lost", synchronousLevels[level])
	}
	return nil
}

func (d sqliteDialect) writer() (link, error) { return d.link(d.dsn(writerCache), "BEGIN IMMEDIATE") }
func (d sqliteDialect) reader() (link, error) {
	return d.link(d.dsn(readerCache, "query_only(1)"), "BEGIN")
}

func (d sqliteDialect) link(dsn, begin string) (link, error) {
	conn, err := (&sqlite.Driver{}).Open(dsn)
	if err != nil {
		return nil, err
	}
	return newDriverLink(conn, begin, committerStatements), nil
}

func (d sqliteDialect) migrating() (goose.Dialect, lock.SessionLocker) {
	return goose.DialectSQLite3, nil
}

const sqliteTableExists = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?"

func (d sqliteDialect) grammar() *grammar {
	return &grammar{
		upsert:      upsertOnConflict,
		among:       sqliteAmong,
		part:        func(query string) string { return "SELECT * FROM (" + query + ")" },
		tableExists: sqliteTableExists,
	}
}

// upsertOnConflict is the clause of SQLite and PostgreSQL.
func upsertOnConflict(key string, set []string) string {
	sets := make([]string, len(set))
	for i, c := range set {
		sets[i] = c + " = excluded." + c
	}
	return " ON CONFLICT (" + key + ") DO UPDATE SET " + strings.Join(sets, ", ")
}

// sqliteAmong goes from the keys to the rows, whatever the statistics say; a
// partial index must be told that there is no NULL.
func sqliteAmong(n int, from string, columns, _ []string) string {
	return "FROM (VALUES " + tuples(n, len(columns)) + ") a CROSS JOIN " + from + " WHERE " + sameAsAsked(columns) + " AND e." + columns[0] + " IS NOT NULL"
}

// sameAsAsked compares the columns of e with those of a.
func sameAsAsked(columns []string) string {
	equal := make([]string, len(columns))
	for i, c := range columns {
		equal[i] = fmt.Sprintf("e.%s = a.column%d", c, i+1)
	}
	return strings.Join(equal, " AND ")
}

func (d sqliteDialect) worded(query string) string { return query }

func (d sqliteDialect) failure(err error) failure {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return broken
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return duplicate
	case sqlite3.SQLITE_BUSY:
		return contended // by another process, such as a move
	}
	return broken
}

func (d sqliteDialect) explain(error) error { return nil }

// A file needs no tool of its own.

func (d sqliteDialect) dump(string) string { return "" }
func (d sqliteDialect) load(string) string { return "" }
