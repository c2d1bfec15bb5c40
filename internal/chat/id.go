// Package chat holds what Kefu exists for: conversations, their rounds and
// their numbered events, the rules about who may change them, and the Desk,
// the one component that does.
package chat

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/gofrs/uuid/v5"
)

// Inside, every noun is an int64: 40 bits of milliseconds since idEpoch and 23
// random bits, so that ids are made by whoever inserts the row, sort by age,
// and stay narrow in the rows that refer to them. They are no secrets.
type (
	SiteID         int64
	AgentID        int64
	VisitorID      int64
	ConversationID int64
	FileID         int64
)

// idEpoch is 2025-01-01T00:00:00Z; 40 bits of milliseconds last until 2059.
const idEpoch = 1735689600000

// NewID makes an id for a row that is inserted now. Two ids of the same
// millisecond are equal once in 8.4 million: the second insert fails then, and
// whoever asks again gets another id.
func NewID(now time.Time) int64 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	random := binary.BigEndian.Uint32(b[:]) & (1<<23 - 1)
	return (now.UnixMilli()-idEpoch)<<23 | int64(random)
}

// ParseID reads the decimal form in which ids leave the server.
func ParseID(s string) (int64, error) {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id <= 0 {
		return 0, fmt.Errorf("%.24q is no id: want a positive decimal number", s)
	}
	return id, nil
}

// ConversationUUID names a conversation outside the server (UUIDv7).
type ConversationUUID = uuid.UUID

// ClientID is made by the sender of a command (UUIDv7) and makes its
// repetition harmless. The zero ClientID means "none" (system events).
type ClientID = uuid.UUID

// Millis is a point in time: UTC milliseconds since 1970. Zero means "never".
type Millis int64

// At is the moment t as it is stored.
func At(t time.Time) Millis { return Millis(t.UnixMilli()) }

// Time is the moment as the standard library sees it.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }
