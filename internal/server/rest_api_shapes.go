package server

import (
	"strconv"
	"strings"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
)

// Actor is who did something.
type Actor struct {
	Kind string `json:"kind" enum:"visitor,agent,bot,system,key"`
	ID   string `json:"id,omitempty" doc:"A bot's is that of its API key."`
	Name string `json:"name,omitempty" doc:"Its name then."`
}

// AgentName names an agent.
type AgentName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// ConversationRound is one piece of work in a conversation.
type ConversationRound struct {
	Number          int64      `json:"number"`
	State           string     `json:"state" enum:"none,waiting,assigned,resolved"`
	Agent           *AgentName `json:"agent,omitempty" doc:"Who has it, or had it when it was resolved."`
	OpenedAt        int64      `json:"opened_at,omitempty"`
	ResolvedAt      int64      `json:"resolved_at,omitempty"`
	WaitingSince    int64      `json:"waiting_since,omitempty"`
	UnansweredSince int64      `json:"unanswered_since,omitempty" doc:"Since when the visitor awaits an agent's answer."`
}

// Conversation is the endless thread between a visitor and the site's agents.
type Conversation struct {
	ID              string            `json:"id" doc:"A UUID."`
	Visitor         string            `json:"visitor" doc:"The visitor's id."`
	CreatedAt       int64             `json:"created_at"`
	Round           ConversationRound `json:"round" doc:"The present round."`
	Position        string            `json:"position" doc:"Of its last event: a cursor for what comes after it."`
	LastAt          int64             `json:"last_at" doc:"When its last event came."`
	VisitorMessages int64             `json:"visitor_messages"`
	AgentMessages   int64             `json:"agent_messages" doc:"Those of agents and bots."`
	Last            *Event            `json:"last,omitempty" doc:"In lists: its last message or note, the text cut at 200 characters."`
}

// Event is a numbered entry of a conversation.
type Event struct {
	Seq      int64        `json:"seq" doc:"Its number: 1, 2, 3, without a gap."`
	Position string       `json:"position" doc:"Number and tag: as a cursor it continues behind this event, and proves itself."`
	Kind     string       `json:"kind" doc:"message, note, edit, recall, opened, reopened, assigned, released, returned, resolved, carried; more may come."`
	At       int64        `json:"at"`
	By       Actor        `json:"by"`
	Via      *Actor       `json:"via,omitempty" doc:"The API key by which it came in."`
	Revision int          `json:"revision,omitempty" doc:"Raised by each edit."`
	Private  bool         `json:"private,omitempty" doc:"The visitor does not see it."`
	Text     string       `json:"text,omitempty" doc:"Of a message or note, as it is now."`
	Erased   bool         `json:"erased,omitempty" doc:"Its text was taken back, or carried."`
	Carried  bool         `json:"carried,omitempty" doc:"Its text stands in another conversation now."`
	Files    []EventFile  `json:"files,omitempty" nullable:"false"`
	Round    *EventRound  `json:"round,omitempty" doc:"The change of the round, for the kinds that change it."`
	To       string       `json:"to,omitempty" doc:"Of carried: the id of the conversation in which the round goes on."`
	Origin   *EventOrigin `json:"origin,omitempty" doc:"Where it stood before its visitor logged in: nothing new, it was told there with the same text. A bot passes over it."`
	Target   *EventTarget `json:"target,omitempty" doc:"What an edit or a recall changed."`
	Fallback string       `json:"fallback,omitempty" doc:"One sentence in English, for readers who do not know the kind."`
}

// EventFile is a file of a message or note.
type EventFile struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type" doc:"The content type that its bytes have."`
	Size int64  `json:"size" doc:"In bytes."`
}

// EventRound is how an event changed the round.
type EventRound struct {
	Number int64      `json:"number"`
	Agent  *AgentName `json:"agent,omitempty" doc:"Who has it now."`
	From   *AgentName `json:"from,omitempty" doc:"Who had it before."`
}

