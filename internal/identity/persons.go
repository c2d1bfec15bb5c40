package identity

import (
	"context"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Person is whose connections are counted where a site allows but one: an agent,
// or the visitor of a conversation. One of the two is set.
type Person struct {
	Agent        chat.AgentID
	Conversation chat.ConversationID
}

// Entrance is the last time that a person came in by a new connection: of two
// the one with the higher number came later.
type Entrance struct {
	Person
	Number int64
}

// Way is how a connection comes in.
type Way int

// The ways to come in.
const (
	TakesOver Way = iota // it takes the place of the last one
	ComesBack            // only if the last one went by the same token, or if there was none
	IsFirst              // only if there was none
)

// Elsewhere is the code of the refusal of a connection whose place another one has taken.
const Elsewhere chat.Code = "elsewhere"

// Entrances remember, for all nodes, by which connection a person came in last.
type Entrances interface {
	// Enter lets a connection in that goes by a token, and returns its number.
	// Errors: Elsewhere, unless it takes over.
	Enter(ctx context.Context, p Person, token string, how Way) (number int64, err error)
	// EnteredSince are the last entrances of the last span milliseconds by the
	// database's clock, or at most as far ahead of it, with that clock's present time.
	EnteredSince(ctx context.Context, spanMillis int64) ([]Entrance, chat.Millis, error)
	// LastEntered are the last entrances of these persons, those who never entered left out.
	LastEntered(ctx context.Context, persons []Person) ([]Entrance, error)
	// ForgetEntered removes up to limit entrances that are older than age milliseconds.
	ForgetEntered(ctx context.Context, ageMillis int64, limit int) error
}
