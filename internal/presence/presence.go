// Package presence knows who is online, on whichever node. Nothing of it is meant
// to last: each node tells who is connected to it under a lease, so that what a
// dead node told fades. One process alone keeps the picture in Memory; several
// keep theirs together in a Place, each behind a Shared.
package presence

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// ID is the visitor's id in the database, or the one that it will have.
func (v *Visitor) ID() chat.VisitorID {
	if v.Conversation.Visitor != 0 {
		return v.Conversation.Visitor
	}
	return v.Proposed
}

// State is how present somebody is. The higher one is the better one: over
// several devices or nodes the best counts.
type State uint8

// The states.
const (
	Offline State = iota
	Away
	Online
)

func (s State) String() string {
	switch s {
	case Online:
		return "online"
	case Away:
		return "away"
	}
	return "offline"
}

// ParseState reads a state's name; anything unknown is Online, what a client
// that says nothing is.
func ParseState(name string) State {
	switch name {
	case "away":
		return Away
	case "offline":
		return Offline
	}
	return Online
}

// Here tells whether somebody in this state is here: online or away.
func (s State) Here() bool { return s != Offline }

// Key names a visitor on its site while it is connected, whether or not it
// exists in the database. It is derived from the secret's hash, one way.
type Key [16]byte

func (k Key) String() string { return base64.RawURLEncoding.EncodeToString(k[:]) }

// Page is the page that a visitor looks at.
type Page struct{ URL, Title, Referrer string }

// Visitor is what is known of a visitor who is connected. It is immutable once
// it has been given to a registry.
type Visitor struct {
	Site  chat.SiteID
	Key   Key
	State State
	// Conversation is the visitor's, zero until its first message.
	Conversation chat.Conversation
	// Proposed is the id that it will have then, if it begins on this node.
	Proposed chat.VisitorID
	Page     *Page         // nil: unknown
	Profile  *chat.Profile // nil: nothing was said
	Since    chat.Millis   // when it came
}

// gone is the visitor after it has left.
func (v *Visitor) gone() *Visitor {
	out := *v
	out.State = Offline
	return &out
}

// LeaseFor is how long a node's picture is believed after it was last heard of.
const LeaseFor = 15 * time.Second

// Want names what a node has to know of a site beyond who is connected to it:
// the newest visitors and their number, and these visitors by their ids.
type Want struct {
	Site     chat.SiteID
	Visitors []chat.VisitorID
}

// Registry is one node's part in the picture of who is online on all nodes. Its
// methods answer from memory at once, except for Learn and Leave. Of its own
// visitors and of all agents a node knows everything; of visitors on other nodes
// what it wants, at most a few seconds old. Safe for concurrent use.
type Registry interface {
	// SetVisitor tells what this node knows of a visitor; Offline: it has left this node.
	SetVisitor(v *Visitor)
	// SetAgent tells an agent's best state on this node.
	SetAgent(agent chat.AgentID, s State)
	// Renew says that this node lives, and replaces what it wants. It is called each second.
	Renew(wants []Want)
	// Learn looks up visitors of a site whom this node may not know yet, so that
	// what is asked behind it is right. It is bounded in time; whom it did not find
	// then the picture shows later.
	Learn(ctx context.Context, site chat.SiteID, ids []chat.VisitorID)
	// Leave ends this node's part: the others forget it.
	Leave()

	// Alive are the nodes whose lease is good, this one among them, as the last
	// exchange said. sure is false while there may be others: the place has not answered.
	Alive() (nodes []string, sure bool)

	// Agent is the agent's best state on all nodes.
	Agent(agent chat.AgentID) State
	// ByID finds a connected visitor of a site by its id in the database.
	ByID(site chat.SiteID, id chat.VisitorID) (*Visitor, bool)
	// ByKey finds a connected visitor of a site.
	ByKey(site chat.SiteID, key Key) (*Visitor, bool)
	// Nodes are those to which the visitor is connected.
	Nodes(site chat.SiteID, id chat.VisitorID) []string
	// Count is the number of the site's visitors who are here, on all nodes if the
	// site is wanted.
	Count(site chat.SiteID) int64
	// Visitors are up to limit visitors who are here, the newest first, and the
	// revision of this node's picture.
	Visitors(site chat.SiteID, limit int) ([]*Visitor, uint64)
	// Changed are the visitors that changed after a revision of this node's picture,
	// each as it is now (Offline: gone, or no longer in the picture), and the
	// present revision. A visitor whose id is another one now is also told as gone
	// under its former id. known is false when that was too long ago: take Visitors instead.
	Changed(site chat.SiteID, after uint64) (changed []*Visitor, revision uint64, known bool)
}
