package store

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/test/engines"
)

// TestServersOwnDefaultsHarmNoText: texts are escaped for what is asked of the
// server, whatever it would do by itself.
func TestServersOwnDefaultsHarmNoText(t *testing.T) {
	address := engines.SharedPostgreSQL(t).NewDatabase(t)
	for _, setting := range []string{"standard_conforming_strings = off", "client_encoding = 'GBK'"} {
		statement := "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET " + strings.ReplaceAll(setting, "'", "''") + "', current_database()); END $$"
		if _, err := beside(t, address).ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	db := open(t, Config{URL: address})
	for _, pool := range []*bun.DB{db.read, db.write} {
		for _, text := range []string{`back\slash`, `\'; SELECT 'mine`, `it''s \`, "客服 \\ 👩", "\u00bf'"} {
			var got string
			if err := pool.NewRaw("SELECT ?", text).Scan(t.Context(), &got); err != nil || got != text {
				t.Errorf("%q was read as %q, %v", text, got, err)
			}
		}
	}
}

func TestServersLanguageChangesNoFailure(t *testing.T) {
	ended := &pgconn.PgError{Severity: "致命错误", SeverityUnlocalized: "FATAL", Code: "XX000"}
	if got := (postgresDialect{}).failure(ended); got != lost {
		t.Errorf("a server that ends the connection, in Chinese, is %d, want %d", got, lost)
	}
	refused := &pgconn.PgError{Severity: "错误", SeverityUnlocalized: "ERROR", Code: "XX000"}
	if got := (postgresDialect{}).failure(refused); got != broken || severity(refused) != "ERROR" {
		t.Errorf("a refusal in Chinese is %d and %s, want %d and ERROR", got, severity(refused), broken)
	}
	if old := (&pgconn.PgError{Severity: "FATAL", Code: "XX000"}); (postgresDialect{}).failure(old) != lost {
		t.Error("who has only the other severity is not heard")
	}
}
