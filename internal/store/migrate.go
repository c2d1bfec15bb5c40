package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

//go:embed migrations
var migrations embed.FS

const schemaTable = "schema_version"

// migrate brings the schema up to date, forward only. A database that a newer
// program has changed beyond what this one understands is refused.
func migrate(ctx context.Context, db *sql.DB, d dialect, log *slog.Logger) error {
	files, err := fs.Sub(migrations, "migrations/"+d.name())
	if err != nil {
		return err
	}
	return migrateWith(ctx, db, d, files, log)
}

func migrateWith(ctx context.Context, db *sql.DB, d dialect, files fs.FS, log *slog.Logger) error {
	options := []goose.ProviderOption{goose.WithTableName(schemaTable), goose.WithDisableGlobalRegistry(true), goose.WithSlog(log)}
	spoken, locker := d.migrating()
	if locker != nil {
		if err := beginVersions(ctx, db, d); err != nil {
			return fmt.Errorf("bring the schema up to date: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(spoken, db, files, options...)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	sources := provider.ListSources()
	newest := sources[len(sources)-1].Version
	if err := checkCompatible(ctx, db, d, newest); err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	return nil
}

// beginVersions makes the table of versions under the lock, with its first row. goose
// looks at both without the lock, and MySQL shows the table before the row is there:
// of nodes that start together one would end, and all of them for good if a node was
// killed between the two.
func beginVersions(ctx context.Context, db *sql.DB, d dialect) (err error) {
	spoken, locker := d.migrating()
	versions, err := database.NewStore(spoken, schemaTable)
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := locker.SessionLock(ctx, conn); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, locker.SessionUnlock(context.WithoutCancel(ctx), conn)) }()
	var tables int
	if err := conn.QueryRowContext(ctx, d.worded(d.grammar().tableExists), schemaTable).Scan(&tables); err != nil {
		return err
	}
	if tables == 0 {
		if err := versions.CreateVersionTable(ctx, conn); err != nil {
			return err
		}
	}
	_, err = versions.GetLatestVersion(ctx, conn)
	if errors.Is(err, database.ErrVersionNotFound) {
		return versions.Insert(ctx, conn, database.InsertRequest{Version: 0})
	}
	return err
}

// checkCompatible refuses a database whose oldest usable program is newer than this one.
func checkCompatible(ctx context.Context, db *sql.DB, d dialect, newest int64) error {
	var tables int
	if err := db.QueryRowContext(ctx, d.worded(d.grammar().tableExists), "compatibility").Scan(&tables); err != nil {
		return err
	}
	if tables == 0 {
		return nil
	}
	var oldest int64
	err := db.QueryRowContext(ctx, "SELECT oldest_schema FROM compatibility").Scan(&oldest)
	if errors.Is(err, sql.ErrNoRows) { // another node makes the tables at this moment
		return nil
	}
	if err != nil {
		return err
	}
	if oldest > newest {
		return fmt.Errorf("the database is too new: it needs a program that knows schema %d, and this one knows schema %d; "+
			"start the newer program, or restore a backup made by this one", oldest, newest)
	}
	return nil
}

// fingerprintKey is the key of the hashes that recognise repeated commands; the
// first start makes it.
func fingerprintKey(ctx context.Context, db *sql.DB, d dialect) ([]byte, error) {
	return secretKey(ctx, db, d, "fingerprint")
}

// secretKey is a random key that belongs to the database; the first who asks makes it.
func secretKey(ctx context.Context, db *sql.DB, d dialect, name string) ([]byte, error) {
	var key []byte
	read := func() error {
		return db.QueryRowContext(ctx, d.worded("SELECT value FROM secret WHERE name = ?"), []byte(name)).Scan(&key)
	}
	err := read()
	if !errors.Is(err, sql.ErrNoRows) {
		return key, err
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails since Go 1.24
	if _, err := db.ExecContext(ctx, d.worded("INSERT INTO secret (name, value) VALUES (?, ?)"), []byte(name), fresh); err != nil && d.failure(err) != duplicate {
		return nil, err
	}
	err = read()
	return key, err
}
