// Package server holds the HTTP doors: REST, WebSocket, static pages.
package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kefu-chat/kefu/internal/atp"
	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/retention"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/webhook"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// Config bounds requests. A zero value means the default named beside the field.
type Config struct {
	Version string
	// TrustedProxies may say for whom they speak; nobody by default.
	TrustedProxies []netip.Prefix
	// SessionsPerAddress are the live connections of one IPv4 address or IPv6 /64 (1,000).
	SessionsPerAddress int
	// Handshakes and Requests of REST of one address: at once, and then a second
	// (2,000 and 200; 300 and 30).
	HandshakeBurst, RequestBurst         int
	HandshakePerSecond, RequestPerSecond float64
	// KeyBurst and KeyPerSecond are the requests with one API key: at once, and then a
	// second (2,000 and 200); they count as none of their address.
	KeyBurst     int
	KeyPerSecond float64
	// HeaderTimeout bounds the reading of a request's head (10 s), RequestTimeout
	// the rest of it and the answer (30 s), IdleTimeout the wait for the next one (2 min).
	HeaderTimeout, RequestTimeout, IdleTimeout time.Duration
	// RenewRequests is how often a request is held anew for its Idempotency-Key while it
	// is done (20 s).
	RenewRequests time.Duration
	// StrictTransport is for how long browsers are told to come by HTTPS only, where
	// this server itself speaks it (0: they are not told).
	StrictTransport time.Duration
	// TextCodePoints is told to the widget.
	TextCodePoints int
	// FrameBytes bounds a frame that comes up in a request of its own (256 KiB);
	// QueueBytes and QueueFrames what waits for one stream (1 MiB, 1024).
	FrameBytes, QueueBytes, QueueFrames int
	// StreamLasts is after how long a stream ends (18 s), PollLasts a poll without
	// news (18 s); StreamBeat is the pause between two signs of life (15 s), and
	// StreamGrace how long the session of an ended stream is kept (8 s). Behind a
	// proxy the next stream is its client's only sign of life: who has vanished is
	// shown as here for StreamLasts or PollLasts, and StreamGrace.
	StreamLasts, PollLasts, StreamBeat, StreamGrace time.Duration
	// Uploads bounds the parts of files that come at the same time, of all addresses (64).
	Uploads int
	// Push is who may wait for pushes by id; nobody unless it says so.
	Push Entry
	// ChatRoom is who may come into the legacy chat room; nobody unless it says so.
	ChatRoom ChatEntry
	Now      func() time.Time
}

