// Package audit is the table of who did what to whom, when and from where:
// log-ins, settings, people, keys.
package audit

import (
	"context"

	"github.com/kefu-chat/kefu/internal/chat"
)

// What names a deed. The names stand in the database: they never change.
type What string

// The deeds.
const (
	SetUp           What = "set_up"
	LoggedIn        What = "logged_in"
	LogInFailed     What = "log_in_failed" // Agent is 0 where there is no such agent
	LoggedOut       What = "logged_out"
	LogInRevoked    What = "log_in_revoked"
	PasswordChanged What = "password_changed"
	LinkMade        What = "link_made"
	LinkUsed        What = "link_used"
	AgentMade       What = "agent_made"
	AgentChanged    What = "agent_changed"
	RoleSet         What = "role_set"
	RoleRemoved     What = "role_removed"
	SiteMade        What = "site_made"
	SiteChanged     What = "site_changed"
	KeyRotated      What = "key_rotated"
	APIKeyMade      What = "api_key_made"
	APIKeyRevoked   What = "api_key_revoked"

	SigningKeyMade    What = "signing_key_made"
	SigningKeyRevoked What = "signing_key_revoked"
	// VisitorLoginsEnded are all those that began with tokens of a signing key.
	VisitorLoginsEnded What = "visitor_log_ins_ended"

	WebhookMade     What = "webhook_made"
	WebhookChanged  What = "webhook_changed"
	WebhookRotated  What = "webhook_rotated"
	WebhookResumed  What = "webhook_resumed"
	WebhookDeleted  What = "webhook_deleted"
	WebhookReplayed What = "webhook_replayed"

	BroadcastScheduled What = "broadcast_scheduled"
	BroadcastPublished What = "broadcast_published"
	BroadcastWithdrawn What = "broadcast_withdrawn"

	RoundsRemoved   What = "rounds_removed" // by retention
	VisitorErased   What = "visitor_erased" // without a word about who it was
	VisitorExported What = "visitor_exported"
)

// By is who does something, and from which network address (empty: from the command line).
type By struct {
	Actor   chat.ActorRef
	Address string
}

// Entry is a row of the table. It holds names as they were then, and no secrets.
type Entry struct {
	ID      int64
	At      chat.Millis
	By      chat.ActorRef
	Address string
	What    What
	Site    chat.SiteID  // 0: of the installation
	Agent   chat.AgentID // to whom; 0: to nobody
	// Detail says more in plain words that code may read: "role", "fields", "kind", "name".
	Detail map[string]string
}

// Query asks for a page of entries, newest first.
type Query struct {
	Site   chat.SiteID // 0: of all sites and the installation
	Before int64       // the ID of the last page's last entry; 0: the newest
	Limit  int         // 1 to 200
}

// Store remembers entries; there is no way to change or remove one.
type Store interface {
	// Record writes an entry in the transaction of ctx, if it carries one.
	Record(ctx context.Context, e Entry) error
	// Entries are a page, newest first.
	Entries(ctx context.Context, q Query) ([]Entry, error)
}
