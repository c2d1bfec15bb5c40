package server

import (
	"context"
	"net/http"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

// Member is an agent of a site as the site's agents see it.
type Member struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Role       string `json:"role" enum:"agent,supervisor,admin"`
	Owner      bool   `json:"owner,omitempty" doc:"An owner is admin of every site."`
	Portrait   string `json:"portrait,omitempty" doc:"The address of the portrait, a path on this server."`
	Email      string `json:"email,omitempty" doc:"For the site's admins."`
	LastSeenAt int64  `json:"last_seen_at,omitempty" doc:"For the site's admins."`
}

func memberFor(c caller, a identity.Agent) Member {
	a.Disabled = false // the role is told that waits for somebody who is out now, too
	m := Member{ID: idText(a.ID), Name: a.Name, Role: a.RoleOn(c.site.ID).String(), Owner: a.Owner, Portrait: a.Portrait.Address()}
	if c.agent.RoleOn(c.site.ID) >= chat.RoleAdmin {
		m.Email, m.LastSeenAt = a.Email, int64(a.LastSeenAt)
	}
	return m
}

type (
	memberOutput  struct{ Body Member }
	membersOutput struct {
		Body struct {
			Agents []Member `json:"agents" nullable:"false"`
		}
	}
	newMember struct {
		SitePath
		Body struct {
			Email string `json:"email" maxLength:"400" doc:"Of somebody whom an owner has made already."`
			Role  string `json:"role" enum:"agent,supervisor,admin"`
		}
	}
	// MemberPath names an agent of a site.
	MemberPath struct {
		SitePath
		PersonPath
	}
	memberChange struct {
		MemberPath
		Body struct {
			Role string `json:"role" enum:"agent,supervisor,admin"`
		}
	}
)

// members are the routes about a site's memberships.
func (r *routes) members() {
	people := r.server.parts.People
	serve(r, onSiteOrKey(chat.RoleAgent, identity.ReadScope), op{method: "GET", path: "/sites/{site}/agents", id: "list-agents", summary: "The agents of a site, by name"},
		func(_ context.Context, c caller, _ *SitePath) (*membersOutput, error) {
			out := &membersOutput{}
			out.Body.Agents = []Member{}
			for _, a := range people.AgentsOf(c.site.ID) {
				out.Body.Agents = append(out.Body.Agents, memberFor(c, a))
			}
			return out, nil
		})
	serve(r, onSite(chat.RoleAdmin), op{method: "POST", path: "/sites/{site}/agents", id: "add-agent", summary: "Let somebody whom an owner has made work on a site", status: http.StatusCreated},
		func(ctx context.Context, c caller, in *newMember) (*memberOutput, error) {
			known, ok := people.ByEmail(in.Body.Email)
			if !ok || known.Disabled {
				return nil, badField("email", "Nobody here has this e-mail address. Ask an owner to invite this person first.")
			}
			return r.setRole(ctx, c, known.ID, in.Body.Role)
		})
	serve(r, onSite(chat.RoleAdmin), op{method: "PUT", path: "/sites/{site}/agents/{agent}", id: "set-role", summary: "Change the role of one of a site's agents"},
		func(ctx context.Context, c caller, in *memberChange) (*memberOutput, error) {
			id, err := r.member(c, in.Agent)
			if err != nil {
				return nil, err
			}
			return r.setRole(ctx, c, id, in.Body.Role)
		})
	serve(r, onSite(chat.RoleAdmin), op{method: "DELETE", path: "/sites/{site}/agents/{agent}", id: "remove-agent", summary: "End somebody's work on a site"},
		func(ctx context.Context, c caller, in *MemberPath) (*struct{}, error) {
			id, err := r.member(c, in.Agent)
			if err != nil {
				return nil, err
			}
			_, err = people.SetRole(ctx, c.by(), c.site.ID, id, chat.NoRole)
			return nil, err
		})
}

// member reads the id of one of the site's agents; an owner may name anybody.
func (r *routes) member(c caller, text string) (chat.AgentID, error) {
	id, err := parseID[chat.AgentID](text)
	if err != nil {
		return 0, err
	}
	a, ok := r.server.parts.People.Agent(id)
	if !ok || !c.agent.Owner && a.RoleOn(c.site.ID) == chat.NoRole {
		return 0, chat.Refuse(chat.NotFound, "nobody with this id works on this site")
	}
	return id, nil
}

func (r *routes) setRole(ctx context.Context, c caller, id chat.AgentID, name string) (*memberOutput, error) {
	role, _ := chat.ParseRole(name) // huma has checked the name; NoRole is refused below
	if role == chat.NoRole {
		return nil, badField("role", "Choose one of agent, supervisor, admin.")
	}
	a, err := r.server.parts.People.SetRole(ctx, c.by(), c.site.ID, id, role)
	if err != nil {
		return nil, err
	}
	return &memberOutput{Body: memberFor(c, a)}, nil
}
