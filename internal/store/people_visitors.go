package store

import (
	"context"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

var _ identity.Visitors = (*DB)(nil)

type visitorRow struct {
	ID           chat.VisitorID      `bun:"id"`
	Profile      []byte              `bun:"profile"`
	Vouched      []byte              `bun:"vouched"`
	Conversation chat.ConversationID `bun:"conversation"`
	UUID         []byte              `bun:"uuid"`
	CreatedAt    chat.Millis         `bun:"created_at"`
}

// Visitor finds a site's visitor by the hash of its secret. Errors: NotFound.
func (db *DB) Visitor(ctx context.Context, site chat.SiteID, secretHash []byte) (identity.Visitor, error) {
	var row visitorRow
	err := db.reading(ctx).NewRaw("SELECT v.id, v.profile, v.vouched, c.id AS conversation, c.uuid, c.created_at FROM visitor v "+
		"JOIN conversation c ON c.visitor_id = v.id WHERE v.site_id = ? AND v.secret_hash = ?", site, secretHash).Scan(ctx, &row)
	if err != nil {
		return identity.Visitor{}, found(err, "visitor")
	}
	name, err := uuid.FromBytes(row.UUID)
	if err != nil {
		return identity.Visitor{}, fmt.Errorf("name of conversation %d: %w", row.Conversation, err)
	}
	v := identity.Visitor{
		ID: row.ID, Site: site,
		Conversation: chat.Conversation{ID: row.Conversation, UUID: name, Site: site, Visitor: row.ID, CreatedAt: row.CreatedAt},
	}
	v.Profile, err = readProfile(row.ID, row.Profile, row.Vouched)
	return v, err
}

// readProfile puts together what a visitor's page and what its website say of it.
func readProfile(id chat.VisitorID, said, vouched []byte) (p chat.Profile, err error) {
	if err := json.Unmarshal(said, &p); err != nil {
		return p, fmt.Errorf("profile of visitor %d: %w", id, err)
	}
	p.Vouched = nil
	if len(vouched) == 0 {
		return p, nil
	}
	if err := json.Unmarshal(vouched, &p.Vouched); err != nil {
		return p, fmt.Errorf("what is said of visitor %d: %w", id, err)
	}
	return p, nil
}

// UpdateProfile replaces what a visitor's page says of it.
func (db *DB) UpdateProfile(ctx context.Context, id chat.VisitorID, p chat.Profile) error {
	profile, err := json.Marshal(p.Said(), json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("the visitor's profile: %w", err)
	}
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw("UPDATE visitor SET profile = ?, email = ? WHERE id = ?", string(profile), emailOf(p), id).Exec(ctx)
		return err
	})
}
