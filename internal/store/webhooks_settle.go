package store

import (
	"context"
	"errors"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/webhook"
)

// settleRows bounds a step: other writers wait while it is taken.
const settleRows = 500

// Settle implements webhook.Store.
func (db *DB) Settle(ctx context.Context, id webhook.ID) (settled bool, err error) {
	w, err := db.webhookRow(ctx, id)
	switch {
	case errors.Is(err, noWebhook()):
		return true, nil
	case err != nil:
		return false, err
	}
	switch w.State {
	case webhook.Resuming:
		return db.resumeSome(ctx, w)
	case webhook.Off:
		return db.clearOutbox(ctx, id, webhook.Off)
	case webhook.Deleting:
		for _, part := range []func(context.Context, webhook.ID, webhook.State) (bool, error){db.clearOutbox, db.clearLog} {
			if over, err := part(ctx, id, webhook.Deleting); err != nil || !over {
				return false, err
			}
		}
		return true, db.changePeople(ctx, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewDelete().Table("webhook").Where("id = ? AND state = ?", id, webhook.Deleting).Exec(ctx)
			return err
		})
	}
	return true, nil
}

// edge is the last of the next rows that a step takes; over: there are no more behind it.
func (db *DB) edge(ctx context.Context, table, column string, id webhook.ID, after int64) (edge int64, over bool, err error) {
	var found []int64
	err = db.reading(ctx).NewSelect().Table(table).Column(column).Where("webhook_id = ?", id).Where("? > ?", bun.Ident(column), after).
		Order(column).Limit(1).Offset(settleRows-1).Scan(ctx, &found)
	if err != nil || len(found) > 0 {
		return append(found, 0)[0], false, err
	}
	err = db.reading(ctx).NewSelect().Table(table).ColumnExpr("COALESCE(MAX(?), 0)", bun.Ident(column)).Where("webhook_id = ?", id).Scan(ctx, &edge)
	return edge, true, err
}

// resumeSome has the next rows tried now, from the first try on. While that is done
// nothing is delivered, so no try that began since is forgotten.
func (db *DB) resumeSome(ctx context.Context, w webhookRow) (settled bool, err error) {
	edge, over, err := db.edge(ctx, "webhook_outbox", "conversation", w.ID, w.ResumedTo)
	if err != nil {
		return false, err
	}
	write := db.change
	if over {
		write = db.changePeople // it will be on: all nodes are to know
	}
	return over, write(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		q := tx.NewUpdate().Table("webhook").Where("id = ? AND state = ? AND resumed_to = ?", w.ID, webhook.Resuming, w.ResumedTo)
		if over {
			q = q.Set("state = ?, state_at = ?, resumed_to = 0", webhook.On, now)
		} else {
			q = q.Set("resumed_to = ?", edge)
		}
		if done, err := met(q.Exec(ctx)); err != nil || !done {
			return err // somebody else did it, or turned it off
		}
		_, err = tx.NewUpdate().Table("webhook_outbox").Set("due_at = ?, tries = 0", now).
			Where("webhook_id = ? AND conversation > ? AND conversation <= ? AND (tries <> 0 OR due_at > ?)", w.ID, w.ResumedTo, edge, now).Exec(ctx)
		return err
	})
}

func (db *DB) clearOutbox(ctx context.Context, id webhook.ID, in webhook.State) (over bool, err error) {
	return db.clear(ctx, "webhook_outbox", "conversation", id, in)
}

func (db *DB) clearLog(ctx context.Context, id webhook.ID, in webhook.State) (over bool, err error) {
	return db.clear(ctx, "webhook_delivery", "id", id, in)
}

// removed is the state of a webhook that is not there any more.
const removed webhook.State = ""

