package store

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
)

// ErrMoved is the refusal to open a database that has been moved elsewhere.
var ErrMoved = errors.New("this database was moved to another one and takes nothing any more: set database.url to that one; " +
	"if the move was given up, open it again with kefu move --reopen --from")

// errFenced refuses a change: the database is being moved.
func errFenced() error {
	return chat.Refuse(chat.Busy, "the database is being moved to another one: repeat it later")
}

// fenceQueries take a lock that lets other writers take it, too, but not Move
// close the fence before they have ended, and read the fence, which is the last of
// them. PostgreSQL would write a row's lock to the disk: it gets a lock of no row.
func fenceQueries(d dialect) (lock, read string) {
	read = "SELECT closed FROM fence WHERE id = 1"
	switch d.name() {
	case "postgres":
		return "SELECT pg_advisory_xact_lock_shared(" + fenceLock + ")", read
	case "mysql":
		return "", read + " LOCK IN SHARE MODE"
	}
	return "", read // SQLite has one writer at a time
}

// fenceLock is the number of PostgreSQL's lock around the fence.
const fenceLock = "7021943351027842341"

// readFence reads the fence in a group's transaction, at the latest at the next flush.
func readFence(h *hot, d dialect, closed *bool) error {
	lock, read := fenceQueries(d)
	if lock != "" {
		if err := h.exec(lock); err != nil {
			return err
		}
	}
	return h.later(read, func(r scanner) error { return r.Scan(closed) })
}

// fenced reads the fence now.
func fenced(h *hot, d dialect) (closed bool, err error) {
	if err := readFence(h, d, &closed); err != nil {
		return false, err
	}
	return closed, h.flush()
}

// openFence refuses a transaction on a database that is closed.
func openFence(ctx context.Context, tx bun.Tx, d dialect) error {
	var closed bool
	lock, read := fenceQueries(d)
	if lock != "" {
		if _, err := tx.ExecContext(ctx, lock); err != nil {
			return err
		}
	}
	if err := tx.QueryRowContext(ctx, read).Scan(&closed); err != nil {
		return err
	}
	if closed {
		return errFenced()
	}
	return nil
}

// mayServe refuses a database that was moved, or into which a move has not ended.
func mayServe(ctx context.Context, db *sql.DB, d dialect) error {
	var closed bool
	if err := db.QueryRowContext(ctx, "SELECT closed FROM fence WHERE id = 1").Scan(&closed); err != nil {
		return err
	}
	if closed {
		return ErrMoved
	}
	moving, err := isMoving(ctx, db, d)
	if err == nil && moving {
		err = errors.New("a move into this database has not ended: run kefu move again with the same databases, or name another one")
	}
	return err
}

// setFence closes the database to changes, or opens it. It waits for the transactions
// that have read the fence, until ctx ends: the writers of SQLite take no turns, and one
// on a slow disk leaves it to others for a moment only.
func (e *movedEnd) setFence(ctx context.Context, closed bool) error {
	for {
		err := e.trySetFence(ctx, closed)
		if err == nil || ctx.Err() != nil || e.dialect.failure(err) != contended {
			return err
		}
	}
}

func (e *movedEnd) trySetFence(ctx context.Context, closed bool) error {
	value := 0
	if closed {
		value = 1
	}
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if lock, _ := fenceQueries(e.dialect); lock != "" {
		_, err = tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock("+fenceLock+")")
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, e.dialect.worded("UPDATE fence SET closed = ? WHERE id = 1"), value)
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// Reopen lets a database take changes again after a move that was given up.
func Reopen(ctx context.Context, cfg Config, log *slog.Logger) error {
	end, err := openSource(ctx, cfg, log)
	if err != nil {
		return err
	}
	return errors.Join(end.setFence(ctx, false), end.close())
}
