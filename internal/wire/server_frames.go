package wire

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/kefu-chat/kefu/internal/chat"
)

// ServerHello answers the client's hello: who it is, what it may do, and where things stand.
type ServerHello struct {
	T       string `json:"t"`
	Session string `json:"session"`
	You     Person `json:"you"`
	// Sites are an agent's sites with its role there; a visitor has one, without role.
	Sites  []Site `json:"sites"`
	Limits Limits `json:"limits"`
	Now    int64  `json:"now"` // the server's clock, ms
	// Conversation is the visitor's, if it exists; Page its events after the position of its hello.
	Conversation *ConversationInfo `json:"conversation,omitzero"`
	Page         *Page             `json:"page,omitzero"`
	// AgentsHere tells a visitor whether anybody is here: online, away or offline.
	AgentsHere Presence `json:"agents_here,omitzero"`
	// Agents are an agent's colleagues on its sites, with their presence.
	Agents []AgentInfo `json:"agents,omitzero"`
	// Continues is there where a person may have but one connection: the client's
	// next hello says it, unless a person has asked to take over.
	Continues string `json:"continues,omitzero"`
	// Broadcasts is what a visitor sees of the site's broadcasts.
	Broadcasts *Broadcasts `json:"broadcasts,omitzero"`
}

// Person is an actor as others see it.
type Person struct {
	Kind chat.ActorKind `json:"kind"`
	ID   int64          `json:"id,omitzero,string"`
	Name string         `json:"name,omitzero"`
}

// Site is what a session needs to know of a site.
type Site struct {
	ID   chat.SiteID    `json:"id,string"`
	Name string         `json:"name"`
	Role string         `json:"role,omitzero"`
	Look jsontext.Value `json:"look,omitzero"` // site.Look, for visitors
	// AnswerGoal is after how many seconds an unanswered visitor has waited too long.
	AnswerGoal int `json:"answer_goal,omitzero"`
}

// AgentInfo is a colleague.
type AgentInfo struct {
	ID       chat.AgentID `json:"id,string"`
	Name     string       `json:"name"`
	Presence Presence     `json:"presence"`
	Sites    SiteIDs      `json:"sites"`
	// Portrait is the address of its picture, a path on this server, which changes with
	// the picture. Events name agents without it: it is looked up here by their id.
	Portrait string `json:"portrait,omitzero"`
}

// ServerAgents is "agents": an agent's colleagues on its sites, as in hello,
// whenever one came, went or has another name or portrait.
type ServerAgents struct {
	T      string      `json:"t"`
	Agents []AgentInfo `json:"agents"`
}

// Limits are the bounds that this connection is held to.
type Limits struct {
	FrameBytes     int `json:"frame_bytes"`
	TextCodePoints int `json:"text_code_points"`
	// Messages may be sent in a burst, then refill by PerSecond.
	MessageBurst     int     `json:"message_burst"`
	MessagePerSecond float64 `json:"message_per_second"`
	PingSeconds      int     `json:"ping_seconds"`
	// Backoff bounds the client's random pause before it comes back, in ms.
	BackoffMin int `json:"backoff_min"`
	BackoffMax int `json:"backoff_max"`
	// FileBytes is the largest file that one may send; absent: none may be sent.
	FileBytes int64 `json:"file_bytes,omitzero"`
}

