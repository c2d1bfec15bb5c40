package retention

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Hash says who was erased to whoever has the visitor's row, and nothing to anybody else.
type Hash [sha256.Size]byte

// HashOf is a visitor's.
func HashOf(on chat.SiteID, visitor chat.VisitorID) Hash {
	b := []byte("kefu erasure\x00")
	b = binary.BigEndian.AppendUint64(b, uint64(on))
	return sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(visitor)))
}

// String is the hash in hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }
