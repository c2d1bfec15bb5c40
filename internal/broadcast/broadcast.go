// Package broadcast holds words to everybody (群发): what a site says to all of its
// visitors or to some of them. A broadcast is an object of its own. Each site has a log
// of what became of its broadcasts, which visitors read by position: a million
// recipients do not make a million rows.
package broadcast

import (
	"github.com/kefu-chat/kefu/internal/chat"
)

// ID names a broadcast.
type ID int64

// Show is how the widget shows a broadcast.
type Show string

// The two ways to show one.
const (
	AsMessage Show = "message" // in the conversation, at its place
	AsCard    Show = "card"    // by itself, until it is closed
)

// State is what has become of a broadcast.
type State string

// The states. Expired is never stored: it follows from ExpiresAt.
const (
	Draft      State = "draft"
	Scheduled  State = "scheduled"  // to be published at ScheduledAt
	Publishing State = "publishing" // some of its waves are out
	Published  State = "published"  // all of them are
	Withdrawn  State = "withdrawn"
	Expired    State = "expired"
)

// Broadcast is one word to many.
type Broadcast struct {
	ID       ID
	Site     chat.SiteID
	Content  Content
	State    State
	Wave     int   // how many waves are out
	Number   int64 // of its first entry in the site's log; 0: it was never published
	Expected int64 // how many visitors it was for, when it was published

	CreatedAt, ScheduledAt, PublishedAt, WithdrawnAt chat.Millis
	// By is who published it, or made it while nobody has.
	By chat.ActorRef
	// Version is raised by each change; a change names the one that it saw.
	Version int64

	// Delivered is to how many visitors it was sent, Read by how many it was seen.
	// They move without a new Version.
	Delivered, Read int64
}

// Content is what a draft says, to whom, and when it ends; frozen at publication.
type Content struct {
	Text      string
	Show      Show
	Audience  Audience
	ExpiresAt chat.Millis // 0: never
	// Waves is in how many parts the visitors get it (1: all at once), WaveSeconds
	// the pause between two of them.
	Waves, WaveSeconds int
}

// Audience says who gets a broadcast: a rule or a list, asked once for each visitor, when
// it is first connected with the broadcast out.
type Audience struct {
	Kind AudienceKind `json:"kind"`
	// Language of a segment is a language tag or the beginning of one ("zh" is also
	// zh-CN); Page the beginning of the address of the page that the visitor is on.
	// What is set has to hold; empty: any.
	Language string `json:"language,omitzero"`
	Page     string `json:"page,omitzero"`
	// Verified is for those of a segment for whom the website vouches.
	Verified bool `json:"verified,omitzero"`
	// Size is how many visitors a list names, Unknown how many of them were none of the
	// site's when it was given.
	Size    int `json:"size,omitzero"`
	Unknown int `json:"unknown,omitzero"`
	// List is who they are: set by who gives it, and where it has been read.
	List *List `json:"-"`
}

// AudienceKind is a sort of audience.
type AudienceKind string

// The audiences.
const (
	Everybody AudienceKind = "all"     // who was known before, and who is connected
	WhoIsHere AudienceKind = "online"  // who is connected, or comes back within OnlineGrace
	Segment   AudienceKind = "segment" // of everybody, those who meet the rule
	Listed    AudienceKind = "list"    // those whom a list names
)

// StateAt is the state at a moment.
func (b *Broadcast) StateAt(now chat.Millis) State {
	if b.Content.ExpiresAt != 0 && b.Content.ExpiresAt <= now && (b.State == Published || b.State == Publishing) {
		return Expired
	}
	return b.State
}

// Shown tells whether visitors who have it see it at a moment.
func (b *Broadcast) Shown(now chat.Millis) bool {
	s := b.StateAt(now)
	return s == Publishing || s == Published
}

// Position is how far a reader has come in a site's log: an entry's number and tag.
// The zero Position is before the first entry.
type Position struct {
	Number int64
	Tag    uint32
}

// Entry is a change in a site's log: a wave of a broadcast went out (Wave 1, 2, …), or
// it was withdrawn (Wave 0). Numbers have no gap; the tag is random and proves a position.
type Entry struct {
	Site      chat.SiteID
	Number    int64
	Tag       uint32
	Broadcast ID
	Wave      int
	At        chat.Millis
}

// Position is where the entry stands.
func (e Entry) Position() Position { return Position{e.Number, e.Tag} }
