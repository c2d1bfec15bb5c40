// Package retention takes away what is not to be kept: rounds that have grown old by
// the site's rule, and everything of a visitor on somebody's wish; and it gives out
// what there is of a visitor, before.
package retention

import (
	"context"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
)

// Removed is how much went.
type Removed struct {
	Rounds    int64 `json:"rounds"`
	Events    int64 `json:"events"`
	Revisions int64 `json:"revisions"` // what edits had replaced
	Files     int64 `json:"files"`
	Bytes     int64 `json:"bytes"` // of the files
	// Lists are the broadcasts' lists that named the visitor.
	Lists int64 `json:"lists"`
	// Names are what the visitor was called in the legacy chat room.
	Names int64 `json:"names"`
	// Logins are the visitor's devices that were logged in.
	Logins int64 `json:"log_ins"`
	// Outgoing are calls of webhooks that waited to be made.
	Outgoing int64 `json:"outgoing"`
}

// Add adds what another step removed.
func (r *Removed) Add(more Removed) {
	r.Rounds += more.Rounds
	r.Events += more.Events
	r.Revisions += more.Revisions
	r.Files += more.Files
	r.Bytes += more.Bytes
	r.Lists += more.Lists
	r.Names += more.Names
	r.Logins += more.Logins
	r.Outgoing += more.Outgoing
}

// Place is how far the search for old rounds has come; the zero value: nowhere.
type Place struct {
	ResolvedAt   chat.Millis         `json:"resolved_at"`
	Conversation chat.ConversationID `json:"conversation"`
	Number       int64               `json:"number"`
}

// Found is a round that was resolved long ago. Left tells whether its conversation has
// anything that is to go: a round of which only what was written in it since is left
// stays, and is found for as long.
type Found struct {
	Place
	Left bool
}

// Step is what one transaction removed of a conversation.
type Step struct {
	Removed Removed
	// Conversation and State are how it is now; nothing was removed if Removed is zero.
	Conversation chat.Conversation
	State        chat.State
	More         bool // there is more to remove
}

// RoundStore finds and removes rounds.
type RoundStore interface {
	// Cutoff is the database's time less age.
	Cutoff(ctx context.Context, age time.Duration) (chat.Millis, error)
	// OldRounds are places of rounds of the site that were resolved before, behind a place,
	// longest ago first, at most so many.
	OldRounds(ctx context.Context, on chat.SiteID, before chat.Millis, after Place, limit int) ([]Found, error)
	// OldRest are conversations of the site, behind one, that begin with something that
	// belongs to no round, and was written before.
	OldRest(ctx context.Context, on chat.SiteID, before chat.Millis, after chat.ConversationID, limit int) ([]chat.ConversationID, error)
	// RemoveOld removes, in one transaction of bounded length, of the rounds at the
	// beginning of a conversation that were resolved before, and of what was written
	// after their ends, whatever was written before. Errors: NotFound.
	RemoveOld(ctx context.Context, id chat.ConversationID, before chat.Millis) (Step, error)
}

// Told must know at once what is gone; healing finds what it missed.
type Told interface {
	// Shortened says that a conversation begins later than before.
	Shortened(c chat.Conversation, s chat.State)
	// Erased says that a visitor is no more. c.ID is 0 if it had written nothing.
	Erased(c chat.Conversation, secretHash []byte)
}

// deeds is the audit as this package writes it.
type deeds struct {
	store audit.Store
	now   func() time.Time
}

func (d deeds) record(ctx context.Context, by audit.By, what audit.What, on chat.SiteID, detail map[string]string) error {
	now := d.now()
	return d.store.Record(ctx, audit.Entry{
		ID: chat.NewID(now), At: chat.At(now), By: by.Actor, Address: by.Address, What: what, Site: on, Detail: detail,
	})
}
