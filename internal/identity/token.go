package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// NewToken makes what a cookie or a one-use link carries: 32 random bytes in
// base64url, and the hash that the server keeps of them.
func NewToken() (token string, hash []byte) {
	var raw [SecretBytes]byte
	_, _ = rand.Read(raw[:]) // never fails since Go 1.24
	sum := sha256.Sum256(raw[:])
	return base64.RawURLEncoding.EncodeToString(raw[:]), sum[:]
}

// HashToken is the hash of a token, or false for what cannot be one.
func HashToken(token string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != SecretBytes {
		return nil, false
	}
	sum := sha256.Sum256(raw)
	return sum[:], true
}
