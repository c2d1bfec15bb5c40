// Package databases gives tests of all packages but store's own a database each.
package databases

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/kefu-chat/kefu/internal/store"
	"github.com/kefu-chat/kefu/test/engines"
)

// File makes a database without rows in a folder of the test's own, as a copy of one
// that was opened once.
func File(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), store.DatabaseFile)
	engines.MigratedFile(t, path, func(path string) error {
		db, err := store.Open(context.Background(), store.Config{Path: path}, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		return db.Close()
	})
	return path
}
