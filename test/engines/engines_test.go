package engines_test

import (
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/test/engines"
)

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

func TestDatabasesAnswerAndComeBack(t *testing.T) {
	t.Run("MariaDB", func(t *testing.T) {
		server := engines.SharedMariaDB(t)
		_, name, _ := strings.Cut(server.NewDatabase(t), "mysql://root@127.0.0.1:")
		_, name, _ = strings.Cut(name, "/")
		killed(t, server.Process, "mysql", fmt.Sprintf("root@tcp(127.0.0.1:%d)/%s", server.Port, name))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		server := engines.SharedPostgreSQL(t)
		killed(t, server.Process, "pgx", server.NewDatabase(t))
	})
}

// killed writes a row, kills the server, and finds the row again.
func killed(t *testing.T, server *engines.Process, driver, dsn string) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxIdleConns(0) // what the server tells an idle connection as it dies is not asked here
	if _, err := db.Exec("CREATE TABLE kept (n INTEGER)"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("INSERT INTO kept VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.QueryRow("SELECT COUNT(*) FROM kept").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, %v; want the one that was written", n, err)
	}
}

func TestRedisAnswers(t *testing.T) {
	server := engines.StartRedis(t)
	server.Stop()
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
}
