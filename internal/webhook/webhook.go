// Package webhook tells a website's own servers what happens in its conversations:
// which address wants what, what waits for it, how it is signed, tried and logged.
package webhook

import (
	"slices"
	"strings"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/site"
)

// ID is a webhook's.
type ID int64

// State says whether a webhook is told anything.
type State string

// The states. The names stand in the database: they never change.
const (
	On     State = "on"
	Off    State = "off"    // nothing is kept for it
	Paused State = "paused" // it failed for too long: what happens is kept until an admin resumes it
	// Resuming and Deleting are on their way, a step at a time: to On, and to nothing.
	Resuming State = "resuming"
	Deleting State = "deleting"
)

// Type is what a message to a webhook is about. Receivers know it: it never changes.
type Type string

// Ping is the type of a test. Lost is that of an entry of the log which nothing was sent
// for: the events were removed before.
const (
	Ping Type = "ping"
	Lost Type = "lost"
)

// The types of messages that webhooks may ask for.
const (
	MessageCreated  Type = "message.created"
	MessageEdited   Type = "message.edited"
	MessageRecalled Type = "message.recalled"
	NoteCreated     Type = "note.created"
	NoteEdited      Type = "note.edited"
	NoteRecalled    Type = "note.recalled"
	RoundOpened     Type = "round.opened"
	RoundReopened   Type = "round.reopened"
	RoundAssigned   Type = "round.assigned"
	RoundReleased   Type = "round.released"
	RoundReturned   Type = "round.returned"
	RoundResolved   Type = "round.resolved"
	RoundCarried    Type = "round.carried"
)

// Types are all that webhooks may ask for.
func Types() []Type {
	return []Type{
		MessageCreated, MessageEdited, MessageRecalled, NoteCreated, NoteEdited, NoteRecalled,
		RoundOpened, RoundReopened, RoundAssigned, RoundReleased, RoundReturned, RoundResolved, RoundCarried,
	}
}

// TypeOf is what an event is about; "": webhooks are not told of it.
func TypeOf(e *chat.Event) Type {
	switch e.Kind {
	case chat.Message:
		return MessageCreated
	case chat.Note:
		return NoteCreated
	case chat.Edit:
		return ofText(e, MessageEdited, NoteEdited)
	case chat.Recall:
		return ofText(e, MessageRecalled, NoteRecalled)
	case chat.Opened:
		return RoundOpened
	case chat.Reopened:
		return RoundReopened
	case chat.AssignedTo:
		return RoundAssigned
	case chat.Released:
		return RoundReleased
	case chat.Returned:
		return RoundReturned
	case chat.Resolution:
		return RoundResolved
	case chat.Carried:
		return RoundCarried
	}
	return ""
}

// ofText tells a message's edit or recall from a note's, which agents alone see.
func ofText(e *chat.Event, message, note Type) Type {
	if e.Public {
		return message
	}
	return note
}

// Wish is what a webhook wants to know: all that the path of each message asks of it.
type Wish struct {
	ID ID
	// Idle: what happens is kept for it, and not sent now.
	Idle  bool
	types []Type
}

// Wants tells whether an event is wanted.
func (w Wish) Wants(e *chat.Event) bool {
	t := TypeOf(e)
	return t != "" && slices.Contains(w.types, t)
}

// Webhook is an address of a site's that is told what happens.
type Webhook struct {
	ID    ID
	Site  chat.SiteID
	Name  string
	URL   string
	Types []Type // in the order of Types
	State State
	// Secret signs; Old, too, until OldUntil: while receivers change over.
	Secret, Old string
	OldUntil    chat.Millis
	Since       chat.Millis // when it came into its State
	// PausedAt and Why say since when and why it is Paused.
	PausedAt chat.Millis
	Why      string
	// Lost are at most so many events that were removed before they could be sent to it,
	// the last of them at LostAt.
	Lost   int64
	LostAt chat.Millis
	MadeBy chat.ActorRef
	MadeAt chat.Millis
}

// Wish is what it wants, in whatever state it is.
func (w Webhook) Wish() Wish { return Wish{ID: w.ID, Idle: w.State != On, types: w.Types} }

// Content is what an admin says of a webhook.
type Content struct {
	Name  string
	URL   string
	Types []Type
	On    bool
}

// Bounds.
const (
	MaxWebhooks = 10  // of a site
	MaxName     = 100 // code points
	// MaxLogged and KeepLogged bound a webhook's log.
	MaxLogged  = 10_000
	KeepLogged = 7 * 24 * time.Hour
	// MaxAnswer is how much of an answer the log keeps, in bytes.
	MaxAnswer = 1 << 10
	// OldLasts is how long the secret before the present one signs, too.
	OldLasts = 24 * time.Hour
)

// Check puts a content right, or says what is wrong with it as a *site.FieldError. What
// is to be known of the address, the Hooks check.
func (c Content) Check() (Content, error) {
	c.Name = strings.TrimSpace(c.Name)
	if len([]rune(c.Name)) > MaxName || !chat.IsOneLine(c.Name) {
		return c, site.Bad("name", "a name is one line of at most %d characters", MaxName)
	}
	known := Types()
	for _, t := range c.Types {
		if !slices.Contains(known, t) {
			return c, site.Bad("types", "%.40q is no type of messages", t)
		}
	}
	c.Types = slices.DeleteFunc(known, func(t Type) bool { return !slices.Contains(c.Types, t) })
	if len(c.Types) == 0 {
		return c, site.Bad("types", "name at least one type of messages")
	}
	return c, nil
}

// Queue is what waits for a webhook from one conversation: its outbox row. Events from
// Next to Last are sent one after the other, as far as they are wanted.
type Queue struct {
	Webhook      ID
	Conversation chat.ConversationID
	Next, Last   int64       // seq
	Since        chat.Millis // about when the next one happened
	Tries        int         // of the next one, so far
	Aside        int         // since then it was set aside so often: it could not be read
	Delivery     int64       // its entry in the log; 0: none yet
}

// Delivery is an entry of a webhook's log: a message and what became of it.
type Delivery struct {
	ID           int64
	Webhook      ID
	Message      string              // its id, the same for all tries
	Conversation chat.ConversationID // 0: a ping
	Seq          int64
	Type         Type
	Delivered    bool
	Status       int    // of the last answer; 0: there was none
	Answer       string // its first MaxAnswer bytes
	Why          string // why it failed
	Took         time.Duration
	Tries        int
	At           chat.Millis // of the last try
	NextAt       chat.Millis // of the next one; 0: none is planned
}

// Waiting is how much waits for webhooks, and since when.
type Waiting struct {
	Conversations int64
	Events        int64       // at most: unwanted ones may stand in between
	Oldest        chat.Millis // 0: nothing waits
	Next          chat.Millis // when the next is tried; 0: nothing waits
}

// Recent is what became of a webhook's messages lately, as far as its log goes: when the
// last one was delivered, and when one failed. 0: none.
type Recent struct {
	Delivered, Failed chat.Millis
	Why               string // the last one failed
}

// Gap is a row of the outbox whose first events were removed: First is the first that
// its conversation still has.
type Gap struct {
	Queue
	Name  chat.ConversationUUID
	First int64
}

// To is the last one that is missing of what waited.
func (g Gap) To() int64 { return min(g.First-1, g.Last) }
