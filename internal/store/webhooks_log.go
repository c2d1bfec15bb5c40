package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/webhook"
)

type deliveryRow struct {
	bun.BaseModel `bun:"table:webhook_delivery,alias:webhook_delivery"`

	ID           int64               `bun:"id,pk"`
	Webhook      webhook.ID          `bun:"webhook_id"`
	Message      []byte              `bun:"message_id"`
	Conversation chat.ConversationID `bun:"conversation"`
	Seq          int64               `bun:"seq"`
	Type         webhook.Type        `bun:"type"`
	Delivered    int                 `bun:"delivered"`
	Status       int                 `bun:"status"`
	Answer       string              `bun:"answer"`
	Why          string              `bun:"why"`
	Took         int64               `bun:"took"` // ms
	Tries        int                 `bun:"tries"`
	At           chat.Millis         `bun:"at"`
	NextAt       chat.Millis         `bun:"next_at"`
}

func (r *deliveryRow) delivery() webhook.Delivery {
	return webhook.Delivery{
		ID: r.ID, Webhook: r.Webhook, Message: string(r.Message), Conversation: r.Conversation, Seq: r.Seq, Type: r.Type,
		Delivered: r.Delivered == 1, Status: r.Status, Answer: r.Answer, Why: r.Why, Took: time.Duration(r.Took) * time.Millisecond,
		Tries: r.Tries, At: r.At, NextAt: r.NextAt,
	}
}

// logDelivery writes an entry, or again.
func logDelivery(ctx context.Context, tx bun.Tx, d webhook.Delivery, now chat.Millis) error {
	row := &deliveryRow{
		ID: d.ID, Webhook: d.Webhook, Message: []byte(d.Message), Conversation: d.Conversation, Seq: d.Seq, Type: d.Type,
		Status: d.Status, Answer: shortenedTo(d.Answer, webhook.MaxAnswer), Why: shortened(d.Why), Took: d.Took.Milliseconds(), Tries: d.Tries, At: now, NextAt: d.NextAt,
	}
	if d.Delivered {
		row.Delivered = 1
	}
	done, err := met(tx.NewUpdate().Model(row).Column("delivered", "status", "answer", "why", "took", "tries", "at", "next_at").
		Where("id = ? AND webhook_id = ?", d.ID, d.Webhook).Exec(ctx))
	if err != nil || done {
		return err
	}
	_, err = tx.NewInsert().Model(row).Exec(ctx)
	return err
}

// Log implements webhook.Store.
func (db *DB) Log(ctx context.Context, d webhook.Delivery) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		return logDelivery(ctx, tx, d, now)
	})
}

// Deliveries implements webhook.Store.
func (db *DB) Deliveries(ctx context.Context, id webhook.ID, before int64, failedOnly bool, limit int) ([]webhook.Delivery, error) {
	var rows []deliveryRow
	q := db.reading(ctx).NewSelect().Model(&rows).Where("webhook_id = ?", id).Order("id DESC").Limit(int64(limit))
	if before > 0 {
		q = q.Where("id < ?", before)
	}
	if failedOnly {
		q = q.Where("delivered = 0")
	}
	err := q.Scan(ctx)
	all := make([]webhook.Delivery, len(rows))
	for i := range rows {
		all[i] = rows[i].delivery()
	}
	return all, err
}

// DeliveryOf implements webhook.Store.
func (db *DB) DeliveryOf(ctx context.Context, id webhook.ID, delivery int64) (webhook.Delivery, error) {
	var row deliveryRow
	err := db.reading(ctx).NewSelect().Model(&row).Where("id = ? AND webhook_id = ?", delivery, id).Scan(ctx)
	return row.delivery(), found(err, "delivery")
}

// ReplaySince implements webhook.Store.
func (db *DB) ReplaySince(ctx context.Context, id webhook.ID, since int64) (conversations int, err error) {
	err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		var all []struct {
			Conversation chat.ConversationID `bun:"conversation"`
			First        int64               `bun:"first"`
			Last         int64               `bun:"last"`
			At           chat.Millis         `bun:"since"`
		}
		err = tx.NewRaw("SELECT conversation, MIN(seq) AS first, MAX(seq) AS last, MIN(at) AS since FROM webhook_delivery "+
			"WHERE webhook_id = ? AND id >= ? AND conversation <> 0 GROUP BY conversation ORDER BY conversation", id, since).Scan(ctx, &all)
		if err != nil {
			return err
		}
		conversations = len(all)
		for _, one := range all {
			row := &queueRow{Webhook: id, Conversation: one.Conversation, Next: one.First, Last: one.Last, Since: one.At, DueAt: now}
			done, err := met(tx.NewUpdate().Model(row).Set("due_at = ?, tries = 0", now).
				Set("delivery_id = CASE WHEN next_seq <= ? THEN delivery_id ELSE 0 END", one.First).
				Set("next_seq = CASE WHEN next_seq <= ? THEN next_seq ELSE ? END", one.First, one.First).
				Set("last_seq = CASE WHEN last_seq >= ? THEN last_seq ELSE ? END", one.Last, one.Last).
				Where("webhook_id = ? AND conversation = ?", id, one.Conversation).Exec(ctx))
			if err == nil && !done {
				_, err = tx.NewInsert().Model(row).Exec(ctx)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return conversations, err
}

// Trim implements webhook.Store.
func (db *DB) Trim(ctx context.Context, keep time.Duration, most int) error {
	now, err := db.time(ctx)
	if err != nil {
		return err
	}
	var ids []webhook.ID
	if err := db.read.NewRaw("SELECT id FROM webhook").Scan(ctx, &ids); err != nil {
		return err
	}
	for _, id := range ids {
		var edge []int64 // the newest entry that is too much
		if err := db.read.NewRaw("SELECT id FROM webhook_delivery WHERE webhook_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?", id, most).Scan(ctx, &edge); err != nil {
			return err
		}
		edge = append(edge, 0)
		err := db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewDelete().Table("webhook_delivery").Where("webhook_id = ? AND (id <= ? OR at < ?)", id, edge[0], now-millis(keep)).Exec(ctx)
			return err
		})
		if err != nil {
			return err
		}
	}
	// A node that had not heard of it may have told a webhook that is gone or off.
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewDelete().Table("webhook_outbox").Where("webhook_id NOT IN (SELECT id FROM webhook WHERE state <> ?)", webhook.Off).Exec(ctx)
		return err
	})
}
