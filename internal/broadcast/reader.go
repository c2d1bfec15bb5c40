package broadcast

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Reader is what stands of broadcasts in a visitor's own row.
type Reader struct {
	// Received is the number of the last entry of the site's log that the visitor was
	// brought up to, Read of the last one that it has seen. They never go backward.
	Received, Read int64
	// Seen are the entries by which broadcasts came to it, oldest first: the newest MaxSeen.
	Seen []Seen
	// Off: it does not want any.
	Off bool
	// CreatedAt is when the visitor wrote first: what was out before is not for it.
	CreatedAt chat.Millis
}

// Seen is an entry by which a broadcast came to a visitor, and when.
type Seen struct {
	Number int64
	At     chat.Millis
}

// MaxSeen bounds what a visitor's row remembers.
const MaxSeen = 50

// Advance is how far a visitor has come; several may be merged into one.
type Advance struct {
	Visitor        chat.VisitorID
	Received, Read int64
	Seen           []Seen
	// Counted: what it saw was counted before it had a row.
	Counted bool
	// From is what the row says, as far as the writer knows; nil: it does not. Where it is
	// right, nobody has to read the row.
	From *Reader
}

// Merge takes a later advance of the same visitor into this one, which begins where this did.
func (a *Advance) Merge(b Advance) {
	a.Received, a.Read = max(a.Received, b.Received), max(a.Read, b.Read)
	a.Seen = append(a.Seen, b.Seen...)
}

// Apply is the reader after an advance, with the numbers of the entries that were
// delivered and read for the first time: those count. Applied twice it counts once.
func (r Reader) Apply(a Advance) (after Reader, delivered, read []int64) {
	after = r
	after.Seen = slices.Clone(r.Seen)
	for _, s := range a.Seen {
		if after.add(s) && !a.Counted {
			delivered = append(delivered, s.Number)
		}
	}
	after.Received, after.Read = max(r.Received, a.Received), max(r.Read, a.Read)
	for _, s := range after.Seen {
		fresh := s.Number > r.Read || slices.Contains(delivered, s.Number) // or it was read elsewhere, and told of first
		if fresh && s.Number <= after.Read && !a.Counted {
			read = append(read, s.Number)
		}
	}
	return after, delivered, read
}

// add takes an entry up in its place; false: it is known, or too old to be.
func (r *Reader) add(s Seen) bool {
	i, known := slices.BinarySearchFunc(r.Seen, s.Number, func(s Seen, n int64) int { return int(min(1, max(-1, s.Number-n))) })
	if known || i == 0 && len(r.Seen) >= MaxSeen {
		return false
	}
	r.Seen = slices.Insert(r.Seen, i, s)
	r.Seen = r.Seen[max(0, len(r.Seen)-MaxSeen):]
	return true
}

// Has tells whether a broadcast came to the visitor by an entry.
func (r *Reader) Has(number int64) bool {
	return slices.ContainsFunc(r.Seen, func(s Seen) bool { return s.Number == number })
}

// Pack is what was seen in as few bytes as it takes: pairs of varints, each number
// and time as its distance from the one before.
func Pack(seen []Seen) []byte {
	b := []byte{}
	var before Seen
	for _, s := range seen {
		b = binary.AppendVarint(b, s.Number-before.Number)
		b = binary.AppendVarint(b, int64(s.At-before.At))
		before = s
	}
	return b
}

// Unpack reads what Pack wrote.
func Unpack(b []byte) ([]Seen, error) {
	var seen []Seen
	var last Seen
	for len(b) > 0 {
		number, n := binary.Varint(b)
		if n <= 0 {
			return nil, errPacked
		}
		at, m := binary.Varint(b[n:])
		if m <= 0 {
			return nil, errPacked
		}
		b = b[n+m:]
		last = Seen{Number: last.Number + number, At: last.At + chat.Millis(at)}
		seen = append(seen, last)
	}
	return seen, nil
}

var errPacked = errors.New("the list of broadcasts in a visitor's row is broken")
