package server

import (
	"context"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
)

// Mark is how far a participant has received and read a conversation.
type Mark struct {
	Who      Actor `json:"who"`
	Received int64 `json:"received" doc:"The number of an event."`
	Read     int64 `json:"read" doc:"The number of an event."`
}

// AgentPresence is how present an agent is.
type AgentPresence struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Role     string `json:"role" enum:"agent,supervisor,admin"`
	Presence string `json:"presence" enum:"online,away,offline"`
}

// VisitorPresence is where a visitor is now.
type VisitorPresence struct {
	Presence string `json:"presence" enum:"online,away,offline"`
	Since    int64  `json:"since,omitempty" doc:"When it came."`
	Page     string `json:"page,omitempty" doc:"The address of the page that it looks at."`
	Title    string `json:"title,omitempty" doc:"The title of that page."`
}

type (
	marksOutput struct {
		Body struct {
			Marks []Mark `json:"marks" nullable:"false"`
		}
	}
	markInput struct {
		ConversationPath
		Body struct {
			Agent    string `json:"agent" maxLength:"20" doc:"The id of the agent who has read so far."`
			Received int64  `json:"received,omitempty" minimum:"0" maximum:"9007199254740991"`
			Read     int64  `json:"read,omitempty" minimum:"0" maximum:"9007199254740991"`
		}
	}
	markOutput     struct{ Body Mark }
	presenceOutput struct {
		Body struct {
			Agents []AgentPresence `json:"agents" nullable:"false" doc:"By name."`
		}
	}
	visitorPresenceOutput struct{ Body VisitorPresence }
)

// marksAndPresence are the routes about who has read what, and who is here.
func (r *routes) marksAndPresence() {
	const marks = "/sites/{site}/conversations/{conversation}/marks"
	read := onSiteOrKey(chat.RoleAgent, identity.ReadScope)
	serve(r, read, op{method: "GET", path: marks, id: "list-marks", summary: "How far everybody has read a conversation"},
		func(ctx context.Context, c caller, in *ConversationPath) (*marksOutput, error) {
			conv, err := r.server.conversation(c, in)
			if err != nil {
				return nil, err
			}
			all, err := r.server.parts.Hub.Store.Marks(ctx, conv.ID)
			out := &marksOutput{}
			out.Body.Marks = make([]Mark, len(all))
			for i, m := range all {
				out.Body.Marks[i] = r.server.markFor(m)
			}
			return out, err
		})
	serve(r, withKey(identity.WriteScope), op{method: "PUT", path: marks, id: "set-mark", summary: "Say how far an agent has read a conversation; it never goes back", repeats: itself}, r.setMark)
	serve(r, read, op{method: "GET", path: "/sites/{site}/presence", id: "get-presence", summary: "Which agents of a site are here"},
		func(_ context.Context, c caller, _ *SitePath) (*presenceOutput, error) {
			out := &presenceOutput{}
			out.Body.Agents = []AgentPresence{}
			for _, a := range r.server.parts.People.AgentsOf(c.site.ID) {
				out.Body.Agents = append(out.Body.Agents, AgentPresence{
					ID: idText(a.ID), Name: a.Name, Role: a.RoleOn(c.site.ID).String(), Presence: r.server.parts.Hub.AgentHere(a.ID).String(),
				})
			}
			return out, nil
		})
	serve(r, read, op{method: "GET", path: "/sites/{site}/visitors/{visitor}/presence", id: "get-visitor-presence", summary: "Whether a visitor is here, and on which page"},
		func(ctx context.Context, c caller, in *VisitorPath) (*visitorPresenceOutput, error) {
			one, err := r.server.visitor(ctx, c, in)
			if err != nil {
				return nil, err
			}
			out := &visitorPresenceOutput{Body: VisitorPresence{Presence: "offline"}}
			if v, here := r.server.parts.Hub.VisitorHere(ctx, c.site.ID, one.ID); here {
				out.Body.Presence, out.Body.Since = v.State.String(), int64(v.Since)
				if v.Page != nil {
					out.Body.Page, out.Body.Title = v.Page.URL, v.Page.Title
				}
			}
			return out, nil
		})
}

func (s *Server) markFor(m chat.Mark) Mark {
	out := Mark{Who: actorFor(wire.PersonOf(m.Who)), Received: m.Received, Read: m.Read}
	if m.Who.Kind == chat.AgentActor {
		out.Who.Name = s.nameOf(chat.AgentID(m.Who.ID))
	}
	return out
}

// setMark moves the marks of an agent.
func (r *routes) setMark(ctx context.Context, c caller, in *markInput) (*markOutput, error) {
	conv, err := r.server.conversation(c, &in.ConversationPath)
	if err != nil {
		return nil, err
	}
	if in.Body.Agent == "" {
		return nil, site.Bad("agent", "Send the id of an agent.")
	}
	by, err := r.server.actor(c, ActAs{Agent: in.Body.Agent})
	if err != nil {
		return nil, err
	}
	type outcome struct {
		mark chat.Mark
		err  error
	}
	done := make(chan outcome, 1)
	r.server.parts.Hub.Desk().Mark(&chat.MarkChange{
		Conversation: conv.ID, Who: by.Ref(), Received: max(in.Body.Received, in.Body.Read), Read: in.Body.Read,
		Done: func(m chat.Mark, _ bool, err error) { done <- outcome{m, err} },
	})
	late := time.NewTimer(commandWait)
	defer late.Stop()
	select {
	case o := <-done:
		if o.err != nil {
			return nil, o.err
		}
		return &markOutput{Body: r.server.markFor(o.mark)}, nil
	case <-ctx.Done():
	case <-late.C:
	}
	return nil, chat.Refuse(chat.Unknown, "it is not known whether this was kept: repeat it")
}
