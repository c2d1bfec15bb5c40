package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/push"
)

var _ push.Store = (*DB)(nil)

type pushRow struct {
	Position    int64
	Fingerprint []byte
	At          chat.Millis
	Ids         []byte
	Payload     []byte
}

const pushColumns = "position, fingerprint, at, ids, payload"

// AddPush implements push.Store. The lock of the site's row is held until the
// commit: whoever reads a position sees all pushes before it.
func (db *DB) AddPush(ctx context.Context, o push.Order) (p push.Push, before int64, err error) {
	err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		if before, err = db.lockPushes(ctx, tx, o.Site); err != nil {
			return err
		}
		var same []pushRow
		if err := tx.NewRaw("SELECT "+pushColumns+" FROM push WHERE site_id = ? AND request = ?", o.Site, []byte(o.Request)).Scan(ctx, &same); err != nil {
			return err
		}
		print := o.Fingerprint()
		if len(same) > 0 {
			if !bytes.Equal(same[0].Fingerprint, print) {
				return chat.Refuse(chat.ClientIDReused, "another push was made under this Idempotency-Key: take a new one for a new push")
			}
			p, err = same[0].push(o.Site)
			return err
		}
		p = push.Push{Site: o.Site, Position: max(before+1, int64(now)), At: now, IDs: o.IDs, Payload: o.Payload}
		if _, err := tx.NewRaw("UPDATE push_site SET position = ? WHERE site_id = ?", p.Position, o.Site).Exec(ctx); err != nil {
			return err
		}
		_, err = tx.NewRaw("INSERT INTO push (site_id, position, request, fingerprint, at, ids, payload) VALUES ("+places(7)+")",
			o.Site, p.Position, []byte(o.Request), print, now, packed(o.IDs), []byte(o.Payload)).Exec(ctx)
		return err
	})
	return p, before, err
}

// lockPushes locks the row of a site's pushes, and makes it if there is none.
func (db *DB) lockPushes(ctx context.Context, tx bun.Tx, site chat.SiteID) (position int64, err error) {
	g := db.dialect.grammar()
	for range 2 {
		var found []int64
		if err := tx.NewRaw("SELECT position FROM push_site WHERE site_id = ?"+g.forUpdate, site).Scan(ctx, &found); err != nil {
			return 0, err
		}
		if len(found) > 0 {
			return found[0], nil
		}
		if _, err := tx.NewRaw("INSERT INTO push_site (site_id, position) VALUES (?, 0)"+g.upsert("site_id", []string{"site_id"}), site).Exec(ctx); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("the pushes of site %d cannot be locked", site)
}

// PushHeads implements push.Store.
func (db *DB) PushHeads(ctx context.Context, sites []chat.SiteID) (map[chat.SiteID]int64, error) {
	heads := map[chat.SiteID]int64{}
	if len(sites) == 0 {
		return heads, nil
	}
	var rows []struct{ SiteID, Position int64 }
	if err := db.read.NewRaw("SELECT site_id, position FROM push_site WHERE site_id IN (?)", bun.List(sites)).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	for _, r := range rows {
		heads[chat.SiteID(r.SiteID)] = r.Position
	}
	return heads, nil
}

// PushesAfter implements push.Store.
func (db *DB) PushesAfter(ctx context.Context, site chat.SiteID, after int64, limit int) ([]push.Push, error) {
	var rows []pushRow
	if err := db.read.NewRaw("SELECT "+pushColumns+" FROM push WHERE site_id = ? AND position > ? ORDER BY position LIMIT ?", site, after, limit).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	all := make([]push.Push, len(rows))
	for i := range rows {
		var err error
		if all[i], err = rows[i].push(site); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ForgetPushes implements push.Store.
func (db *DB) ForgetPushes(ctx context.Context, age time.Duration, limit int) (int, error) {
	now, err := db.time(ctx)
	if err != nil {
		return 0, err
	}
	var old []struct{ SiteID, Position int64 }
	if err := db.read.NewRaw("SELECT site_id, position FROM push WHERE at < ? ORDER BY at LIMIT ?", now-chat.Millis(age.Milliseconds()), limit).Scan(ctx, &old); err != nil || len(old) == 0 {
		return 0, err
	}
	return len(old), db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, r := range old {
			if _, err := tx.NewRaw("DELETE FROM push WHERE site_id = ? AND position = ?", r.SiteID, r.Position).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *pushRow) push(site chat.SiteID) (push.Push, error) {
	ids, err := unpacked(r.Ids)
	if err != nil {
		return push.Push{}, fmt.Errorf("push %d of site %d: %w", r.Position, site, err)
	}
	return push.Push{Site: site, Position: r.Position, At: r.At, IDs: ids, Payload: string(r.Payload)}, nil
}

// packed are texts of less than 64 KiB, each behind its length.
func packed(texts []string) []byte {
	out := []byte{}
	for _, s := range texts {
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(s))), s...)
	}
	return out
}

func unpacked(b []byte) (texts []string, err error) {
	for len(b) > 0 {
		if len(b) < 2 || len(b) < 2+int(binary.BigEndian.Uint16(b)) {
			return nil, fmt.Errorf("its ids are cut off")
		}
		n := 2 + int(binary.BigEndian.Uint16(b))
		texts, b = append(texts, string(b[2:n])), b[n:]
	}
	return texts, nil
}
