package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/kefu-chat/kefu/test/engines"
)

// migrateTo brings a database's schema up to date, and does nothing else: the tests
// that are not about that begin with copies of it.
func migrateTo(cfg Config) error {
	d, err := openDialect(cfg.withDefaults(), cfg.URL)
	if err != nil {
		return err
	}
	if err := d.prepare(); err != nil {
		return err
	}
	pool, err := d.pool(context.Background(), 1, false)
	if err != nil {
		return err
	}
	return errors.Join(migrate(context.Background(), pool.DB, d, quiet), pool.Close())
}

func migrateFile(path string) error      { return migrateTo(Config{Path: path}) }
func migrateServer(address string) error { return migrateTo(Config{URL: address}) }

// newFile makes a file whose schema is up to date, in a folder of the test's own.
func newFile(t testing.TB) string {
	t.Helper()
	return newFileIn(t, t.TempDir())
}

// newFileIn does so in a folder, unless there is one.
func newFileIn(t testing.TB, dir string) string {
	t.Helper()
	path := filepath.Join(dir, DatabaseFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		engines.MigratedFile(t, path, migrateFile)
	}
	return path
}
