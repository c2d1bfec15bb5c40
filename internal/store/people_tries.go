package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

type tryRow struct {
	bun.BaseModel `bun:"table:login_try,alias:login_try"`

	ID    []byte      `bun:"id,pk"`
	N     int         `bun:"n"`
	Until chat.Millis `bun:"until_at"`
}

// errTriesUsed undoes what was counted before a bound that is reached.
var errTriesUsed = errors.New("too many tries")

// triesForgotten is how many counts that have ended a try removes.
const triesForgotten = 50

// TakeTry implements identity.TryStore. A window that ends later than one that
// begins now would, after the database's clock was set back, is over.
func (db *DB) TakeTry(ctx context.Context, bounds []identity.TryBound, window time.Duration) (counts []int, wait time.Duration, err error) {
	order := make([]int, len(bounds))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(bounds[a].ID, bounds[b].ID) }) // no two wait for one another
	err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		counts, wait = make([]int, len(bounds)), 0
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		t := tryTaker{tx: tx, now: now, end: now + chat.Millis(window.Milliseconds())}
		for _, i := range order {
			n, until, err := t.take(ctx, bounds[i])
			if err != nil {
				return err
			}
			counts[i] = n
			if until != 0 {
				wait = max(wait, time.Duration(until-now)*time.Millisecond)
			}
		}
		if wait > 0 {
			return errTriesUsed
		}
		return nil
	})
	if errors.Is(err, errTriesUsed) {
		return nil, wait, nil
	}
	if err != nil {
		return nil, 0, err
	}
	return counts, 0, db.forgetTries(ctx)
}

type tryTaker struct {
	tx       bun.Tx
	now, end chat.Millis // of a window that begins now
}

// take counts one more, or says until when there is no room.
func (t tryTaker) take(ctx context.Context, b identity.TryBound) (n int, until chat.Millis, err error) {
	row := tryRow{ID: b.ID, N: 1, Until: t.end}
	for range 3 { // others may come between the questions
		if err := t.change(ctx, &row, b.Most); err != nil || row.N > 0 {
			return row.N, 0, err
		}
		var there tryRow
		if err := t.tx.NewSelect().Model(&there).Where("id = ?", b.ID).Scan(ctx); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return 0, 0, err
		}
		if there.N >= b.Most && there.Until > t.now && there.Until <= t.end {
			return 0, there.Until, nil
		}
	}
	return 0, 0, chat.Refuse(chat.Busy, "too many try to log in at this moment: try again in a second")
}

// change counts under a row that has room, begins its window anew, or makes the
// row; row.N is the count then, 0 if none of it could be done.
func (t tryTaker) change(ctx context.Context, row *tryRow, most int) error {
	row.N = 0
	for _, q := range []*bun.UpdateQuery{
		t.tx.NewUpdate().Model(row).Set("n = n + 1").Where("id = ? AND n < ? AND until_at > ? AND until_at <= ?", row.ID, most, t.now, t.end),
		t.tx.NewUpdate().Model(row).Set("n = 1, until_at = ?", t.end).Where("id = ? AND (until_at <= ? OR until_at > ?)", row.ID, t.now, t.end),
	} {
		if done, err := met(q.Exec(ctx)); err != nil || done {
			if err == nil {
				err = t.tx.NewSelect().Model(row).Column("n").Where("id = ?", row.ID).Scan(ctx)
			}
			return err
		}
	}
	fresh := tryRow{ID: row.ID, N: 1, Until: t.end}
	done, err := met(t.tx.NewInsert().Model(&fresh).Ignore().Exec(ctx))
	if done {
		row.N = 1
	}
	return err
}

// forgetTries removes some of the counts that have ended, in a transaction of its own.
func (db *DB) forgetTries(ctx context.Context) error {
	now, err := db.time(ctx)
	if err != nil {
		return err
	}
	var ended [][]byte
	if err := db.reading(ctx).NewSelect().Model((*tryRow)(nil)).Column("id").Where("until_at <= ?", now).
		Order("until_at").Limit(triesForgotten).Scan(ctx, &ended); err != nil || len(ended) == 0 {
		return err
	}
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewDelete().Model((*tryRow)(nil)).Where("id IN (?) AND until_at <= ?", bun.List(ended), now).Exec(ctx)
		return err
	})
}

// GiveTryBack implements identity.TryStore.
func (db *DB) GiveTryBack(ctx context.Context, ids [][]byte, clear []byte) error {
	ids = slices.SortedFunc(slices.Values(ids), bytes.Compare)
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, id := range ids {
			if _, err := tx.NewUpdate().Model((*tryRow)(nil)).Set("n = n - 1").Where("id = ? AND n > 0", id).Exec(ctx); err != nil {
				return err
			}
			if _, err := tx.NewDelete().Model((*tryRow)(nil)).Where("id = ? AND (n <= 0 OR id = ?)", id, clear).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}
