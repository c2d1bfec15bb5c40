package server

import (
	"context"
	"net/http"
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/site"
)

// Entry says who may come in by a door of the legacy protocols. The zero value
// lets nobody in: the door is not there.
type Entry struct {
	Mode EntryMode
	// Site is the door's, where a ticket does not say it; 0: the oldest one.
	Site chat.SiteID
	// Origins are those of pages that may use the door, besides the site's and Kefu's own.
	Origins []string
}

// EntryMode is how a door is guarded.
type EntryMode string

// The modes.
const (
	OpenEntry  EntryMode = "open"  // whoever names an id or a name has it
	TokenEntry EntryMode = "token" // with a ticket that the page's application server got
)

// Where a ticket is shown: in the address (once), or in a cookie (many times).
const (
	ticketParameter = "ticket"
	ticketCookie    = "kefu_legacy"
)

// entered is who was let in.
type entered struct {
	site site.Site
	name string
}

// enterLegacy lets a request in by a door under a name, or answers why not. Pages
// of other websites than those of the site are refused: in their visitor's browser
// they would come in with its cookie. An address's ticket is its own proof.
func (s *Server) enterLegacy(r *http.Request, e Entry, door legacy.Door, name string) (entered, error) {
	if e.Mode == OpenEntry {
		on, err := s.legacySite(r.Context(), e.Site)
		if err != nil {
			return entered{}, err
		}
		return entered{on, name}, s.legacyOrigin(r, e, on)
	}
	if _, bears := bearerOf(r); bears { // the application's server asks for its page
		key, err := s.apiKey(r, identity.LegacyScope)
		if err != nil {
			return entered{}, err
		}
		on, err := s.legacySite(r.Context(), key.Site)
		return entered{on, name}, err
	}
	shown, inAddress := r.URL.Query().Get(ticketParameter), true
	if shown == "" {
		inAddress = false
		if c, err := r.Cookie(ticketCookie); err == nil {
			shown = c.Value
		}
	}
	hash, ok := legacy.HashTicket(shown)
	if !ok {
		return entered{}, chat.Refuse(chat.NotAllowed, "this door wants a ticket: the application's server gets one with an API key, for the parameter %s or the cookie %s", ticketParameter, ticketCookie)
	}
	t, err := s.parts.Tickets.TakeTicket(r.Context(), hash)
	switch {
	case chat.CodeOf(err) == chat.NotFound:
		return entered{}, chat.Refuse(chat.NotAllowed, "this ticket is not good: it was used already, or it has ended")
	case err != nil:
		return entered{}, err
	case t.Door != door || t.Name != name || t.Reusable == inAddress:
		return entered{}, chat.Refuse(chat.NotAllowed, "this ticket is for another door, or for another name")
	}
	on, err := s.legacySite(r.Context(), t.Site)
	if err == nil && !inAddress {
		err = s.legacyOrigin(r, e, on)
	}
	return entered{on, name}, err
}

// legacySite is the site of a door, also one that another node has just made.
func (s *Server) legacySite(ctx context.Context, id chat.SiteID) (site.Site, error) {
	on, ok := s.siteOrOldest(id)
	if !ok && s.requests.take(whenceOf(ctx).network) == 0 {
		s.freshen(ctx)
		on, ok = s.siteOrOldest(id)
	}
	if !ok {
		return on, chat.Refuse(chat.NotFound, "the site of this door does not exist, or not yet")
	}
	return on, nil
}

func (s *Server) siteOrOldest(id chat.SiteID) (site.Site, bool) {
	if id != 0 {
		return s.parts.Sites.ByID(id)
	}
	all := s.parts.Sites.All()
	if len(all) == 0 {
		return site.Site{}, false
	}
	return all[0], true
}

// legacyOrigin refuses pages of websites that nobody named. Programs that are no
// browsers name none.
func (s *Server) legacyOrigin(r *http.Request, e Entry, on site.Site) error {
	origin := r.Header.Get("Origin")
	if origin == "" || origin == whenceOf(r.Context()).origin() || slices.Contains(on.Settings.Origins, origin) || slices.Contains(e.Origins, origin) {
		return nil
	}
	return chat.Refuse(crossOrigin, "pages of %s may not use this door: add that origin to the site's, or to the door's in the configuration", origin)
}
