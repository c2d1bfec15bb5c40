package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/uptrace/bun"
)

// dialect is what differs between the databases.
type dialect interface {
	// name is also the folder of the migrations.
	name() string
	// place names the database to people, without its password.
	place() string
	// shared tells that other nodes may use the database, too.
	shared() bool
	grammar() *grammar
	// worded is a statement for database/sql, with the engine's own placeholders.
	worded(query string) string
	// prepare makes what must be there before anything connects.
	prepare() error
	// pool opens connections for what is not hot. Those that only read may be
	// answered by what other connections cannot change meanwhile.
	pool(ctx context.Context, size int, readOnly bool) (*bun.DB, error)
	// writer and reader open a connection of the hot path.
	writer() (link, error)
	reader() (link, error)
	// durable refuses an engine that may lose what it said it kept.
	durable(ctx context.Context, db *sql.DB, log *slog.Logger) error
	// migrating is how goose speaks to the engine, and what keeps nodes that start
	// together from migrating together; nil where there is one node.
	migrating() (goose.Dialect, lock.SessionLocker)
	// failure sorts an error of the engine.
	failure(err error) failure
	// dump and load are the commands of the engine's own tool that copy the database
	// to a file and back, without the password.
	dump(file string) string
	load(file string) string
	// explain turns the error of a first connection into a sentence; nil: none is known.
	explain(err error) error
}

// failure is what an error of the engine means for what was tried.
type failure int

const (
	broken    failure = iota // the statement is wrong, or nobody knows
	lost                     // the connection is gone
	contended                // others were in the way: the same may succeed now
	duplicate                // a unique index refused the row: who has it is seen by the next try
)

// grammar is how an engine words what the others word differently.
type grammar struct {
	// quote is the character around a name that the engine might take for a word of its own.
	quote string
	// upsert turns an insert into an update of the columns in set where key is there already.
	upsert func(key string, set []string) string
	// forUpdate locks the rows that a SELECT chose, until the transaction ends.
	forUpdate string
	// among is "FROM from WHERE …": the rows of from, whose table e has a unique index
	// on columns, that are among n given keys; kinds are PostgreSQL's of the columns.
	among func(n int, from string, columns, kinds []string) string
	// part is a SELECT with an ORDER BY and a LIMIT of its own as a part of a UNION.
	part func(query string) string
	// clock is the engine's time in ms, "" where it has none of its own.
	clock string
	// tableExists counts the tables of a name.
	tableExists string
}

// openDialect chooses by the URL's scheme; without URL it is SQLite.
func openDialect(cfg Config, address string) (dialect, error) {
	if address == "" {
		return newSQLite(cfg)
	}
	const want = "want mysql://USER:PASSWORD@HOST:3306/NAME or postgres://USER:PASSWORD@HOST:5432/NAME"
	u, err := url.Parse(address) // its error would show the password
	switch {
	case err != nil || u.Host == "" && u.RawQuery == "":
		return nil, errors.New("the database's URL cannot be read: " + want + ", with special characters of the password as %XX")
	case len(u.Path) < 2:
		return nil, fmt.Errorf("the database's URL %s names no database: %s", placeOf(u), want)
	}
	switch u.Scheme {
	case "mysql", "mariadb":
		return newMySQL(cfg, u)
	case "postgres", "postgresql":
		return newPostgres(cfg, u)
	}
	return nil, fmt.Errorf("the database's URL begins with %.20q: %s", u.Scheme+"://", want)
}

// placeOf is a URL without password and settings.
func placeOf(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if name := u.User.Username(); name != "" {
		shown.User = url.User(name)
	}
	return shown.String()
}

// Time limits of a connection to a server.
const (
	dialLimit = 5 * time.Second
	// graceOfServer is how much longer than the server's own limit this side waits
	// for its answer.
	graceOfServer = time.Second
)
