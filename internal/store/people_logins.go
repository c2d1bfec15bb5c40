package store

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

type loginRow struct {
	bun.BaseModel `bun:"table:login,alias:login"`

	ID         int64        `bun:"id,pk"`
	Agent      chat.AgentID `bun:"agent_id"`
	TokenHash  []byte       `bun:"token_hash"`
	CreatedAt  chat.Millis  `bun:"created_at"`
	LastUsedAt chat.Millis  `bun:"last_used_at"`
	ExpiresAt  chat.Millis  `bun:"expires_at"`
	RevokedAt  chat.Millis  `bun:"revoked_at"`
	Address    string       `bun:"address"`
	UserAgent  string       `bun:"user_agent"`
}

func (r loginRow) login() identity.Login {
	return identity.Login{
		ID: r.ID, Agent: r.Agent, CreatedAt: r.CreatedAt, LastUsedAt: r.LastUsedAt,
		ExpiresAt: r.ExpiresAt, Address: r.Address, UserAgent: r.UserAgent, RevokedAt: r.RevokedAt,
	}
}

// InsertLogin stores a log-in with its token's hash.
func (db *DB) InsertLogin(ctx context.Context, l identity.Login, hash []byte) error {
	row := &loginRow{
		ID: l.ID, Agent: l.Agent, TokenHash: hash, CreatedAt: l.CreatedAt, LastUsedAt: l.LastUsedAt,
		ExpiresAt: l.ExpiresAt, Address: l.Address, UserAgent: l.UserAgent,
	}
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(row).Exec(ctx)
		return err
	})
}

// LoginByHash finds a log-in, revoked and expired ones too. Errors: NotFound.
func (db *DB) LoginByHash(ctx context.Context, hash []byte) (identity.Login, error) {
	var row loginRow
	err := db.reading(ctx).NewSelect().Model(&row).Where("token_hash = ?", hash).Scan(ctx)
	return row.login(), found(err, "log-in")
}

// Logins are the agent's log-ins that are valid at a time, last used first.
func (db *DB) Logins(ctx context.Context, agent chat.AgentID, at chat.Millis) ([]identity.Login, error) {
	var rows []loginRow
	err := db.reading(ctx).NewSelect().Model(&rows).
		Where("agent_id = ? AND expires_at > ? AND revoked_at = 0", agent, at).
		Order("last_used_at DESC", "id DESC").Scan(ctx)
	logins := make([]identity.Login, len(rows))
	for i, r := range rows {
		logins[i] = r.login()
	}
	return logins, err
}

// TouchLogin writes LastUsedAt and ExpiresAt.
func (db *DB) TouchLogin(ctx context.Context, l identity.Login) error {
	row := &loginRow{ID: l.ID, LastUsedAt: l.LastUsedAt, ExpiresAt: l.ExpiresAt}
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewUpdate().Model(row).Column("last_used_at", "expires_at").WherePK().Exec(ctx)
		return err
	})
}

// RevokeLogins revokes these log-ins of the agent, as far as they are valid,
// and returns those it revoked. When that was is told by the database's clock, by
// which RevokedSince finds them.
func (db *DB) RevokeLogins(ctx context.Context, agent chat.AgentID, ids []int64, at chat.Millis) ([]int64, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var revoked []int64
	err := db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := tx.NewSelect().Model((*loginRow)(nil)).Column("id").
			Where("agent_id = ? AND id IN (?) AND expires_at > ? AND revoked_at = 0", agent, bun.List(ids), at).
			Scan(ctx, &revoked); err != nil || len(revoked) == 0 {
			return err
		}
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		_, err = tx.NewUpdate().Model((*loginRow)(nil)).Set("revoked_at = ?", now).
			Where("id IN (?)", bun.List(revoked)).Exec(ctx)
		return err
	})
	return revoked, err
}

// ForgetLogins removes log-ins that ended before a time.
func (db *DB) ForgetLogins(ctx context.Context, before chat.Millis) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewDelete().Model((*loginRow)(nil)).
			Where("expires_at < ? OR (revoked_at > 0 AND revoked_at < ?)", before, before).Exec(ctx)
		return err
	})
}

