package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/kefu-chat/kefu/internal/faults"
)

// synchronousLevels are in the order of SQLite's numbers for them.
var synchronousLevels = []string{"off", "normal", "full", "extra"}

const fullSynchronous = 2

func checkDurability(cfg Config) error {
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

// dsn names the file with the settings that each connection needs. Nobody
// checkpoints by the way: that is the checkpointer's work.
func dsn(cfg Config, cacheKiB int, more ...string) string {
	level := cfg.Synchronous
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
	return "file:" + (&url.URL{Path: cfg.Path}).EscapedPath() + "?" + query.Encode()
}

// Cache sizes in KiB: the writer keeps the pages that every group touches.
const (
	writerCache = 32768
	readerCache = 4096
)

func openPool(cfg Config, size int, readOnly bool) *bun.DB {
	var more []string
	name := dsn(cfg, readerCache)
	if readOnly {
		more = append(more, "query_only(1)")
		name = strings.Replace(dsn(cfg, readerCache, more...), "_txlock=immediate", "_txlock=deferred", 1)
	}
	pool := sql.OpenDB(sqliteConnector{name: name, driver: &sqlite.Driver{}})
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return bun.NewDB(pool, sqlitedialect.New())
}

// sqliteConnector opens connections without a driver registered by name.
type sqliteConnector struct {
	name   string
	driver *sqlite.Driver
}

func (c sqliteConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.name) }
func (c sqliteConnector) Driver() driver.Driver                        { return c.driver }

// makePrivate makes the file, if there is none, readable by its owner only: SQLite
// would let everybody read it. The files beside it take after it.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// verifyPragmas asks the engine what it really does: a file system without
// shared memory, for instance, refuses the write-ahead log.
func verifyPragmas(ctx context.Context, db *sql.DB, cfg Config) error {
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
	if level < fullSynchronous && !cfg.Relaxed && !faults.Off("fsync") {
		return fmt.Errorf("synchronous is %q where \"full\" is needed: acknowledged messages could be lost", synchronousLevels[level])
	}
	return nil
}

// openHot opens the committer's own connection.
func openHot(cfg Config) (*hot, error) {
	conn, err := (&sqlite.Driver{}).Open(dsn(cfg, writerCache))
	if err != nil {
		return nil, err
	}
	return newHot(conn), nil
}

// tableExists counts the tables of a name.
const tableExists = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?"

// openHotReader opens a connection for reading conversations.
func openHotReader(cfg Config) (*hot, error) {
	conn, err := (&sqlite.Driver{}).Open(dsn(cfg, readerCache, "query_only(1)"))
	if err != nil {
		return nil, err
	}
	return newHot(conn), nil
}

const (
	beginWrite = "BEGIN IMMEDIATE"
	beginRead  = "BEGIN"
)

// upsert is the clause that turns an insert into an update of the other columns.
func upsert(key string, columns []string) string {
	sets := make([]string, 0, len(columns))
	for _, c := range columns {
		if !slices.Contains(strings.Split(key, ", "), c) {
			sets = append(sets, c+" = excluded."+c)
		}
	}
	return " ON CONFLICT (" + key + ") DO UPDATE SET " + strings.Join(sets, ", ")
}

// isDuplicate tells whether a unique index refused the row.
func isDuplicate(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}
