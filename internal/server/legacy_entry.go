package server

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
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
	key  int64 // the API key by which it was, itself or its ticket; 0: none
	// login is that of the verified visitor who came in under its own id; 0: it is none.
	login int64
}

// enterLegacy lets a request in by a door under a name, or answers why not. Pages
// of other websites than those of the site are refused: in their visitor's browser
// they would come in with its cookie. An address's ticket is its own proof.
func (s *Server) enterLegacy(r *http.Request, e Entry, door legacy.Door, name string) (entered, error) {
	if e.Mode == OpenEntry && (door != legacy.PushDoor || !r.URL.Query().Has(ticketParameter)) {
		on, err := s.legacySite(r.Context(), e.Site)
		if err != nil {
			return entered{}, err
		}
		return entered{site: on, name: name}, s.legacyOrigin(r, e, on)
	}
	if _, bears := bearerOf(r); bears { // the application's server asks for its page
		key, err := s.apiKey(r, identity.LegacyScope)
		if err != nil {
			return entered{}, err
		}
		on, err := s.legacySite(r.Context(), key.Site)
		return entered{site: on, name: name, key: key.ID}, err
	}
	t, inAddress, err := s.takeTicket(r, door, name)
	if err != nil {
		return entered{}, err
	}
	on, err := s.legacySite(r.Context(), t.Site)
	if err == nil && !inAddress {
		err = s.legacyOrigin(r, e, on)
	}
	return entered{site: on, name: name, key: t.Key, login: t.Login}, err
}

// takeTicket uses the ticket that a request shows, which is for that door and name.
func (s *Server) takeTicket(r *http.Request, door legacy.Door, name string) (t legacy.Ticket, inAddress bool, err error) {
	result := "refused"
	defer func() { s.watch.Ticket(string(door), result) }()
	shown := r.URL.Query().Get(ticketParameter)
	if inAddress = shown != ""; !inAddress {
		if c, err := r.Cookie(ticketCookie); err == nil {
			shown = c.Value
		}
	}
	hash, ok := legacy.HashTicket(shown)
	if !ok {
		return t, inAddress, chat.Refuse(chat.NotAllowed, "this door wants a ticket: the application's server gets one with an API key, for the parameter %s or the cookie %s", ticketParameter, ticketCookie)
	}
	t, err = s.parts.Tickets.TakeTicket(r.Context(), hash)
	switch {
	case chat.CodeOf(err) == chat.NotFound:
		return t, inAddress, chat.Refuse(chat.NotAllowed, "this ticket is not good: it was used already, it has ended, or its API key was revoked")
	case err != nil:
		return t, inAddress, err
	case t.Door != door || t.Name != name || t.Reusable == inAddress:
		return t, inAddress, chat.Refuse(chat.NotAllowed, "this ticket is for another door, or for another name")
	}
	result = "used"
	return t, inAddress, nil
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

// leash cuts a connection when the API key, or the visitor's log-in, by which it came
// in is revoked.
type leash struct {
	conn  atomic.Pointer[ws.Conn] // nil until it was answered
	leave func()
}

func (s *Server) enrol(in entered) *leash {
	l := &leash{}
	cut := func(reason string) func() {
		return func() {
			if c := l.conn.Load(); c != nil {
				c.Close(uint16(wire.CloseRevoked), reason)
			}
		}
	}
	key := s.parts.Hub.Enrol(in.key, cut("the API key by which you came in was revoked"))
	login := s.parts.Hub.EnrolVisitor(in.login, cut(string(wire.LogInEnded)))
	l.leave = func() { key(); login() }
	return l
}
