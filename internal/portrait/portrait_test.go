package portrait_test

import (
	"bytes"
	"image/color"
	"net/http"
	"strings"
	"testing"
	"time"

	_ "image/jpeg"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/portrait"
	"github.com/kefu-chat/kefu/internal/retention"
)

func TestAPictureIsFetchedOnceAndShownByUs(t *testing.T) {
	w := newWorld(t)
	client := w.client(true, patience)
	one, two := w.node(client), w.node(client) // of two nodes
	first := w.logIn("ann", w.website.URL+"/ann.png?token=tell-nobody")
	if first.Visitor.Vouched.Portrait != "" {
		t.Errorf("the log-in waited for %q", first.Visitor.Vouched.Portrait)
	}
	address := await(w, w.told)
	if got := w.vouched(first.Visitor.ID); got.Portrait != address || got.Name != "Ann" {
		t.Errorf("kept is %+v, told was %q", got, address)
	}
	if got := w.shown(address); !strings.HasSuffix(got, "256x256") {
		t.Errorf("shown is %s", got)
	}
	again := w.logIn("ann", w.website.URL+"/ann.png?token=tell-nobody")
	if again.Visitor.ID != first.Visitor.ID || again.Visitor.Vouched.Portrait != address {
		t.Errorf("a second log-in has %+v", again.Visitor)
	}
	other := w.logIn("bob", w.website.URL+"/bob.png") // after the run that there would have been
	await(w, w.told)
	if n := w.asked.Load(); n != 2 {
		t.Errorf("the website was asked %d times for two pictures", n)
	}
	for range 2 {
		select {
		case result := <-one:
			if result != jobs.Done {
				t.Error(result)
			}
		case result := <-two:
			if result != jobs.Done {
				t.Error(result)
			}
		case <-time.After(patience):
			t.Fatal("a run does not end")
		}
	}
	if got := w.vouched(other.Visitor.ID).Portrait; got == "" || got == address {
		t.Errorf("the other's is %q", got)
	}
	if strings.Contains(w.log.String(), "tell-nobody") {
		t.Errorf("the log tells the address:\n%s", w.log.String())
	}
}

func TestAnotherAddressReplacesThePicture(t *testing.T) {
	w := newWorld(t)
	w.node(w.client(true, patience))
	id := w.logIn("ann", w.website.URL+"/1").Visitor.ID
	first := await(w, w.told)
	w.gives(face(color.Black))
	if l := w.logIn("ann", w.website.URL+"/2"); l.Visitor.Vouched.Portrait != first {
		t.Errorf("until the second is there, %q is shown, not %q", l.Visitor.Vouched.Portrait, first)
	}
	second := await(w, w.told)
	if got := w.vouched(id).Portrait; got != second || second == first || w.shown(second) == "" {
		t.Errorf("shown is %q, told was %q after %q", got, second, first)
	}
	if got := w.shown(first); got != "" {
		t.Errorf("the first is still given: %s", got)
	}
	if n, err := w.keeper.Sweep(t.Context()); err != nil || n != 1 {
		t.Errorf("%d files swept, %v; want the first one", n, err)
	}
	// A token that names none takes it away.
	if l := w.logIn("ann", ""); l.Visitor.Vouched.Portrait != "" || w.vouched(id).Portrait != "" || w.shown(second) != "" {
		t.Errorf("there is still %q", w.vouched(id).Portrait)
	}
}

func TestALogOutKeepsItAndAnErasureDoesNot(t *testing.T) {
	w := newWorld(t)
	w.node(w.client(true, patience))
	l := w.logIn("ann", w.website.URL)
	address := await(w, w.told)
	if ended, err := w.db.EndVisitorLogin(t.Context(), l.ID); err != nil || !ended {
		t.Fatal(ended, err)
	}
	if w.vouched(l.Visitor.ID).Portrait != address || w.shown(address) == "" {
		t.Error("a log-out took the picture away")
	}
	eraser := retention.NewEraser(w.db, w.db, nil, erased{}, nothing, time.Now, nil)
	receipt, err := eraser.Erase(t.Context(), audit.By{Actor: chat.System().Ref()}, shop, l.Visitor.ID)
	if err != nil || receipt.Removed.Files != 1 {
		t.Errorf("the receipt is %+v, %v: want one file", receipt, err)
	}
	if got := w.shown(address); got != "" {
		t.Errorf("after the erasure there is %s", got)
	}
	if n, err := w.keeper.Sweep(t.Context()); err != nil || n != 1 {
		t.Errorf("%d files swept, %v", n, err)
	}
}

// What comes while the visitor is erased, or the address changes, is shown to nobody.
func TestAPictureThatIsNotWantedAnyMoreIsNotKept(t *testing.T) {
	w := newWorld(t)
	begun, goOn := make(chan bool), make(chan bool)
	w.handles(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			begun <- true
			<-goOn
		}
		_, _ = rw.Write(face(color.White))
	})
	ran := w.node(w.client(true, patience))
	id := w.logIn("ann", w.website.URL+"/old").Visitor.ID
	await(w, begun)
	w.logIn("ann", w.website.URL+"/new")
	close(goOn)
	if result := await(w, ran); result != jobs.Done {
		t.Error(result)
	}
	address := await(w, w.told)
	if got := w.vouched(id).Portrait; got != address || w.asked.Load() != 2 || len(w.told) > 0 {
		t.Errorf("shown is %q, told was %q, after %d requests", got, address, w.asked.Load())
	}
	if n, err := w.keeper.Sweep(t.Context()); err != nil || n != 1 {
		t.Errorf("%d files swept, %v: want that of the old address", n, err)
	}
}

