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
)

// Type is what a message to a webhook is about. Receivers know it: it never changes.
type Type string

// Ping is the type of a test.
const Ping Type = "ping"

// types are what webhooks may ask for, in the order of the bits of a Wish: a new one
// comes last, and there are 64 at most.
var types = []struct {
	name   Type
	kind   chat.Kind
	public bool
}{
	{"message.created", chat.Message, true},
	{"message.edited", chat.Edit, true},
	{"message.recalled", chat.Recall, true},
	{"note.created", chat.Note, false},
	{"note.edited", chat.Edit, false},
	{"note.recalled", chat.Recall, false},
	{"round.opened", chat.Opened, true},
	{"round.reopened", chat.Reopened, true},
	{"round.assigned", chat.AssignedTo, true},
	{"round.released", chat.Released, true},
	{"round.returned", chat.Returned, true},
	{"round.resolved", chat.Resolution, true},
	{"round.carried", chat.Carried, true},
}

// Types are all that webhooks may ask for.
func Types() []Type {
	all := make([]Type, len(types))
	for i, t := range types {
		all[i] = t.name
	}
	return all
}

// number is the bit of what an event is about; -1: webhooks are not told of it.
func number(e *chat.Event) int {
	byText := e.Kind == chat.Edit || e.Kind == chat.Recall
	for i, t := range types {
		if t.kind == e.Kind && (!byText || t.public == e.Public) {
			return i
		}
	}
	return -1
}

// TypeOf is what an event is about; "": webhooks are not told of it.
func TypeOf(e *chat.Event) Type {
	if i := number(e); i >= 0 {
		return types[i].name
	}
	return ""
}

// Wish is what a webhook wants to know: all that the path of each message asks of it.
type Wish struct {
	ID    ID
	types uint64
}

// WishFor makes a wish for some types; unknown ones, a newer program's, are left out.
func WishFor(id ID, wanted []Type) Wish {
	w := Wish{ID: id}
	for i, t := range types {
		if slices.Contains(wanted, t.name) {
			w.types |= 1 << i
		}
	}
	return w
}

// Wants tells whether an event is wanted.
func (w Wish) Wants(e *chat.Event) bool {
	i := number(e)
	return i >= 0 && w.types&(1<<i) != 0
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
	// PausedAt and Why say since when and why it is Paused.
	PausedAt chat.Millis
	Why      string
	MadeBy   chat.ActorRef
	MadeAt   chat.Millis
}

// Wish is what it wants, in whatever state it is.
func (w Webhook) Wish() Wish { return WishFor(w.ID, w.Types) }

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
	if len([]rune(c.Name)) > MaxName || strings.ContainsRune(c.Name, 0) {
		return c, site.Bad("name", "a name has at most %d characters", MaxName)
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
	Oldest        chat.Millis // 0: nothing waits
}
