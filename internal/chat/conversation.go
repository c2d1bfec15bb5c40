package chat

import "time"

// Conversation is the endless thread between a visitor and a site's agents:
// what of it never changes.
type Conversation struct {
	ID        ConversationID
	UUID      ConversationUUID
	Site      SiteID
	Visitor   VisitorID
	CreatedAt Millis
}

// RoundState is the state of a conversation's present round.
type RoundState string

// The states of a round. "bot" and "snoozed" come later.
const (
	NoRound  RoundState = "none" // before the first message
	Waiting  RoundState = "waiting"
	Assigned RoundState = "assigned"
	Resolved RoundState = "resolved"
)

// Open tells whether a round in this state is work to be done.
func (s RoundState) Open() bool { return s == Waiting || s == Assigned }

// How long things last, from design.md, "Conversations, rounds".
const (
	// ReopenWithin: a visitor's message this soon after "resolved" reopens the round.
	ReopenWithin = 10 * time.Minute
	// AbsentAfter: an agent offline this long loses a round whose visitor awaits an answer.
	AbsentAfter = 3 * time.Minute
)

// Round is one piece of work in a conversation.
type Round struct {
	Number     int64 // 1, 2, 3, …; 0 before the first
	State      RoundState
	Assignee   AgentID // who has it, or had it when it was resolved; 0 for nobody
	OpenedAt   Millis
	ResolvedAt Millis // 0 while open
}

// State is a conversation's head: all that a decision may depend on, locked
// while it is taken. Seq and PublicSeq are the numbers of the last event (0: none).
type State struct {
	Conversation ConversationID
	Site         SiteID
	Visitor      VisitorID

	Seq, PublicSeq           int64
	Tag, PublicTag           uint32 // of the last event, of the last public event
	FirstSeq, FirstPublicSeq int64  // of the first event that is kept; 1 at first
	VisitorMessages          int64
	AgentMessages            int64 // messages of agents and bots
	Round                    Round

	// LastReplySeq is the last reply of any agent, and RepliedTo the count of the
	// visitor's messages then: an agent's unread never reaches back behind it.
	LastReplySeq, RepliedTo int64
	// UnansweredSince is when the visitor wrote what nobody has answered; 0: nothing.
	UnansweredSince Millis
	// WaitingSince orders the queue: since when the round waits; 0 unless it does.
	WaitingSince Millis
	LastAt       Millis
	// CarriedTo is where the conversation went on when its visitor logged in; 0:
	// it did not. Then it has ended.
	CarriedTo ConversationID
}

// NewState is the head of a conversation without any event.
func NewState(c Conversation) State {
	return State{
		Conversation: c.ID, Site: c.Site, Visitor: c.Visitor,
		FirstSeq: 1, FirstPublicSeq: 1, Round: Round{State: NoRound},
	}
}
