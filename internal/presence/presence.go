// Package presence knows who is online, on whichever node. Nothing of it is
// stored: a registry is a picture that each node paints for itself under a
// lease, so that the picture of a dead node fades.
package presence

import (
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

// LeaseFor is how long a node's picture is believed after its last Renew.
const LeaseFor = 15 * time.Second

// Registry is the picture of who is online on all nodes. Its methods answer
// from memory at once: an implementation that is shared by several nodes keeps
// a copy that is at most a few seconds old. Safe for concurrent use.
type Registry interface {
	// SetVisitor tells what this node knows of a visitor; Offline: it has left this node.
	SetVisitor(node string, v *Visitor)
	// SetAgent tells an agent's best state on this node.
	SetAgent(node string, agent chat.AgentID, s State)
	// Renew prolongs the lease of a node by LeaseFor, and forgets the nodes whose lease is over.
	Renew(node string)
	// Leave forgets a node at once.
	Leave(node string)

	// Agent is the agent's best state on all nodes.
	Agent(agent chat.AgentID) State
	// ByID finds a connected visitor of a site by its id in the database.
	ByID(site chat.SiteID, id chat.VisitorID) (*Visitor, bool)
	// ByKey finds a connected visitor of a site.
	ByKey(site chat.SiteID, key Key) (*Visitor, bool)
	// Nodes are those to which the visitor is connected.
	Nodes(site chat.SiteID, id chat.VisitorID) []string
	// Count is the number of the site's visitors who are here.
	Count(site chat.SiteID) int64
	// Visitors are up to limit visitors who are here, the newest first, and the
	// revision of the picture.
	Visitors(site chat.SiteID, limit int) ([]*Visitor, uint64)
	// Changed are the visitors that changed after a revision, each as it is now
	// (Offline: gone), and the present revision. known is false when that was too
	// long ago: take Visitors instead.
	Changed(site chat.SiteID, after uint64) (changed []*Visitor, revision uint64, known bool)
}
