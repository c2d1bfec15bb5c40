package wire

import (
	"fmt"
	"unicode/utf8"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Audience is who gets a frame: it decides which numbers it carries and what
// it leaves out.
type Audience int

// The two audiences.
const (
	// ForVisitor sees public events under public numbers, and no note.
	ForVisitor Audience = iota
	// ForAgents sees everything under the numbers among all events.
	ForAgents
)

// NameOf is the present name of an agent; empty if nobody knows it.
type NameOf = func(chat.AgentID) string

// EventFor is an event as the audience may see it; false: not at all.
// withClientID is for the sessions of the event's own author.
func EventFor(e *chat.Event, a Audience, withClientID bool) (Event, bool) {
	if a == ForVisitor && !e.Public {
		return Event{}, false
	}
	out := Event{
		N: e.Seq, Tag: e.Tag, Kind: e.Kind, V: e.V, At: int64(e.At), Rev: e.Rev,
		By: PersonOf(e.By), Private: !e.Public,
	}
	if a == ForVisitor {
		out.N = e.PublicSeq
		if e.By.Kind == chat.KeyActor {
			out.By = Person{Kind: chat.KeyActor} // which programs a team has is its own business
		}
	}
	if withClientID && !e.ClientID.IsNil() {
		out.ID = e.ClientID.String()
	}
	out.fill(e, a)
	return out, true
}

// fill adds what the event's kind says. A body that this program cannot read
// was written by a newer one: the reader gets the fallback.
func (out *Event) fill(e *chat.Event, a Audience) {
	switch e.Kind {
	case chat.Message, chat.Note:
		text, err := e.Body.Text()
		out.Text, out.Erased, out.Broadcast = text.Text, e.Erased() || text.Carried, text.Broadcast
		out.Carried, out.Origin = text.Carried, originOf(text.Origin, a)
		for _, f := range text.Files {
			out.Files = append(out.Files, File(f))
		}
		out.Via = viaOf(text.Via, a)
		if err != nil {
			out.Fallback = unreadable
		}
		return
	case chat.Edit, chat.Recall:
		if ref, err := e.Body.TargetRef(); err == nil {
			out.Origin = originOf(ref.Origin, a)
		}
		if e.Target != nil {
			if target, visible := EventFor(e.Target, a, false); visible {
				out.Target = &target
			}
		}
	case chat.Opened, chat.Reopened, chat.AssignedTo, chat.Released, chat.Returned, chat.Resolution, chat.Carried:
		change, err := e.Body.RoundChange()
		if err == nil && !e.Erased() {
			out.To, out.Origin = change.To, originOf(change.Origin, a)
			out.Round = &RoundChange{
				Number: change.Round,
				Agent:  agentOf(change.Agent, change.AgentName),
				From:   agentOf(change.From, change.FromName),
			}
			out.Via = viaOf(change.Via, a)
		}
	}
	out.Fallback = fallback(e.Kind, out.Round)
}

func viaOf(v *chat.Via, a Audience) *Person {
	if v == nil || a == ForVisitor {
		return nil
	}
	return &Person{Kind: chat.KeyActor, ID: v.ID, Name: v.Name}
}

// originOf is for agents: a visitor saw the same words, under other numbers.
func originOf(o *chat.Origin, a Audience) *Origin {
	if o == nil || a == ForVisitor {
		return nil
	}
	return &Origin{C: o.Conversation, N: o.Seq}
}

const unreadable = "This entry was written by a newer version of Kefu."

// fallback words an event in English for clients that do not know its kind.
func fallback(kind chat.Kind, round *RoundChange) string {
	switch kind {
	case chat.Edit:
		return "A text was changed."
	case chat.Recall:
		return "A text was taken back."
	case chat.Opened:
		return "A new round of the conversation began."
	case chat.Reopened:
		return "The conversation goes on."
	case chat.AssignedTo:
		if round != nil && round.Agent != nil && round.Agent.Name != "" {
			return round.Agent.Name + " has taken over the conversation."
		}
		return "An agent has taken over the conversation."
	case chat.Released, chat.Returned:
		return "The conversation waits for an agent."
	case chat.Resolution:
		return "The conversation was resolved."
	case chat.Carried:
		return "The visitor logged in: the conversation goes on in another one."
	}
	return unreadable
}

// PersonOf is an actor as others see it.
func PersonOf(r chat.ActorRef) Person { return Person{Kind: r.Kind, ID: r.ID, Name: r.Name} }

func agentOf(id chat.AgentID, name string) *Agent {
	if id == 0 {
		return nil
	}
	return &Agent{ID: id, Name: name}
}

// AgentRef names an agent; nil for nobody (0).
func AgentRef(id chat.AgentID, names NameOf) *Agent {
	if id == 0 || names == nil {
		return agentOf(id, "")
	}
	return agentOf(id, names(id))
}

// PageFor is a page as the audience may see it. own is the reader: its events
// carry their client_id.
func PageFor(p chat.Page, a Audience, own chat.ActorRef) Page {
	out := Page{
		Events: make([]Event, 0, len(p.Events)), Head: HeadOf(p.State, a),
		More: p.More, Reset: p.Reset, Truncated: p.Truncated,
	}
	for i := range p.Events {
		e := &p.Events[i]
		if event, visible := EventFor(e, a, e.By.Same(own)); visible {
			out.Events = append(out.Events, event)
		}
	}
	return out
}

// HeadOf is the position of the last event that the audience may see.
func HeadOf(s chat.State, a Audience) Position {
	if a == ForVisitor {
		return Position{N: s.PublicSeq, Tag: s.PublicTag}
	}
	return Position{N: s.Seq, Tag: s.Tag}
}

// AckFor says that the command id is kept: at the event it made, or at the
// head if nothing had to change.
func AckFor(c *chat.Changed, id chat.ClientID, a Audience) ServerAck {
	head := HeadOf(c.State, a)
	ack := ServerAck{T: "ack", ID: id, C: c.Conversation.UUID, N: head.N, Tag: head.Tag, At: int64(c.State.LastAt)}
	if c.Answer < 0 || c.Answer >= len(c.Events) {
		return ack
	}
	e := &c.Events[c.Answer]
	ack.N, ack.Tag, ack.At = e.Seq, e.Tag, int64(e.At)
	if a == ForVisitor {
		ack.N = e.PublicSeq
	}
	return ack
}

// PreviewCodePoints bounds the text of the last event in a list's row.
const PreviewCodePoints = 200

// Preview is the event of a list's row: its text cut, for agents.
func Preview(e *chat.Event) *Event {
	if e == nil {
		return nil
	}
	out, _ := EventFor(e, ForAgents, false)
	out.Text = cutCodePoints(out.Text, PreviewCodePoints)
	return &out
}

func cutCodePoints(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	count := 0
	for i := range s {
		if count == n {
			return s[:i]
		}
		count++
	}
	return s
}

// String names the audience in logs and tests.
func (a Audience) String() string {
	switch a {
	case ForVisitor:
		return "visitor"
	case ForAgents:
		return "agents"
	}
	return fmt.Sprintf("Audience(%d)", int(a))
}
