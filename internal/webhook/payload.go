package webhook

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
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

// MessageID names an event to a webhook's receiver, the same for all tries and replays.
func MessageID(id chat.ConversationUUID, seq int64) string {
	return id.String() + "." + strconv.FormatInt(seq, 10)
}

// timestamp is a moment as payloads have it.
func timestamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

// bodyOf is the payload of an event.
func (h *Hooks) bodyOf(e *chat.Event, in chat.ListRow) ([]byte, error) {
	return payload{Type: TypeOf(e), Version: Version, Timestamp: timestamp(e.At.Time()), Data: h.Data(e, in)}.bytes()
}

// bytes are its JSON, written as REST writes it.
func (p payload) bytes() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// pingBody is the payload of a test.
func pingBody(w Webhook, now time.Time) ([]byte, error) {
	type ping struct {
		Site    chat.SiteID `json:"site,string"`
		Webhook ID          `json:"webhook,string"`
	}
	return payload{Type: Ping, Version: Version, Timestamp: timestamp(now), Data: ping{w.Site, w.ID}}.bytes()
}