// clear removes the next rows of a table of a webhook that is in a state. If it was turned
// on since it was looked at, rows up to the edge may be new: they are its own again.
func (db *DB) clear(ctx context.Context, table, column string, id webhook.ID, in webhook.State) (over bool, err error) {
	edge, over, err := db.edge(ctx, table, column, id, 0)
	if err != nil || edge == 0 {
		return over, err
	}
	return over, db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		var is []webhook.State
		err := tx.NewRaw("SELECT state FROM webhook WHERE id = ?"+db.dialect.grammar().forUpdate, id).Scan(ctx, &is)
		if err != nil || append(is, removed)[0] != in {
			return err
		}
		_, err = tx.NewDelete().Table(table).Where("webhook_id = ?", id).Where("? <= ?", bun.Ident(column), edge).Exec(ctx)
		return err
	})
}

// Unsettled implements webhook.Store.
func (db *DB) Unsettled(ctx context.Context) (ids []webhook.ID, err error) {
	err = db.reading(ctx).NewRaw("SELECT id FROM webhook WHERE state IN (?, ?) OR state = ? AND EXISTS "+
		"(SELECT 1 FROM webhook_outbox o WHERE o.webhook_id = webhook.id) ORDER BY id", webhook.Resuming, webhook.Deleting, webhook.Off).Scan(ctx, &ids)
	return ids, err
}

// Idle implements webhook.Store.
func (db *DB) Idle(ctx context.Context) (ids []webhook.ID, err error) {
	err = db.reading(ctx).NewRaw("SELECT id FROM webhook WHERE state = ? ORDER BY id", webhook.Paused).Scan(ctx, &ids)
	return ids, err
}

type gapRow struct {
	queueRow
	UUID  []byte `bun:"uuid"`
	First int64  `bun:"first_seq"`
}

// Gaps implements webhook.Store.
func (db *DB) Gaps(ctx context.Context, id webhook.ID, after chat.ConversationID, limit int) (gaps []webhook.Gap, err error) {
	var rows []gapRow
	err = db.reading(ctx).NewRaw("SELECT o.*, c.uuid, h.first_seq FROM webhook_outbox o JOIN head h ON h.conversation = o.conversation"+
		" JOIN conversation c ON c.id = o.conversation WHERE o.webhook_id = ? AND o.conversation > ? AND h.first_seq > o.next_seq"+
		" ORDER BY o.conversation LIMIT ?", id, after, limit).Scan(ctx, &rows)
	for i := range rows {
		name, bad := uuid.FromBytes(rows[i].UUID)
		if bad != nil {
			return nil, bad
		}
		gaps = append(gaps, webhook.Gap{Queue: rows[i].queue(), Name: name, First: rows[i].First})
	}
	return gaps, err
}

// Lost implements webhook.Store.
func (db *DB) Lost(ctx context.Context, id webhook.ID, gaps []webhook.Gap, entry func(conversations int, events int64) webhook.Delivery) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		conversations, events := 0, int64(0)
		for _, g := range gaps {
			moved, err := met(goBehind(tx, g, now).Exec(ctx))
			if err != nil {
				return err
			}
			if moved {
				conversations, events = conversations+1, events+g.To()-g.Next+1
			}
		}
		if conversations == 0 {
			return nil
		}
		if _, err := tx.NewUpdate().Table("webhook").Set("lost = lost + ?, lost_at = ?", events, now).Where("id = ?", id).Exec(ctx); err != nil {
			return err
		}
		return insertDelivery(ctx, tx, entry(conversations, events), now)
	})
}

// goBehind moves a row behind what is missing, or removes it.
func goBehind(tx bun.Tx, g webhook.Gap, now chat.Millis) ending {
	if g.First > g.Last {
		return tx.NewDelete().Table("webhook_outbox").Where(ofQueue, asRead(g.Queue)...).Where("last_seq < ?", g.First)
	}
	return tx.NewUpdate().Table("webhook_outbox").Set("next_seq = ?, due_at = ?, tries = 0, delivery_id = 0", g.First, now).
		Where(ofQueue, asRead(g.Queue)...)
}