type linkRow struct {
	bun.BaseModel `bun:"table:one_use_link,alias:one_use_link"`

	ID         int64             `bun:"id,pk"`
	Kind       identity.LinkKind `bun:"kind"`
	Agent      chat.AgentID      `bun:"agent_id"`
	SecretHash []byte            `bun:"secret_hash"`
	CreatedAt  chat.Millis       `bun:"created_at"`
	ExpiresAt  chat.Millis       `bun:"expires_at"`
	UsedAt     chat.Millis       `bun:"used_at"`
}

// InsertLink stores a one-use link with its secret's hash.
func (db *DB) InsertLink(ctx context.Context, l identity.Link, hash []byte) error {
	row := &linkRow{ID: l.ID, Kind: l.Kind, Agent: l.Agent, SecretHash: hash, CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt}
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(row).Exec(ctx)
		return err
	})
}

// LinkByHash finds a link, spent ones too. Errors: NotFound.
func (db *DB) LinkByHash(ctx context.Context, hash []byte) (identity.Link, error) {
	var r linkRow
	err := db.reading(ctx).NewSelect().Model(&r).Where("secret_hash = ?", hash).Scan(ctx)
	link := identity.Link{ID: r.ID, Kind: r.Kind, Agent: r.Agent, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, UsedAt: r.UsedAt}
	return link, found(err, "link")
}

// UseLink marks a link as used. Errors: LinkSpent if it already was.
func (db *DB) UseLink(ctx context.Context, id int64, at chat.Millis) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		result, err := tx.NewUpdate().Model((*linkRow)(nil)).Set("used_at = ?", at).
			Where("id = ? AND used_at = 0", id).Exec(ctx)
		return touched(result, err, chat.Refuse(identity.LinkSpent, "this link has just been used: ask for a new one"))
	})
}

// VoidLinks marks all unused links of an agent (0: those for setup) as used.
func (db *DB) VoidLinks(ctx context.Context, agent chat.AgentID, at chat.Millis) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewUpdate().Model((*linkRow)(nil)).Set("used_at = ?", at).
			Where("agent_id = ? AND used_at = 0", agent).Exec(ctx)
		return err
	})
}

// RevokedSince are the log-ins that were revoked, or ran out, in the last span
// milliseconds by the database's clock, or were revoked at most as far ahead of
// it, with that clock's present time.
func (db *DB) RevokedSince(ctx context.Context, spanMillis int64) ([]int64, chat.Millis, error) {
	now, err := db.time(ctx)
	if err != nil {
		return nil, 0, err
	}
	since := now - chat.Millis(spanMillis)
	var ids []int64
	err = db.reading(ctx).NewSelect().Model((*loginRow)(nil)).Column("id").
		Where("revoked_at > ? AND revoked_at <= ?", since, now+chat.Millis(spanMillis)).
		WhereOr("revoked_at = 0 AND expires_at > ? AND expires_at <= ?", since, now).Scan(ctx, &ids)
	return ids, now, err
}

// EndedOf are those of these log-ins that are no longer valid: revoked, expired by
// the database's clock, or forgotten.
func (db *DB) EndedOf(ctx context.Context, ids []int64) (ended []int64, err error) {
	const most = 500 // ids of one statement
	now, err := db.time(ctx)
	if err != nil {
		return nil, err
	}
	valid := map[int64]bool{}
	for part := range slices.Chunk(ids, most) {
		var found []int64
		if err := db.reading(ctx).NewSelect().Model((*loginRow)(nil)).Column("id").
			Where("id IN (?) AND revoked_at = 0 AND expires_at > ?", bun.List(part), now).Scan(ctx, &found); err != nil {
			return nil, err
		}
		for _, id := range found {
			valid[id] = true
		}
	}
	for _, id := range ids {
		if !valid[id] {
			ended = append(ended, id)
		}
	}
	return ended, nil
}
