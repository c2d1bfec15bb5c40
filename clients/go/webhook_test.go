package kefu_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	kefu "github.com/kefu-chat/kefu/clients/go"
)

// A message that the server delivers is verified; the same one with anything changed is not.
func TestADeliveredWebhook(t *testing.T) {
	type came struct {
		header http.Header
		body   []byte
	}
	all := make(chan came, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		all <- came{r.Header, body}
	}))
	t.Cleanup(receiver.Close)
	secret := webhook(t, receiver.URL, "message.created")
	at := says(t, "hooked", "你好")
	var one came
	for late := time.After(time.Minute); ; {
		select {
		case one = <-all:
		case <-late:
			t.Fatal("nothing came")
		}
		if strings.HasPrefix(one.header.Get("Webhook-Id"), at.Conversation) {
			break
		}
	}
	const other = "whsec_b3RoZXI="
	q := httptest.NewRequest("POST", "/", strings.NewReader(string(one.body)))
	q.Header = one.header
	d, err := kefu.ReadDelivery(q, other, secret)
	if err != nil {
		t.Fatal(err)
	}
	if d.ID != at.Conversation+"."+strconv.FormatInt(at.Seq, 10) || d.Type != "message.created" || d.Data.Site != the.Site || d.Data.Event.Text != "你好" ||
		d.Data.Event.By.Kind != kefu.ActorKindVisitor || d.Data.Conversation.ID != at.Conversation || d.Timestamp.UnixMilli() != d.Data.Event.At {
		t.Errorf("it says %+v", d)
	}
	now := time.Now()
	with := func(name, value string) http.Header {
		h := one.header.Clone()
		h.Set(name, value)
		return h
	}
	old := strconv.FormatInt(now.Add(-time.Hour).Unix(), 10)
	signature := one.header.Get("Webhook-Signature")
	for name, c := range map[string]struct {
		header http.Header
		body   string
		now    time.Time
		secret string
		want   error
	}{
		"as it came":               {one.header, string(one.body), now, secret, nil},
		"the second of signatures": {with("Webhook-Signature", "v1,AAAA "+signature), string(one.body), now, secret, nil},
		"another secret":           {one.header, string(one.body), now, other, kefu.ErrSignature},
		"another body":             {one.header, string(one.body) + " ", now, secret, kefu.ErrSignature},
		"another id":               {with("Webhook-Id", "x.1"), string(one.body), now, secret, kefu.ErrSignature},
		"another time":             {with("Webhook-Timestamp", old), string(one.body), now, secret, kefu.ErrSignature},
		"no signature":             {with("Webhook-Signature", ""), string(one.body), now, secret, kefu.ErrSignature},
		"six minutes later":        {one.header, string(one.body), now.Add(6 * time.Minute), secret, kefu.ErrTooOld},
		"six minutes before":       {one.header, string(one.body), now.Add(-6 * time.Minute), secret, kefu.ErrTooOld},
	} {
		if err := kefu.Verify(c.header, []byte(c.body), c.now, c.secret); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := kefu.Verify(one.header, one.body, now, ""); err == nil {
		t.Error("an empty secret verifies")
	}
}
