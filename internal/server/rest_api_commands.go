package server

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
)

// textBody bounds a message or a note in JSON, in bytes.
const textBody = 256 << 10

// commandWait is how long an outcome is waited for.
const commandWait = 20 * time.Second

// ActAs says in whose name an API key acts; without a name it acts in its own.
type ActAs struct {
	Agent string `json:"agent,omitempty" maxLength:"20" doc:"The id of an agent who works on the site: it acts with that agent's role."`
	Bot   string `json:"bot,omitempty" maxLength:"400" doc:"The name of a bot, as the visitor sees it. It answers while no agent has the round, and takes none."`
}

type (
	// RequestName is the header by which a repetition is known.
	RequestName struct {
		Name string `header:"Idempotency-Key" maxLength:"200" doc:"Names this request: the same one again, with the same body, changes nothing more and is answered alike."`
	}
	textInput struct {
		ConversationPath
		RequestName
		Body struct {
			As   ActAs  `json:"as" required:"false" doc:"A message is an agent's or a bot's."`
			Text string `json:"text" maxLength:"20000"`
		}
	}
	commandInput struct {
		ConversationPath
		RequestName
		Body struct {
			As ActAs `json:"as" required:"false"`
		}
	}
	assignInput struct {
		ConversationPath
		RequestName
		Body struct {
			As    ActAs  `json:"as" required:"false"`
			Agent string `json:"agent" maxLength:"20" doc:"The id of the agent who gets the round."`
		}
	}
	changedOutput struct {
		Body struct {
			Conversation Conversation `json:"conversation"`
			Event        *Event       `json:"event,omitempty" doc:"What the request has appended; absent where nothing had to change."`
		}
	}
)

// commands are the routes by which API keys act in conversations. People do that over
// their live connection.
func (r *routes) commands() {
	const one = "/sites/{site}/conversations/{conversation}"
	who, desk := withKey(identity.WriteScope), func() *chat.Desk { return r.server.parts.Hub.Desk() }
	serve(r, who, op{method: "POST", path: one + "/messages", id: "send-message", summary: "Send a message as an agent or a bot", status: http.StatusCreated, body: textBody, repeats: appends},
		func(ctx context.Context, c caller, in *textInput) (*changedOutput, error) {
			return r.server.command(ctx, c, &in.ConversationPath, in.Name, in.Body.As, func(cmd chat.Command, done chat.Done) { desk().Send(cmd, in.Body.Text, done) })
		})
	serve(r, who, op{method: "POST", path: one + "/notes", id: "add-note", summary: "Add a note, which only agents see", status: http.StatusCreated, body: textBody, repeats: appends},
		func(ctx context.Context, c caller, in *textInput) (*changedOutput, error) {
			return r.server.command(ctx, c, &in.ConversationPath, in.Name, in.Body.As, func(cmd chat.Command, done chat.Done) { desk().Note(cmd, in.Body.Text, done) })
		})
	serve(r, who, op{method: "POST", path: one + "/assign", id: "assign-round", summary: "Give the round to an agent", repeats: acts},
		func(ctx context.Context, c caller, in *assignInput) (*changedOutput, error) {
			to, err := chat.ParseID(in.Body.Agent)
			if err != nil {
				return nil, site.Bad("agent", "Send the id of an agent.")
			}
			return r.server.command(ctx, c, &in.ConversationPath, in.Name, in.Body.As, func(cmd chat.Command, done chat.Done) {
				desk().Assign(cmd, c.site.ID, chat.AgentID(to), done)
			})
		})
	for _, verb := range []struct {
		path, id, summary string
		do                func(d *chat.Desk, cmd chat.Command, done chat.Done)
	}{
		{"/take", "take-round", "Have an agent take a waiting round", (*chat.Desk).Take},
		{"/release", "release-round", "Give the round back to the queue", (*chat.Desk).Release},
		{"/resolve", "resolve-round", "End the round", (*chat.Desk).Resolve},
	} {
		serve(r, who, op{method: "POST", path: one + verb.path, id: verb.id, summary: verb.summary, repeats: acts},
			func(ctx context.Context, c caller, in *commandInput) (*changedOutput, error) {
				return r.server.command(ctx, c, &in.ConversationPath, in.Name, in.Body.As, func(cmd chat.Command, done chat.Done) { verb.do(desk(), cmd, done) })
			})
	}
}

