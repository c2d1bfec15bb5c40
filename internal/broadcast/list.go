package broadcast

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/site"
)

// MaxListed is how many visitors a list names at most: 800 KB on a node that tells
// them, about 500 KB in the database.
const MaxListed = 100_000

// List is a set of visitors; it never changes.
type List struct{ ids []chat.VisitorID } // sorted, each once

// ListOf is the list of these visitors, in any order; who is named twice is in it once.
func ListOf(ids []chat.VisitorID) *List {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return &List{slices.Clip(slices.Compact(ids))}
}

// ReadList reads ids as they leave the server: decimal numbers. Errors: FieldError,
// about the first one that is none.
func ReadList(texts []string) (*List, error) {
	if len(texts) > MaxListed {
		return nil, site.Bad("audience.ids", "A list names at most %d visitors, this one has %d ids: make several broadcasts.", MaxListed, len(texts))
	}
	ids := make([]chat.VisitorID, len(texts))
	for i, text := range texts {
		id, err := chat.ParseID(strings.TrimSpace(text))
		if err != nil {
			return nil, site.Bad("audience.ids", "%.24q, at place %d of the list, is no visitor's id: want a positive decimal number, such as 126871239812399999.", text, i+1)
		}
		ids[i] = chat.VisitorID(id)
	}
	return ListOf(ids), nil
}

// Len is how many it names.
func (l *List) Len() int { return len(l.ids) }

// Has tells whether it names a visitor.
func (l *List) Has(id chat.VisitorID) bool {
	_, has := slices.BinarySearch(l.ids, id)
	return has
}

// Parts are its ids in order, at most so many in each.
func (l *List) Parts(most int) [][]chat.VisitorID { return slices.Collect(slices.Chunk(l.ids, most)) }

// PackIDs writes ids, ascending, in as few bytes as it takes: varints of the distance
// from one to the next.
func PackIDs(ids []chat.VisitorID) []byte {
	b, before := []byte{}, chat.VisitorID(0)
	for _, id := range ids {
		b = binary.AppendUvarint(b, uint64(id-before)) //nolint:gosec // they ascend
		before = id
	}
	return b
}

// UnpackIDs reads what PackIDs wrote, behind other ids that are smaller.
func UnpackIDs(ids []chat.VisitorID, b []byte) ([]chat.VisitorID, error) {
	last := chat.VisitorID(0)
	for len(b) > 0 {
		distance, n := binary.Uvarint(b)
		if n <= 0 || distance == 0 || last+chat.VisitorID(distance) <= last { //nolint:gosec // one too large is negative
			return nil, errPackedIDs
		}
		last += chat.VisitorID(distance) //nolint:gosec // as above
		if len(ids) > 0 && last <= ids[len(ids)-1] {
			return nil, errPackedIDs
		}
		ids, b = append(ids, last), b[n:]
	}
	return ids, nil
}

var errPackedIDs = errors.New("the stored list of a broadcast's visitors is broken")
