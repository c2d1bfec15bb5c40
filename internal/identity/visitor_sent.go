package identity

import (
	"crypto/sha256"
	"strings"

	"github.com/kefu-chat/kefu/internal/chat"
)

const logInPrefix = "kfv_"

// Sent is what a visitor's client sends to say who it is: the secret that it made
// itself, or a log-in. It is well-formed; whether it is good, VisitorLogins.Who says.
type Sent struct {
	// Hash is the secret's, or the log-in's: it tells clients apart before anything is looked up.
	Hash  [sha256.Size]byte
	LogIn bool
}

// ReadSent reads the member "secret" of a hello, or the header Authorization's
// bearer. Errors: bad_secret.
func ReadSent(text string) (Sent, error) {
	if token, is := strings.CutPrefix(text, logInPrefix); is {
		sum, ok := HashToken(token)
		if !ok {
			return Sent{}, chat.Refuse(LogInEnded, "this is no log-in: %s and 32 bytes in base64url are one", logInPrefix)
		}
		return Sent{Hash: [sha256.Size]byte(sum), LogIn: true}, nil
	}
	sum, err := HashSecret(text)
	if err != nil {
		return Sent{}, err
	}
	return Sent{Hash: [sha256.Size]byte(sum)}, nil
}
