package store

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/retention"
)

// RemoveListed implements retention.EraseStore.
func (db *DB) RemoveListed(ctx context.Context, s retention.Subject) (n int64, err error) {
	var lists []broadcast.ID
	err = db.reading(ctx).NewRaw("SELECT DISTINCT b.id FROM broadcast b JOIN broadcast_list l ON l.broadcast_id = b.id WHERE b.site_id = ?", s.Site).Scan(ctx, &lists)
	for _, id := range lists {
		if err != nil {
			return n, err
		}
		var named bool
		if named, err = db.removeListed(ctx, id, s.Visitor); named {
			n++
		}
	}
	return n, err
}

// RemoveDeliveries implements retention.EraseStore. The log is searched by a reader: it
// is long, and no index leads from a conversation into it.
func (db *DB) RemoveDeliveries(ctx context.Context, s retention.Subject) error {
	if s.Conversation.ID == 0 {
		return nil
	}
	var ids []int64
	err := db.reading(ctx).NewRaw("SELECT d.id FROM webhook w JOIN webhook_delivery d ON d.webhook_id = w.id WHERE w.site_id = ? AND d.conversation = ?", s.Site, s.Conversation.ID).Scan(ctx, &ids)
	for part := range slices.Chunk(ids, maxRows) {
		if err != nil {
			break
		}
		err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewRaw("DELETE FROM webhook_delivery WHERE id IN (?)", bun.List(part)).Exec(ctx)
			return err
		})
	}
	return err
}

type listPart struct {
	Part int64  `bun:"part"`
	IDs  []byte `bun:"ids"`
}

// removeListed takes a visitor out of the part of a list that has it. Where somebody else
// has changed that since it was read, it is read again: each time, somebody got further.
func (db *DB) removeListed(ctx context.Context, id broadcast.ID, visitor chat.VisitorID) (named bool, err error) {
	for !named {
		p, left, err := db.partWithout(ctx, id, visitor)
		if err != nil || p == nil {
			return false, err
		}
		err = db.change(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
			named, err = met(tx.NewRaw("UPDATE broadcast_list SET ids = ? WHERE broadcast_id = ? AND part = ? AND ids = ?", left, id, p.Part, p.IDs).Exec(ctx))
			return err
		})
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// partWithout is the part of a list that has a visitor, nil for none, and what its ids are
// without it.
func (db *DB) partWithout(ctx context.Context, id broadcast.ID, visitor chat.VisitorID) (p *listPart, left []byte, err error) {
	var parts []listPart
	if err := db.reading(ctx).NewRaw("SELECT part, ids FROM broadcast_list WHERE broadcast_id = ? ORDER BY part", id).Scan(ctx, &parts); err != nil {
		return nil, nil, err
	}
	for i := range parts {
		ids, err := broadcast.UnpackIDs(nil, parts[i].IDs)
		if err != nil {
			return nil, nil, err
		}
		if at, has := slices.BinarySearch(ids, visitor); has {
			return &parts[i], broadcast.PackIDs(slices.Delete(ids, at, at+1)), nil
		}
	}
	return nil, nil, nil
}
