package store

import (
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/test/engines"
)

// TestServerThatMayLoseIsRefused starts servers that do not sync what they say they kept.
func TestServerThatMayLoseIsRefused(t *testing.T) {
	t.Parallel()
	for setting, fresh := range map[string]func(t *testing.T) string{
		"innodb_flush_log_at_trx_commit": func(t *testing.T) string {
			return engines.StartMariaDB(t, "--innodb-flush-log-at-trx-commit=2").NewDatabase(t)
		},
		"fsync": func(t *testing.T) string { return engines.StartPostgreSQL(t, "-c", "fsync=off").NewDatabase(t) },
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			address := fresh(t)
			_, err := Open(t.Context(), Config{URL: address}, quiet)
			if err == nil || !strings.Contains(err.Error(), setting+" = ") || !strings.Contains(err.Error(), "power cut") || !strings.Contains(err.Error(), "relaxed") {
				t.Errorf("got %v", err)
			}
			send(t, open(t, Config{URL: address, Relaxed: true}), message(1, "hello"))
		})
	}
}

// TestCommittersAskForDurability: whatever the database's own default is.
func TestCommittersAskForDurability(t *testing.T) {
	address := engines.SharedPostgreSQL(t).NewDatabase(t)
	pool := beside(t, address)
	var name string
	if err := pool.QueryRowContext(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.ExecContext(t.Context(), "ALTER DATABASE "+name+" SET synchronous_commit = off"); err != nil {
		t.Fatal(err)
	}
	db := open(t, Config{URL: address})
	for setting, want := range map[string]string{
		"synchronous_commit": "on", "transaction_isolation": "read committed", "statement_timeout": "5s",
		"lock_timeout": "5s", "idle_in_transaction_session_timeout": "5s",
	} {
		if got := setOfWriter(t, db, "SELECT current_setting('"+setting+"')"); got != want {
			t.Errorf("a committer has %s = %s: want %s", setting, got, want)
		}
	}
	db = open(t, Config{URL: engines.SharedMariaDB(t).NewDatabase(t)})
	for setting, want := range map[string]string{
		"tx_isolation": "READ-COMMITTED", "innodb_lock_wait_timeout": "5", "idle_transaction_timeout": "5", "max_statement_time": "5.000000",
		"sql_mode": "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION", "autocommit": "OFF",
	} {
		if got := setOfWriter(t, db, "SELECT CAST(@@SESSION."+setting+" AS CHAR)"); got != want {
			t.Errorf("a committer has %s = %s: want %s", setting, got, want)
		}
	}
}

func setOfWriter(t *testing.T, db *DB, query string) (value string) {
	t.Helper()
	l, err := db.dialect.writer()
	if err != nil {
		t.Fatal(err)
	}
	h := newHot(l)
	defer func() { _ = h.close() }()
	if err := h.query(query, func(r scanner) error { return r.Scan(&value) }); err != nil {
		t.Fatal(err)
	}
	return value
}
