package kefu

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Delivery is a verified message to a webhook. See docs/WEBHOOKS.md.
type Delivery struct {
	// ID names the event, and is the same each time that it is delivered.
	ID        string       `json:"-"`
	Type      string       `json:"type"` // such as message.created; more may come
	Version   int          `json:"version"`
	Timestamp time.Time    `json:"timestamp"`
	Data      DeliveryData `json:"data"`
}

// DeliveryData is what a delivery is about. A ping has only the site.
type DeliveryData struct {
	Site         string          `json:"site"`
	Conversation Conversation    `json:"conversation"`
	Visitor      DeliveryVisitor `json:"visitor"`
	Event        Event           `json:"event"`
	Changed      *Event          `json:"changed"` // what an edit or a recall changed, as it is now
}

// DeliveryVisitor is a visitor as far as the event's conversation knows it.
type DeliveryVisitor struct {
	ID       string          `json:"id"`
	Verified *VisitorVouched `json:"verified"` // what the website vouches for
	Says     VisitorSays     `json:"says"`     // what the page said, which anybody can write
	Language string          `json:"language"`
}

// Errors of a message to a webhook that is to be refused.
var (
	ErrSignature = errors.New("kefu: no signature of the message is one of these secrets")
	ErrTooOld    = errors.New("kefu: the message was signed more than five minutes ago, or will be: compare the clocks")
)

const (
	tolerance    = 5 * time.Minute
	mostDelivery = 2 << 20 // bytes
)

// ReadDelivery reads and verifies a message to a webhook. While secrets change over, give
// the old one too. Errors: ErrSignature, ErrTooOld, those of reading.
func ReadDelivery(r *http.Request, secrets ...string) (*Delivery, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, mostDelivery))
	if err != nil {
		return nil, fmt.Errorf("kefu: %w", err)
	}
	if err := Verify(r.Header, body, time.Now(), secrets...); err != nil {
		return nil, err
	}
	d := &Delivery{ID: r.Header.Get("Webhook-Id")}
	if err := json.Unmarshal(body, d); err != nil {
		return nil, fmt.Errorf("kefu: %w", err)
	}
	return d, nil
}

// Verify says whether one of the secrets, whsec_…, has signed the body as it came, within
// five minutes of now. Errors: ErrSignature, ErrTooOld.
func Verify(h http.Header, body []byte, now time.Time, secrets ...string) error {
	id, at := h.Get("Webhook-Id"), h.Get("Webhook-Timestamp")
	valid := false
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(key) == 0 {
			return errors.New("kefu: this is no secret of a webhook: it begins with whsec_")
		}
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.", id, at)
		mac.Write(body)
		want := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		for _, one := range strings.Fields(h.Get("Webhook-Signature")) {
			valid = hmac.Equal([]byte(one), want) || valid
		}
	}
	if !valid {
		return ErrSignature
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return ErrTooOld
	}
	return nil
}
