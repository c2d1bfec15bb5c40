package broadcast

import (
	"context"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Store remembers broadcasts. Its methods work in the transaction that their ctx
// carries, if Together put one there. Errors: NotFound refusals where none is found.
type Store interface {
	Reading
	// Together runs fn in one transaction, which its ctx carries to the other methods.
	Together(ctx context.Context, fn func(ctx context.Context) error) error
	// InsertBroadcast writes the list of its audience, too.
	InsertBroadcast(ctx context.Context, b Broadcast) error
	// UpdateBroadcast writes all but the counts, and raises Version, if the row still has
	// b.Version; else a Conflict refusal. A list that is nil stays, unless the audience is
	// none any more.
	UpdateBroadcast(ctx context.Context, b Broadcast) (Broadcast, error)
	// DeleteBroadcast removes a draft under the same condition.
	DeleteBroadcast(ctx context.Context, b Broadcast) error
	// AppendBroadcast writes the next entry of a site's log: the number and the tag are the store's.
	AppendBroadcast(ctx context.Context, e Entry) (Entry, error)
	// Broadcast finds one of a site, without its list.
	Broadcast(ctx context.Context, on chat.SiteID, id ID) (Broadcast, error)
	// Broadcasts are a page, newest first; before 0: from the newest.
	Broadcasts(ctx context.Context, on chat.SiteID, before ID, limit int) ([]Broadcast, error)
	// DraftBroadcasts counts a site's drafts, the scheduled ones included.
	DraftBroadcasts(ctx context.Context, on chat.SiteID) (int, error)
	// ShownBroadcasts counts those that visitors may see at a moment.
	ShownBroadcasts(ctx context.Context, on chat.SiteID, at chat.Millis) (int, error)
	// CountVisitors counts the visitors whom a site knows and who want broadcasts, in a
	// language ("": in any); verified: those only for whom the website vouches. Verified ones
	// who have not written yet are as newcomers: they do not count.
	CountVisitors(ctx context.Context, on chat.SiteID, language string, verified bool) (int64, error)
	// CountListed counts those of a list whom a site knows, and those of them who want
	// broadcasts.
	CountListed(ctx context.Context, on chat.SiteID, l *List) (known, wanting int64, err error)
}

// Reading is what the live connections need.
type Reading interface {
	// BroadcastHeads are the heads of the logs of these sites; those without one are left out.
	BroadcastHeads(ctx context.Context, sites []chat.SiteID) (map[chat.SiteID]Position, error)
	// BroadcastLog is the newest stretch of a site's log, at most limit entries, oldest
	// first, with the broadcasts that it is about.
	// Their lists are left out.
	BroadcastLog(ctx context.Context, on chat.SiteID, limit int) ([]Entry, []Broadcast, error)
	// BroadcastList is the list of a broadcast's audience. Errors: NotFound.
	BroadcastList(ctx context.Context, id ID) (*List, error)
	// ReaderOf is what a visitor's row says.
	ReaderOf(ctx context.Context, id chat.VisitorID) (Reader, error)
	// Advance brings visitors' rows forward, counts what is new in it, and adds what was
	// delivered to, and seen by, visitors who have no row: by the entry's number. It gives
	// the visitors whose rows were not as the advances say.
	Advance(ctx context.Context, on chat.SiteID, all []Advance, delivered, read map[int64]int64) (otherwise []chat.VisitorID, err error)
	// SetOff writes whether a visitor wants broadcasts.
	SetOff(ctx context.Context, id chat.VisitorID, off bool) error
	// OffAmong are those of these visitors who want no broadcasts.
	OffAmong(ctx context.Context, visitors []chat.VisitorID) ([]chat.VisitorID, error)
	// Came are the broadcasts that came to visitors, oldest first.
	Came(ctx context.Context, on chat.SiteID, visitors []chat.VisitorID) (map[chat.VisitorID][]Arrival, error)
}

// Arrival is a broadcast as it came to a visitor.
type Arrival struct {
	Seen
	Broadcast Broadcast
	Read      bool
}
