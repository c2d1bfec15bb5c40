package chat

import (
	"context"
	"time"
)

// Store remembers what the rules decided. Its methods return ctx's error when
// cancelled, a *Refusal where one is named, or an error of the engine.
type Store interface {
	// Change puts c into the next commit group and returns at once; c.Done is
	// called exactly once, after the commit that the database has fsynced, in
	// commit order. A full queue calls it at once with Busy.
	Change(c *Change)
	// Mark moves a participant's marks forward in the next commit group and
	// returns at once. Marks that would go backward change nothing.
	Mark(m *MarkChange)
	// Carry takes a round along in a transaction of its own, as Change does.
	Carry(c *Carry)

	// Head is the conversation's state now. Errors: NotFound.
	Head(ctx context.Context, id ConversationID) (State, error)
	// Conversation finds a conversation by its outside name. Errors: NotFound.
	Conversation(ctx context.Context, id ConversationUUID) (Conversation, error)
	// ConversationByID is the same by the inside id. Errors: NotFound.
	ConversationByID(ctx context.Context, id ConversationID) (Conversation, error)
	// Page reads events after or before a position. Errors: NotFound.
	Page(ctx context.Context, q PageQuery) (Page, error)
	// Marks are the marks of everybody in a conversation.
	Marks(ctx context.Context, id ConversationID) ([]Mark, error)
	// Heads, Conversations and MarksOf are Head, ConversationByID and Marks for many
	// at once, in any order; those that do not exist are left out.
	Heads(ctx context.Context, ids []ConversationID) ([]State, error)
	Conversations(ctx context.Context, ids []ConversationID) ([]Conversation, error)
	MarksOf(ctx context.Context, ids []ConversationID) (map[ConversationID][]Mark, error)

	// List is a page of list rows in the order of the view.
	List(ctx context.Context, q ListQuery) ([]ListRow, error)
	// Rows are the list rows of these conversations as agent sees them; those
	// that do not exist are left out.
	Rows(ctx context.Context, agent AgentID, ids []ConversationID) ([]ListRow, error)
	// Counts are the numbers of open rounds of a site.
	Counts(ctx context.Context, sites []SiteID) (map[SiteID]Counts, error)
	// ChangedSince lists the conversations of the sites whose list row changed
	// in the last span milliseconds by the database's clock, or at most as far ahead
	// of it, with that clock's present time: what healing compares.
	ChangedSince(ctx context.Context, sites []SiteID, spanMillis int64) ([]State, Millis, error)
	// OpenRounds are the heads of all open rounds of the sites.
	OpenRounds(ctx context.Context, sites []SiteID) ([]State, error)
	// OpenRoundsOf are the heads of the open rounds that the agent has, on all sites.
	OpenRoundsOf(ctx context.Context, agent AgentID) ([]State, error)
	// Rounds are a conversation's rounds before the one with a number, newest first; 0:
	// from the newest on.
	Rounds(ctx context.Context, id ConversationID, before int64, limit int) ([]RoundRecord, error)

	// Truncate removes the events before seq (retention), whole rounds only by
	// the caller's choice of seq; positions before it are answered "truncated".
	Truncate(ctx context.Context, id ConversationID, seq int64) error
}

// Change is a wish to append to one conversation.
type Change struct {
	// Ctx cancels the change as long as it has not been decided; nil: never.
	Ctx context.Context
	// Conversation is the conversation, or zero: then Begin says how to find or make it.
	Conversation ConversationID
	Begin        *Beginning
	// By is the sender. A visitor who begins has no id yet: with ID 0 the store
	// puts the visitor's id into the drafts that are by it.
	By Actor
	// ClientID and Fingerprint make a repetition harmless: the same id with the
	// same fingerprint (the command in canonical bytes) gets the first result
	// (Changed.Repeat), with another ClientIDReused. A zero ClientID: never a repeat.
	ClientID    ClientID
	Fingerprint []byte
	Decide      Decide
	// Done gets the outcome: a *Refusal, Unknown when the commit's fate is not known.
	Done func(Changed, error)
}

// Beginning is a visitor's first message: visitor and conversation are made in
// the transaction that appends it, unless they exist.
type Beginning struct {
	Site       SiteID
	SecretHash []byte // 32 bytes: what the server keeps of the visitor's secret
	// Visitor is the id that a new visitor gets, so that agents who saw it come
	// know it again; 0: the store makes one.
	Visitor VisitorID
	Profile Profile
}

// Profile is what a visitor's page said of it, nothing of which is verified; and,
// apart from that, what its website vouches for.
type Profile struct {
	Name     string            `json:"name,omitzero"`
	Email    string            `json:"email,omitzero"`
	Language string            `json:"language,omitzero"`
	Browser  string            `json:"browser,omitzero"`
	Fields   map[string]string `json:"fields,omitzero"`
	// Vouched is set for verified visitors only. The page has no part in it, and it is
	// never written with the rest: see identity.VisitorLogins.
	Vouched *Vouched `json:"vouched,omitzero"`
}

