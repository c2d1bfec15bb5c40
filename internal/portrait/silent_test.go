package portrait_test

import (
	"fmt"
	"image/color"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/portrait"
)

const silentSite = shop + 1

// silent is a server that says nothing until its end is closed, and then has pictures.
func (w *world) silent() (s *httptest.Server, asked chan bool, end func()) {
	asked, over := make(chan bool, 100), make(chan struct{})
	s = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked <- true
		select {
		case <-over:
			_, _ = rw.Write(face(color.Black))
		case <-r.Context().Done():
		}
	}))
	w.Cleanup(s.Close)
	return s, asked, func() { close(over) }
}

func TestASilentServerHoldsUpNobodyElse(t *testing.T) {
	w := newWorld(t)
	silent, asked, end := w.silent()
	ran := w.node(w.client(true, patience))
	const visitors = 2 * portrait.Slots
	for i := range visitors {
		w.logInAt(silentSite, fmt.Sprint("ann", i), silent.URL)
	}
	await(w, asked)
	await(w, asked)
	for range visitors { // those without a turn
		if result := await(w, ran); result != jobs.Done {
			t.Error(result)
		}
	}
	before := w.logIn("bob", w.website.URL).Visitor.ID
	address := await(w, w.told)
	if got := w.vouched(before).Portrait; got != address || len(asked) != 0 {
		t.Errorf("shown is %q, told was %q; of the silent server %d more are under way", got, address, len(asked))
	}
	end()
	for range visitors {
		await(w, w.told)
	}
}

func TestASilentServerIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	silent, asked, _ := w.silent()
	ran := w.node(hasty{w.client(true, patience), "/silent", w.client(true, 100*time.Millisecond)})
	const visitors = 6
	for i := range visitors {
		w.logIn(fmt.Sprint("ann", i), silent.URL+"/silent")
	}
	for given := 0; given < visitors; {
		if await(w, ran) == jobs.GivenUp {
			given++
		}
	}
	if n := len(asked); n == 0 || n > 2 {
		t.Errorf("it was asked %d times", n)
	}
	if log := w.log.String(); !strings.Contains(log, "left alone") {
		t.Errorf("the log says:\n%s", log)
	}
	id := w.logIn("bob", w.website.URL).Visitor.ID // of the same site
	if address := await(w, w.told); w.vouched(id).Portrait != address {
		t.Errorf("shown is %q, told was %q", w.vouched(id).Portrait, address)
	}
}
