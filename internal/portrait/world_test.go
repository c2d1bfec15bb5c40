package portrait_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/files/folder"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/outbound"
	"github.com/kefu-chat/kefu/internal/portrait"
	"github.com/kefu-chat/kefu/internal/store"
	"github.com/kefu-chat/kefu/test/databases"
	"github.com/kefu-chat/kefu/test/engines"
)

type tests struct{ *testing.M }

func (t tests) Run() int { return engines.Main(t.M) }

func TestMain(m *testing.M) { goleak.VerifyTestMain(tests{m}) }

const (
	patience = 30 * time.Second
	shop     = chat.SiteID(71)
)

// world is a database with its files, a website with pictures, and nodes that fetch.
type world struct {
	*testing.T
	db      *store.DB
	keeper  *files.Keeper
	drawer  portrait.Drawer // keeper, unless a test says otherwise
	website *httptest.Server
	asked   atomic.Int64 // requests to the website
	serve   atomic.Pointer[http.HandlerFunc]
	told    chan string
	log     lockedBuffer
	jti     int
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, told: make(chan string, 100)}
	db, err := store.Open(t.Context(), store.Config{Path: databases.File(t), Synchronous: "off", Relaxed: true}, slog.New(slog.DiscardHandler))
	w.must(err)
	t.Cleanup(func() { w.must(db.Close()) })
	blobs, err := folder.Open(t.TempDir())
	w.must(err)
	t.Cleanup(func() { w.must(blobs.Close()) })
	keeper, err := files.New(t.Context(), files.Config{VisitorBytes: 1 << 20}, db, blobs, slog.New(slog.DiscardHandler))
	w.must(err)
	t.Cleanup(keeper.Close)
	w.db, w.keeper, w.drawer = db, keeper, keeper
	w.website = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.asked.Add(1)
		(*w.serve.Load())(rw, r)
	}))
	w.website.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(w.website.Close)
	w.gives(face(color.White))
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// Portrayed implements portrait.Told.
func (w *world) Portrayed(_ chat.SiteID, _ []byte, address string) { w.told <- address }

// client may ask this machine if here says so, and waits within for an answer.
func (w *world) client(here bool, within time.Duration) *outbound.Client {
	cfg := outbound.Config{Timeout: within, Roots: x509.NewCertPool()}
	cfg.Roots.AddCert(w.website.Certificate())
	if here {
		cfg.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	c := outbound.New(cfg)
	w.Cleanup(c.Close)
	return c
}

// hasty leaves what lies at a path to a client with less patience.
type hasty struct {
	portrait.Client
	path string
	less portrait.Client
}

func (h hasty) Do(ctx context.Context, r outbound.Request) (outbound.Answer, error) {
	if strings.HasSuffix(r.URL, h.path) {
		return h.less.Do(ctx, r)
	}
	return h.Client.Do(ctx, r)
}

// node fetches; each end of a run is told by its result.
func (w *world) node(client portrait.Client) <-chan jobs.Result {
	w.Helper()
	ran := make(chan jobs.Result, 100)
	log := slog.New(slog.NewTextHandler(&w.log, nil))
	r := jobs.New(jobs.Config{
		Log: log, Every: 5 * time.Millisecond, Attempts: 3, Backoff: func(int) time.Duration { return time.Millisecond },
		Ran: func(_ string, result jobs.Result, _ time.Duration) { ran <- result },
	}, w.db)
	r.HandleMost(portrait.JobKind, portrait.Slots, portrait.New(w.db, client, w.drawer, w, r, log).Run)
	r.Start()
	w.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		w.must(r.Stop(ctx))
	})
	return ran
}

func (w *world) handles(h http.HandlerFunc) { w.serve.Store(&h) }

func (w *world) gives(body []byte) {
	w.handles(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(body) })
}

// face is a picture.
func face(c color.Color) []byte {
	m := image.NewNRGBA(image.Rect(0, 0, 400, 300))
	for i := range 400 * 300 {
		m.Set(i%400, i/400, c)
	}
	var b bytes.Buffer
	_ = png.Encode(&b, m) // into memory
	return b.Bytes()
}

// logIn is an exchange of a token with this picture, and what is vouched for then.
func (w *world) logIn(person, picture string) identity.VisitorLogin {
	w.Helper()
	return w.logInAt(shop, person, picture)
}

func (w *world) logInAt(on chat.SiteID, person, picture string) identity.VisitorLogin {
	w.Helper()
	w.jti++
	secret := fmt.Appendf(nil, "%032d", w.jti)
	n := identity.NewVisitorLogin{
		Login: identity.VisitorLogin{
			ID: int64(1000 + w.jti), Site: on, SigningKey: 5, MadeAt: 100, LastUsedAt: 100,
			Visitor: identity.VerifiedVisitor{ID: chat.VisitorID(2000 + w.jti), Vouched: chat.Vouched{ID: person, Name: "Ann"}},
		},
		Hash: secret, JTI: fmt.Sprint(w.jti), ExchangeHash: secret, Expires: 5000, Picture: picture,
	}
	copy(n.Login.Visitor.Hash[:], secret)
	made, err := w.db.AddVisitorLogin(w.Context(), n)
	w.must(err)
	return made
}

// vouched is what is kept of the visitor now.
func (w *world) vouched(id chat.VisitorID) chat.Vouched {
	w.Helper()
	all, err := w.db.Listed(w.Context(), identity.BookQuery{Site: shop, ID: id, Limit: 1})
	w.must(err)
	if len(all) != 1 {
		w.Fatalf("there are %d visitors", len(all))
	}
	return *all[0].Profile.Vouched
}

// shown is what stands at an address of ours; "" for nothing.
func (w *world) shown(address string) string {
	w.Helper()
	p, err := chat.ParsePicture(address[len(chat.PicturesPath):])
	w.must(err)
	blob, f, err := w.keeper.Shown(w.Context(), p)
	if chat.CodeOf(err) == chat.NotFound {
		return ""
	}
	w.must(err)
	defer blob.Close()
	m, format, err := image.Decode(io.LimitReader(blob, 1<<20))
	w.must(err)
	return fmt.Sprint(f.Type, " ", format, " ", m.Bounds().Dx(), "x", m.Bounds().Dy())
}

func await[T any](w *world, from <-chan T) (v T) {
	w.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		w.Fatalf("nothing came; the log says:\n%s", w.log.String())
	}
	return v
}

// loginHash is that of the last log-in's secret.
func loginHash(w *world) []byte { return fmt.Appendf(nil, "%032d", w.jti) }

// erased is told of an erasure, and has nobody to tell.
type erased struct{}

func (erased) Shortened(chat.Conversation, chat.State) {}
func (erased) Erased(chat.Conversation, []byte)        {}

func nothing(context.Context) error { return nil }