// Event is an event as this side may see it. N is its number for this side.
type Event struct {
	N    int64     `json:"n"`
	Tag  uint32    `json:"tag"`
	Kind chat.Kind `json:"kind"`
	V    int       `json:"v"`
	At   int64     `json:"at"`
	By   Person    `json:"by"`
	Rev  int       `json:"rev,omitzero"`
	// ID is the client_id, told to the sender's own sessions only.
	ID string `json:"id,omitzero"`
	// Private marks, for agents, what the visitor does not see.
	Private bool `json:"private,omitzero"`
	// Text is that of a message or note; absent when it was taken back (Erased).
	Text   string `json:"text,omitzero"`
	Erased bool   `json:"erased,omitzero"`
	// Files are those of a message or note, in the order in which they were chosen.
	Files []File `json:"files,omitzero"`
	// Round is the change of the round, for the kinds that change it.
	Round *RoundChange `json:"round,omitzero"`
	// To, of carried, is the conversation in which the round goes on.
	To chat.ConversationUUID `json:"to,omitzero"`
	// Carried says, beside Erased, that the text was not taken back: it was carried to
	// where the round goes on.
	Carried bool `json:"carried,omitzero"`
	// Origin is, for agents, where a carried event stood before.
	Origin *Origin `json:"origin,omitzero"`
	// Target is the event that an edit or recall changed, as it is now.
	Target *Event `json:"target,omitzero"`
	// Broadcast is the one that a visitor's message answers.
	Broadcast int64 `json:"broadcast,omitzero,string"`
	// Via is, for agents, the API key by which it came in.
	Via *Person `json:"via,omitzero"`
	// Fallback words an event for clients that do not know its kind.
	Fallback string `json:"fallback,omitzero"`
}

// Origin is where a carried event stood before: its conversation and number there.
type Origin struct {
	C chat.ConversationUUID `json:"c"`
	N int64                 `json:"n"`
}

// File is a file of a message or note. Width and Height, in pixels as it is shown,
// are those of a picture that may be shown inline; without them it is a download,
// unless its type is video/mp4.
type File struct {
	ID     chat.FileID `json:"id,string"`
	Name   string      `json:"name"`
	Type   string      `json:"type"`
	Size   int64       `json:"size"` // bytes
	Width  int         `json:"width,omitzero"`
	Height int         `json:"height,omitzero"`
}

// RoundChange is what an event did to the round.
type RoundChange struct {
	Number int64  `json:"number"`
	Agent  *Agent `json:"agent,omitzero"`
	From   *Agent `json:"from,omitzero"`
}

// Agent names an agent.
type Agent struct {
	ID   chat.AgentID `json:"id,string"`
	Name string       `json:"name"`
}

// Round is the state of a conversation's round.
type Round struct {
	Number int64           `json:"number"`
	State  chat.RoundState `json:"state"`
	Agent  *Agent          `json:"agent,omitzero"`
	// OpenedAt, ResolvedAt in ms; UnansweredSince: the visitor awaits an answer since then.
	OpenedAt        int64 `json:"opened_at,omitzero"`
	ResolvedAt      int64 `json:"resolved_at,omitzero"`
	WaitingSince    int64 `json:"waiting_since,omitzero"`
	UnansweredSince int64 `json:"unanswered_since,omitzero"`
}

// ConversationInfo is a conversation's head as this side may see it.
type ConversationInfo struct {
	C      chat.ConversationUUID `json:"c"`
	Head   Position              `json:"head"`
	Round  Round                 `json:"round"`
	Unread int64                 `json:"unread"`
	// Mine are the reader's own marks, Theirs the furthest marks of the other side.
	Mine   Marks `json:"mine"`
	Theirs Marks `json:"theirs"`
	// To is, for agents, where a conversation goes on that has ended.
	To chat.ConversationUUID `json:"to,omitzero"`
}

// Marks are how far somebody has received and read.
type Marks struct {
	Received int64 `json:"received"`
	Read     int64 `json:"read"`
}

// Page is a stretch of a conversation, oldest first.
type Page struct {
	Events []Event  `json:"events"`
	Head   Position `json:"head"`
	More   bool     `json:"more,omitzero"`
	// Reset: the position is not of this log; drop the copy, keep the outbox, start from these events.
	Reset bool `json:"reset,omitzero"`
	// Truncated: what lay between the position and the first of these events was removed.
	Truncated bool `json:"truncated,omitzero"`
}

