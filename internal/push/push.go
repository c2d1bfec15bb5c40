// Package push is text that an application server sends to whoever is connected
// under an id of its own making (push by id): rows with a position per site that
// are kept for a few minutes. Nothing of it is a conversation.
package push

import (
	"context"
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Bounds of a push, in bytes but for MaxIDs, which counts.
const (
	MaxPayload = 64 << 10
	MaxID      = 128
	MaxIDs     = 1000
	MaxRequest = 200 // an Idempotency-Key
)

// KeptFor is how long a push can still be read by a connection that comes back.
const KeptFor = 5 * time.Minute

// Push is one that was kept. Positions rise within a site; there are gaps.
type Push struct {
	Site     chat.SiteID
	Position int64
	At       chat.Millis
	// IDs are those to whom it goes, sorted, each once; none: to all of the site. Each
	// begins with proven where the connection must have proved that the id is its own.
	IDs     []string
	Payload string
}

// proven stands before an id that only verified visitors have, and by itself for all
// of them. No id contains it, so that a program that does not know it reaches nobody.
const proven = "\x00"

// Reaches tells whether a connection of this id gets the push; verified: it has proved
// that the id is its own.
func (p *Push) Reaches(id string, verified bool) bool {
	switch {
	case len(p.IDs) == 0:
		return true
	case p.IDs[0] == proven:
		return verified
	case p.Verified():
		id = proven + id
	}
	_, found := slices.BinarySearch(p.IDs, id)
	return found && (verified || !p.Verified())
}

// Verified tells whether the push is for verified visitors only.
func (p *Push) Verified() bool { return len(p.IDs) > 0 && strings.HasPrefix(p.IDs[0], proven) }

// Conns are the ids whose connections may get the push; none: all.
func (p *Push) Conns() []string {
	if !p.Verified() {
		return p.IDs
	}
	var ids []string
	for _, id := range p.IDs {
		if id != proven {
			ids = append(ids, strings.TrimPrefix(id, proven))
		}
	}
	return ids
}

// Order is a push that is to be made. Request names it: the same one again makes no
// second push.
type Order struct {
	Site    chat.SiteID
	Request string
	IDs     []string // none: to all
	Payload string
	// Verified is for connections only of verified visitors, whose ids are those that
	// their website gave them.
	Verified bool
}

// Check puts an order right (ids sorted, each once), or refuses it: BadText.
func (o *Order) Check() error {
	switch {
	case o.Request == "" || len(o.Request) > MaxRequest:
		return chat.Refuse(chat.BadText, "the header Idempotency-Key names this push: send 1 to %d bytes, the same ones when it is repeated", MaxRequest)
	case o.Payload == "" || len(o.Payload) > MaxPayload || !utf8.ValidString(o.Payload):
		return chat.Refuse(chat.BadText, "the payload has %d bytes: send 1 to %d of well-formed Unicode", len(o.Payload), MaxPayload)
	case len(o.IDs) > MaxIDs:
		return chat.Refuse(chat.BadText, "the push names %d ids: at most %d at once", len(o.IDs), MaxIDs)
	}
	for i, id := range o.IDs {
		if !GoodID(id) {
			return chat.Refuse(chat.BadText, "ids[%d] has %d bytes: an id has 1 to %d, of well-formed Unicode", i, len(id), MaxID)
		}
	}
	if o.Verified {
		o.IDs = slices.Clone(o.IDs)
		for i := range o.IDs {
			o.IDs[i] = proven + o.IDs[i]
		}
		if len(o.IDs) == 0 {
			o.IDs = []string{proven}
		}
		o.Verified = false // it is in the ids
	}
	slices.Sort(o.IDs)
	o.IDs = slices.Compact(o.IDs)
	return nil
}

// GoodID tells whether this can be an id.
func GoodID(id string) bool {
	return id != "" && len(id) <= MaxID && utf8.ValidString(id) && !strings.ContainsRune(id, 0)
}

// Fingerprint tells orders of one request apart.
func (o *Order) Fingerprint() []byte {
	sum := sha256.New()
	for _, id := range o.IDs {
		sum.Write([]byte(strconv.Itoa(len(id)) + ":" + id))
	}
	sum.Write([]byte("\n" + o.Payload))
	return sum.Sum(nil)
}

// Store remembers pushes.
type Store interface {
	// AddPush keeps one under the site's next position; before is the position of the
	// push before it. A repeated request gets the first one's push. Refusals: ClientIDReused.
	AddPush(ctx context.Context, o Order) (p Push, before int64, err error)
	// PushHeads are the positions of the sites' newest pushes; 0 where there was none.
	PushHeads(ctx context.Context, sites []chat.SiteID) (map[chat.SiteID]int64, error)
	// PushesAfter are a site's pushes after a position, oldest first.
	PushesAfter(ctx context.Context, site chat.SiteID, after int64, limit int) ([]Push, error)
	// ForgetPushes removes up to limit pushes that are older than the age, and tells how many it met.
	ForgetPushes(ctx context.Context, age time.Duration, limit int) (int, error)
}
