package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
)

// listedPart is how many ids a row of broadcast_list holds: some 20 KB, so that neither a
// statement nor a row of a move grows with the list. It also bounds a statement that
// looks for visitors.
const listedPart = 4096

// writeList writes the list of a broadcast's audience in place of the one it had, if a
// new one is given or it is for others now.
func writeList(ctx context.Context, tx bun.Tx, b *broadcast.Broadcast) error {
	a := &b.Content.Audience
	if a.Kind == broadcast.Listed && a.List == nil {
		return nil
	}
	if err := deleteList(ctx, tx, b.ID); err != nil || a.Kind != broadcast.Listed {
		return err
	}
	for i, ids := range a.List.Parts(listedPart) {
		_, err := tx.NewRaw("INSERT INTO broadcast_list (broadcast_id, part, ids) VALUES (?, ?, ?)", b.ID, i, broadcast.PackIDs(ids)).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

func deleteList(ctx context.Context, tx bun.Tx, id broadcast.ID) error {
	_, err := tx.NewRaw("DELETE FROM broadcast_list WHERE broadcast_id = ?", id).Exec(ctx)
	return err
}

// BroadcastList implements broadcast.Reading.
func (db *DB) BroadcastList(ctx context.Context, id broadcast.ID) (*broadcast.List, error) {
	var parts [][]byte
	if err := db.reading(ctx).NewRaw("SELECT ids FROM broadcast_list WHERE broadcast_id = ? ORDER BY part", id).Scan(ctx, &parts); err != nil {
		return nil, err
	}
	if len(parts) == 0 {
		return nil, chat.Refuse(chat.NotFound, "this broadcast has no list of visitors")
	}
	var ids []chat.VisitorID
	var err error
	for _, part := range parts {
		if ids, err = broadcast.UnpackIDs(ids, part); err != nil {
			return nil, err
		}
	}
	return broadcast.ListOf(ids), nil
}

// CountListed implements broadcast.Store.
func (db *DB) CountListed(ctx context.Context, on chat.SiteID, l *broadcast.List) (known, wanting int64, err error) {
	for _, ids := range l.Parts(listedPart) {
		var some struct {
			Known int64 `bun:"known"`
			Off   int64 `bun:"unwilling"`
		}
		// The plus has SQLite look for the ids, not for all visitors of the site.
		err := db.reading(ctx).NewRaw("SELECT COUNT(*) AS known, COALESCE(SUM(broadcast_off), 0) AS unwilling FROM visitor WHERE +site_id = ? AND id IN (?)",
			on, bun.List(ids)).Scan(ctx, &some)
		if err != nil {
			return 0, 0, err
		}
		known, wanting = known+some.Known, wanting+some.Known-some.Off
	}
	return known, wanting, nil
}
