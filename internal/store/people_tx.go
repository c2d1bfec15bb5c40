package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
)

var (
	_ identity.Store = (*DB)(nil)
	_ site.Store     = (*DB)(nil)
	_ audit.Store    = (*DB)(nil)
)

// txKey is where a context carries the transaction of Together.
type txKey struct{}

// Together runs fn in one transaction, which its ctx carries to the other
// methods about people, sites and the audit; inside another one it joins that.
// Such transactions run one after the other, on all nodes: what fn reads stays so
// until it has written. Where others were in the way, fn runs again.
func (db *DB) Together(ctx context.Context, fn func(ctx context.Context) error) error {
	return db.within(ctx, func(ctx context.Context, tx bun.Tx) error {
		if clause := db.dialect.grammar().forUpdate; clause != "" {
			if _, err := tx.NewRaw("SELECT version FROM people_version" + clause).Exec(ctx); err != nil {
				return err
			}
		}
		return fn(ctx)
	}, fn)
}

// within runs join in the transaction that ctx carries, or begin in a new one.
func (db *DB) within(ctx context.Context, begin func(ctx context.Context, tx bun.Tx) error, join func(ctx context.Context) error) error {
	if _, ok := ctx.Value(txKey{}).(bun.Tx); ok {
		return join(ctx)
	}
	return db.Update(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := begin(context.WithValue(ctx, txKey{}, tx), tx); err != nil {
			return err
		}
		return noteRequest(ctx, tx)
	})
}

// reading is the transaction that ctx carries, or the readers' pool.
func (db *DB) reading(ctx context.Context) bun.IDB {
	if tx, ok := ctx.Value(txKey{}).(bun.Tx); ok {
		return tx
	}
	return db.read
}

// change runs one write, in the transaction that ctx carries or in its own.
func (db *DB) change(ctx context.Context, do func(ctx context.Context, tx bun.Tx) error) error {
	return db.within(ctx, do, func(ctx context.Context) error {
		return do(ctx, ctx.Value(txKey{}).(bun.Tx))
	})
}

// changePeople is change for what the nodes hold a picture of. It begins with the
// row that Together locks: all who change people take their locks in one order.
func (db *DB) changePeople(ctx context.Context, do func(ctx context.Context, tx bun.Tx) error) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewRaw("UPDATE people_version SET version = version + 1").Exec(ctx); err != nil {
			return err
		}
		return do(ctx, tx)
	})
}

// PeopleVersion rises with every change to agents, roles and sites.
func (db *DB) PeopleVersion(ctx context.Context) (version int64, err error) {
	err = db.reading(ctx).NewRaw("SELECT version FROM people_version").Scan(ctx, &version)
	return version, err
}

// found turns the absence of a row into a refusal.
func found(err error, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return chat.Refuse(chat.NotFound, "there is no such %s", what)
	}
	return err
}

// touched is the error of a write that should have met a row: refusal if it met none.
func touched(result sql.Result, err error, refusal *chat.Refusal) error {
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return refusal
	}
	return err
}