func (c Config) withDefaults() Config {
	orDefault(&c.SessionsPerAddress, 1000)
	orDefault(&c.HandshakeBurst, 2000)
	orDefault(&c.HandshakePerSecond, 200)
	orDefault(&c.RequestBurst, 300)
	orDefault(&c.RequestPerSecond, 30)
	orDefault(&c.Uploads, 64)
	orDefault(&c.KeyBurst, 2000)
	orDefault(&c.KeyPerSecond, 200)
	orDefault(&c.HeaderTimeout, 10*time.Second)
	orDefault(&c.RequestTimeout, 30*time.Second)
	orDefault(&c.RenewRequests, identity.RequestHeld/3)
	orDefault(&c.IdleTimeout, 2*time.Minute)
	orDefault(&c.TextCodePoints, 20000)
	orDefault(&c.FrameBytes, 256<<10)
	orDefault(&c.QueueBytes, 1<<20)
	orDefault(&c.QueueFrames, 1024)
	orDefault(&c.StreamLasts, 18*time.Second)
	orDefault(&c.PollLasts, 18*time.Second)
	orDefault(&c.StreamBeat, 15*time.Second)
	orDefault(&c.StreamGrace, 8*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func orDefault[T int | float64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Parts are what a server opens its doors to; all are required but Watch and what
// says so.
type Parts struct {
	People *identity.People
	Sites  *site.Sites
	Audit  audit.Store
	// Broadcasts are words to many.
	Broadcasts *broadcast.Broadcasts
	// Webhooks tell the sites' own servers what happens.
	Webhooks *webhook.Hooks
	Hub      *live.Hub
	Sockets  *ws.Server
	Log      *slog.Logger
	Watch    Watch
	// Files keeps what people send one another, and Visitors knows whose it is; without
	// them there are no doors for files.
	Files    *files.Keeper
	Visitors identity.Visitors
	// PlainSockets and Tickets are for the doors of the legacy protocols, which know no
	// subprotocol; required where there is one.
	PlainSockets *ws.Server
	Tickets      legacy.Tickets
	ChatRoom     *atp.Room // where there is that door
	// VisitorLogins let verified visitors in, by what SigningKeys vouch for; without
	// Carrier nothing of what they wrote before goes along.
	VisitorLogins *identity.VisitorLogins
	SigningKeys   *identity.SigningKeys
	Carrier       Carrier
	// Keys are the application servers' rights of entry, Requests what they asked for, and
	// Book finds them visitors.
	Keys     *identity.Keys
	Requests identity.Requests
	Book     identity.Book
	// Eraser and Exporter remove and give out what there is of a visitor.
	Eraser   *retention.Eraser
	Exporter *retention.Exporter
}

// Server answers HTTP.
type Server struct {
	cfg          Config
	parts        Parts
	log          *slog.Logger
	watch        Watch
	handshakes   *rate
	requests     *rate
	announced    *rate          // bytes of files that visitors are about to send
	byKey        *rateOf[int64] // of API keys, by their ids
	wrongKeys    *rate
	rememberedBy *rateOf[int64]        // requests with an Idempotency-Key, of API keys
	pictures     *rateOf[chat.AgentID] // uploads of portraits and logos
	seats        *seats
	bodies       *seats // of the streaming doors' requests that are being read
	downloads    *seats // of files that are being taken
	uploads      *seats // of parts of files that are coming; all are of one network
	streams      *streams
	routes       []Route
	api          huma.API
	spec         func() ([]byte, error)
	http         *http.Server
}

const maxHeader = 16 << 10 // bytes

// bodyShare is how many live connections a network may have for each body that it
// may be sending.
const bodyShare = 4

// New makes a server; Serve sets it to work.
func New(cfg Config, parts Parts) *Server {
	cfg = cfg.withDefaults()
	s := &Server{
		cfg: cfg, parts: parts, log: slog.New(namedRequests{parts.Log.Handler()}), watch: parts.Watch,
		handshakes:   newRate(cfg.HandshakeBurst, cfg.HandshakePerSecond, cfg.Now),
		requests:     newRate(cfg.RequestBurst, cfg.RequestPerSecond, cfg.Now),
		announced:    newRate(announceBurst, announcePerSecond, cfg.Now),
		byKey:        newRateOf[int64](cfg.KeyBurst, cfg.KeyPerSecond, cfg.Now),
		wrongKeys:    newRate(wrongKeyBurst, wrongKeyPerSecond, cfg.Now),
		rememberedBy: newRateOf[int64](rememberedBurst, rememberedPerSecond, cfg.Now),
		pictures:     newRateOf[chat.AgentID](pictureBurst, picturePerSecond, cfg.Now),
		seats:        newSeats(cfg.SessionsPerAddress),
		bodies:       newSeats(max(1, cfg.SessionsPerAddress/bodyShare)),
		downloads:    newSeats(max(1, cfg.SessionsPerAddress/bodyShare)),
		uploads:      newSeats(cfg.Uploads),
		streams:      newStreams(cfg.StreamGrace),
	}
	if s.watch == nil {
		s.watch = nobodyWatches{}
	}
	s.http = &http.Server{
		Handler: s.handler(), MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: cfg.HeaderTimeout, ReadTimeout: cfg.RequestTimeout,
		WriteTimeout: cfg.RequestTimeout, IdleTimeout: cfg.IdleTimeout,
		ErrorLog: slog.NewLogLogger(parts.Log.Handler(), slog.LevelDebug),
	}
	return s
}

// Serve answers the connections of l until Shutdown.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(l) }

// Shutdown takes no new requests, ends the streams, and waits for those under
// way; WebSockets are the hub's and the sockets' to end.
func (s *Server) Shutdown(ctx context.Context) error {
	s.streams.shut(uint16(wire.CloseRestart), "the server restarts")
	err := s.http.Shutdown(ctx)
	if err != nil { // a request that does not end has its connection cut
		_ = s.http.Close()
	}
	s.streams.left.Wait()
	return err
}

// Handler is all doors, for tests.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Routes are the routes of REST with who may use them.
func (s *Server) Routes() []Route { return s.routes }

// Document is the OpenAPI document.
func (s *Server) Document() *huma.OpenAPI { return s.api.OpenAPI() }

// Spec is the OpenAPI 3.1 document, indented.
func (s *Server) Spec() ([]byte, error) { return s.spec() }

func (s *Server) now() time.Time { return s.cfg.Now() }

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	s.api = s.rest(mux)
	s.spec = sync.OnceValues(func() ([]byte, error) {
		doc, err := json.MarshalIndent(s.api.OpenAPI(), "", "  ")
		return append(doc, '\n'), err
	})
	mux.HandleFunc("GET "+apiRoot+"/openapi.json", s.openAPI)
	s.docs(mux)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		problemJSON(w, problem("not_found", "There is no such route, or not with this method: see "+apiRoot+"/openapi.json."))
	})
	mux.HandleFunc("GET "+VisitorDoor, s.visitorDoor)
	mux.HandleFunc("GET "+AgentDoor, s.agentDoor)
	s.mountStreams(mux)
	s.mountFiles(mux)
	s.mountPush(mux)
	s.mountChatRoom(mux)
	s.pages(mux)

	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problemJSON(w, problem(crossOrigin, "This request came from another website: it is for Kefu's own pages."))
	}))
	return s.enter(protection.Handler(s.ownScheme(mux)))
}

