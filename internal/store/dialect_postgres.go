package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// postgresDialect is a PostgreSQL server.
type postgresDialect struct {
	cfg   Config
	url   *url.URL
	shown string
	conn  *pgx.ConnConfig
}

func newPostgres(cfg Config, u *url.URL) (dialect, error) {
	d := postgresDialect{cfg: cfg, url: u, shown: placeOf(u)}
	parsed, err := pgx.ParseConfig(u.String())
	if err != nil { // its text may hold more than should be shown
		return nil, fmt.Errorf("the settings of the database's URL %s are not understood: check what follows its \"?\"", d.shown)
	}
	d.conn = parsed
	parsed.ConnectTimeout = dialLimit
	parsed.DialFunc = (&net.Dialer{Timeout: dialLimit, KeepAlive: dialLimit}).DialContext
	// bun writes its arguments into the text: to prepare it would be of no use.
	parsed.DefaultQueryExecMode = pgx.QueryExecModeExec
	limit := strconv.FormatInt(cfg.Limit.Milliseconds(), 10)
	for name, value := range map[string]string{
		"application_name":                    "kefu",
		"TimeZone":                            "UTC",
		"synchronous_commit":                  d.synchronous(),
		"default_transaction_isolation":       "read committed",
		"statement_timeout":                   limit,
		"lock_timeout":                        limit,
		"idle_in_transaction_session_timeout": limit,
		"jit":                                 "off",
		// bun writes texts into its statements, and escapes them for these.
		"standard_conforming_strings": "on",
		"client_encoding":             "UTF8",
	} {
		parsed.RuntimeParams[name] = value
	}
	return d, checkSynchronous(cfg)
}

// synchronous is what the committers' connections ask for, whatever the server's default.
func (d postgresDialect) synchronous() string {
	if d.cfg.Relaxed && (d.cfg.Synchronous == "off" || d.cfg.Synchronous == "normal") {
		return "off"
	}
	return "on"
}

func (d postgresDialect) name() string   { return "postgres" }
func (d postgresDialect) place() string  { return d.shown }
func (d postgresDialect) shared() bool   { return true }
func (d postgresDialect) prepare() error { return nil }

func (d postgresDialect) pool(_ context.Context, size int, readOnly bool) (*bun.DB, error) {
	config := d.conn.Copy()
	if readOnly {
		config.RuntimeParams["default_transaction_read_only"] = "on"
	}
	// What is not hot can afford to find out first whether the connection still lives.
	ask := stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return true })
	pool := sql.OpenDB(stdlib.GetConnector(*config, ask))
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	pool.SetConnMaxIdleTime(time.Minute)
	return bun.NewDB(pool, pgdialect.New()), nil
}

func (d postgresDialect) writer() (link, error) {
	// Everything here is looked up by whole keys: one plan does for all values. It is
	// made when the tables are small, and must suit them when they are large.
	return d.link("BEGIN ISOLATION LEVEL READ COMMITTED", map[string]string{
		"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "enable_bitmapscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
	})
}

func (d postgresDialect) reader() (link, error) {
	return d.link("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", map[string]string{"default_transaction_read_only": "on", "enable_seqscan": "off"})
}

func (d postgresDialect) link(begin string, settings map[string]string) (link, error) {
	config := d.conn.Config.Copy()
	for name, value := range settings {
		config.RuntimeParams[name] = value
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialLimit)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return newPostgresLink(conn, begin, d.cfg.Limit), nil
}

func (d postgresDialect) durable(ctx context.Context, db *sql.DB, _ *slog.Logger) error {
	for _, name := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		var value string
		if err := db.QueryRowContext(ctx, "SELECT current_setting('"+name+"')").Scan(&value); err != nil {
			return err
		}
		if value != "on" && !d.cfg.Relaxed {
			return fmt.Errorf("the server has %s = %s: acknowledged messages could be lost at a power cut; "+
				"set it to on in postgresql.conf, or set relaxed if losing some is acceptable", name, value)
		}
	}
	return nil
}

