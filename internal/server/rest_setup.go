package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

// entry is the answer of everything that logs somebody in.
type entry struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      Me
}

func (r *routes) entered(c caller, e identity.Entered) *entry {
	return &entry{
		SetCookie: logInCookie(c.whence, e.Token, e.Login.ExpiresAt, r.server.now()),
		Body:      r.server.me(e.Agent, e.Login),
	}
}

type setupState struct {
	Body struct {
		Needed  bool   `json:"needed" doc:"There is no owner yet: the link that the start printed makes one."`
		Version string `json:"version" doc:"The version of this server."`
	}
}

type setupInput struct {
	Body struct {
		Secret   string `json:"secret" maxLength:"100" doc:"What stood after # in the link that the start printed."`
		Name     string `json:"name" maxLength:"400"`
		Email    string `json:"email" maxLength:"400"`
		Password string `json:"password" maxLength:"1100" doc:"12 characters or more."`
		Site     string `json:"site" maxLength:"400" doc:"The first site's name."`
	}
}

type linkInput struct {
	Body struct {
		Secret string `json:"secret" maxLength:"100" doc:"What stood after # in the link."`
	}
}

type linkState struct {
	Body struct {
		Kind      string `json:"kind" enum:"setup,invite,reset"`
		Name      string `json:"name,omitempty" doc:"Whom the link is for; absent for setup."`
		Email     string `json:"email,omitempty"`
		ExpiresAt int64  `json:"expires_at"`
	}
}

type linkPassword struct {
	Body struct {
		Secret   string `json:"secret" maxLength:"100"`
		Password string `json:"password" maxLength:"1100" doc:"12 characters or more."`
	}
}

type logInInput struct {
	Body struct {
		Email    string `json:"email" maxLength:"400"`
		Password string `json:"password" maxLength:"1100"`
	}
}

type loggedOut struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

// setup are the routes of those who are not logged in.
func (r *routes) setup() {
	people := r.server.parts.People
	serve(r, anybody(), op{method: "GET", path: "/setup", id: "get-setup", summary: "Whether the installation still has to be set up"},
		func(context.Context, caller, *struct{}) (*setupState, error) {
			out := &setupState{}
			out.Body.Needed, out.Body.Version = !people.HasOwner(), r.server.cfg.Version
			return out, nil
		})
	serve(r, anybody(), op{method: "POST", path: "/setup", id: "set-up", summary: "Make the owner and the first site, and log in", status: http.StatusCreated},
		func(ctx context.Context, c caller, in *setupInput) (*entry, error) {
			if in.Body.Site == "" {
				return nil, badField("site", "A name is needed.")
			}
			e, err := people.Claim(ctx, in.Body.Secret, identity.NewOwner{
				Name: in.Body.Name, Email: in.Body.Email, Password: in.Body.Password, Site: in.Body.Site,
			}, c.from)
			if err != nil {
				return nil, err
			}
			return r.entered(c, e), nil
		})
	serve(r, anybody(), op{method: "POST", path: "/link", id: "look-at-link", summary: "What a one-use link is good for; does not use it up"},
		func(ctx context.Context, _ caller, in *linkInput) (*linkState, error) {
			link, agent, err := people.Link(ctx, in.Body.Secret)
			if err != nil {
				return nil, err
			}
			out := &linkState{}
			out.Body.Kind, out.Body.Name, out.Body.Email, out.Body.ExpiresAt = string(link.Kind), agent.Name, agent.Email, int64(link.ExpiresAt)
			return out, nil
		})
	serve(r, anybody(), op{method: "POST", path: "/link/password", id: "use-link", summary: "Choose a password by a one-use link, end all other log-ins, and log in"},
		func(ctx context.Context, c caller, in *linkPassword) (*entry, error) {
			e, err := people.UseLink(ctx, in.Body.Secret, in.Body.Password, c.from)
			if err != nil {
				return nil, err
			}
			return r.entered(c, e), nil
		})
	r.doors()
}

// doors are logging in and out.
func (r *routes) doors() {
	people := r.server.parts.People
	serve(r, anybody(), op{method: "POST", path: "/log-in", id: "log-in", summary: "Log in by e-mail and password"},
		func(ctx context.Context, c caller, in *logInInput) (*entry, error) {
			e, err := people.LogIn(ctx, in.Body.Email, in.Body.Password, c.from)
			r.server.watch.LogIn(logInResult(err))
			if err != nil {
				return nil, err
			}
			return r.entered(c, e), nil
		})
	serve(r, anybody(), op{method: "POST", path: "/log-out", id: "log-out", summary: "End this log-in; done already is done"},
		func(ctx context.Context, c caller, _ *struct{}) (*loggedOut, error) {
			login, agent, _, err := people.Authenticate(ctx, c.token)
			if err == nil {
				actor := chat.ActorRef{Kind: chat.AgentActor, ID: int64(agent.ID), Name: agent.Name}
				err = people.LogOut(ctx, audit.By{Actor: actor, Address: c.from.Address}, login)
			}
			if err != nil && !errors.Is(err, &chat.Refusal{Code: identity.NotLoggedIn}) {
				return nil, err
			}
			return &loggedOut{SetCookie: noCookie(c.whence)}, nil
		})
}
