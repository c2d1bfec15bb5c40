package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

type agentRow struct {
	bun.BaseModel `bun:"table:agent,alias:agent"`

	ID           chat.AgentID `bun:"id,pk"`
	Email        []byte       `bun:"email"`
	Name         string       `bun:"name"`
	Owner        bool         `bun:"owner"`
	Disabled     bool         `bun:"disabled"`
	PasswordHash []byte       `bun:"password_hash"`
	LastSeenAt   chat.Millis  `bun:"last_seen_at"`
	CreatedAt    chat.Millis  `bun:"created_at"`
}

type agentSiteRow struct {
	bun.BaseModel `bun:"table:agent_site,alias:agent_site"`

	Agent chat.AgentID `bun:"agent_id,pk"`
	Site  chat.SiteID  `bun:"site_id,pk"`
	Role  string       `bun:"role"`
}

func agentRowOf(a identity.Agent) *agentRow {
	return &agentRow{
		ID: a.ID, Email: []byte(a.Email), Name: a.Name, Owner: a.Owner, Disabled: a.Disabled,
		PasswordHash: []byte(a.PasswordHash), LastSeenAt: a.LastSeenAt, CreatedAt: a.CreatedAt,
	}
}

// Agents are all agents with their roles.
func (db *DB) Agents(ctx context.Context) ([]identity.Agent, error) {
	var rows []agentRow
	if err := db.reading(ctx).NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, err
	}
	var roles []agentSiteRow
	if err := db.reading(ctx).NewSelect().Model(&roles).Scan(ctx); err != nil {
		return nil, err
	}
	of := map[chat.AgentID]map[chat.SiteID]chat.Role{}
	for _, r := range roles {
		if of[r.Agent] == nil {
			of[r.Agent] = map[chat.SiteID]chat.Role{}
		}
		of[r.Agent][r.Site], _ = chat.ParseRole(r.Role) // an unknown role may do nothing
	}
	shown, err := db.shown(ctx, db.reading(ctx), portraits())
	if err != nil {
		return nil, err
	}
	agents := make([]identity.Agent, len(rows))
	for i, r := range rows {
		agents[i] = identity.Agent{
			ID: r.ID, Email: string(r.Email), Name: r.Name, Owner: r.Owner, Disabled: r.Disabled,
			PasswordHash: string(r.PasswordHash), Roles: of[r.ID], LastSeenAt: r.LastSeenAt, CreatedAt: r.CreatedAt,
			Portrait: shown[int64(r.ID)],
		}
	}
	return agents, nil
}

// InsertAgent stores an agent without its roles. Errors: EmailTaken.
func (db *DB) InsertAgent(ctx context.Context, a identity.Agent) error {
	return db.changePeople(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(agentRowOf(a)).Exec(ctx)
		return db.emailTaken(err)
	})
}

// UpdateAgent writes all of an agent but its roles and times. Errors: NotFound, EmailTaken.
func (db *DB) UpdateAgent(ctx context.Context, a identity.Agent) error {
	return db.changePeople(ctx, func(ctx context.Context, tx bun.Tx) error {
		result, err := tx.NewUpdate().Model(agentRowOf(a)).
			Column("email", "name", "owner", "disabled", "password_hash").WherePK().Exec(ctx)
		return touched(result, db.emailTaken(err), chat.Refuse(chat.NotFound, "there is no such agent"))
	})
}

func (db *DB) emailTaken(err error) error {
	if db.dialect.failure(err) == duplicate {
		return chat.Refuse(identity.EmailTaken, "another agent has this e-mail address: choose another one")
	}
	return err
}

// SetRole writes an agent's role on a site; NoRole removes it.
func (db *DB) SetRole(ctx context.Context, agent chat.AgentID, site chat.SiteID, role chat.Role) error {
	row := &agentSiteRow{Agent: agent, Site: site, Role: role.String()}
	return db.changePeople(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewDelete().Model(row).WherePK().Exec(ctx); err != nil || role == chat.NoRole {
			return err
		}
		_, err := tx.NewInsert().Model(row).Exec(ctx)
		return err
	})
}

// Seen writes that the agent was connected at a time; it never goes backward.
func (db *DB) Seen(ctx context.Context, agent chat.AgentID, at chat.Millis) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewUpdate().Model((*agentRow)(nil)).Set("last_seen_at = ?", at).
			Where("id = ? AND last_seen_at < ?", agent, at).Exec(ctx)
		return err
	})
}

// LastSeen is when each agent was last connected; those who never were are left out.
func (db *DB) LastSeen(ctx context.Context) (map[chat.AgentID]chat.Millis, error) {
	var rows []agentRow
	err := db.reading(ctx).NewSelect().Model(&rows).Column("id", "last_seen_at").Where("last_seen_at > 0").Scan(ctx)
	seen := make(map[chat.AgentID]chat.Millis, len(rows))
	for _, r := range rows {
		seen[r.ID] = r.LastSeenAt
	}
	return seen, err
}
