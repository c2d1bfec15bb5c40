package server

import (
	"context"
	"net/http"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

// Person is an agent as owners see it.
type Person struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Email       string       `json:"email"`
	Portrait    string       `json:"portrait,omitempty" doc:"The address of the portrait, a path on this server."`
	Owner       bool         `json:"owner"`
	Disabled    bool         `json:"disabled"`
	HasPassword bool         `json:"has_password" doc:"False until the invitation has been used."`
	LastSeenAt  int64        `json:"last_seen_at,omitempty"`
	CreatedAt   int64        `json:"created_at"`
	Roles       []RoleOnSite `json:"roles" nullable:"false"`
}

// RoleOnSite is a role and where it is held.
type RoleOnSite struct {
	Site string `json:"site" maxLength:"20" doc:"The site's id."`
	Role string `json:"role" enum:"agent,supervisor,admin"`
}

// OneUseLink is a link to copy by hand; it is told once.
type OneUseLink struct {
	Kind      string `json:"kind" enum:"invite,reset"`
	URL       string `json:"url"`
	ExpiresAt int64  `json:"expires_at"`
}

func (s *Server) person(a identity.Agent) Person {
	p := Person{
		ID: idText(a.ID), Name: a.Name, Email: a.Email, Portrait: a.Portrait.Address(), Owner: a.Owner, Disabled: a.Disabled,
		HasPassword: a.PasswordHash != "", LastSeenAt: int64(a.LastSeenAt), CreatedAt: int64(a.CreatedAt), Roles: []RoleOnSite{},
	}
	for _, one := range s.parts.Sites.All() {
		if role := a.Roles[one.ID]; role != chat.NoRole {
			p.Roles = append(p.Roles, RoleOnSite{Site: idText(one.ID), Role: role.String()})
		}
	}
	return p
}

func linkURL(w whence, m identity.Made) OneUseLink {
	return OneUseLink{
		Kind: string(m.Link.Kind), ExpiresAt: int64(m.Link.ExpiresAt),
		URL: w.origin() + "/console/link#" + m.Secret,
	}
}

type peopleOutput struct {
	Body struct {
		People []Person `json:"people" nullable:"false"`
	}
}

type personInput struct {
	Body struct {
		Email string       `json:"email" maxLength:"400"`
		Name  string       `json:"name" maxLength:"400"`
		Owner bool         `json:"owner,omitempty"`
		Roles []RoleOnSite `json:"roles,omitempty" nullable:"false" maxItems:"1000"`
	}
}

type invitedOutput struct {
	Body struct {
		Person Person     `json:"person"`
		Link   OneUseLink `json:"link"`
	}
}

// PersonPath names an agent in a path. (huma looks only into embedded types that are exported.)
type PersonPath struct {
	Agent string `path:"agent" maxLength:"20"`
}

type personChange struct {
	PersonPath
	Body struct {
		Name     *string `json:"name,omitempty" maxLength:"400"`
		Email    *string `json:"email,omitempty" maxLength:"400"`
		Owner    *bool   `json:"owner,omitempty"`
		Disabled *bool   `json:"disabled,omitempty"`
	}
}

type (
	personOutput struct{ Body Person }
	linkOutput   struct{ Body OneUseLink }
)

// people are the routes of owners about all agents.
func (r *routes) people() {
	s, people := r.server, r.server.parts.People
	serve(r, onlyOwner(), op{method: "GET", path: "/people", id: "list-people", summary: "All agents, by name"},
		func(context.Context, caller, *struct{}) (*peopleOutput, error) {
			out := &peopleOutput{}
			out.Body.People = []Person{}
			for _, a := range people.All() {
				out.Body.People = append(out.Body.People, s.person(a))
			}
			return out, nil
		})
	serve(r, onlyOwner(), op{method: "POST", path: "/people", id: "invite-person", summary: "Make an agent, and the link by which it chooses its password", status: http.StatusCreated, body: settingsBody}, r.invite)
	serve(r, onlyOwner(), op{method: "PATCH", path: "/people/{agent}", id: "change-person", summary: "Change an agent; a disabled one loses its log-ins"},
		func(ctx context.Context, c caller, in *personChange) (*personOutput, error) {
			id, err := parseID[chat.AgentID](in.Agent)
			if err != nil {
				return nil, err
			}
			a, err := people.Change(ctx, c.by(), id, identity.Change{Name: in.Body.Name, Email: in.Body.Email, Owner: in.Body.Owner, Disabled: in.Body.Disabled})
			if err != nil {
				return nil, err
			}
			return &personOutput{Body: s.person(a)}, nil
		})
	serve(r, onlyOwner(), op{method: "POST", path: "/people/{agent}/link", id: "make-link", summary: "Make a new link for an agent's password; earlier ones are void", status: http.StatusCreated},
		func(ctx context.Context, c caller, in *PersonPath) (*linkOutput, error) {
			id, err := parseID[chat.AgentID](in.Agent)
			if err != nil {
				return nil, err
			}
			made, err := people.MakeLink(ctx, c.by(), id)
			if err != nil {
				return nil, err
			}
			return &linkOutput{Body: linkURL(c.whence, made)}, nil
		})
	serve(r, onlyOwner(), op{method: "DELETE", path: "/people/{agent}/log-ins", id: "revoke-log-ins-of-person", summary: "End all log-ins of an agent"},
		func(ctx context.Context, c caller, in *PersonPath) (*struct{}, error) {
			id, err := parseID[chat.AgentID](in.Agent)
			if err != nil {
				return nil, err
			}
			if _, ok := people.Agent(id); !ok {
				return nil, chat.Refuse(chat.NotFound, "there is no such agent")
			}
			return nil, people.RevokeOthers(ctx, c.by(), id, 0)
		})
}

func (r *routes) invite(ctx context.Context, c caller, in *personInput) (*invitedOutput, error) {
	n := identity.NewAgent{Email: in.Body.Email, Name: in.Body.Name, Owner: in.Body.Owner, Roles: map[chat.SiteID]chat.Role{}}
	for _, one := range in.Body.Roles {
		id, err := parseID[chat.SiteID](one.Site)
		if err != nil {
			return nil, err
		}
		n.Roles[id], _ = chat.ParseRole(one.Role)
	}
	agent, made, err := r.server.parts.People.Make(ctx, c.by(), n)
	if err != nil {
		return nil, err
	}
	out := &invitedOutput{}
	out.Body.Person, out.Body.Link = r.server.person(agent), linkURL(c.whence, made)
	return out, nil
}