// ServerPage is "page", the answer to a page request, and what the server
// sends by itself (without R) to fill a gap.
type ServerPage struct {
	T    string                `json:"t"`
	R    int64                 `json:"r,omitzero"`
	C    chat.ConversationUUID `json:"c"`
	Page Page                  `json:"page"`
}

// ServerConversation is "conversation", the answer to open.
type ServerConversation struct {
	T            string           `json:"t"`
	R            int64            `json:"r,omitzero"`
	Row          Row              `json:"row"`
	Conversation ConversationInfo `json:"conversation"`
	Page         Page             `json:"page"`
	Visitor      Visitor          `json:"visitor"`
	Rounds       []PastRound      `json:"rounds"`
	// Looking are the agents who have it open, the asker left out.
	Looking []Agent `json:"looking"`
	// Broadcasts are those that came to the visitor.
	Broadcasts *Broadcasts `json:"broadcasts,omitzero"`
}

// PastRound is one of the conversation's rounds.
type PastRound struct {
	Number     int64  `json:"number"`
	OpenedAt   int64  `json:"opened_at"`
	ResolvedAt int64  `json:"resolved_at,omitzero"`
	Agent      *Agent `json:"agent,omitzero"`
	N          int64  `json:"n"` // its first event
}

// ServerEvent is "event": a new event of a conversation that the session follows.
type ServerEvent struct {
	T string                `json:"t"`
	C chat.ConversationUUID `json:"c"`
	E Event                 `json:"e"`
}

// ServerAck is "ack": the command is kept. N and Tag are the position of the
// event it made (of the head, if nothing had to change).
type ServerAck struct {
	T   string                `json:"t"`
	ID  chat.ClientID         `json:"id"`
	C   chat.ConversationUUID `json:"c"`
	N   int64                 `json:"n"`
	Tag uint32                `json:"tag"`
	At  int64                 `json:"at"`
}

// ServerError is "error": the answer to a command (ID), a request (R), or a
// frame that was neither. Do says what the client does about it.
type ServerError struct {
	T    string        `json:"t"`
	ID   chat.ClientID `json:"id,omitzero"`
	R    int64         `json:"r,omitzero"`
	Code chat.Code     `json:"code"`
	Text string        `json:"text"`
	Do   Advice        `json:"do"`
	// RetryAfter is in ms, for Do: retry.
	RetryAfter int    `json:"retry_after,omitzero"`
	Round      *Round `json:"round,omitzero"` // the present one, where the refusal is about it
}

// ServerMark is "mark": somebody's marks moved. For a visitor, all agents are one.
type ServerMark struct {
	T      string                `json:"t"`
	C      chat.ConversationUUID `json:"c"`
	Who    Person                `json:"who"`
	Marks  Marks                 `json:"marks"`
	Unread *int64                `json:"unread,omitzero"` // to the participant's own sessions
}

// ServerTyping is "typing".
type ServerTyping struct {
	T    string                `json:"t"`
	C    chat.ConversationUUID `json:"c"`
	Who  Person                `json:"who"`
	On   bool                  `json:"on"`
	Note bool                  `json:"note,omitzero"`
}

// ServerPresence is "presence": to a visitor whether anybody is here (Agents),
// to an agent a colleague's presence, or the visitor's of a conversation that is open (C).
type ServerPresence struct {
	T        string                `json:"t"`
	C        chat.ConversationUUID `json:"c,omitzero"`
	Who      *Person               `json:"who,omitzero"`
	Presence Presence              `json:"presence"`
	Page     *PageInfo             `json:"page,omitzero"`
}

// ServerLooking is "looking": which other agents have this conversation open.
type ServerLooking struct {
	T      string                `json:"t"`
	C      chat.ConversationUUID `json:"c"`
	Agents []Agent               `json:"agents"`
}

// ServerCarried is "carried": the visitor of a conversation that this agent has open
// logged in, and the round goes on in To.
type ServerCarried struct {
	T  string                `json:"t"`
	C  chat.ConversationUUID `json:"c"`
	To chat.ConversationUUID `json:"to"`
}

