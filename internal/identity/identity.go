// Package identity knows who is who: visitors by their secret, agents by their
// log-ins; it yields the chat.Actor that rules decide about.
package identity

import (
	"context"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Agent is a person who answers.
type Agent struct {
	ID    chat.AgentID
	Email string // normalised: trimmed, lower case, NFC
	Name  string
	// Owner is the agent who owns the installation: makes sites, manages people,
	// and is admin of every site.
	Owner    bool
	Disabled bool
	// PasswordHash is argon2id in PHC form; empty until the first password is set.
	PasswordHash string
	Roles        map[chat.SiteID]chat.Role
	Portrait     chat.Picture
	LastSeenAt   chat.Millis
	CreatedAt    chat.Millis
}

// Actor is the agent on one site; its Role is NoRole where it does not work.
func (a Agent) Actor(site chat.SiteID) chat.Actor {
	return chat.Actor{Kind: chat.AgentActor, ID: int64(a.ID), Name: a.Name, Role: a.RoleOn(site)}
}

// RoleOn is the agent's role on a site: an owner is admin of each.
func (a Agent) RoleOn(site chat.SiteID) chat.Role {
	switch {
	case a.Disabled:
		return chat.NoRole
	case a.Owner:
		return chat.RoleAdmin
	}
	return a.Roles[site]
}

// Login is an authenticated, revocable right of entry of an agent.
type Login struct {
	ID         int64
	Agent      chat.AgentID
	CreatedAt  chat.Millis
	LastUsedAt chat.Millis
	ExpiresAt  chat.Millis
	Address    string
	UserAgent  string
	RevokedAt  chat.Millis // 0: valid
}

// Visitor is a person on a website, as the database knows it.
type Visitor struct {
	ID           chat.VisitorID
	Site         chat.SiteID
	Conversation chat.Conversation
	Profile      chat.Profile
}

// Visitors finds visitors.
type Visitors interface {
	// Visitor finds a site's visitor by the hash of its secret. Errors: chat.NotFound.
	Visitor(ctx context.Context, site chat.SiteID, secretHash []byte) (Visitor, error)
	// UpdateProfile replaces what a visitor's page says of it.
	UpdateProfile(ctx context.Context, id chat.VisitorID, p chat.Profile) error
}

// Directory is the node's picture of all agents and their roles, refreshed
// when something changes and by healing: at most 5 s old. Safe for concurrent use.
type Directory interface {
	chat.Members
	Agent(id chat.AgentID) (Agent, bool)
	// AgentsOf are the agents, disabled ones left out, who work on the site.
	AgentsOf(site chat.SiteID) []Agent
}
