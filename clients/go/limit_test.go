package kefu

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A call ends where its answer stops coming; what is streamed may take longer than a call.
func TestSlowAnswers(t *testing.T) {
	over := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/visitors/headless") {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, `{"id":`)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-over:
			_, _ = io.WriteString(w, "the rest")
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	c, err := New(slow.URL, "kfk_x", WithTries(1))
	if err != nil {
		t.Fatal(err)
	}
	c.limit = 200 * time.Millisecond
	archive, err := c.ExportVisitor(t.Context(), "1", "2", ExportVisitorParams{})
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	for _, id := range []string{"headless", "bodyless"} { // each of these takes the limit
		if _, err := c.GetVisitor(t.Context(), "1", id); !errors.Is(err, errSlow) {
			t.Errorf("%s: %v", id, err)
		}
	}
	close(over)
	if all, err := io.ReadAll(archive); err != nil || string(all) != `{"id":the rest` {
		t.Errorf("the stream is %q, %v", all, err)
	}
}

// An answer that breaks off is asked for again, under the same name.
func TestAnswerThatBreaksOff(t *testing.T) {
	var names []string
	breaking := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		names = append(names, r.Header.Get("Idempotency-Key"))
		if len(names) == 1 {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"id":"1",`)
			return
		}
		_, _ = io.WriteString(w, `{"id":"2"}`)
	}))
	defer breaking.Close()
	c, err := New(breaking.URL, "kfk_x")
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := c.EraseVisitor(t.Context(), "1", "2")
	if err != nil || receipt.ID != "2" {
		t.Errorf("%+v, %v", receipt, err)
	}
	if len(names) != 2 || names[0] == "" || names[0] != names[1] {
		t.Errorf("the names are %q, want two that are one", names)
	}
}

// A redirect is no success, whoever made the HTTP client: followed, it would be a GET.
func TestRedirects(t *testing.T) {
	followed := false
	leading := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		followed = followed || r.Method == http.MethodGet
		if r.Method != http.MethodGet {
			http.Redirect(w, r, "/elsewhere", http.StatusMovedPermanently)
		}
	}))
	defer leading.Close()
	for _, options := range [][]Option{nil, {WithHTTPClient(&http.Client{})}} {
		c, err := New(leading.URL, "kfk_x", options...)
		if err != nil {
			t.Fatal(err)
		}
		err = c.TellVisitor(t.Context(), "1", "2", VisitorChange{})
		if e, is := errors.AsType[*Error](err); !is || e.Code != "http_301" || !strings.Contains(e.Text, "/elsewhere") || followed {
			t.Errorf("followed: %t, and the answer is %v", followed, err)
		}
	}
}

// A server, or what stands before it, may ask for any number of seconds: no number of them is none.
func TestLongWaits(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"2": 2 * time.Second, "9223372037": mostWait, "99999999999999999999": mostWait, "-1": 0, "soon": 0,
	} {
		answer := &http.Response{StatusCode: 503, Header: http.Header{"Retry-After": {text}}, Body: io.NopCloser(strings.NewReader("busy"))}
		if e := errorFrom(answer); e.RetryAfter != want {
			t.Errorf("Retry-After %s: %s, want %s", text, e.RetryAfter, want)
		}
	}
	answer := &http.Response{StatusCode: 503, Body: io.NopCloser(strings.NewReader(`{"code":"busy","text":"x","retry_after":9223372036854775807}`))}
	if e := errorFrom(answer); e.RetryAfter != mostWait {
		t.Errorf("retry_after: %s", e.RetryAfter)
	}
}
