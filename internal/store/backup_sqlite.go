package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
)

// DatabaseFile is the name of the database in a data folder.
const DatabaseFile = "kefu.db"

// Backup writes a copy of the database, as it is at one moment, to a file that
// does not exist yet, while everything goes on. The file is there only when it
// is whole and synced. The log cannot be shortened until the copy is done.
func (db *DB) Backup(ctx context.Context, file string) error {
	if db.dialect.shared() {
		return backupServer(db.dialect, file)
	}
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("backup: %s exists: name a file that does not", file)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("backup: %w", err)
	}
	partial := file + ".partial"
	if err := removeIfThere(partial); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	err := db.copyTo(ctx, partial)
	if err == nil {
		err = publish(partial, file)
	}
	if err != nil {
		return fmt.Errorf("backup: %w", errors.Join(err, removeIfThere(partial)))
	}
	return nil
}

func (db *DB) copyTo(ctx context.Context, file string) (err error) {
	if err := makePrivate(file); err != nil {
		return err
	}
	pool, err := db.dialect.pool(ctx, 1, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	if _, err := pool.ExecContext(ctx, "VACUUM INTO ?", file); err != nil {
		return err
	}
	return syncFile(file)
}

// Restore puts a backup into a folder that holds no database yet, after checking
// that the copy is sound.
func Restore(ctx context.Context, file, dir string) error {
	if err := restore(ctx, file, dir); err != nil {
		return fmt.Errorf("restore %s into %s: %w", file, dir, err)
	}
	return nil
}

// BackupServer refuses to copy the database of a server, and names the engine's own
// tool; its error never has the password. It connects to nothing.
func BackupServer(address, file string) error {
	d, err := openDialect(Config{URL: address}.withDefaults(), address)
	if err != nil {
		return err
	}
	return backupServer(d, file)
}

func backupServer(d dialect, file string) error {
	return fmt.Errorf("backup: %s is kept by a server, whose own tool copies it: %s", d.place(), d.dump(file))
}

// shellWord is a word as a shell takes it for one.
func shellWord(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// RestoreServer refuses to restore into the database of a server, and names the
// engine's own tool; its error never has the password.
func RestoreServer(address, file string) error {
	d, err := openDialect(Config{URL: address}.withDefaults(), address)
	if err != nil {
		return err
	}
	return fmt.Errorf("restore: %s is kept by a server, whose own tool restores it: %s", d.place(), d.load(file))
}

func restore(ctx context.Context, file, dir string) error {
	if info, err := os.Stat(file + "-wal"); err == nil && info.Size() > 0 {
		return errors.New("the file is a database in use, not a backup (it has a log beside it): make a backup of it first")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != lockFile {
			return fmt.Errorf("the folder is not empty (%s): name an empty one", e.Name())
		}
	}
	target := filepath.Join(dir, DatabaseFile)
	partial := target + ".partial"
	err = copyFile(file, partial)
	if err == nil {
		err = checkIntegrity(ctx, partial)
	}
	if err == nil {
		err = publish(partial, target)
	}
	if err != nil {
		return errors.Join(err, removeIfThere(partial))
	}
	return nil
}

// checkIntegrity reads the whole file and refuses what is no sound database of Kefu.
func checkIntegrity(ctx context.Context, file string) (err error) {
	name := "file:" + (&url.URL{Path: file}).EscapedPath() + "?mode=ro&immutable=1"
	pool := sql.OpenDB(sqliteConnector{name: name, driver: &sqlite.Driver{}})
	defer func() { err = errors.Join(err, pool.Close()) }()
	var answer string
	if err := pool.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&answer); err != nil {
		return fmt.Errorf("the file is not a sound database: %w", err)
	}
	if answer != "ok" {
		return fmt.Errorf("the file is damaged (%s): take another backup", answer)
	}
	var tables int
	if err := pool.QueryRowContext(ctx, sqliteTableExists, "compatibility").Scan(&tables); err != nil {
		return err
	}
	if tables == 0 {
		return errors.New("the file is a database, but not one of Kefu: name a file that kefu backup made")
	}
	return nil
}

// publish gives a finished, synced file its name, if nothing has it.
func publish(partial, file string) error {
	err := os.Link(partial, file)
	switch {
	case err == nil:
		if err := os.Remove(partial); err != nil {
			return err
		}
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s exists: name a file that does not", file)
	default: // a file system without hard links
		if err := os.Rename(partial, file); err != nil {
			return err
		}
	}
	return syncFile(filepath.Dir(file))
}

func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if _, err := io.Copy(target, source); err != nil {
		return err
	}
	return target.Sync()
}

// syncFile makes what was written to a file or folder survive a power cut.
func syncFile(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Sync()
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
