package presence

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Place is where nodes tell one another who is with them: a Redis, or a database.
// It forgets what was told under a name when the name's lease is over, by its own
// clock, whoever asks first.
type Place interface {
	// Exchange writes what a node has to tell and reads what it asked for. When it
	// fails, part of it may have been done: the same may be told again.
	Exchange(ctx context.Context, ask *Ask) (*Answer, error)
	// Leave ends the leases that a name has: on the agents, and on these sites.
	Leave(ctx context.Context, name string, sites []chat.SiteID) error
}

// Ask is what a node tells and asks in one exchange.
type Ask struct {
	// Name is under which the node writes. Once its lease was lost, it never comes
	// back to it: what it wrote under that name fades, whole.
	Name  string
	Lease time.Duration
	// Agents is nil when only sites are asked for.
	Agents *AgentsAsk
	Sites  []SiteAsk
}

// AgentsAsk is about the agents of the whole installation.
type AgentsAsk struct {
	Begin bool // make the lease; otherwise a lease that is not there is lost
	Set   map[chat.AgentID]State
	Known uint64 // the revision that this node has
}

// SiteAsk is about one site. Page, Shared and the lookups are bounded by whoever asks.
type SiteAsk struct {
	Site chat.SiteID
	// Writes says that the node holds the site under its lease, Begin that it does
	// so from now on.
	Writes, Begin bool
	Put           []*Visitor
	Drop          []Key
	// Page is how many of the newest visitors are read (0: none), if anything changed after After.
	Page  int
	After uint64
	// Shared is the revision up to which this node knows the visitors whom it shares
	// with other nodes; Feed is how many further ones are read.
	Shared uint64
	Feed   int
	// IDs and Keys are looked up; whoever has not changed since the revision that is
	// known is left out.
	IDs  []LookID
	Keys []LookKey
}

// LookID asks for a visitor of whom a revision (0: none) is known.
type LookID struct {
	ID    chat.VisitorID
	Known uint64
}

// LookKey asks for a visitor by its key.
type LookKey struct {
	Key   Key
	Known uint64
}

// Answer has the sites in the order of the ask.
type Answer struct {
	Agents *AgentsAnswer
	Sites  []SiteAnswer
}

// AgentsAnswer is where agents are, on the nodes whose lease is good.
type AgentsAnswer struct {
	Lost     bool // there is no lease (any more), and nothing was written
	Revision uint64
	// Changed says that On is told: it is left out when the revision is the known one.
	Changed bool
	On      []AgentOn
	// Alive are the names whose lease is good.
	Alive []string
}

// AgentOn is an agent's state on one node.
type AgentOn struct {
	Agent chat.AgentID
	Name  string
	State State
}

// SiteAnswer is what the place knows of a site.
type SiteAnswer struct {
	Lost bool // there is no lease (any more), and nothing was written or read
	// Revision is the site's before Page was read.
	Revision uint64
	Count    int64 // of its visitors, on all nodes
	// Mine is how many the place has under the asking name; -1: it did not count.
	Mine int64
	// More says that dead nodes have left more than was cleared away now.
	More bool
	// Names are those whose lease is good.
	Names []string
	// Page, if Paged, are the newest visitors; of whom did not change after
	// SiteAsk.After there is no record.
	Paged bool
	Page  []Key
	// Fed is up to where the visitors shared with other nodes were read; FedAll,
	// that there are no more.
	Fed    uint64
	FedAll bool
	// Records are visitors with all but the asking name's parts.
	Records []Record
	// AbsentIDs and AbsentKeys were looked for and are not here.
	AbsentIDs  []chat.VisitorID
	AbsentKeys []Key
}

// Record is a visitor as names whose lease is good told it.
type Record struct {
	Key      Key
	Revision uint64
	Parts    []RecordPart
}

// RecordPart is what was told under one name, as Encode made it.
type RecordPart struct {
	Name string
	Data []byte
}

// told is a visitor as it is written to a place; its key and site are the row's.
type told struct {
	State        State             `json:"s"`
	Since        chat.Millis       `json:"t"`
	Conversation chat.Conversation `json:"c,omitzero"`
	Proposed     chat.VisitorID    `json:"p,omitzero"`
	Page         *Page             `json:"g,omitzero"`
	Profile      *chat.Profile     `json:"f,omitzero"`
}

// Encode is a visitor as a place keeps it, beside its site and its key.
func Encode(v *Visitor) ([]byte, error) {
	return json.Marshal(told{v.State, v.Since, v.Conversation, v.Proposed, v.Page, v.Profile}, jsontext.AllowInvalidUTF8(true))
}

// decode reads what Encode made.
func decode(site chat.SiteID, key Key, data []byte) (*Visitor, error) {
	var t told
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, fmt.Errorf("a visitor's presence cannot be read: %w", err)
	}
	return &Visitor{
		Site: site, Key: key, State: t.State, Since: t.Since, Conversation: t.Conversation,
		Proposed: t.Proposed, Page: t.Page, Profile: t.Profile,
	}, nil
}
