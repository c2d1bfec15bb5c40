package store

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/webhook"
)

var outboxColumns = []string{"webhook_id", "conversation", "next_seq", "last_seq", "since", "due_at", "tries", "delivery_id"}

type queueRow struct {
	bun.BaseModel `bun:"table:webhook_outbox,alias:webhook_outbox"`

	Webhook      webhook.ID          `bun:"webhook_id,pk"`
	Conversation chat.ConversationID `bun:"conversation,pk"`
	Next         int64               `bun:"next_seq"`
	Last         int64               `bun:"last_seq"`
	Since        chat.Millis         `bun:"since"`
	DueAt        chat.Millis         `bun:"due_at"`
	Tries        int64               `bun:"tries"` // as triesOf has them
	Delivery     int64               `bun:"delivery_id"`
}

func (r *queueRow) queue() webhook.Queue {
	q := webhook.Queue{Webhook: r.Webhook, Conversation: r.Conversation, Next: r.Next, Last: r.Last, Since: r.Since, Tries: int(r.Tries), Delivery: r.Delivery}
	if r.Tries < 0 {
		q.Tries, q.Aside = int(-r.Tries/asides), int(-r.Tries%asides)
	}
	return q
}

// asides is more often than a row is ever set aside.
const asides = 1 << 20

// triesOf is what stands in a row for the tries, and for how often it was set aside since:
// the tries, as long as it was not, and below 0 both.
func triesOf(q webhook.Queue) int64 {
	if q.Aside == 0 {
		return int64(q.Tries)
	}
	return -(int64(q.Tries)*asides + int64(q.Aside))
}

// ofQueue finds a row as it was read: by what asRead tells of it.
const ofQueue = "webhook_id = ? AND conversation = ? AND next_seq = ? AND tries = ?"

func asRead(q webhook.Queue) []any { return []any{q.Webhook, q.Conversation, q.Next, triesOf(q)} }

// DueQueues implements webhook.Store.
func (db *DB) DueQueues(ctx context.Context, id webhook.ID, limit int) ([]webhook.Queue, error) {
	now, err := db.time(ctx)
	if err != nil {
		return nil, err
	}
	var rows []queueRow
	err = db.reading(ctx).NewSelect().Model(&rows).Where("webhook_id = ? AND due_at <= ?", id, now).Order("due_at").Limit(int64(limit)).Scan(ctx)
	queues := make([]webhook.Queue, len(rows))
	for i := range rows {
		queues[i] = rows[i].queue()
	}
	return queues, err
}

// NextDue implements webhook.Store.
func (db *DB) NextDue(ctx context.Context, id webhook.ID) (in time.Duration, there bool, err error) {
	var next []chat.Millis
	err = db.reading(ctx).NewSelect().Table("webhook_outbox").Column("due_at").Where("webhook_id = ?", id).Order("due_at").Limit(1).Scan(ctx, &next)
	if err != nil || len(next) == 0 {
		return 0, false, err
	}
	now, err := db.time(ctx)
	return time.Duration(next[0]-now) * time.Millisecond, true, err
}

// OverdueWebhooks implements webhook.Store.
func (db *DB) OverdueWebhooks(ctx context.Context, since time.Duration) (ids []webhook.ID, err error) {
	now, err := db.time(ctx)
	if err != nil {
		return nil, err
	}
	err = db.reading(ctx).NewRaw("SELECT id FROM webhook WHERE state = ? AND EXISTS "+
		"(SELECT 1 FROM webhook_outbox o WHERE o.webhook_id = webhook.id AND o.due_at <= ?) ORDER BY id", webhook.On, now-millis(since)).Scan(ctx, &ids)
	return ids, err
}

// Occurred implements webhook.Store.
func (db *DB) Occurred(ctx context.Context, id chat.ConversationID, from, to int64, limit int) (events []chat.Event, row chat.ListRow, err error) {
	rows, err := db.Rows(ctx, 0, []chat.ConversationID{id})
	if err != nil {
		return nil, row, err
	}
	if len(rows) == 0 {
		return nil, row, chat.Refuse(chat.NotFound, "there is no such conversation")
	}
	err = db.readers.use(ctx, "webhook", func(h *hot) error {
		r := pager{h: h, q: chat.PageQuery{Conversation: id}}
		if events, err = r.read("e.seq >= ? AND e.seq <= ? ORDER BY e.seq", []int64{from, to}, limit); err != nil {
			return err
		}
		return r.fillTargets(events)
	})
	return events, rows[0], err
}

// Passed implements webhook.Store.
func (db *DB) Passed(ctx context.Context, q webhook.Queue, seq int64, at chat.Millis, d *webhook.Delivery) (left bool, err error) {
	err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		if d != nil {
			if err := logDelivery(ctx, tx, *d, now); err != nil {
				return err
			}
		}
		done, err := met(tx.NewUpdate().Table("webhook_outbox").
			Set("next_seq = ?, since = ?, due_at = ?, tries = 0, delivery_id = 0", seq+1, at, now).
			Where(ofQueue, asRead(q)...).Exec(ctx))
		if err != nil {
			return err
		}
		if !done {
			return webhook.ErrMoved
		}
		gone, err := met(tx.NewDelete().Table("webhook_outbox").
			Where("webhook_id = ? AND conversation = ? AND last_seq <= ?", q.Webhook, q.Conversation, seq).Exec(ctx))
		left = !gone
		return err
	})
	return left, err
}

// Failed implements webhook.Store.
func (db *DB) Failed(ctx context.Context, q webhook.Queue, after time.Duration, d webhook.Delivery) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		if after > 0 {
			d.NextAt = now + millis(after)
		}
		if err := logDelivery(ctx, tx, d, now); err != nil {
			return err
		}
		done, err := met(tx.NewUpdate().Table("webhook_outbox").
			Set("due_at = ?, tries = ?, delivery_id = ?", now+millis(after), q.Tries+1, d.ID).
			Where(ofQueue, asRead(q)...).Exec(ctx))
		if err == nil && !done {
			return webhook.ErrMoved
		}
		return err
	})
}

// Aside implements webhook.Store.
func (db *DB) Aside(ctx context.Context, q webhook.Queue, after time.Duration) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		aside := q
		aside.Aside++
		_, err = tx.NewUpdate().Table("webhook_outbox").Set("due_at = ?, tries = ?", now+millis(after), triesOf(aside)).
			Where(ofQueue, asRead(q)...).Exec(ctx)
		return err
	})
}

// WaitingFor implements webhook.Store.
func (db *DB) WaitingFor(ctx context.Context, ids []webhook.ID) (map[webhook.ID]webhook.Waiting, error) {
	all := map[webhook.ID]webhook.Waiting{}
	for _, id := range ids {
		w, err := db.waiting(ctx, "WHERE webhook_id = ?", id)
		if err != nil {
			return nil, err
		}
		all[id] = w
	}
	return all, nil
}

// AllWaiting implements webhook.Store.
func (db *DB) AllWaiting(ctx context.Context) (webhook.Waiting, error) { return db.waiting(ctx, "") }

func (db *DB) waiting(ctx context.Context, where string, args ...any) (w webhook.Waiting, err error) {
	query := fmt.Sprintf("SELECT COUNT(*), COALESCE(SUM(last_seq - next_seq + 1), 0), COALESCE(MIN(since), 0), COALESCE(MIN(due_at), 0) FROM webhook_outbox %s", where)
	err = db.reading(ctx).NewRaw(query, args...).Scan(ctx, &w.Conversations, &w.Events, &w.Oldest, &w.Next)
	return w, err
}
