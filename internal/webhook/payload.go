package webhook

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// Version is that of the payloads: fields may be added to one, and nothing else.
const Version = 1

// payload is the body of a message. timestamp is when it happened.
type payload struct {
	Type      Type   `json:"type"`
	Version   int    `json:"version"`
	Timestamp string `json:"timestamp"` // RFC 3339, UTC, with milliseconds
	Data      any    `json:"data"`
}

// happened is what a payload is about. All but the event is as it is when it is sent.
type happened struct {
	Site         chat.SiteID  `json:"site,string"`
	Conversation conversation `json:"conversation"`
	Visitor      visitor      `json:"visitor"`
	Event        wire.Event   `json:"event"`
}

type conversation struct {
	ID       chat.ConversationUUID `json:"id"`
	Round    int64                 `json:"round"`
	State    chat.RoundState       `json:"state,omitzero"`
	Assignee chat.AgentID          `json:"assignee,omitzero,string"`
}

type visitor struct {
	ID       chat.VisitorID `json:"id,string"`
	Verified bool           `json:"verified"`
	Vouched  *wire.Vouched  `json:"vouched,omitzero"`
	Says     *wire.Says     `json:"says,omitzero"`
	Language string         `json:"language,omitzero"`
}

// MessageID names an event to a webhook's receiver, the same for all tries and replays.
func MessageID(id chat.ConversationUUID, seq int64) string {
	return id.String() + "." + strconv.FormatInt(seq, 10)
}

// timestamp is a moment as payloads have it.
func timestamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

// bodyOf is the payload of an event.
func bodyOf(e *chat.Event, in chat.ListRow) ([]byte, error) {
	event, _ := wire.EventFor(e, wire.ForAgents, false)
	return json.Marshal(payload{
		Type: TypeOf(e), Version: Version, Timestamp: timestamp(e.At.Time()),
		Data: happened{
			Site: in.Conversation.Site,
			Conversation: conversation{
				ID: in.Conversation.UUID, Round: in.State.Round.Number, State: in.State.Round.State, Assignee: in.State.Round.Assignee,
			},
			Visitor: visitor{
				ID: in.Conversation.Visitor, Verified: in.Profile.Vouched != nil, Vouched: wire.VouchedOf(in.Profile),
				Says: wire.SaysOf(in.Profile), Language: in.Profile.Language,
			},
			Event: event,
		},
	}, json.Deterministic(true))
}

// pingBody is the payload of a test.
func pingBody(w Webhook, now time.Time) ([]byte, error) {
	type ping struct {
		Site    chat.SiteID `json:"site,string"`
		Webhook ID          `json:"webhook,string"`
	}
	return json.Marshal(payload{Type: Ping, Version: Version, Timestamp: timestamp(now), Data: ping{w.Site, w.ID}})
}