// EventOrigin is where a carried event stood before.
type EventOrigin struct {
	Conversation string `json:"conversation" doc:"A UUID."`
	Seq          int64  `json:"seq" doc:"Its number there."`
}

// EventTarget is the event that another one changed.
type EventTarget struct {
	Seq int64 `json:"seq"`
}

func actorFor(p wire.Person) Actor {
	a := Actor{Kind: string(p.Kind), Name: p.Name}
	if p.ID != 0 {
		a.ID = idText(p.ID)
	}
	return a
}

func agentName(a *wire.Agent) *AgentName {
	if a == nil {
		return nil
	}
	return &AgentName{ID: idText(a.ID), Name: a.Name}
}

func roundFor(r wire.Round) ConversationRound {
	return ConversationRound{
		Number: r.Number, State: string(r.State), Agent: agentName(r.Agent), OpenedAt: r.OpenedAt, ResolvedAt: r.ResolvedAt,
		WaitingSince: r.WaitingSince, UnansweredSince: r.UnansweredSince,
	}
}

func (s *Server) nameOf(id chat.AgentID) string {
	a, _ := s.parts.People.Agent(id)
	return a.Name
}

func (s *Server) conversationFor(c chat.Conversation, state chat.State) Conversation {
	return conversationWith(s.nameOf, c, state)
}

func conversationWith(names wire.NameOf, c chat.Conversation, state chat.State) Conversation {
	return Conversation{
		ID: c.UUID.String(), Visitor: idText(c.Visitor), CreatedAt: int64(c.CreatedAt), Round: roundFor(wire.RoundOf(state, names)),
		Position: positionText(state.Seq, state.Tag), LastAt: int64(state.LastAt),
		VisitorMessages: state.VisitorMessages, AgentMessages: state.AgentMessages,
	}
}

// eventFor is an event as its site's agents see it.
func eventFor(e *wire.Event) Event {
	out := Event{
		Seq: e.N, Position: positionText(e.N, e.Tag), Kind: string(e.Kind), At: e.At, By: actorFor(e.By), Revision: e.Rev,
		Private: e.Private, Text: e.Text, Erased: e.Erased, Carried: e.Carried, Fallback: e.Fallback,
	}
	if e.Via != nil {
		via := actorFor(*e.Via)
		out.Via = &via
	}
	for _, f := range e.Files {
		out.Files = append(out.Files, EventFile{ID: idText(f.ID), Name: f.Name, Type: f.Type, Size: f.Size})
	}
	if e.Round != nil {
		out.Round = &EventRound{Number: e.Round.Number, Agent: agentName(e.Round.Agent), From: agentName(e.Round.From)}
	}
	if !e.To.IsNil() {
		out.To = e.To.String()
	}
	if e.Origin != nil {
		out.Origin = &EventOrigin{Conversation: e.Origin.C.String(), Seq: e.Origin.N}
	}
	if e.Target != nil {
		out.Target = &EventTarget{Seq: e.Target.N}
	}
	return out
}

// positionText is a position as it leaves the server: number and tag.
func positionText(number int64, tag uint32) string {
	return strconv.FormatInt(number, 10) + "." + strconv.FormatUint(uint64(tag), 10)
}

// parsePosition reads one. Errors: FieldError.
func parsePosition(text string) (p chat.Position, err error) {
	number, tag, _ := strings.Cut(text, ".")
	n, errN := strconv.ParseInt(number, 10, 64)
	t, errT := strconv.ParseUint(tag, 10, 32)
	if errN != nil || errT != nil || n < 0 || n > wire.MaxNumber {
		return p, badCursor()
	}
	return chat.Position{Number: n, Tag: uint32(t)}, nil
}

func badCursor() error {
	return site.Bad("cursor", "This is no cursor of this list: send one that an answer had, with the same other parameters, or none to begin.")
}
