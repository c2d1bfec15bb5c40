// Package legacy holds the rules of two small chat protocols that older pages
// speak: who may come in by which door, names of their own, and frames.
package legacy

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Door is one of the two protocols.
type Door string

// The doors. Their names stand in the database.
const (
	PushDoor Door = "push"
	ChatDoor Door = "chat"
)

// How long a ticket lasts: in an address once, in a cookie many times.
const (
	TicketLasts    = 30 * time.Second
	CookieLasts    = 12 * time.Hour
	CookieLastsMax = 30 * 24 * time.Hour
)

// Ticket is a right of entry under a name, given to a page by its application
// server, which knows who that is.
type Ticket struct {
	Site chat.SiteID
	Door Door
	Name string
	// Reusable ones stand in a cookie, others in an address, and work once.
	Reusable bool
	Expires  chat.Millis
	// Key is the API key by which it was made: when that is revoked, the ticket is not
	// good any more, and who came in by it goes.
	Key int64
	// Login is the log-in of the verified visitor who made it for itself; the same holds for it.
	Login int64
}

// Tickets remembers them by the hash of what is shown.
type Tickets interface {
	// AddTicket keeps one for so long, and tells when it ends.
	AddTicket(ctx context.Context, hash []byte, t Ticket, lasts time.Duration) (chat.Millis, error)
	// TakeTicket finds one that is good and whose API key is, and uses it up unless it is reusable. Of two
	// who show the same one together only one finds it. Refusals: NotFound.
	TakeTicket(ctx context.Context, hash []byte) (Ticket, error)
	// ForgetTickets removes up to limit that have ended, and counts them.
	ForgetTickets(ctx context.Context, limit int) (int, error)
}

const ticketBytes = 32

// NewTicket makes what is shown, and the hash that is kept.
func NewTicket() (shown string, hash []byte) {
	var b [ticketBytes]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	shown = base64.RawURLEncoding.EncodeToString(b[:])
	sum := sha256.Sum256(b[:])
	return shown, sum[:]
}

// HashTicket is the hash of what is shown; false if that cannot be a ticket.
func HashTicket(shown string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.DecodeString(shown)
	if err != nil || len(b) != ticketBytes {
		return nil, false
	}
	sum := sha256.Sum256(b)
	return sum[:], true
}
