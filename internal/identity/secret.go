package identity

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/kefu-chat/kefu/internal/chat"
)

// SecretBytes is the length of a visitor's secret, made by its own client.
const SecretBytes = 32

// HashSecret is what the server keeps of a visitor's secret, which comes as
// base64url without padding. 32 random bytes need no slow hash.
func HashSecret(secret string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(secret)
	if err != nil || len(raw) != SecretBytes || len(secret) != base64.RawURLEncoding.EncodedLen(SecretBytes) {
		return nil, chat.Refuse("bad_secret", "the visitor's secret is not %d bytes in base64url without padding", SecretBytes)
	}
	sum := sha256.Sum256(raw)
	return sum[:], nil
}
