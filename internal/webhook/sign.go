package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// secretPrefix begins secrets as Standard Webhooks writes them.
const secretPrefix = "whsec_"

// NewSecret makes a secret of 32 random bytes.
func NewSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return secretPrefix + base64.StdEncoding.EncodeToString(b[:])
}

// signature is the signature of a message by one secret, as Standard Webhooks 1.0 says:
// HMAC-SHA256 over id, time and body, joined by dots.
func signature(secret, id, seconds string, body []byte) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil {
		key = []byte(secret) // none of ours: a restored or edited row
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + seconds + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signed are the headers of a message that is sent now.
func (w Webhook) signed(id string, body []byte, now time.Time) http.Header {
	seconds := strconv.FormatInt(now.Unix(), 10)
	by := signature(w.Secret, id, seconds, body)
	if w.Old != "" && chat.At(now) < w.OldUntil {
		by += " " + signature(w.Old, id, seconds, body)
	}
	// The names are written as receivers know them: Go would write Webhook-Id, which is the same.
	return http.Header{
		"Content-Type": {"application/json"}, "Webhook-Id": {id}, "Webhook-Timestamp": {seconds}, "Webhook-Signature": {by},
	}
}
