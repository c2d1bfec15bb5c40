package identity

import (
	"context"

	"github.com/kefu-chat/kefu/internal/chat"
)

// ToldByApp is what a site's application servers said of a visitor. Nobody has verified
// it; it stands beside what the visitor's page says and what its website vouches for.
type ToldByApp struct {
	Name   string            `json:"name,omitempty"`
	Email  string            `json:"email,omitempty"`
	Fields map[string]string `json:"fields,omitempty"`
	By     chat.Via          `json:"by"` // the API key that said the last of it
	At     chat.Millis       `json:"at"`
}

// Listed is a visitor in the book of a site.
type Listed struct {
	Visitor               // its conversation is zero where it has none yet
	CreatedAt chat.Millis // when it first wrote, or was verified
	Told      *ToldByApp
}

// BookQuery asks for visitors of a site, the newest first.
type BookQuery struct {
	Site chat.SiteID
	// ID, ExternalID and Email, at most one of them, choose; an e-mail address is whatever
	// its website, its page or an application server said, and may be that of several.
	ID         chat.VisitorID
	ExternalID string
	Email      string
	Before     chat.VisitorID // 0: from the newest
	Limit      int            // 1 to 200
}

// Book finds visitors, and keeps what application servers tell of them.
type Book interface {
	Listed(ctx context.Context, q BookQuery) ([]Listed, error)
	// Tell has change make what is told of a visitor anew. Errors: NotFound, and those of change.
	Tell(ctx context.Context, site chat.SiteID, id chat.VisitorID, change func(ToldByApp) (ToldByApp, error)) (Listed, error)
}
