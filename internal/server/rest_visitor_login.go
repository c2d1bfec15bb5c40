package server

import (
	"context"
	"net/http"
	"strings"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/site"
)

// exchangeBody bounds an exchange, in bytes: a token and two secrets.
const exchangeBody = identity.MaxTokenBytes + 1<<10

type (
	exchangeInput struct {
		WidgetPath
		Body struct {
			Token    string `json:"token" maxLength:"16384" doc:"What the website's server signed: a JWT."`
			Exchange string `json:"exchange" maxLength:"64" doc:"32 random bytes in base64url, made by this browser for this token: sent again with it, they give the same log-in again."`
			Secret   string `json:"secret,omitempty" maxLength:"64" doc:"The secret of the anonymous visitor that this browser was: its open round goes along, if the site wants that."`
		}
	}
	exchangeOutput struct {
		Body struct {
			LogIn   string `json:"log_in" doc:"Stands from now on where an anonymous visitor's secret does."`
			Carried bool   `json:"carried" doc:"The open round of the anonymous visitor went along."`
		}
	}
	// LogInHeader is the log-in that a request is about.
	LogInHeader struct {
		WidgetPath
		Authorization string `header:"Authorization" maxLength:"200" doc:"Bearer, and the log-in."`
	}
	pushTicketOutput struct {
		Body struct {
			ID string `json:"id" doc:"The id under which this visitor waits for pushes: its own at the website."`
			MadeTicket
		}
	}
)

// visitorLogins are the routes by which visitors for whom their website vouches come
// in, and go.
func (r *routes) visitorLogins() {
	s := r.server
	serve(r, anybody(), op{method: "POST", path: "/widget/{key}/log-in", id: "log-in-visitor", summary: "Exchange a website's token for a visitor's log-in; once", body: exchangeBody},
		func(ctx context.Context, c caller, in *exchangeInput) (*exchangeOutput, error) {
			on, _, err := s.siteOfPage(c, in.WidgetPath)
			if err != nil {
				return nil, err
			}
			made, err := s.parts.VisitorLogins.Exchange(ctx, on, in.Body.Token, in.Body.Exchange)
			if err != nil {
				return nil, err
			}
			out := &exchangeOutput{}
			out.Body.LogIn = made.Secret
			out.Body.Carried, err = s.carryOver(ctx, on, made, in.Body.Secret)
			if err != nil {
				return nil, err
			}
			return out, nil
		})
	serve(r, anybody(), op{method: "DELETE", path: "/widget/{key}/log-in", id: "log-out-visitor", summary: "End a visitor's log-in: its device is cut within 5 s"},
		func(ctx context.Context, c caller, in *LogInHeader) (*struct{}, error) {
			on, sent, err := s.logInOf(c, in)
			if err != nil {
				return nil, err
			}
			return nil, s.parts.VisitorLogins.Revoke(ctx, on, sent)
		})
	serve(r, anybody(), op{method: "POST", path: "/widget/{key}/push-ticket", id: "make-own-push-ticket", summary: "Let a verified visitor wait for the pushes to its own id", status: http.StatusCreated},
		func(ctx context.Context, c caller, in *LogInHeader) (*pushTicketOutput, error) {
			on, sent, err := s.logInOf(c, in)
			if err != nil {
				return nil, err
			}
			return s.ownPushTicket(ctx, on, sent)
		})
}

// logInOf is the site and the log-in that a request names. Errors: NotFound, LogInEnded.
func (s *Server) logInOf(c caller, in *LogInHeader) (on site.Site, sent identity.Sent, err error) {
	if on, _, err = s.siteOfPage(c, in.WidgetPath); err != nil {
		return on, sent, err
	}
	scheme, bearer, _ := strings.Cut(in.Authorization, " ")
	sent, err = identity.ReadSent(strings.TrimSpace(bearer))
	if err != nil || !strings.EqualFold(scheme, "Bearer") || !sent.LogIn {
		err = chat.Refuse(identity.LogInEnded, "the header Authorization carries no log-in: send Bearer and what the exchange gave")
	}
	return on, sent, err
}

// ownPushTicket is a ticket for the pushes to a verified visitor's own id.
func (s *Server) ownPushTicket(ctx context.Context, on site.Site, sent identity.Sent) (*pushTicketOutput, error) {
	if s.cfg.Push.Mode == "" {
		return nil, chat.Refuse(chat.NotFound, "this server has no door for pushes: its configuration opens it")
	}
	who, err := s.parts.VisitorLogins.Who(ctx, on, sent)
	if err != nil {
		return nil, err
	}
	out := &pushTicketOutput{}
	out.Body.ID = who.Verified.Vouched.ID
	shown, ends, err := s.addTicket(ctx, legacy.Ticket{Site: on.ID, Door: legacy.PushDoor, Name: out.Body.ID, Login: who.Login}, legacy.TicketLasts)
	out.Body.MadeTicket = MadeTicket{Ticket: shown, ExpiresAt: int64(ends)}
	return out, err
}

// Carrier takes the open round of an anonymous visitor, known by its secret's hash,
// along to a verified one, whose conversation may not exist yet. The same again
// changes nothing more, and is answered as the first time.
type Carrier interface {
	CarryOver(ctx context.Context, on chat.SiteID, from []byte, to chat.Beginning) (carried bool, err error)
}

// carryOver takes along the open round of the anonymous visitor that a browser was,
// which its secret proves. Where that cannot be done now the browser asks again, and
// gets the same log-in.
func (s *Server) carryOver(ctx context.Context, on site.Site, to identity.NewLogin, secret string) (bool, error) {
	if secret == "" || !on.Settings.CarryOver || s.parts.Carrier == nil {
		return false, nil
	}
	from, err := identity.HashSecret(secret)
	if err != nil {
		return false, err
	}
	return s.parts.Carrier.CarryOver(ctx, on.ID, from, chat.Beginning{
		Site: on.ID, SecretHash: to.Visitor.Hash[:], Visitor: to.Visitor.ID, Profile: chat.Profile{Vouched: &to.Visitor.Vouched},
	})
}
