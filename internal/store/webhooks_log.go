package store

import (
	"context"
	"errors"
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

func deliveryRowOf(d webhook.Delivery, now chat.Millis) *deliveryRow {
	row := &deliveryRow{
		ID: d.ID, Webhook: d.Webhook, Message: []byte(d.Message), Conversation: d.Conversation, Seq: d.Seq, Type: d.Type,
		Status: d.Status, Answer: shortenedTo(d.Answer, webhook.MaxAnswer), Why: shortened(d.Why), Took: d.Took.Milliseconds(), Tries: d.Tries, At: now, NextAt: d.NextAt,
	}
	if d.Delivered {
		row.Delivered = 1
	}
	return row
}

// logDelivery writes an entry, or again. Whoever calls it holds a row of the outbox that
// an erasure removes before the log.
func logDelivery(ctx context.Context, tx bun.Tx, d webhook.Delivery, now chat.Millis) error {
	if done, err := logAgain(ctx, tx, d, now); err != nil || done {
		return err
	}
	return insertDelivery(ctx, tx, d, now)
}

// logAgain writes an entry again, if it is still there.
func logAgain(ctx context.Context, tx bun.Tx, d webhook.Delivery, now chat.Millis) (there bool, err error) {
	return met(tx.NewUpdate().Model(deliveryRowOf(d, now)).Column("delivered", "status", "answer", "why", "took", "tries", "at", "next_at").
		Where("id = ? AND webhook_id = ?", d.ID, d.Webhook).Exec(ctx))
}

func insertDelivery(ctx context.Context, tx bun.Tx, d webhook.Delivery, now chat.Millis) error {
	_, err := tx.NewInsert().Model(deliveryRowOf(d, now)).Exec(ctx)
	return err
}

// Log implements webhook.Store.
func (db *DB) Log(ctx context.Context, d webhook.Delivery) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		w, err := db.webhookRow(ctx, d.Webhook)
		if errors.Is(err, noWebhook()) || err == nil && w.State == webhook.Deleting {
			return nil
		}
		if err != nil {
			return err
		}
		return insertDelivery(ctx, tx, d, now)
	})
}

// LogAgain implements webhook.Store.
func (db *DB) LogAgain(ctx context.Context, d webhook.Delivery) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		_, err = logAgain(ctx, tx, d, now)
		return err
	})
}

// RecentOf implements webhook.Store.
func (db *DB) RecentOf(ctx context.Context, ids []webhook.ID) (map[webhook.ID]webhook.Recent, error) {
	all := map[webhook.ID]webhook.Recent{}
	for _, id := range ids {
		var r webhook.Recent
		for delivered := range 2 {
			var last []deliveryRow
			err := db.reading(ctx).NewSelect().Model(&last).Column("at", "why").
				Where("webhook_id = ? AND delivered = ? AND type NOT IN (?, ?)", id, delivered, webhook.Ping, webhook.Lost).Order("id DESC").Limit(1).Scan(ctx)
			switch {
			case err != nil:
				return nil, err
			case len(last) == 0:
			case delivered == 1:
				r.Delivered = last[0].At
			default:
				r.Failed, r.Why = last[0].At, last[0].Why
			}
		}
		all[id] = r
	}
	return all, nil
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