// actor is who acts by an API key. Errors: FieldError, NotMember.
func (s *Server) actor(c caller, as ActAs) (chat.Actor, error) {
	switch {
	case as.Agent != "" && as.Bot != "":
		return chat.Actor{}, site.Bad("as", "Name an agent or a bot, not both.")
	case as.Bot != "":
		name, err := site.CheckName("as.bot", as.Bot)
		return chat.Actor{Kind: chat.BotActor, ID: c.key.ID, Name: name, Role: chat.RoleAgent}, err
	case as.Agent == "":
		actor := c.key.Actor()
		actor.Role = chat.RoleSupervisor
		return actor, nil
	}
	id, err := chat.ParseID(as.Agent)
	if err != nil {
		return chat.Actor{}, site.Bad("as.agent", "Send the id of an agent.")
	}
	agent, _ := s.parts.People.Agent(chat.AgentID(id))
	actor := agent.Actor(c.site.ID)
	if actor.Role == chat.NoRole {
		return actor, chat.Refuse(chat.NotMember, "there is no agent %s who works on this site", as.Agent)
	}
	return actor, nil
}

// clientID is the client_id of a request of an API key: the same for the same
// Idempotency-Key, so that the conversation's own transaction knows a repetition.
func clientID(key identity.Key, name string) chat.ClientID {
	if name == "" {
		return uuid.Must(uuid.NewV7())
	}
	sum := sha256.New()
	_ = binary.Write(sum, binary.BigEndian, key.ID) // a hash takes everything
	sum.Write([]byte("\x00request\x00" + name))
	id := chat.ClientID(sum.Sum(nil)[:16])
	id.SetVersion(8)
	id.SetVariant(uuid.VariantRFC9562)
	return id
}

// command hands an act of an API key to the desk, and waits for its outcome.
func (s *Server) command(ctx context.Context, c caller, in *ConversationPath, name string, as ActAs, do func(chat.Command, chat.Done)) (*changedOutput, error) {
	conv, err := s.conversation(c, in)
	if err != nil {
		return nil, err
	}
	if only, _ := ctx.Value(toldOnly{}).(bool); only {
		return s.presently(ctx, conv)
	}
	by, err := s.actor(c, as)
	if err != nil {
		return nil, err
	}
	cmd := chat.Command{By: by, ClientID: clientID(c.key, name), Conversation: conv.ID, Via: &chat.Via{ID: c.key.ID, Name: c.key.Name}}
	ctx, cancel := context.WithTimeout(ctx, commandWait)
	defer cancel()
	if name != "" {
		if err := s.notAskedByOthers(ctx, cmd); err != nil {
			return nil, err
		}
	}
	type outcome struct {
		changed chat.Changed
		err     error
	}
	done := make(chan outcome, 1)
	do(cmd, func(changed chat.Changed, err error) { done <- outcome{changed, err} })
	select {
	case o := <-done:
		return s.changed(o.changed, o.err)
	case <-ctx.Done():
		return nil, chat.Refuse(chat.Unknown, "it is not known whether this was kept: repeat it with the same Idempotency-Key")
	}
}

// notAskedByOthers refuses a name under which the key has acted as somebody else:
// conversations know a repetition by the actor, too. The name is this request's alone
// meanwhile.
func (s *Server) notAskedByOthers(ctx context.Context, cmd chat.Command) error {
	actors, err := s.parts.Requests.AskedBy(ctx, cmd.ClientID)
	if err != nil {
		return err
	}
	for _, one := range actors {
		if !one.Same(cmd.By.Ref()) {
			return chat.Refuse(chat.ClientIDReused, "another request was made under this Idempotency-Key: take a new one for a new request")
		}
	}
	return nil
}

// presently is the answer to a repetition of what appended nothing.
func (s *Server) presently(ctx context.Context, c chat.Conversation) (*changedOutput, error) {
	state, err := s.parts.Hub.Store.Head(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	return s.changed(chat.Changed{Conversation: c, State: state, Answer: -1}, nil)
}

func (s *Server) changed(c chat.Changed, err error) (*changedOutput, error) {
	if err != nil {
		return nil, err
	}
	out := &changedOutput{}
	out.Body.Conversation = s.conversationFor(c.Conversation, c.State)
	if c.Answer >= 0 && c.Answer < len(c.Events) {
		told, _ := wire.EventFor(&c.Events[c.Answer], wire.ForAgents, false)
		event := eventFor(&told)
		out.Body.Event = &event
	}
	return out, nil
}
