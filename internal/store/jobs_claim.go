package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
)

// ClaimJobs implements jobs.Store. Due rows are read without a lock, and written on
// condition that they are as they were: of several nodes one meets each row.
func (db *DB) ClaimJobs(ctx context.Context, wants []jobs.Want, lease time.Duration) (claims []jobs.Claim, now chat.Millis, err error) {
	if now, err = db.time(ctx); err != nil {
		return nil, 0, err
	}
	rows, err := db.dueJobs(ctx, wants, now)
	if err != nil || len(rows) == 0 {
		return nil, now, err
	}
	err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		claims = nil
		for _, row := range rows {
			c, mine, err := claimJob(ctx, tx, row, now, lease)
			if err != nil {
				return err
			}
			if mine {
				claims = append(claims, c)
			}
		}
		return nil
	})
	if err != nil {
		return nil, now, err
	}
	return claims, now, nil
}

// dueJobs are the first rows of each kind whose time has come.
func (db *DB) dueJobs(ctx context.Context, wants []jobs.Want, now chat.Millis) (rows []jobRow, err error) {
	var parts []string
	var args []any
	for _, w := range wants {
		parts = append(parts, db.dialect.grammar().part("SELECT kind, job_key, run_at, due_at, payload, attempts, version, lease, given_up_at FROM job"+
			" WHERE kind = ? AND due_at <= ? ORDER BY kind, due_at LIMIT ?"))
		args = append(args, w.Kind, now, w.Most)
	}
	if len(parts) == 0 {
		return nil, nil
	}
	err = db.read.NewRaw(strings.Join(parts, " UNION ALL "), args...).Scan(ctx, &rows)
	slices.SortFunc(rows, func(a, b jobRow) int { // all nodes lock them in one order
		return cmp.Or(cmp.Compare(a.DueAt, b.DueAt), cmp.Compare(a.Kind, b.Kind), bytes.Compare(a.Key, b.Key))
	})
	return rows, err
}

// claimJob writes one row that was due. mine is false when another node was first,
// or the row was only there to be removed.
func claimJob(ctx context.Context, tx bun.Tx, row jobRow, now chat.Millis, lease time.Duration) (c jobs.Claim, mine bool, err error) {
	const same = "kind = ? AND job_key = ? AND due_at = ? AND lease = ? AND version = ?"
	as := []any{row.Kind, row.Key, row.DueAt, row.Lease, row.Version}
	if row.GivenUpAt != 0 {
		_, err := tx.NewDelete().Model((*jobRow)(nil)).Where(same, as...).Exec(ctx)
		return c, false, err
	}
	c = jobs.Claim{
		Job:     jobs.Job{Kind: row.Kind, Key: string(row.Key), RunAt: row.RunAt, Payload: []byte(row.Payload), Attempts: row.Attempts + 1},
		Lease:   newLease(),
		Version: row.Version,
		Late:    time.Duration(now-row.RunAt) * time.Millisecond,
	}
	mine, err = met(tx.NewUpdate().Model((*jobRow)(nil)).Set("lease = ?, due_at = ?, attempts = attempts + 1", c.Lease, now+millis(lease)).
		Where(same, as...).Exec(ctx))
	return c, mine, err
}

// newLease is a random number above 0.
func newLease() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return int64(binary.BigEndian.Uint64(b[:])>>1) | 1
}
