package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/uptrace/bun"
)

type certificateRow struct {
	bun.BaseModel `bun:"table:certificate,alias:certificate"`

	Name    []byte `bun:"name,pk"`
	Value   []byte `bun:"value"`
	Version int64  `bun:"version"`
}

// KeptCertificate reads what the nodes share under a name about a certificate, its
// version, 0 if there is nothing, and the database's time in ms.
func (db *DB) KeptCertificate(ctx context.Context, name string) (value []byte, version, now int64, err error) {
	at, err := db.time(ctx)
	if err != nil {
		return nil, 0, 0, err
	}
	row := certificateRow{}
	err = db.read.NewSelect().Model(&row).Where("name = ?", []byte(name)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return row.Value, row.Version, int64(at), err
}

// KeepCertificate writes what stands under a name if its version is still the given
// one, which rises by that, and tells whether it was: of several nodes one is first.
func (db *DB) KeepCertificate(ctx context.Context, name string, value []byte, version int64) (kept bool, err error) {
	row := &certificateRow{Name: []byte(name), Value: value, Version: version + 1}
	err = db.Update(ctx, func(ctx context.Context, tx bun.Tx) error {
		if version == 0 {
			_, err := tx.NewInsert().Model(row).Exec(ctx)
			kept = err == nil
			return err
		}
		result, err := tx.NewUpdate().Model(row).Column("value", "version").Where("name = ? AND version = ?", row.Name, version).Exec(ctx)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		kept = n == 1
		return err
	})
	if err != nil {
		kept = false
		if version == 0 && db.dialect.failure(err) == duplicate {
			return false, nil
		}
	}
	return kept, err
}
