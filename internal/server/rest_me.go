package server

import (
	"context"
	"strconv"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
)

// Me is the agent who is logged in.
type Me struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Email    string   `json:"email"`
	Portrait string   `json:"portrait,omitempty" doc:"The address of one's portrait, a path on this server; it changes with the picture."`
	Owner    bool     `json:"owner" doc:"Makes sites and people, and is admin of every site."`
	Sites    []MySite `json:"sites" nullable:"false" doc:"Where this agent works, by name."`
	LogIn    string   `json:"log_in" doc:"The id of this log-in."`
}

// MySite is a site and the agent's role there.
type MySite struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role string `json:"role" enum:"agent,supervisor,admin"`
}

func (s *Server) me(a identity.Agent, l identity.Login) Me {
	me := Me{ID: idText(a.ID), Name: a.Name, Email: a.Email, Portrait: a.Portrait.Address(), Owner: a.Owner, LogIn: idText(l.ID), Sites: []MySite{}}
	for _, one := range s.parts.Sites.All() {
		if role := a.RoleOn(one.ID); role != chat.NoRole {
			me.Sites = append(me.Sites, MySite{ID: idText(one.ID), Name: one.Name, Role: role.String()})
		}
	}
	return me
}

type meOutput struct{ Body Me }

type meInput struct {
	Body struct {
		Name  *string `json:"name,omitempty" maxLength:"400"`
		Email *string `json:"email,omitempty" maxLength:"400"`
	}
}

type passwordInput struct {
	Body struct {
		Old string `json:"old_password" maxLength:"1100"`
		New string `json:"new_password" maxLength:"1100" doc:"12 characters or more."`
	}
}

// LogIn is a log-in as its agent sees it.
type LogIn struct {
	ID         string `json:"id"`
	CreatedAt  int64  `json:"created_at"`
	LastUsedAt int64  `json:"last_used_at" doc:"To the hour."`
	ExpiresAt  int64  `json:"expires_at"`
	Address    string `json:"address" doc:"From where it was made."`
	UserAgent  string `json:"user_agent"`
	Current    bool   `json:"current" doc:"The one that asks."`
}

type logInsOutput struct {
	Body struct {
		LogIns []LogIn `json:"log_ins" nullable:"false"`
	}
}

type logInPath struct {
	ID string `path:"log_in" maxLength:"20"`
}

// me are the routes about the agent itself.
func (r *routes) me() {
	people := r.server.parts.People
	serve(r, anyAgent(), op{method: "GET", path: "/me", id: "get-me", summary: "Who is logged in, and where it works"},
		func(_ context.Context, c caller, _ *struct{}) (*entry, error) {
			// Live connections renew a log-in without being able to renew its cookie:
			// every page that is loaded asks this, and gets a cookie that lasts as long.
			return r.entered(c, identity.Entered{Token: c.token, Login: c.login, Agent: c.agent}), nil
		})
	serve(r, anyAgent(), op{method: "PATCH", path: "/me", id: "change-me", summary: "Change one's own name or e-mail address"},
		func(ctx context.Context, c caller, in *meInput) (*meOutput, error) {
			agent, err := people.Change(ctx, c.by(), c.agent.ID, identity.Change{Name: in.Body.Name, Email: in.Body.Email})
			if err != nil {
				return nil, err
			}
			return &meOutput{Body: r.server.me(agent, c.login)}, nil
		})
	serve(r, anyAgent(), op{method: "POST", path: "/me/password", id: "change-password", summary: "Change one's password and end the other log-ins"},
		func(ctx context.Context, c caller, in *passwordInput) (*struct{}, error) {
			err := people.ChangePassword(ctx, c.login, in.Body.Old, in.Body.New, c.from)
			return nil, passwordFields(err)
		})
	serve(r, anyAgent(), op{method: "GET", path: "/me/log-ins", id: "list-log-ins", summary: "One's own log-ins, last used first"}, r.logIns)
	serve(r, anyAgent(), op{method: "DELETE", path: "/me/log-ins/{log_in}", id: "revoke-log-in", summary: "End one of one's own log-ins"},
		func(ctx context.Context, c caller, in *logInPath) (*struct{}, error) {
			id, err := parseID[int64](in.ID)
			if err != nil {
				return nil, err
			}
			return nil, people.Revoke(ctx, c.by(), c.agent.ID, id)
		})
	serve(r, anyAgent(), op{method: "DELETE", path: "/me/log-ins", id: "revoke-other-log-ins", summary: "End all of one's log-ins but this one"},
		func(ctx context.Context, c caller, _ *struct{}) (*struct{}, error) {
			return nil, people.RevokeOthers(ctx, c.by(), c.agent.ID, c.login.ID)
		})
}

func (r *routes) logIns(ctx context.Context, c caller, _ *struct{}) (*logInsOutput, error) {
	logins, err := r.server.parts.People.Logins(ctx, c.agent.ID)
	if err != nil {
		return nil, err
	}
	out := &logInsOutput{}
	out.Body.LogIns = make([]LogIn, len(logins))
	for i, l := range logins {
		out.Body.LogIns[i] = LogIn{
			ID: idText(l.ID), CreatedAt: int64(l.CreatedAt), LastUsedAt: int64(l.LastUsedAt), ExpiresAt: int64(l.ExpiresAt),
			Address: l.Address, UserAgent: l.UserAgent, Current: l.ID == c.login.ID,
		}
	}
	return out, nil
}

// passwordFields says which of the two passwords was wrong.
func passwordFields(err error) error {
	switch e := err.(type) { //nolint:errorlint // both come unwrapped from identity
	case *site.FieldError:
		return badField("new_password", e.Text)
	case *identity.TriesError:
		p := problemOf(context.Background(), nil, e)
		p.Field = "old_password"
		if e.Wait == 0 {
			p.Text, p.status = "The old password is wrong.", 422 // 401 would mean: log in again
		}
		return p
	}
	return err
}

func badField(field, text string) error { return &site.FieldError{Field: field, Text: text} }

func idText[T ~int64](id T) string { return strconv.FormatInt(int64(id), 10) }

// parseID reads an id of a path; what cannot be one is not found.
func parseID[T ~int64](s string) (T, error) {
	n, err := chat.ParseID(s)
	if err != nil {
		return 0, chat.Refuse(chat.NotFound, "there is no such thing, or it is not yours to see")
	}
	return T(n), nil
}