// Row is a conversation in a list. V is its version: the higher one wins.
type Row struct {
	C       chat.ConversationUUID `json:"c"`
	V       int64                 `json:"v"`
	Site    chat.SiteID           `json:"site,string"`
	Visitor Visitor               `json:"visitor"`
	Round   Round                 `json:"round"`
	Last    *Event                `json:"last,omitzero"` // its text cut to 200 code points
	LastAt  int64                 `json:"last_at"`
	Unread  int64                 `json:"unread"`
}

// Visitor is what agents see of one.
type Visitor struct {
	// ID is absent for one who has not written yet; Presence then names it by Key.
	ID       chat.VisitorID        `json:"id,omitzero,string"`
	Key      string                `json:"key"` // stable while it is connected; for its friendly name and colour
	C        chat.ConversationUUID `json:"c,omitzero"`
	Site     chat.SiteID           `json:"site,string"`
	Says     *Says                 `json:"says,omitzero"`
	Verified bool                  `json:"verified,omitzero"` // its website says who it is
	Vouched  *Vouched              `json:"vouched,omitzero"`  // what its website says of it: of verified ones
	Language string                `json:"language,omitzero"`
	Browser  string                `json:"browser,omitzero"`
	Presence Presence              `json:"presence"` // online, away or offline
	Page     *PageInfo             `json:"page,omitzero"`
	Since    int64                 `json:"since,omitzero"` // when it came, ms
}

// Vouched is what a website said of a visitor in a token that it signed. It stands
// beside what the page says, which anybody can write.
type Vouched struct {
	ID     string            `json:"id"` // the person's at the website
	Name   string            `json:"name,omitzero"`
	Email  string            `json:"email,omitzero"`
	Fields map[string]string `json:"fields,omitzero"`
	// Portrait is the address of the visitor's picture, a path on this server, which
	// changes with the picture.
	Portrait string `json:"portrait,omitzero"`
}

// Counts are the numbers of the open rounds on the agent's sites.
type Counts struct {
	Waiting  int64 `json:"waiting"`
	Mine     int64 `json:"mine"`
	Open     int64 `json:"open"`
	Visitors int64 `json:"visitors"` // online or away
}

// ServerList is "list": a snapshot of a view's first rows, or with After its next page.
type ServerList struct {
	T      string                `json:"t"`
	R      int64                 `json:"r"`
	View   chat.View             `json:"view"`
	After  chat.ConversationUUID `json:"after,omitzero"`
	Rows   []Row                 `json:"rows"`
	More   bool                  `json:"more,omitzero"`
	Counts Counts                `json:"counts"`
}

// ServerRows is "rows": what changed in the watched views in the last 250 ms.
// A row that is put belongs to the views that its round says; Drop are those
// that no longer concern this agent.
type ServerRows struct {
	T      string                  `json:"t"`
	Put    []Row                   `json:"put,omitzero"`
	Drop   []chat.ConversationUUID `json:"drop,omitzero"`
	Counts Counts                  `json:"counts"`
}

// ServerVisitors is "visitors": with R a snapshot (Put is everybody, up to
// 500), else what changed in the last second; Drop are keys.
type ServerVisitors struct {
	T     string    `json:"t"`
	R     int64     `json:"r,omitzero"`
	Put   []Visitor `json:"put,omitzero"`
	Drop  []string  `json:"drop,omitzero"`
	Count int64     `json:"count"`
}

// ServerMove is "move": this node goes away, and ends the connection after
// Within ms. The client opens a new one, says hello there, and closes this one
// when it is greeted.
type ServerMove struct {
	T      string `json:"t"`
	Within int64  `json:"within"`
}

// ServerPong is "pong".
type ServerPong struct {
	T   string `json:"t"`
	Now int64  `json:"now"`
}
