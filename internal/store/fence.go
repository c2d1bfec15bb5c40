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

// fenceQuery reads the fence under a lock that lets other writers read it, but
// not Move close it before they have ended.
func fenceQuery(d dialect) string {
	query := "SELECT closed FROM fence WHERE id = 1"
	switch d.name() {
	case "postgres":
		return query + " FOR SHARE"
	case "mysql":
		return query + " LOCK IN SHARE MODE"
	}
	return query // SQLite has one writer at a time
}

// fenced reads the fence in a group's transaction.
func fenced(h *hot, d dialect) (closed bool, err error) {
	err = h.query(fenceQuery(d), func(r scanner) error { return r.Scan(&closed) })
	return closed, err
}

// openFence refuses a transaction on a database that is closed.
func openFence(ctx context.Context, tx bun.Tx, d dialect) error {
	var closed bool
	if err := tx.QueryRowContext(ctx, fenceQuery(d)).Scan(&closed); err != nil {
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

// setFence closes the database to changes, or opens it. It waits for the
// transactions that have read the fence.
func (e *movedEnd) setFence(ctx context.Context, closed bool) error {
	value := 0
	if closed {
		value = 1
	}
	_, err := e.db.ExecContext(ctx, e.dialect.worded("UPDATE fence SET closed = ? WHERE id = 1"), value)
	return err
}

// Reopen lets a database take changes again after a move that was given up.
func Reopen(ctx context.Context, cfg Config, log *slog.Logger) error {
	end, err := openEnd(ctx, cfg, log)
	if err != nil {
		return err
	}
	return errors.Join(end.setFence(ctx, false), end.close())
}