// Vouched is what a website said of a visitor in a token that it signed.
type Vouched struct {
	ID     string            `json:"id"` // the person's at the website: 1 to 128 bytes
	Name   string            `json:"name,omitzero"`
	Email  string            `json:"email,omitzero"`
	Fields map[string]string `json:"fields,omitzero"`
	// Portrait is the address of the picture that was made of the one that the website
	// named: a path on this server, which changes with the picture.
	Portrait string `json:"portrait,omitzero"`
}

// Said is the profile without what the website vouches for.
func (p Profile) Said() Profile {
	p.Vouched = nil
	return p
}

// Changed is what a change did.
type Changed struct {
	Conversation Conversation
	// State is the head after the change.
	State State
	// Events are what was appended, in order; for a repeat the event that the
	// first try appended; empty when nothing had to change.
	Events []Event
	Repeat bool
	// Answer is the index in Events of the one that carries the client_id; -1 for none.
	Answer int
	// Kept is when this process knew that it is committed; zero if another one committed it.
	Kept time.Time
}

// MarkChange is a wish to move marks.
type MarkChange struct {
	Conversation ConversationID
	Who          ActorRef
	// Received and Read are numbers as the participant sees them: public ones
	// if Public, else seq. Beyond the head they count as the head.
	Received, Read int64
	Public         bool
	// Done gets the marks after the change; Moved is false if nothing moved.
	Done func(m Mark, moved bool, err error)
}

// Mark is how far a participant has received and read, in seq.
type Mark struct {
	Conversation   ConversationID
	Who            ActorRef
	Received, Read int64
	// ReceivedPublic and ReadPublic are the same positions among public events.
	ReceivedPublic, ReadPublic int64
	// VisitorMessagesRead and AgentMessagesRead are both sides' running counts at Read.
	VisitorMessagesRead, AgentMessagesRead int64
}

// Position is how far a reader has come: an event's number and tag. The zero
// Position is before the first event.
type Position struct {
	Number int64
	Tag    uint32
}

// PageQuery asks for events of one conversation, oldest first in the answer.
type PageQuery struct {
	Conversation ConversationID
	// Public asks for public events only, with public numbers in After and Before.
	Public bool
	// After asks for what follows a position; if nil, Before asks for the events
	// with numbers below it, the newest of them; 0: the newest of all.
	After  *Position
	Before int64
	Limit  int // 1 to 200
}

// Page is a stretch of a conversation.
type Page struct {
	Events []Event
	State  State
	// More tells that further events follow in the direction asked for.
	More bool
	// Reset tells that the position is not of this log (a restored copy, lost
	// data): drop the copy, load anew; Events is then the newest page.
	Reset bool
	// Truncated tells that events after the position were removed by retention;
	// Events then starts at the first event that is kept.
	Truncated bool
}

// View chooses rounds for a list.
type View string

// The views of the lists.
const (
	ViewWaiting  View = "waiting"  // longest waiting first
	ViewMine     View = "mine"     // assigned to the asker: who awaits an answer first, longest first; then newest
	ViewOpen     View = "open"     // waiting and assigned, newest first
	ViewResolved View = "resolved" // newest first
)

// ListQuery asks for a page of rows.
type ListQuery struct {
	Sites []SiteID
	View  View
	// States, without a View, are those of rounds, newest first.
	States []RoundState
	Agent  AgentID // the asker
	// After continues behind this row of the last page; nil: from the start.
	After *ListRow
	Limit int // 1 to 100
}

// ListRow is a conversation as a list shows it. State.Seq is its version.
type ListRow struct {
	Conversation Conversation
	State        State
	// Last is the newest event of kind message or note; nil when there is none.
	Last    *Event
	Profile Profile
	// Unread is the number of the visitor's messages that the asker has not seen,
	// from the later of its own mark and anyone's last reply.
	Unread int64
}

// Unread is how many of the visitor's messages an agent with this mark has not
// seen: they count from the later of its mark and anyone's last reply.
func (s State) Unread(m Mark) int64 {
	return s.VisitorMessages - max(s.RepliedTo, m.VisitorMessagesRead)
}

// UnreadByVisitor is how many of the agents' messages a visitor with this mark has not seen.
func (s State) UnreadByVisitor(m Mark) int64 { return s.AgentMessages - m.AgentMessagesRead }

// Counts are the numbers of a site's open rounds.
type Counts struct {
	Waiting  int64
	Assigned map[AgentID]int64
}

// RoundRecord is one of a conversation's rounds, as its history keeps it.
type RoundRecord struct {
	Number               int64
	OpenedAt, ResolvedAt Millis
	FirstSeq             int64
	Assignee             AgentID
}
