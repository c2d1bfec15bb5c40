package broadcast

import (
	"context"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/site"
)

// Count says for how many a broadcast would be.
type Count struct {
	// Visitors are those it is for: whom the site knows, and newcomers who are connected.
	Visitors int64
	// Online are those of them who are connected.
	Online int64
	// Unknown are those of a list whom the site does not know.
	Unknown int64
	// Exact is false where a rule or other nodes leave it open.
	Exact bool
}

// Count looks for how many visitors an audience is.
func (s *Broadcasts) Count(ctx context.Context, on chat.SiteID, a Audience) (Count, error) {
	a, err := a.check()
	if err == nil && a.Kind == Listed && a.List == nil {
		err = site.Bad("audience.ids", "The ids of the list are missing.")
	}
	if err != nil {
		return Count{}, err
	}
	online, newcomers, exact, err := s.online(ctx, on, a)
	if err != nil {
		return Count{}, err
	}
	if a.Kind == Listed {
		known, wanting, err := s.store.CountListed(ctx, on, a.List)
		return Count{Visitors: wanting, Unknown: int64(a.List.Len()) - known, Online: online, Exact: exact}, err
	}
	if a.Kind == WhoIsHere || a.Page != "" { // of who is away nobody knows on which page it will come back
		return Count{Visitors: online, Online: online, Exact: exact && a.Page == ""}, nil
	}
	known, err := s.store.CountVisitors(ctx, on, a.Language, a.Verified)
	return Count{Visitors: known + newcomers, Online: online, Exact: exact && a.Language == ""}, err
}

// mostAsked bounds the connected visitors of whom it is looked up whether they want
// broadcasts: consoles count every few seconds.
const mostAsked = 10_000

// online counts those who are connected and want broadcasts, newcomers among them.
func (s *Broadcasts) online(ctx context.Context, on chat.SiteID, a Audience) (all, newcomers int64, exact bool, err error) {
	ids, newcomers, exact := s.here.Online(on, a)
	if len(ids) > mostAsked {
		return int64(len(ids)) + newcomers, newcomers, false, nil
	}
	_, wanting, err := s.store.CountListed(ctx, on, ListOf(ids))
	return wanting + newcomers, newcomers, exact, err
}

// CountOf is Count for the audience of a broadcast that was made before. Errors: NotFound.
func (s *Broadcasts) CountOf(ctx context.Context, on chat.SiteID, id ID) (Count, error) {
	b, err := s.store.Broadcast(ctx, on, id)
	if err != nil {
		return Count{}, err
	}
	a := b.Content.Audience
	if a.Kind == Listed {
		if a.List, err = s.store.BroadcastList(ctx, id); err != nil {
			return Count{}, err
		}
	}
	return s.Count(ctx, on, a)
}
