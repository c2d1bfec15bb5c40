package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/webhook"
)

// Replayable implements webhook.Store.
func (db *DB) Replayable(ctx context.Context, id webhook.ID, since int64) (conversations int, until int64, err error) {
	err = db.reading(ctx).NewRaw("SELECT COUNT(DISTINCT conversation), COALESCE(MAX(id), 0) FROM webhook_delivery "+
		"WHERE webhook_id = ? AND id >= ? AND conversation <> 0 AND type <> ?", id, since, webhook.Lost).Scan(ctx, &conversations, &until)
	return conversations, until, err
}

type replayRow struct {
	Conversation chat.ConversationID `bun:"conversation"`
	First        int64               `bun:"first"`
	Last         int64               `bun:"last"`
	At           chat.Millis         `bun:"since"`
}

// Replay implements webhook.Store. What retention has removed since is no loss: it was
// sent before.
func (db *DB) Replay(ctx context.Context, id webhook.ID, since, until int64, after chat.ConversationID) (last chat.ConversationID, err error) {
	var all []replayRow
	err = db.reading(ctx).NewRaw("SELECT d.conversation, CASE WHEN MIN(d.seq) < MAX(h.first_seq) THEN MAX(h.first_seq) ELSE MIN(d.seq) END AS first,"+
		" MAX(d.seq) AS last, MIN(d.at) AS since FROM webhook_delivery d JOIN head h ON h.conversation = d.conversation"+
		" WHERE d.webhook_id = ? AND d.id >= ? AND d.id <= ? AND d.conversation > ? AND d.type <> ?"+
		" GROUP BY d.conversation ORDER BY d.conversation LIMIT ?", id, since, until, after, webhook.Lost, settleRows).Scan(ctx, &all)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	if len(all) == settleRows {
		last = all[len(all)-1].Conversation
	}
	return last, db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		for i := range all {
			if err == nil && all[i].First <= all[i].Last {
				err = putBack(ctx, tx, id, &all[i], now)
			}
		}
		return err
	})
}

// putBack has a conversation's events wait once more.
func putBack(ctx context.Context, tx bun.Tx, id webhook.ID, one *replayRow, now chat.Millis) error {
	row := &queueRow{Webhook: id, Conversation: one.Conversation, Next: one.First, Last: one.Last, Since: one.At, DueAt: now}
	done, err := met(tx.NewUpdate().Model(row).Set("due_at = ?, tries = 0", now).
		Set("delivery_id = CASE WHEN next_seq <= ? THEN delivery_id ELSE 0 END", one.First).
		Set("next_seq = CASE WHEN next_seq <= ? THEN next_seq ELSE ? END", one.First, one.First).
		Set("last_seq = CASE WHEN last_seq >= ? THEN last_seq ELSE ? END", one.Last, one.Last).
		Where("webhook_id = ? AND conversation = ?", id, one.Conversation).Exec(ctx))
	if err == nil && !done {
		_, err = tx.NewInsert().Model(row).Exec(ctx)
	}
	return err
}

// Trim implements webhook.Store.
func (db *DB) Trim(ctx context.Context, keep time.Duration, most int) error {
	now, err := db.time(ctx)
	if err != nil {
		return err
	}
	var ids []webhook.ID
	if err := db.read.NewRaw("SELECT id FROM webhook ORDER BY id").Scan(ctx, &ids); err != nil {
		return err
	}
	for _, id := range ids {
		if err := db.trimLog(ctx, id, now-millis(keep), most); err != nil {
			return err
		}
	}
	return db.clearUnknown(ctx)
}

func (db *DB) trimLog(ctx context.Context, id webhook.ID, before chat.Millis, most int) error {
	var edge []int64 // the newest entry that is too much
	if err := db.read.NewRaw("SELECT id FROM webhook_delivery WHERE webhook_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?", id, most).Scan(ctx, &edge); err != nil {
		return err
	}
	edge = append(edge, 0)
	for {
		var old []int64
		err := db.read.NewRaw("SELECT id FROM webhook_delivery WHERE webhook_id = ? AND (id <= ? OR at < ?) ORDER BY id LIMIT ?", id, edge[0], before, settleRows).Scan(ctx, &old)
		if err != nil || len(old) == 0 {
			return err
		}
		err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewRaw("DELETE FROM webhook_delivery WHERE id IN (?)", bun.List(old)).Exec(ctx)
			return err
		})
		if err != nil || len(old) < settleRows {
			return err
		}
	}
}

// clearUnknown removes what a node that had not heard of it has kept for a webhook that
// is gone.
func (db *DB) clearUnknown(ctx context.Context) error {
	for last := webhook.ID(0); ; {
		var next []webhook.ID
		err := db.read.NewRaw("SELECT webhook_id FROM webhook_outbox WHERE webhook_id > ? ORDER BY webhook_id LIMIT 1", last).Scan(ctx, &next)
		if err != nil || len(next) == 0 {
			return err
		}
		last = next[0]
		there, err := db.read.NewSelect().Table("webhook").Where("id = ?", last).Exists(ctx)
		for over := there; err == nil && !over; {
			over, err = db.clearOutbox(ctx, last, removed)
		}
		if err != nil {
			return err
		}
	}
}
