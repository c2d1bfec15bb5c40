package engines

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	_ "github.com/go-sql-driver/mysql" // the driver of the databases made here
)

// MariaDB is a real server with a folder of its own.
type MariaDB struct {
	*Process
	Port     int
	dir      string
	made     atomic.Int64
	template template
}

var sharedMariaDB shared[*MariaDB]

// SharedMariaDB is the server that the tests of this process share.
func SharedMariaDB(t testing.TB) *MariaDB {
	t.Helper()
	return sharedMariaDB.get(t, func() (*MariaDB, error) {
		m, err := newMariaDB(t, nil)
		if err == nil {
			atEnd(m.Kill)
		}
		return m, err
	})
}

// StartMariaDB starts a server of the test's own, with further arguments. It ends with the test.
func StartMariaDB(t testing.TB, args ...string) *MariaDB {
	t.Helper()
	return StartMariaDBIn(t, nil, args...)
}

// StartMariaDBIn is StartMariaDB with an environment, such as Clock.Env.
func StartMariaDBIn(t testing.TB, env []string, args ...string) *MariaDB {
	t.Helper()
	m, err := newMariaDB(t, env, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Kill)
	return m
}

func newMariaDB(t testing.TB, env []string, args ...string) (*MariaDB, error) {
	path := Find(t, "mariadbd", "/usr/sbin")
	dir, err := folderFor("mariadb", "mysql")
	if err != nil {
		return nil, err
	}
	if err := run("mysql", Find(t, "mariadb-install-db"), "--no-defaults", "--datadir="+dir, "--auth-root-authentication-method=normal", "--skip-test-db"); err != nil {
		return nil, err
	}
	m := &MariaDB{Port: FreePort(t), dir: dir}
	args = append([]string{
		"--no-defaults", "--datadir=" + dir, "--socket=" + filepath.Join(dir, "socket"), "--pid-file=" + filepath.Join(dir, "pid"),
		"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(m.Port), "--skip-log-bin", "--innodb-buffer-pool-size=64M", "--max-connections=500",
		"--slow-query-log=1", "--slow-query-log-file=" + filepath.Join(dir, spilledFile), "--long-query-time=0", "--log-slow-filter=tmp_table_on_disk",
	}, args...)
	m.Process, err = Start("mariadbd", Spec{Path: path, Args: args, Dir: dir, User: "mysql", Env: unsynced(env), Ready: m.answers})
	return m, err
}

// spilledFile is where a server writes each statement that makes a temporary table on disk.
const spilledFile = "spilled.log"

// Spilled are the statements for which the server that this process shares made a
// temporary table on disk, without those that read its schemas, which always do.
// MariaDB 10.11.19 crashes in ha_maria::drop_table when some of them are cut short.
func Spilled() ([]string, error) {
	m := sharedMariaDB.engine
	if m == nil {
		return nil, nil
	}
	log, err := os.ReadFile(filepath.Join(m.dir, spilledFile))
	var all []string
	for entry := range strings.SplitSeq(string(log), "\nSET timestamp=") {
		_, statement, _ := strings.Cut(entry, ";\n")
		statement, _, _ = strings.Cut(statement, "\n# ")
		if statement != "" && !strings.Contains(statement, "information_schema.") {
			all = append(all, statement)
		}
	}
	return all, err
}

func (m *MariaDB) root() string { return fmt.Sprintf("root@tcp(127.0.0.1:%d)/", m.Port) }

func (m *MariaDB) answers(ctx context.Context) error {
	db, err := sql.Open("mysql", m.root())
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(ctx)
}

// NewDatabase makes an empty database and gives its address: mysql://root@127.0.0.1:PORT/NAME.
func (m *MariaDB) NewDatabase(t testing.TB) string {
	t.Helper()
	name, err := m.create()
	if err != nil {
		t.Fatal(err)
	}
	return m.url(name)
}

func (m *MariaDB) url(name string) string {
	return fmt.Sprintf("mysql://root@127.0.0.1:%d/%s", m.Port, name)
}

// create makes an empty database and gives its name.
func (m *MariaDB) create() (string, error) {
	name := "kefu_" + strconv.FormatInt(m.made.Add(1), 10)
	return name, m.run("CREATE DATABASE " + name + " CHARACTER SET utf8mb4")
}

// Make makes a user and an empty database of that name.
func (m *MariaDB) Make(t testing.TB, user, password, name string) {
	t.Helper()
	db, err := sql.Open("mysql", m.root())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		"CREATE DATABASE " + name + " CHARACTER SET utf8mb4",
		fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY '%s'", user, password),
		fmt.Sprintf("GRANT ALL ON %s.* TO '%s'@'%%'", name, user),
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}
