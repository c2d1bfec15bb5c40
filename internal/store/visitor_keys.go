package store

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

var _ identity.SigningKeyStore = (*DB)(nil)

type signingKeyRow struct {
	bun.BaseModel `bun:"table:signing_key,alias:signing_key"`

	Site       chat.SiteID    `bun:"site_id"`
	Place      int64          `bun:"place"`
	ID         int64          `bun:"id"`
	Secret     []byte         `bun:"secret"`
	MadeByKind chat.ActorKind `bun:"made_by_kind"`
	MadeByID   int64          `bun:"made_by_id"`
	MadeByName string         `bun:"made_by_name"`
	MadeAt     chat.Millis    `bun:"made_at"`
	LastUsedAt chat.Millis    `bun:"last_used_at"`
}

func (r signingKeyRow) key() identity.SigningKey {
	return identity.SigningKey{
		ID: r.ID, Site: r.Site, MadeBy: chat.ActorRef{Kind: r.MadeByKind, ID: r.MadeByID, Name: r.MadeByName}, MadeAt: r.MadeAt, LastUsedAt: r.LastUsedAt,
	}
}

// InsertSigningKey implements identity.SigningKeyStore. The table's key holds the bound
// against nodes that make one at the same time, too.
func (db *DB) InsertSigningKey(ctx context.Context, k identity.SigningKey, secret []byte) error {
	full := chat.Refuse(identity.TooManyKeys, "a site has at most %d signing keys: revoke the one that is not used any more", identity.MaxSigningKeys)
	err := db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		var taken []int64
		if err := tx.NewRaw("SELECT place FROM signing_key WHERE site_id = ?", k.Site).Scan(ctx, &taken); err != nil {
			return err
		}
		row := &signingKeyRow{
			Site: k.Site, Place: 1, ID: k.ID, Secret: secret, MadeByKind: k.MadeBy.Kind, MadeByID: k.MadeBy.ID, MadeByName: k.MadeBy.Name,
			MadeAt: k.MadeAt, LastUsedAt: k.LastUsedAt,
		}
		for slices.Contains(taken, row.Place) {
			row.Place++
		}
		if row.Place > identity.MaxSigningKeys {
			return full
		}
		_, err := tx.NewInsert().Model(row).Exec(ctx)
		return err
	})
	if db.dialect.failure(err) == duplicate {
		return full
	}
	return err
}

// SigningKeys implements identity.SigningKeyStore.
func (db *DB) SigningKeys(ctx context.Context, on chat.SiteID) ([]identity.SigningKey, error) {
	var rows []signingKeyRow
	err := db.reading(ctx).NewSelect().Model(&rows).ExcludeColumn("secret").Where("site_id = ?", on).Order("id DESC").Scan(ctx)
	keys := make([]identity.SigningKey, len(rows))
	for i, r := range rows {
		keys[i] = r.key()
	}
	return keys, err
}

// SigningKey implements identity.SigningKeyStore.
func (db *DB) SigningKey(ctx context.Context, on chat.SiteID, id int64) (identity.SigningKey, []byte, error) {
	var row signingKeyRow
	err := db.reading(ctx).NewSelect().Model(&row).Where("site_id = ? AND id = ?", on, id).Scan(ctx)
	return row.key(), row.Secret, found(err, "signing key")
}

// TouchSigningKey implements identity.SigningKeyStore.
func (db *DB) TouchSigningKey(ctx context.Context, on chat.SiteID, id int64, at chat.Millis) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw("UPDATE signing_key SET last_used_at = ? WHERE site_id = ? AND id = ? AND last_used_at < ?", at, on, id, at).Exec(ctx)
		return err
	})
}

// DeleteSigningKey implements identity.SigningKeyStore.
func (db *DB) DeleteSigningKey(ctx context.Context, on chat.SiteID, id int64) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		result, err := tx.NewRaw("DELETE FROM signing_key WHERE site_id = ? AND id = ?", on, id).Exec(ctx)
		return touched(result, err, chat.Refuse(chat.NotFound, "there is no such signing key"))
	})
}

// EndLoginsOf implements identity.SigningKeyStore: one row says it of all of them, so
// that neither the transaction nor what nodes read of it grows with them.
func (db *DB) EndLoginsOf(ctx context.Context, on chat.SiteID, id int64) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		_, err = tx.NewRaw("INSERT INTO ended_signing_key (site_id, id, ended_at) VALUES (?, ?, ?)"+db.dialect.grammar().upsert("site_id, id", []string{"ended_at"}), on, id, now).Exec(ctx)
		return err
	})
}

// HasLogins implements identity.SigningKeyStore.
func (db *DB) HasLogins(ctx context.Context, on chat.SiteID, id int64) (has bool, err error) {
	err = db.reading(ctx).NewRaw("SELECT EXISTS (SELECT 1 FROM visitor_login WHERE site_id = ? AND signing_key = ?) OR EXISTS (SELECT 1 FROM ended_signing_key WHERE site_id = ? AND id = ?)",
		on, id, on, id).Scan(ctx, &has)
	return has, err
}

// RemoveEndedLogins implements identity.VisitorLoginStore.
func (db *DB) RemoveEndedLogins(ctx context.Context, atOnce int) (int, error) {
	var ids []int64
	err := db.reading(ctx).NewRaw("SELECT l.id FROM ended_signing_key e JOIN visitor_login l ON l.site_id = e.site_id AND l.signing_key = e.id LIMIT ?", atOnce).Scan(ctx, &ids)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return len(ids), db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw("DELETE FROM visitor_login WHERE id IN (?)", bun.List(ids)).Exec(ctx)
		return err
	})
}
