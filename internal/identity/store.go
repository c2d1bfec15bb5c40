package identity

import (
	"context"

	"github.com/kefu-chat/kefu/internal/chat"
)

// LinkKind is what a one-use link is good for.
type LinkKind string

// The kinds of one-use links.
const (
	SetupLink  LinkKind = "setup"  // makes the owner and the first site
	InviteLink LinkKind = "invite" // a new agent's first password
	ResetLink  LinkKind = "reset"  // a new password for a forgotten one
)

// Link is a right to do one thing once. Its secret stands after # in the
// address and only its hash in the database.
type Link struct {
	ID        int64
	Kind      LinkKind
	Agent     chat.AgentID // 0 for setup
	CreatedAt chat.Millis
	ExpiresAt chat.Millis
	UsedAt    chat.Millis // 0: not yet used or voided
}

// Store remembers people. Its methods work in the transaction that their ctx
// carries, if Together put one there.
type Store interface {
	TryStore
	// Together runs fn in one transaction, which its ctx carries to the other
	// methods; an error of fn undoes all of it.
	Together(ctx context.Context, fn func(ctx context.Context) error) error
	// PeopleVersion rises with every change to agents, roles and sites.
	PeopleVersion(ctx context.Context) (int64, error)

	// Agents are all agents with their roles.
	Agents(ctx context.Context) ([]Agent, error)
	// InsertAgent stores an agent without its roles. Errors: EmailTaken.
	InsertAgent(ctx context.Context, a Agent) error
	// UpdateAgent writes all of an agent but its roles and times. Errors: NotFound, EmailTaken.
	UpdateAgent(ctx context.Context, a Agent) error
	// SetPortrait makes a picture an agent's portrait; 0: none. Refusals: NotFound
	// when the picture has been deleted, or was somebody's.
	SetPortrait(ctx context.Context, agent chat.AgentID, file chat.FileID) error
	// SetRole writes an agent's role on a site; NoRole removes it.
	SetRole(ctx context.Context, agent chat.AgentID, site chat.SiteID, role chat.Role) error

	InsertLogin(ctx context.Context, l Login, hash []byte) error
	// LoginByHash finds a log-in, revoked and expired ones too. Errors: NotFound.
	LoginByHash(ctx context.Context, hash []byte) (Login, error)
	// Logins are the agent's log-ins that are valid at a time, last used first.
	Logins(ctx context.Context, agent chat.AgentID, at chat.Millis) ([]Login, error)
	// TouchLogin writes LastUsedAt and ExpiresAt.
	TouchLogin(ctx context.Context, l Login) error
	// RevokeLogins revokes these log-ins of the agent, as far as they are
	// valid, and returns those it revoked.
	RevokeLogins(ctx context.Context, agent chat.AgentID, ids []int64, at chat.Millis) ([]int64, error)
	// ForgetLogins removes log-ins that ended before a time.
	ForgetLogins(ctx context.Context, before chat.Millis) error

	InsertLink(ctx context.Context, l Link, hash []byte) error
	// LinkByHash finds a link, spent ones too. Errors: NotFound.
	LinkByHash(ctx context.Context, hash []byte) (Link, error)
	// UseLink marks a link as used. Errors: LinkSpent if it already was.
	UseLink(ctx context.Context, id int64, at chat.Millis) error
	// VoidLinks marks all unused links of an agent (0: those for setup) as used.
	VoidLinks(ctx context.Context, agent chat.AgentID, at chat.Millis) error
}
