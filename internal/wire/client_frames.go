// Package wire is what Kefu and its clients say to one another over a live
// connection: JSON frames, error codes and close codes, in version kefu.1.
// docs/PROTOCOL.md describes each; the TypeScript twins are generated from
// these types (go generate ./internal/wire).
package wire

//go:generate go run ./gen ../..

import (
	"github.com/kefu-chat/kefu/internal/chat"
)

// Subprotocol is what both sides must agree on in the WebSocket handshake.
const Subprotocol = "kefu.1"

// Position is a place in a conversation's log, as this side counts it: public
// numbers for visitors, all numbers for agents. The tag proves it.
type Position struct {
	N   int64  `json:"n"`
	Tag uint32 `json:"tag"`
}

// Presence tells whether somebody is there.
type Presence string

// The presences. "Here" means online or away.
const (
	Online  Presence = "online"
	Away    Presence = "away"    // the page is hidden or frozen
	Offline Presence = "offline" // never said by a client
)

// Every frame a client sends has "t", its type. Commands carry "id", the
// client_id that makes their repetition harmless, and are answered by ack or
// error with the same id. Requests carry "r", any number, and their answer
// repeats it. "c" names the conversation; a visitor, who has but one, leaves it out.

// ClientHello is the first frame of a connection. Agents, who are known by
// their cookie, send neither Site nor Secret.
type ClientHello struct {
	T string `json:"t"`
	// Site is the widget key; Secret the visitor's 32 random bytes in base64url without padding.
	Site   string `json:"site,omitzero"`
	Secret string `json:"secret,omitzero"`
	// At is how far the visitor's copy reaches; absent: it has none.
	At       *Position `json:"at,omitzero"`
	Presence Presence  `json:"presence,omitzero"` // online (the default) or away
	Language string    `json:"language,omitzero"`
	Page     *PageInfo `json:"page,omitzero"`
	Says     *Says     `json:"says,omitzero"`
	Client   string    `json:"client,omitzero"` // name and version of the program
	// Continues is what the last hello of the server said: this connection goes on
	// where the last one ended. Without it, it takes the place of every other one
	// where a person may have but one.
	Continues string `json:"continues,omitzero"`
	// Broadcasts is how far the visitor was told of the site's broadcasts over the last
	// connection of this page; absent: it has not been told of any.
	Broadcasts *Position `json:"broadcasts,omitzero"`
}

// PageInfo is the page that a visitor looks at.
type PageInfo struct {
	URL      string `json:"url"`
	Title    string `json:"title,omitzero"`
	Referrer string `json:"referrer,omitzero"`
}

// Says is what the page says of the visitor; nobody has verified it.
type Says struct {
	Name   string            `json:"name,omitzero"`
	Email  string            `json:"email,omitzero"`
	Fields map[string]string `json:"fields,omitzero"`
}

// ClientText is the command "send" (a message), "note", or "edit" (of event N).
type ClientText struct {
	T    string                `json:"t"`
	ID   chat.ClientID         `json:"id"`
	C    chat.ConversationUUID `json:"c,omitzero"`
	N    int64                 `json:"n,omitzero"`
	Text string                `json:"text"`
	// Files are complete uploads of the sender, ten at most, in the order in which
	// they are shown; not of "edit". With them the text may be empty.
	Files FileIDs `json:"files,omitzero"`
	// Broadcast is the one that a visitor's "send" answers.
	Broadcast int64 `json:"broadcast,omitzero,string"`
}

// ClientCommand is the command "recall" (of event N), "take", "assign" (to Agent), "release" or "resolve".
type ClientCommand struct {
	T     string                `json:"t"`
	ID    chat.ClientID         `json:"id"`
	C     chat.ConversationUUID `json:"c,omitzero"`
	N     int64                 `json:"n,omitzero"`
	Agent chat.AgentID          `json:"agent,omitzero,string"`
}

// ClientMark is "mark": how far the sender has received and read. At most one
// a second for each conversation; marks never go backward.
type ClientMark struct {
	T        string                `json:"t"`
	C        chat.ConversationUUID `json:"c,omitzero"`
	Received int64                 `json:"received"`
	Read     int64                 `json:"read"`
}

// ClientTyping is "typing": repeated every 4 s while somebody writes; it ends by itself after 6 s.
type ClientTyping struct {
	T    string                `json:"t"`
	C    chat.ConversationUUID `json:"c,omitzero"`
	On   bool                  `json:"on"`
	Note bool                  `json:"note,omitzero"` // in a note: not told to the visitor
}

// ClientPresence is "presence": what the page is now; said before it is hidden or frozen.
type ClientPresence struct {
	T        string    `json:"t"`
	Presence Presence  `json:"presence"` // online or away
	Page     *PageInfo `json:"page,omitzero"`
}

// ClientSays is "says": new data from the page's API.
type ClientSays struct {
	T    string `json:"t"`
	Says Says   `json:"says"`
}

// ClientOpen is an agent's request "open": it looks at a conversation from now
// on, gets "conversation", then every event. At is how far its copy reaches.
// "close" (no answer) ends it.
type ClientOpen struct {
	T  string                `json:"t"`
	R  int64                 `json:"r,omitzero"`
	C  chat.ConversationUUID `json:"c"`
	At *Position             `json:"at,omitzero"`
}

// ClientPage is the request "page": events after a position, or before a number (0: the newest).
type ClientPage struct {
	T      string                `json:"t"`
	R      int64                 `json:"r"`
	C      chat.ConversationUUID `json:"c,omitzero"`
	After  *Position             `json:"after,omitzero"`
	Before int64                 `json:"before,omitzero"`
	Limit  int                   `json:"limit,omitzero"` // 50 by default, 200 at most
}

// ClientList is an agent's request "list": the first rows of a view and, from
// now on, "rows" whenever they change; or, with After, only the next page of it.
// The views mine, waiting and open may be watched at the same time.
type ClientList struct {
	T     string                `json:"t"`
	R     int64                 `json:"r"`
	View  chat.View             `json:"view"`
	After chat.ConversationUUID `json:"after,omitzero"` // the last row of the page before
}

// ClientVisitors is an agent's request "visitors": who is online on its sites
// now and, until it says On: false, whenever that changes.
type ClientVisitors struct {
	T  string `json:"t"`
	R  int64  `json:"r"`
	On bool   `json:"on"`
}

// ClientPing is "ping": answered by "pong" at once. Clients send it when they
// wake up, because a browser hides the pings of the protocol from the page.
type ClientPing struct {
	T string `json:"t"`
}
