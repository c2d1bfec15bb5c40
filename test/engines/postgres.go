package engines

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of the databases made here
)

// PostgreSQL is a real server with a folder of its own.
type PostgreSQL struct {
	*Process
	Port     int
	dir      string
	made     atomic.Int64
	template template
}

var sharedPostgreSQL shared[*PostgreSQL]

// SharedPostgreSQL is the server that the tests of this process share.
func SharedPostgreSQL(t testing.TB) *PostgreSQL {
	t.Helper()
	return sharedPostgreSQL.get(t, func() (*PostgreSQL, error) {
		p, err := newPostgreSQL(t, nil)
		if err == nil {
			atEnd(p.Kill)
		}
		return p, err
	})
}

// StartPostgreSQL starts a server of the test's own, with further arguments such
// as "-c", "fsync=off", which the program sees, unlike what unsynced does. It ends with the test.
func StartPostgreSQL(t testing.TB, args ...string) *PostgreSQL {
	t.Helper()
	return StartPostgreSQLIn(t, nil, args...)
}

// StartPostgreSQLIn is StartPostgreSQL with an environment, such as Clock.Env.
func StartPostgreSQLIn(t testing.TB, env []string, args ...string) *PostgreSQL {
	t.Helper()
	p, err := newPostgreSQL(t, env, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

const postgresFolders = "/usr/lib/postgresql/*/bin"

func newPostgreSQL(t testing.TB, env []string, args ...string) (*PostgreSQL, error) {
	path := Find(t, "postgres", postgresFolders)
	dir, err := folderFor("postgres", "postgres")
	if err != nil {
		return nil, err
	}
	if err := run("postgres", Find(t, "initdb", postgresFolders), "-D", dir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"); err != nil {
		return nil, err
	}
	p := &PostgreSQL{Port: FreePort(t), dir: dir}
	args = append([]string{"-D", dir, "-k", dir, "-h", "127.0.0.1", "-p", strconv.Itoa(p.Port), "-c", "max_connections=300"}, args...)
	p.Process, err = Start("postgres", Spec{Path: path, Args: args, Dir: dir, User: "postgres", Env: unsynced(env), Ready: p.answers})
	return p, err
}

func (p *PostgreSQL) url(name string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", p.Port, name)
}

func (p *PostgreSQL) answers(ctx context.Context) error {
	db, err := sql.Open("pgx", p.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(ctx)
}

// NewDatabase makes an empty database and gives its address: postgres://postgres@127.0.0.1:PORT/NAME?sslmode=disable.
func (p *PostgreSQL) NewDatabase(t testing.TB) string {
	t.Helper()
	name := p.nextName()
	if err := p.create(name, "", nil); err != nil {
		t.Fatal(err)
	}
	return p.url(name)
}

// Make makes a user and an empty database of that name.
func (p *PostgreSQL) Make(t testing.TB, user, password, name string) {
	t.Helper()
	db, err := sql.Open("pgx", p.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		fmt.Sprintf("CREATE USER %s PASSWORD '%s'", user, password),
		fmt.Sprintf("CREATE DATABASE %s OWNER %s", name, user),
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}
