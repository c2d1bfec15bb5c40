package engines

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// To bring a schema up to date takes longer than most tests of it: it is done once in
// a process, and copied. What does it is called with the first database of each kind;
// all tests of a process give the same.

// template is the database that is copied.
type template struct {
	made shared[string]
	// tables of a server's: all of them, and those that have rows from the beginning.
	tables, seeded []string

	mu    sync.Mutex
	spare []string // databases like the template that no test has now
}

var sharedFile template

// MigratedFile makes a SQLite file like the one that migrate made at the path that it got.
func MigratedFile(t testing.TB, path string, migrate func(path string) error) {
	t.Helper()
	from := sharedFile.made.get(t, func() (string, error) {
		dir, err := folderFor("sqlite", "")
		if err != nil {
			return "", err
		}
		path := filepath.Join(dir, "template.db")
		if err := migrate(path); err != nil {
			return "", err
		}
		if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
			return "", fmt.Errorf("%s was not closed: its log holds %d bytes", path, log.Size())
		}
		return path, nil
	})
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// NewMigrated is NewDatabase with the schema that migrate brought to the database at
// the address that it got.
func (p *PostgreSQL) NewMigrated(t testing.TB, migrate func(address string) error) string {
	t.Helper()
	from := p.template.made.get(t, func() (string, error) {
		name := p.nextName()
		return name, p.create(name, "", migrate)
	})
	name := p.nextName()
	if err := p.create(name, " TEMPLATE "+from, nil); err != nil {
		t.Fatal(err)
	}
	return p.url(name)
}

func (p *PostgreSQL) nextName() string { return "kefu_" + strconv.FormatInt(p.made.Add(1), 10) }

func (p *PostgreSQL) create(name, like string, migrate func(address string) error) error {
	db, err := sql.Open("pgx", p.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Exec("CREATE DATABASE " + name + like); err != nil || migrate == nil {
		return err
	}
	return migrate(p.url(name))
}

// NewMigrated is NewDatabase with the schema that migrate brought to the database at
// the address that it got.
func (m *MariaDB) NewMigrated(t testing.TB, migrate func(address string) error) string {
	t.Helper()
	return m.url(m.like(t, migrate))
}

// Lend is NewMigrated for a test that changes rows only: when it has ended, another
// one gets the database, empty again.
func (m *MariaDB) Lend(t testing.TB, migrate func(address string) error) string {
	t.Helper()
	one := &m.template
	one.mu.Lock()
	name := ""
	if n := len(one.spare); n > 0 {
		name, one.spare = one.spare[n-1], one.spare[:n-1]
	}
	one.mu.Unlock()
	if name == "" {
		name = m.like(t, migrate)
	}
	t.Cleanup(func() {
		if err := m.empty(name); err != nil {
			t.Errorf("a database could not be emptied for the next test: %v", err)
			return
		}
		one.mu.Lock()
		defer one.mu.Unlock()
		one.spare = append(one.spare, name)
	})
	return m.url(name)
}

// like makes a database like the template.
func (m *MariaDB) like(t testing.TB, migrate func(address string) error) string {
	t.Helper()
	one := &m.template
	from := one.made.get(t, func() (string, error) {
		name, err := m.create()
		if err == nil {
			err = migrate(m.url(name))
		}
		if err != nil {
			return "", err
		}
		return name, m.learn(name)
	})
	name, err := m.create()
	if err != nil {
		t.Fatal(err)
	}
	var statements strings.Builder
	for _, table := range one.tables {
		fmt.Fprintf(&statements, "CREATE TABLE %s.%s LIKE %s.%s;", name, table, from, table)
	}
	statements.WriteString(one.seeds(from, name))
	if err := m.run(statements.String()); err != nil {
		t.Fatal(err)
	}
	return name
}

func (one *template) seeds(from, to string) string {
	var statements strings.Builder
	for _, table := range one.seeded {
		fmt.Fprintf(&statements, "INSERT INTO %s.%s SELECT * FROM %s.%s;", to, table, from, table)
	}
	return statements.String()
}

// empty leaves in a database what the template has.
func (m *MariaDB) empty(name string) error {
	one := &m.template
	var statements strings.Builder
	for _, table := range one.tables {
		fmt.Fprintf(&statements, "DELETE FROM %s.%s;", name, table)
	}
	return m.run(statements.String() + one.seeds(one.made.engine, name))
}

// learn notes the template's tables.
func (m *MariaDB) learn(name string) error {
	db, err := sql.Open("mysql", m.root())
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.Query("SELECT table_name FROM information_schema.tables WHERE table_schema = ?", name)
	if err != nil {
		return err
	}
	defer rows.Close()
	one := &m.template
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			return err
		}
		one.tables = append(one.tables, table)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, table := range one.tables {
		var some bool
		if err := db.QueryRow("SELECT EXISTS (SELECT 1 FROM " + name + "." + table + ")").Scan(&some); err != nil {
			return err
		}
		if some {
			one.seeded = append(one.seeded, table)
		}
	}
	return nil
}

// run runs statements that end with a semicolon each.
func (m *MariaDB) run(statements string) error {
	db, err := sql.Open("mysql", m.root()+"?multiStatements=true")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(statements)
	return err
}
