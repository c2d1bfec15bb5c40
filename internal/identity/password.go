package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/site"
)

// The bounds of a password, in code points.
const (
	MinPassword = 12
	MaxPassword = 256
)

// argon2id as OWASP's first choice has it: 19 MiB, two passes, one lane.
const (
	argonTime    = 2
	argonMemory  = 19 * 1024 // KiB
	argonThreads = 1
	argonKey     = 32
	argonSalt    = 16
)

// CheckPassword refuses what may not become a password. Errors: FieldError for "password".
func CheckPassword(password, email string) error {
	n := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return site.Bad("password", "A password is text in valid Unicode.")
	case n < MinPassword:
		return site.Bad("password", "A password has %d characters or more; any characters.", MinPassword)
	case n > MaxPassword:
		return site.Bad("password", "A password has at most %d characters.", MaxPassword)
	case strings.EqualFold(password, email) || blank(password):
		return site.Bad("password", "Choose a password that is neither your e-mail address nor one character repeated.")
	}
	return nil
}

// blank tells whether a password is one character again and again.
func blank(password string) bool {
	first, _ := utf8.DecodeRuneInString(password)
	return strings.Trim(password, string(first)) == ""
}

// Hasher runs argon2id, a bounded number of times at once: each run takes
// 19 MiB and some 20 ms of one core.
type Hasher struct {
	running chan struct{}
	waiting chan struct{}
	runs    atomic.Int64
}

// NewHasher lets so many run at once, and so many more wait for their turn.
func NewHasher(atOnce, waiting int) *Hasher {
	return &Hasher{running: make(chan struct{}, atOnce), waiting: make(chan struct{}, atOnce+waiting)}
}

// Hash is the password's hash with a new salt, in PHC form. Errors: Busy.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	var salt [argonSalt]byte
	_, _ = rand.Read(salt[:])
	key, err := h.run(ctx, password, salt[:])
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads, b64(salt[:]), b64(key)), nil
}

// Verify compares a password with its hash. An empty or unreadable hash costs
// one run too and matches nothing. Errors: Busy.
func (h *Hasher) Verify(ctx context.Context, password, phc string) (bool, error) {
	salt, want, ok := parsePHC(phc)
	key, err := h.run(ctx, password, salt)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, want) == 1 && ok, nil
}

func parsePHC(phc string) (salt, key []byte, ok bool) {
	none := func() ([]byte, []byte, bool) { return make([]byte, argonSalt), make([]byte, argonKey), false }
	rest, ok := strings.CutPrefix(phc, fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, argonMemory, argonTime, argonThreads))
	if !ok {
		return none()
	}
	s, k, _ := strings.Cut(rest, "$")
	salt, err1 := base64.RawStdEncoding.DecodeString(s)
	key, err2 := base64.RawStdEncoding.DecodeString(k)
	if err1 != nil || err2 != nil || len(key) != argonKey {
		return none()
	}
	return salt, key, true
}

func (h *Hasher) run(ctx context.Context, password string, salt []byte) ([]byte, error) {
	select {
	case h.waiting <- struct{}{}:
	default:
		return nil, chat.Refuse(chat.Busy, "too many passwords are being checked at this moment: try again in a second")
	}
	defer func() { <-h.waiting }()
	select {
	case h.running <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-h.running }()
	h.runs.Add(1)
	return argon2.IDKey([]byte(norm.NFC.String(password)), salt, argonTime, argonMemory, argonThreads, argonKey), nil
}