func (d postgresDialect) migrating() (goose.Dialect, lock.SessionLocker) {
	return goose.DialectPostgres, postgresLocker{}
}

// postgresLocker lets one node after the other migrate.
type postgresLocker struct{}

func (postgresLocker) SessionLock(ctx context.Context, conn *sql.Conn) error {
	for _, statement := range []string{"SET statement_timeout = 0", "SET lock_timeout = 0", "SELECT pg_advisory_lock(" + migrationLock() + ")"} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func (postgresLocker) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock("+migrationLock()+")")
	return err
}

// migrationLock is a number that nobody else's advisory lock is likely to have.
func migrationLock() string {
	h := fnv.New64a()
	_, _ = h.Write([]byte("kefu " + schemaTable)) // never fails
	return strconv.FormatInt(int64(h.Sum64()), 10)
}

func (d postgresDialect) grammar() *grammar {
	return &grammar{
		upsert:      upsertOnConflict,
		forUpdate:   " FOR UPDATE",
		among:       postgresAmong,
		part:        inBrackets,
		clock:       "(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
		tableExists: "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = ?",
	}
}

func postgresAmong(n int, from string, columns, kinds []string) string {
	first := "(?::" + strings.Join(kinds, ", ?::") + ")"
	rows := first
	if n > 1 {
		rows += ", " + tuples(n-1, len(columns))
	}
	return "FROM (VALUES " + rows + ") a, " + from + " WHERE " + sameAsAsked(columns)
}

func (d postgresDialect) worded(query string) string { return numbered(query) }

func (d postgresDialect) failure(err error) failure {
	var e *pgconn.PgError
	var gone errLost
	switch {
	case errors.As(err, &e):
	case errors.As(err, &gone), pgconn.SafeToRetry(err):
		return lost
	default:
		return broken
	}
	switch {
	case e.Code == "23505":
		return duplicate
	case e.Code == "40001", e.Code == "40P01":
		return contended
	case e.Code == "0A000", e.Code == "26000": // a statement was prepared before a column was added, or for another session
		return lost
	case strings.HasPrefix(e.Code, "08"), strings.HasPrefix(e.Code, "57P"), severity(e) == "FATAL", severity(e) == "PANIC":
		return lost
	}
	return broken
}

// severity is an error's, in English whatever language the server speaks. Poolers
// before a server may give only the other one.
func severity(e *pgconn.PgError) string { return cmp.Or(e.SeverityUnlocalized, e.Severity) }

func (d postgresDialect) explain(err error) error {
	var e *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &e):
		switch e.Code {
		case "28P01", "28000":
			return errors.New("the server refuses this user with this password: check both in the URL")
		case "3D000":
			return errors.New("the server has no such database: make it with CREATE DATABASE, or correct the name in the URL")
		case "53300":
			return errors.New("the server has no connection left: raise its max_connections, or lower database.connections")
		}
	case errors.As(err, &connect):
		return unreachable(err)
	}
	return nil
}

// unreachable says that a server did not answer.
func unreachable(err error) error {
	var op *net.OpError
	var name *net.DNSError
	why := "it does not answer"
	switch {
	case errors.As(err, &name):
		why = "there is no host of this name"
	case errors.As(err, &op):
		why = op.Err.Error()
	}
	return fmt.Errorf("the server cannot be reached (%s): check that it runs, and host and port in the URL", why)
}

func (d postgresDialect) tool(name, more string) string {
	return fmt.Sprintf("%s --host=%s --port=%d --username=%s --dbname=%s %s", name, shellWord(d.conn.Host), d.conn.Port, shellWord(d.conn.User), shellWord(d.conn.Database), more)
}

func (d postgresDialect) dump(file string) string {
	return d.tool("pg_dump", "--format=custom --file="+shellWord(file))
}

func (d postgresDialect) load(file string) string {
	return d.tool("pg_restore", "--no-owner --exit-on-error "+shellWord(file))
}
