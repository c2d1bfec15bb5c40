package wire

import "github.com/kefu-chat/kefu/internal/chat"

// Broadcasts is what a visitor has of its site's broadcasts, or what has changed of it;
// to an agent, what came to the visitor of a conversation that is open.
type Broadcasts struct {
	// At is how far the site's log has been told: the visitor's next hello says it.
	At Position `json:"at"`
	// Put are broadcasts to show, or to show as they are now; Drop the ids of those that
	// were withdrawn.
	Put  []Broadcast `json:"put,omitzero"`
	Drop []string    `json:"drop,omitzero"`
	// Reset: Put is all that there is; drop the copy.
	Reset bool `json:"reset,omitzero"`
	// Off: the visitor wants no broadcasts.
	Off bool `json:"off,omitzero"`
}

// Broadcast is a word to many, as it came to one visitor.
type Broadcast struct {
	ID string `json:"id"`
	// N is the entry of the site's log by which it came: what "read" is about.
	N       int64  `json:"n"`
	At      int64  `json:"at"`   // when it came, ms
	Show    string `json:"show"` // message or card
	Text    string `json:"text"`
	Expires int64  `json:"expires,omitzero"` // not to be shown from then on, ms
	Read    bool   `json:"read,omitzero"`
	// By and Withdrawn are for agents.
	By        *Person `json:"by,omitzero"`
	Withdrawn bool    `json:"withdrawn,omitzero"`
}

// ServerBroadcasts is "broadcasts": to a visitor, and with C to an agent.
type ServerBroadcasts struct {
	T          string                `json:"t"`
	C          chat.ConversationUUID `json:"c,omitzero"`
	Broadcasts Broadcasts            `json:"broadcasts"`
}

// ClientBroadcasts is a visitor's "broadcasts": up to which of them it has seen them
// (Read is the N of the last one), or whether it wants any.
type ClientBroadcasts struct {
	T    string `json:"t"`
	Read int64  `json:"read,omitzero"`
	Off  *bool  `json:"off,omitzero"`
}

func (f ServerBroadcasts) typed() any { f.T = "broadcasts"; return &f }
func (f ClientBroadcasts) typed() any { f.T = "broadcasts"; return &f }

func (f *ClientBroadcasts) check(*envelope) string {
	if f.Read == 0 && f.Off == nil {
		return "broadcasts says nothing: want read, off, or both"
	}
	return checkNumber("read", f.Read, 0)
}
