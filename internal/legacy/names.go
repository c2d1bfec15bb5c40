package legacy

import (
	"context"

	"github.com/kefu-chat/kefu/internal/chat"
)

// MaxNames is how many names a site has at most; MaxListed how many of them, the last
// seen first, a list of names tells.
const (
	MaxNames  = 100_000
	MaxListed = 5000
)

// MaxHistory is how many messages a history tells: the newest.
const MaxHistory = 5000

// TooManyNames refuses a name that was never seen on a site that has enough of them.
const TooManyNames chat.Code = "too_many_names"

// Name is a name of the chat room's. Behind it stands a visitor who can be reached
// by this door only: nobody holds the secret whose hash it has.
type Name struct {
	Name string
	Hash [32]byte
	// Token is that of the connection that came in last, and Node where it is; empty: it
	// has gone. A node that has died holds nobody.
	Token, Node string
	Changed     chat.Millis // when Token changed last
}

// Thread is a conversation of a name, and how far it has come.
type Thread struct {
	Name         string
	Conversation chat.ConversationID
	UUID         chat.ConversationUUID
	Head         chat.Position // public
	Changed      chat.Millis   // its list row; no event of it is more than a second younger
}

// Names remembers the names of sites and who is in under them.
type Names interface {
	// EnterName lets a connection in under a name, which is made on first sight, in place
	// of every other one. Refusals: TooManyNames.
	EnterName(ctx context.Context, site chat.SiteID, name, token, node string) (hash [32]byte, err error)
	// LeaveName says that the connection has gone, unless another one came in since.
	LeaveName(ctx context.Context, site chat.SiteID, name, token string) error
	// NamesSince are the names that changed in the last span milliseconds by the
	// database's clock (0: all, as many as a list tells), the last seen first.
	NamesSince(ctx context.Context, site chat.SiteID, spanMillis int64) ([]Name, error)
	// ThreadsSince are the conversations of names that changed in the last span milliseconds
	// (0: all), with the database's present time.
	ThreadsSince(ctx context.Context, site chat.SiteID, spanMillis int64) ([]Thread, chat.Millis, error)
	// ThreadOf is the conversation of a name. Errors: NotFound.
	ThreadOf(ctx context.Context, site chat.SiteID, name string) (Thread, error)
	// NamedHash is the hash behind a name. Errors: NotFound.
	NamedHash(ctx context.Context, site chat.SiteID, name string) ([32]byte, error)
}
