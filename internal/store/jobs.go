package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
)

var _ jobs.Store = (*DB)(nil)

type jobRow struct {
	bun.BaseModel `bun:"table:job,alias:job"`

	Kind      string      `bun:"kind"`
	Key       []byte      `bun:"job_key"`
	RunAt     chat.Millis `bun:"run_at"`
	DueAt     chat.Millis `bun:"due_at"`
	Payload   string      `bun:"payload"`
	Attempts  int         `bun:"attempts"`
	Version   int64       `bun:"version"`
	Lease     int64       `bun:"lease"`
	GivenUpAt chat.Millis `bun:"given_up_at"`
	LastError string      `bun:"last_error"`
}

// millis is a duration as the tables have it.
func millis(d time.Duration) chat.Millis { return chat.Millis(d.Milliseconds()) }

// AddJob implements jobs.Store.
func (db *DB) AddJob(ctx context.Context, j jobs.Job) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		row := jobRow{Kind: j.Kind, Key: []byte(j.Key), RunAt: j.RunAt, Payload: string(j.Payload), Version: 1}
		if row.Payload == "" {
			row.Payload = "null"
		}
		if j.RunAt == 0 {
			now, err := db.time(ctx)
			if err != nil {
				return err
			}
			row.RunAt = now + millis(j.In)
		}
		row.DueAt = row.RunAt
		for range 3 { // the row may come or go between the two
			done, err := met(tx.NewUpdate().Model((*jobRow)(nil)).
				Set("run_at = ?, due_at = CASE WHEN lease = 0 THEN ? ELSE due_at END", row.RunAt, row.RunAt).
				Set("payload = ?, attempts = 0, version = version + 1, given_up_at = 0, last_error = ''", row.Payload).
				Where("kind = ? AND job_key = ?", row.Kind, row.Key).Exec(ctx))
			if !done && err == nil {
				done, err = met(tx.NewInsert().Model(&row).Ignore().Exec(ctx))
			}
			if done || err != nil {
				return err
			}
		}
		return chat.Refuse(chat.Busy, "others add and cancel the same job at this moment: try again in a second")
	})
}

// CancelJob implements jobs.Store.
func (db *DB) CancelJob(ctx context.Context, kind, key string) (there bool, err error) {
	err = db.change(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		there, err = met(tx.NewDelete().Model((*jobRow)(nil)).Where("kind = ? AND job_key = ?", kind, []byte(key)).Exec(ctx))
		return err
	})
	return there, err
}

// held is the condition for the row of a claim that is not lost.
const held = "kind = ? AND job_key = ? AND lease = ?"

// RenewJobs implements jobs.Store.
func (db *DB) RenewJobs(ctx context.Context, claims []jobs.Claim, lease time.Duration) (lost []jobs.Claim, err error) {
	err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		lost = nil
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		for _, c := range claims {
			kept, err := met(tx.NewUpdate().Model((*jobRow)(nil)).Set("due_at = ?", now+millis(lease)).Where(held, c.Kind, []byte(c.Key), c.Lease).Exec(ctx))
			if err != nil {
				return err
			}
			if !kept {
				lost = append(lost, c)
			}
		}
		return nil
	})
	return lost, err
}

// CutLeases implements jobs.Store.
func (db *DB) CutLeases(ctx context.Context, lease time.Duration) error {
	now, err := db.time(ctx)
	if err != nil {
		return err
	}
	latest := now + millis(lease)
	var rows []jobRow
	if err := db.read.NewSelect().Model(&rows).Column("kind", "job_key", "lease").Where("lease <> 0 AND due_at > ?", latest).Scan(ctx); err != nil || len(rows) == 0 {
		return err
	}
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, r := range rows {
			if _, err := tx.NewUpdate().Model((*jobRow)(nil)).Set("due_at = ?", latest).Where(held+" AND due_at > ?", r.Kind, r.Key, r.Lease, latest).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// FinishJob implements jobs.Store.
func (db *DB) FinishJob(ctx context.Context, c jobs.Claim) error {
	return db.endJob(ctx, c, func(tx bun.Tx, _ chat.Millis) ending {
		return tx.NewDelete().Model((*jobRow)(nil)).Where(held+" AND version = ?", c.Kind, []byte(c.Key), c.Lease, c.Version)
	})
}

// RetryJob implements jobs.Store.
func (db *DB) RetryJob(ctx context.Context, c jobs.Claim, after time.Duration, why string) error {
	return db.endJob(ctx, c, func(tx bun.Tx, now chat.Millis) ending {
		return freed(tx, c).Set("run_at = ?, due_at = ?, last_error = ?", now+millis(after), now+millis(after), shortened(why))
	})
}

// GiveUpJob implements jobs.Store.
func (db *DB) GiveUpJob(ctx context.Context, c jobs.Claim, why string) error {
	return db.endJob(ctx, c, func(tx bun.Tx, now chat.Millis) ending {
		return freed(tx, c).Set("given_up_at = ?, due_at = ?, last_error = ?", now, now+millis(jobs.KeepGivenUp), shortened(why))
	})
}

// ReleaseJob implements jobs.Store.
func (db *DB) ReleaseJob(ctx context.Context, c jobs.Claim) error {
	return db.endJob(ctx, c, func(tx bun.Tx, _ chat.Millis) ending {
		return freed(tx, c).Set("due_at = run_at, attempts = attempts - 1")
	})
}

// ending is what a run's end does to its row.
type ending interface {
	Exec(ctx context.Context, dest ...any) (sql.Result, error)
}

// freed begins the update that ends a run of the version that was claimed.
func freed(tx bun.Tx, c jobs.Claim) *bun.UpdateQuery {
	return tx.NewUpdate().Model((*jobRow)(nil)).Set("lease = 0").Where(held+" AND version = ?", c.Kind, []byte(c.Key), c.Lease, c.Version)
}

// endJob ends a run. A job that was added again meanwhile is only let go.
func (db *DB) endJob(ctx context.Context, c jobs.Claim, how func(tx bun.Tx, now chat.Millis) ending) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		if done, err := met(how(tx, now).Exec(ctx)); done || err != nil {
			return err
		}
		_, err = tx.NewUpdate().Model((*jobRow)(nil)).Set("lease = 0, due_at = run_at").Where(held, c.Kind, []byte(c.Key), c.Lease).Exec(ctx)
		return err
	})
}

// shortened is an error as it is kept.
func shortened(why string) string { return shortenedTo(why, jobs.MaxWhy) }

// shortenedTo is a text of at most so many bytes that every database takes.
func shortenedTo(text string, most int) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text[:min(len(text), most)], "�"), "\x00", "�")
}
