package server

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/push"
	"github.com/kefu-chat/kefu/internal/site"
)

// pushBody bounds a push's body: each byte of the payload may be written as six.
const pushBody = 6*push.MaxPayload + 6*push.MaxIDs*push.MaxID

// NewPush is a push that is to be made: to one id, to several, or to all.
type NewPush struct {
	ID  string   `json:"id,omitempty" maxLength:"128" doc:"To the connections of this id."`
	IDs []string `json:"ids,omitempty" maxItems:"1000" nullable:"false" doc:"To those of these ids."`
	All bool     `json:"all,omitempty" doc:"To all connections of the site."`
	// Verified keeps it from whoever only names an id.
	Verified bool   `json:"verified,omitempty" doc:"Only to connections of verified visitors, whose ids are those of their website (sub), and who came in by a ticket of POST /widget/{key}/push-ticket."`
	Payload  string `json:"payload" minLength:"1" maxLength:"65536" doc:"Text that Kefu does not look into: at most 65,536 bytes in UTF-8."`
}

// MadePush is what became of it.
type MadePush struct {
	Position int64 `json:"position" doc:"Its position in the site's log of pushes. Positions rise; there are gaps."`
	Reached  int   `json:"reached" doc:"The connections, on all nodes, to which it went."`
	Complete bool  `json:"complete" doc:"False: a node did not answer within 2 s. It delivers within 5 s, and its connections are not counted."`
}

type (
	pushInput struct {
		Key  string `header:"Idempotency-Key" required:"true" minLength:"1" maxLength:"200" doc:"Names this push: the same one again, with the same body, makes no second push within 5 minutes."`
		Body NewPush
	}
	pushOutput struct{ Body MadePush }
)

// pushes are the routes of application servers: pushes by id, and tickets for their pages.
func (r *routes) pushes() {
	s := r.server
	serve(r, withKey(identity.PushScope), op{method: "POST", path: "/push", id: "push", summary: "Push text to the connections of one id, of several, or to all", body: pushBody, repeats: itself},
		func(ctx context.Context, c caller, in *pushInput) (*pushOutput, error) {
			return s.makePush(ctx, c.site, in)
		})
	serve(r, withKey(identity.LegacyScope), op{method: "POST", path: "/legacy/tickets", id: "make-ticket", summary: "Let a page come in by a legacy door under a name", status: http.StatusCreated, repeats: itself},
		func(ctx context.Context, c caller, in *ticketInput) (*ticketOutput, error) {
			return s.makeTicket(ctx, c.site, c.key, in)
		})
}

// makePush makes a push to connections of a site.
func (s *Server) makePush(ctx context.Context, on site.Site, in *pushInput) (*pushOutput, error) {
	o := push.Order{Site: on.ID, Request: in.Key, IDs: in.Body.IDs, Payload: in.Body.Payload, Verified: in.Body.Verified}
	named := 0
	for _, said := range []bool{in.Body.ID != "", len(in.Body.IDs) > 0, in.Body.All} {
		if said {
			named++
		}
	}
	if named != 1 {
		return nil, problem(badRequest, `A push goes to one id, to several, or to all: send either "id", or "ids", or "all": true.`)
	}
	if in.Body.ID != "" {
		o.IDs = []string{in.Body.ID}
	}
	made, err := s.parts.Hub.Push(ctx, o)
	if err != nil {
		return nil, err
	}
	return &pushOutput{MadePush{Position: made.Position, Reached: made.Reached, Complete: made.Complete}}, nil
}

// NewTicket is a ticket that is to be made.
type NewTicket struct {
	Door    string `json:"door" enum:"push,chat" doc:"push: wait for the pushes to an id. chat: the legacy chat room under a name."`
	Name    string `json:"name" minLength:"1" maxLength:"128" doc:"The id, or the name."`
	Cookie  bool   `json:"cookie,omitempty" doc:"For the cookie kefu_legacy, where it works many times; otherwise for an address, where it works once, for 30 s."`
	Seconds int64  `json:"seconds,omitempty" minimum:"60" maximum:"2592000" doc:"How long a cookie's ticket works: 12 hours, unless it says so."`
}

// MadeTicket is a ticket as it is told, once.
type MadeTicket struct {
	Ticket    string `json:"ticket" doc:"For the parameter ticket of the WebSocket's address, or the value of the cookie."`
	ExpiresAt int64  `json:"expires_at"`
}

type (
	ticketInput  struct{ Body NewTicket }
	ticketOutput struct{ Body MadeTicket }
)

// makeTicket lets somebody come in by a legacy door of a site under a name.
func (s *Server) makeTicket(ctx context.Context, on site.Site, by identity.Key, in *ticketInput) (*ticketOutput, error) {
	door := legacy.Door(in.Body.Door)
	if !push.GoodID(in.Body.Name) || door == legacy.ChatDoor && (!legacy.GoodName(in.Body.Name) || in.Body.Name == legacy.AgentName) {
		return nil, problem(site.BadValue, "This cannot be a name or an id there.")
	}
	lasts := legacy.TicketLasts
	if in.Body.Cookie {
		lasts = legacy.CookieLasts
		if in.Body.Seconds != 0 {
			lasts = time.Duration(in.Body.Seconds) * time.Second
		}
	}
	shown, ends, err := s.addTicket(ctx, legacy.Ticket{Site: on.ID, Door: door, Name: in.Body.Name, Reusable: in.Body.Cookie, Key: by.ID}, lasts)
	if err != nil {
		return nil, err
	}
	return &ticketOutput{MadeTicket{Ticket: shown, ExpiresAt: int64(ends)}}, nil
}

// addTicket makes a ticket, and counts it: an application makes thousands, too many to
// write each of them down.
func (s *Server) addTicket(ctx context.Context, t legacy.Ticket, lasts time.Duration) (shown string, ends chat.Millis, err error) {
	shown, hash := legacy.NewTicket()
	if ends, err = s.parts.Tickets.AddTicket(ctx, hash, t, lasts); err != nil {
		return "", 0, fmt.Errorf("make a ticket: %w", err)
	}
	s.watch.Ticket(string(t.Door), "made")
	return shown, ends, nil
}
