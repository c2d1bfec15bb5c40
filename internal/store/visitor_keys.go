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
func (db *DB) DeleteSigningKey(ctx context.Context, on chat.SiteID, id int64, logIns bool) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		result, err := tx.NewRaw("DELETE FROM signing_key WHERE site_id = ? AND id = ?", on, id).Exec(ctx)
		if err := touched(result, err, chat.Refuse(chat.NotFound, "there is no such signing key")); err != nil || !logIns {
			return err
		}
		_, err = db.endVisitorLogins(ctx, tx, "site_id = ? AND signing_key = ?", on, id)
		return err
	})
}