// ownScheme completes the protection, which compares hosts only: a page that came
// over HTTP under an HTTPS server's name may be anybody's on the way.
func (s *Server) ownScheme(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		safe := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
		if !safe && r.Header.Get("Origin") != "" && !s.fromOwnPage(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

// enter is what every request passes first.
func (s *Server) enter(next http.Handler) http.Handler {
	return s.observe(func(w *answer, r *http.Request) {
		from, ok := locate(r, s.cfg.TrustedProxies)
		if !ok {
			problemJSON(w, problem(badRequest, "The header Host names no host."))
			return
		}
		head := w.Header()
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "same-origin")
		if r.TLS != nil && s.cfg.StrictTransport > 0 {
			head.Set("Strict-Transport-Security", fmt.Sprintf("max-age=%d", int64(s.cfg.StrictTransport.Seconds())))
		}
		if strings.HasPrefix(r.URL.Path, "/api/") {
			head.Set("Cache-Control", "no-store")
			if wait := s.takeRequest(r, from.network); wait > 0 {
				p := problem(wire.RateLimited, "Too many requests came from this address, or with this API key, just now. Try again after the pause.")
				p.RetryAfter = max(1, wait.Milliseconds())
				problemJSON(w, p)
				return
			}
		}
		from.request = w.request
		r = r.WithContext(context.WithValue(r.Context(), whenceKey{}, from))
		r.Host = from.host // what the browser sees decides about other origins
		defer func() { w.route = r.Pattern }()
		next.ServeHTTP(w, r)
	})
}

func (s *Server) openAPI(w http.ResponseWriter, r *http.Request) {
	doc, err := s.spec()
	if err != nil {
		problemJSON(w, problemOf(r.Context(), s.log, err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(doc)
}
