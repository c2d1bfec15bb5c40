package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
)

// mysqlDialect is a MySQL or MariaDB server.
type mysqlDialect struct {
	cfg   Config
	url   *url.URL
	shown string
	conn  *mysql.Config
}

func newMySQL(cfg Config, u *url.URL) (dialect, error) {
	d := mysqlDialect{cfg: cfg, url: u, shown: placeOf(u)}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "3306")
	}
	parsed, err := mysql.ParseDSN("tcp(" + host + ")/?" + u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("the settings of the database's URL %s are not understood: check what follows its \"?\"", d.shown)
	}
	parsed.User, parsed.DBName = u.User.Username(), strings.TrimPrefix(u.Path, "/")
	parsed.Passwd, _ = u.User.Password()
	parsed.DialFunc = (&net.Dialer{Timeout: dialLimit, KeepAlive: dialLimit}).DialContext
	parsed.Timeout = dialLimit
	parsed.ReadTimeout, parsed.WriteTimeout = cfg.Limit+graceOfServer, cfg.Limit+graceOfServer
	parsed.Collation = "utf8mb4_unicode_520_ci"
	parsed.ClientFoundRows = true // a row that is written as it was counts as met
	parsed.Logger = mysqlSilence{}
	if parsed.Params == nil {
		parsed.Params = map[string]string{}
	}
	for name, value := range map[string]string{
		"time_zone": "'+00:00'",
		"sql_mode":  "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'",
	} {
		parsed.Params[name] = value
	}
	d.conn = parsed
	return d, checkSynchronous(cfg)
}

// mysqlSilence: what the driver would print is returned as an error, too.
type mysqlSilence struct{}

func (mysqlSilence) Print(...any) {}

func (d mysqlDialect) name() string   { return "mysql" }
func (d mysqlDialect) place() string  { return d.shown }
func (d mysqlDialect) shared() bool   { return true }
func (d mysqlDialect) prepare() error { return nil }

func (d mysqlDialect) pool(ctx context.Context, size int, readOnly bool) (*bun.DB, error) {
	first := []string{"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"}
	if readOnly {
		first = append(first, "SET SESSION TRANSACTION READ ONLY")
	}
	connector, err := d.connector(mysqlIdle, first...)
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	pool.SetConnMaxIdleTime(mysqlIdle / 2)
	if err := pool.PingContext(ctx); err != nil { // bun asks the server as it begins
		return nil, errors.Join(err, pool.Close())
	}
	return bun.NewDB(pool, mysqldialect.New()), nil
}

// mysqlStatements stay prepared on a connection that reads, and committerStatements
// on one that commits; a server counts those of all connections together
// (max_prepared_stmt_count, 16382).
const mysqlStatements = 64

func (d mysqlDialect) writer() (link, error) {
	return d.link("", committerStatements, mysqlIdleCommitter, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "SET SESSION autocommit = 0")
}

func (d mysqlDialect) reader() (link, error) {
	return d.link("START TRANSACTION READ ONLY", mysqlStatements, mysqlIdle, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SET SESSION TRANSACTION READ ONLY")
}

func (d mysqlDialect) link(begin string, statements int, idle time.Duration, first ...string) (link, error) {
	connector, err := d.connector(idle, first...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialLimit)
	defer cancel()
	conn, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	l := newDriverLink(conn, begin, statements)
	l.unmade = func(err error) bool { return d.failure(err) == contended }
	return l, nil
}

// mysqlIdle is after how long MySQL ends a connection on which nothing happens. It
// has no limit for transactions, as MariaDB has: the locks of a node that vanished
// without a word last for as long, at a committer for mysqlIdleCommitter. A node
// that is only slow ends its own transactions.
const (
	mysqlIdle          = 30 * time.Second
	mysqlIdleCommitter = 10 * time.Second
)

// connector opens connections on which these statements are run first.
func (d mysqlDialect) connector(idle time.Duration, first ...string) (driver.Connector, error) {
	inner, err := mysql.NewConnector(d.conn)
	if err != nil {
		return nil, err
	}
	limit := d.cfg.Limit
	// Each engine reads only its own comment.
	cut := fmt.Sprintf("SET SESSION innodb_lock_wait_timeout = %d"+
		" /*M!100502 , SESSION max_statement_time = %.3f, SESSION idle_transaction_timeout = %[1]d */"+
		" /*!80000 , SESSION max_execution_time = %[3]d, SESSION wait_timeout = %[4]d */",
		max(1, int(limit/time.Second)), limit.Seconds(), limit.Milliseconds(), int(idle/time.Second))
	return mysqlConnector{Connector: inner, first: append([]string{cut}, first...)}, nil
}

type mysqlConnector struct {
	driver.Connector
	first []string
}

// Connect implements driver.Connector.
func (c mysqlConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, statement := range c.first {
		if _, err := conn.(driver.ExecerContext).ExecContext(ctx, statement, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", statement, err), conn.Close())
		}
	}
	return conn, nil
}

func (d mysqlDialect) durable(ctx context.Context, db *sql.DB, log *slog.Logger) error {
	var flush, syncs int
	var binlog bool
	const settings = "SELECT @@GLOBAL.innodb_flush_log_at_trx_commit, @@GLOBAL.log_bin, @@GLOBAL.sync_binlog"
	if err := db.QueryRowContext(ctx, settings).Scan(&flush, &binlog, &syncs); err != nil {
		return err
	}
	if binlog && syncs != 1 {
		log.Warn("the server does not sync its binary log with each commit: after a power cut its replicas may have less or more than it; set sync_binlog to 1",
			"sync_binlog", syncs)
	}
	if flush != 1 && !d.cfg.Relaxed {
		return fmt.Errorf("the server has innodb_flush_log_at_trx_commit = %d: acknowledged messages could be lost at a power cut; "+
			"set it to 1 in the server's configuration, or set relaxed if losing some is acceptable", flush)
	}
	var engine string
	err := db.QueryRowContext(ctx, "SELECT engine FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name IN ('event', 'head') AND engine <> 'InnoDB'").Scan(&engine)
	switch {
	case err == nil:
		return fmt.Errorf("the tables are kept by %s: they need InnoDB; change them with ALTER TABLE … ENGINE = InnoDB", engine)
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	return nil
}

func (d mysqlDialect) migrating() (goose.Dialect, lock.SessionLocker) {
	return goose.DialectMySQL, mysqlLocker{}
}

// mysqlLocker lets one node after the other migrate.
type mysqlLocker struct{}

// mysqlLockName is of this database: such locks belong to the whole server.
const mysqlLockName = "CONCAT('kefu ', MD5(DATABASE()))"

func (mysqlLocker) SessionLock(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "SET @kefu = 0 /*M!100100 , SESSION max_statement_time = 0 */"); err != nil {
		return err
	}
	for {
		var got sql.NullBool
		// Less than this side waits for an answer.
		if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+mysqlLockName+", 1)").Scan(&got); err != nil {
			return err
		}
		if got.Bool {
			return nil
		}
	}
}