func TestWhatIsNoPictureHarmsNobody(t *testing.T) {
	bomb := bytes.Clone(face(color.White))
	copy(bomb[16:], []byte{0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50}) // 50,000 pixels wide and high
	endless := func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "image/png")
		rw.Header().Set("Content-Length", "10737418240") // 10 GB
		_, _ = rw.Write(face(color.White))
		for block := make([]byte, 1<<20); r.Context().Err() == nil; {
			if _, err := rw.Write(block); err != nil {
				return
			}
		}
	}
	slow := func(rw http.ResponseWriter, r *http.Request) {
		_, _ = rw.Write(face(color.White)[:100])
		_ = http.NewResponseController(rw).Flush()
		<-r.Context().Done()
	}
	write := func(body []byte) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(body) }
	}
	for name, one := range map[string]struct {
		serve http.HandlerFunc
		runs  []jobs.Result
		why   string
	}{
		"10 GB":                  {endless, []jobs.Result{jobs.Done}, "bytes"},
		"a slow body":            {slow, []jobs.Result{jobs.Failed, jobs.Failed, jobs.GivenUp}, "in time"},
		"a redirect to a cloud":  {http.RedirectHandler("https://169.254.169.254/latest/meta-data/", http.StatusFound).ServeHTTP, []jobs.Result{jobs.Done}, "link-local"},
		"a redirect to http":     {http.RedirectHandler("http://127.0.0.1/", http.StatusFound).ServeHTTP, []jobs.Result{jobs.Done}, "from https to http"},
		"an SVG":                 {write([]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)), []jobs.Result{jobs.Done}, "no picture"},
		"a bomb":                 {write(bomb), []jobs.Result{jobs.Done}, "opened"},
		"nothing":                {write(nil), []jobs.Result{jobs.Done}, "no picture"},
		"half a picture":         {write(face(color.White)[:120]), []jobs.Result{jobs.Done}, "opened"},
		"not found":              {http.NotFound, []jobs.Result{jobs.Done}, "404"},
		"a server that is ill":   {func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(503) }, []jobs.Result{jobs.Failed, jobs.Failed, jobs.GivenUp}, "503"},
		"a server that hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, []jobs.Result{jobs.Failed, jobs.Failed, jobs.GivenUp}, "closed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			client := portrait.Client(w.client(true, patience))
			if name == "a slow body" {
				client = hasty{client, "/bad", w.client(true, 100*time.Millisecond)}
			}
			ran := w.node(client)
			id := w.logIn("ann", w.website.URL+"/good").Visitor.ID
			before := await(w, w.told)
			if result := await(w, ran); result != jobs.Done {
				t.Fatal(result)
			}
			w.handles(one.serve)
			l := w.logIn("ann", w.website.URL+"/bad")
			for i, want := range one.runs {
				if got := await(w, ran); got != want {
					t.Errorf("run %d: %s, want %s", i+1, got, want)
				}
			}
			if got := w.vouched(id).Portrait; got != before || w.shown(got) == "" {
				t.Errorf("shown is %q, and was %q", got, before)
			}
			if found, err := w.db.VisitorLogin(t.Context(), loginHash(w)); err != nil || found.ID != l.ID {
				t.Errorf("the log-in: %+v, %v", found, err)
			}
			if !strings.Contains(w.log.String(), one.why) || strings.Contains(w.log.String(), "/bad") {
				t.Errorf("the log says, without %q:\n%s", one.why, w.log.String())
			}
			if n := len(w.told); n != 0 {
				t.Errorf("%d were told", n)
			}
		})
	}
}

func TestAPrivateAddressIsNotAsked(t *testing.T) {
	w := newWorld(t)
	ran := w.node(w.client(false, patience))
	for _, address := range []string{w.website.URL, strings.Replace(w.website.URL, "127.0.0.1", "localhost", 1), "https://10.0.0.1/", "https://[::ffff:169.254.169.254]/"} {
		id := w.logIn("ann", address).Visitor.ID
		if result := await(w, ran); result != jobs.Done {
			t.Errorf("%s: %s", address, result)
		}
		if got := w.vouched(id).Portrait; got != "" {
			t.Errorf("%s: shown is %q", address, got)
		}
	}
	if n := w.asked.Load(); n != 0 {
		t.Errorf("it was reached %d times", n)
	}
	if n := strings.Count(w.log.String(), "outbound.allow"); n != 4 {
		t.Errorf("the log explains %d of 4:\n%s", n, w.log.String())
	}
}

func TestAPictureThatFailedIsTriedAgainWithTheNextToken(t *testing.T) {
	w := newWorld(t)
	ran := w.node(w.client(true, patience))
	w.handles(http.NotFound)
	id := w.logIn("ann", w.website.URL).Visitor.ID
	await(w, ran)
	w.gives(face(color.White))
	w.logIn("ann", w.website.URL)
	if address := await(w, w.told); w.vouched(id).Portrait != address {
		t.Errorf("shown is %q", w.vouched(id).Portrait)
	}
}

// Where no files are kept there are no portraits, and no job stays behind.
func TestWithoutFilesNothingIsFetched(t *testing.T) {
	w := newWorld(t)
	w.drawer = nil
	ran := w.node(w.client(true, patience))
	w.logIn("ann", w.website.URL)
	if await(w, ran) != jobs.Done || w.asked.Load() != 0 {
		t.Error("it was fetched")
	}
}
