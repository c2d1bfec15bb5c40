package chat

import (
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// Kind says what an event is. Readers who do not know a kind advance their
// position and show the event's fallback text.
type Kind string

// The kinds of events.
const (
	Message    Kind = "message"  // text that both sides see
	Note       Kind = "note"     // text that only agents see
	Edit       Kind = "edit"     // a message or note has a new text
	Recall     Kind = "recall"   // a message or note was taken back: its body is empty now
	Opened     Kind = "opened"   // a new round waits
	Reopened   Kind = "reopened" // the last round goes on
	AssignedTo Kind = "assigned" // an agent has the round
	Released   Kind = "released" // its agent or a supervisor gave it back: it waits
	Returned   Kind = "returned" // its agent was absent: it waits
	Resolution Kind = "resolved" // the round is done
	Carried    Kind = "carried"  // its visitor logged in: the round goes on in another conversation
)

// turnsRound tells whether events of this kind change the round.
func (k Kind) turnsRound() bool {
	switch k {
	case Opened, Reopened, AssignedTo, Released, Returned, Resolution, Carried:
		return true
	}
	return false
}

// Kinds are all kinds of events.
func Kinds() []Kind {
	return []Kind{Message, Note, Edit, Recall, Opened, Reopened, AssignedTo, Released, Returned, Resolution, Carried}
}

// BodyVersion is the version of the bodies that this program writes.
const BodyVersion = 1

// Event is a numbered entry of a conversation. It never changes its
// visibility; an edit replaces its Body and raises Rev, a recall or an
// erasure empties it.
type Event struct {
	Conversation ConversationID
	Seq          int64
	// PublicSeq is the running count of public events, this one included:
	// the event's own public number if it is Public.
	PublicSeq int64
	Public    bool
	Tag       uint32 // random; proves a position
	Kind      Kind
	V         int
	Rev       int // 0; raised by each edit
	By        ActorRef
	ClientID  ClientID // zero unless it is the event a command asked for
	At        Millis
	// VisitorMessages and AgentMessages count both sides' messages up to and with this event.
	VisitorMessages, AgentMessages int64
	Body                           Body
	// Target is what an edit or recall changed, as it is now; nil for other kinds
	// and when retention has removed it.
	Target *Event
}

// Erased tells whether the event is a tombstone.
func (e *Event) Erased() bool { return len(e.Body) == 0 }

// Body is canonical JSON: the fields of the kind's body type in their order,
// no white space. Empty means erased.
type Body []byte

// Text is the body of a message and a note.
type Text struct {
	Text  string `json:"text"`
	Files []File `json:"files,omitzero"` // in the order in which they were chosen
	// Broadcast is the one that a visitor's message answers; 0: none.
	Broadcast int64 `json:"broadcast,omitzero,string"`
	// Carried tells that the text was carried to another conversation: nothing is here.
	Carried bool    `json:"carried,omitzero"`
	Origin  *Origin `json:"origin,omitzero"`
	Via     *Via    `json:"via,omitzero"`
}

// TargetRef is the body of an edit and a recall: the number of what it changed,
// among all events and among public ones (0 for a note).
type TargetRef struct {
	Seq       int64 `json:"seq"`
	PublicSeq int64 `json:"public_seq,omitzero"`

	Origin *Origin `json:"origin,omitzero"`
}

// RoundChange is the body of opened, reopened, assigned, released, returned, resolved
// and carried.
type RoundChange struct {
	Round int64 `json:"round"`
	// Agent has the round after the change; From had it before. 0 for nobody.
	Agent     AgentID `json:"agent,omitzero,string"`
	AgentName string  `json:"agent_name,omitzero"`
	From      AgentID `json:"from,omitzero,string"`
	FromName  string  `json:"from_name,omitzero"`
	// To is the conversation in which the round goes on; of carried only.
	To     ConversationUUID `json:"to,omitzero"`
	Origin *Origin          `json:"origin,omitzero"`
	Via    *Via             `json:"via,omitzero"`
}

func bodyOf(v any) Body {
	b, err := json.Marshal(v)
	if err != nil { // the body types are plain structs: this is a mistake in this package
		panic(fmt.Sprintf("chat: marshal %T: %v", v, err))
	}
	return b
}

// Text reads the body of a message or note; an erased body is the empty Text.
func (b Body) Text() (Text, error) {
	if s, ok := b.plainText(); ok {
		return Text{Text: s}, nil
	}
	return readBody[Text](b)
}

// plainText reads what most bodies are, a text in which nothing is escaped,
// without the decoder: each message is read several times.
func (b Body) plainText() (string, bool) {
	const begin, end = `{"text":"`, `"}`
	if len(b) < len(begin)+len(end) || string(b[:len(begin)]) != begin || string(b[len(b)-len(end):]) != end {
		return "", false
	}
	inner := b[len(begin) : len(b)-len(end)]
	for _, c := range inner {
		if c < ' ' || c == '"' || c == '\\' {
			return "", false
		}
	}
	return string(inner), utf8.Valid(inner)
}

// TargetRef reads the body of an edit or recall.
func (b Body) TargetRef() (TargetRef, error) { return readBody[TargetRef](b) }

// RoundChange reads the body of an event about the round.
func (b Body) RoundChange() (RoundChange, error) { return readBody[RoundChange](b) }

func readBody[T any](b Body) (T, error) {
	var v T
	if len(b) == 0 {
		return v, nil
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("event body: %w", err)
	}
	return v, nil
}

// Draft is an event before it has a number.
type Draft struct {
	Kind   Kind
	Public bool
	By     ActorRef
	Body   Body
	// Answers marks the event that the command asked for: it carries the client_id.
	Answers bool
	// Replace and Erase tell what happens to the row of an earlier event.
	Replace *Replacement
	Erase   int64 // seq whose body is emptied, with its revisions and files; 0 for none
	// Attach are the uploads that become this event's.
	Attach []FileID
}

// Replacement is a new body for an earlier event; the old one becomes a revision.
type Replacement struct {
	Seq  int64
	Body Body
}