func (mysqlLocker) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "DO RELEASE_LOCK("+mysqlLockName+")")
	return err
}

func (d mysqlDialect) grammar() *grammar {
	return &grammar{
		quote:       "`",
		upsert:      mysqlUpsert,
		forUpdate:   " FOR UPDATE",
		among:       mysqlAmong,
		part:        inBrackets,
		clock:       "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)",
		tableExists: "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?",
	}
}

// inBrackets is the part of a UNION of MySQL and PostgreSQL. A derived table instead
// of the brackets would be a temporary one on MariaDB's disk, for what a row holds is
// of any length: MariaDB 10.11.19 crashes where such a statement ends before its end.
func inBrackets(query string) string { return "(" + query + ")" }

// mysqlUpsert needs no key: a unique index of any kind that is in the way turns
// the insert into an update.
func mysqlUpsert(_ string, set []string) string {
	sets := make([]string, len(set))
	for i, c := range set {
		sets[i] = "`" + c + "` = VALUES(`" + c + "`)"
	}
	return " ON DUPLICATE KEY UPDATE " + strings.Join(sets, ", ")
}

// mysqlAmong is a condition that both engines read as points of the index.
func mysqlAmong(n int, from string, columns, _ []string) string {
	one := "(e." + strings.Join(columns, " = ? AND e.") + " = ?)"
	return "FROM " + from + " WHERE " + strings.Repeat(one+" OR ", n-1) + one
}

// Numbers of errors.
const (
	mysqlDuplicate    = 1062
	mysqlDeadlock     = 1213
	mysqlShutdown     = 1053
	mysqlKilled       = 1927
	mysqlIdleTimeout  = 4031
	mysqlAccess       = 1045
	mysqlNoRight      = 1044
	mysqlNoDatabase   = 1049
	mysqlNoConnection = 1040
)

func (d mysqlDialect) worded(query string) string { return query }

func (d mysqlDialect) failure(err error) failure {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		var op net.Error
		if errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, io.EOF) || errors.As(err, &op) {
			return lost
		}
		return broken
	}
	switch e.Number {
	case mysqlDuplicate:
		return duplicate
	case mysqlDeadlock:
		return contended
	case mysqlShutdown, mysqlKilled, mysqlIdleTimeout:
		return lost
	}
	return broken
}

func (d mysqlDialect) explain(err error) error {
	var e *mysql.MySQLError
	var op net.Error
	switch {
	case errors.As(err, &e):
		switch e.Number {
		case mysqlAccess:
			return errors.New("the server refuses this user with this password: check both in the URL")
		case mysqlNoRight:
			return errors.New("this user may not use this database: give it the right with GRANT ALL ON the database")
		case mysqlNoDatabase:
			return errors.New("the server has no such database: make it with CREATE DATABASE … CHARACTER SET utf8mb4, or correct the name in the URL")
		case mysqlNoConnection:
			return errors.New("the server has no connection left: raise its max_connections, or lower database.connections")
		}
	case errors.As(err, &op):
		return unreachable(err)
	}
	return nil
}

func (d mysqlDialect) tool(name string) string {
	host, port, _ := net.SplitHostPort(d.conn.Addr)
	return fmt.Sprintf("%s --host=%s --port=%s --user=%s --password", name, shellWord(host), port, shellWord(d.conn.User))
}

func (d mysqlDialect) dump(file string) string {
	return d.tool("mariadb-dump") + " --single-transaction --hex-blob --default-character-set=utf8mb4 " + shellWord(d.conn.DBName) + " > " + shellWord(file) + " (with MySQL: mysqldump, with the same arguments)"
}

func (d mysqlDialect) load(file string) string {
	return d.tool("mariadb") + " --default-character-set=utf8mb4 " + shellWord(d.conn.DBName) + " < " + shellWord(file) + " (with MySQL: mysql, with the same arguments)"
}
