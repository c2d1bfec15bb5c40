package live

import (
	"context"
	"log/slog"
	"time"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/bus"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/push"
	"github.com/kefu-chat/kefu/internal/retention"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/ws"
)

// Conn is a live connection, as ws.Conn is one. None of its methods blocks, and
// none of them calls the session back.
type Conn interface {
	Send(data []byte) error
	SendPrepared(p *ws.Prepared) error
	Close(code uint16, reason string)
	SetReadLimit(n int64)
}

// Rate is a token bucket: so many at once, then so many a second. What it
// refuses does not prolong the refusal.
type Rate struct {
	Burst     float64
	PerSecond float64
}

// Config bounds what sessions may do and says how often the hub looks. A zero
// value means the default named beside the field.
type Config struct {
	// FrameBeforeHello and FrameBytes bound a client's frame (4 KiB, 256 KiB).
	FrameBeforeHello, FrameBytes int64
	// PageBytes bounds the texts of one page that is sent (512 KiB); what does
	// not fit is left for the next page. One event always fits.
	PageBytes int
	// TextCodePoints bounds a message and a note (20,000).
	TextCodePoints int
	// Messages bounds send, note and edit of one session (120 at once, then 10/s);
	// Others all its other frames (200, then 50/s).
	Messages, Others Rate
	// MaxRefused is how many frames over a rate, less those within it, close the
	// session with CloseRate (400).
	MaxRefused int
	// HelloWithin is the time to the first frame (10 s).
	HelloWithin time.Duration
	// MaxOpen is how many conversations an agent's session looks at (20).
	MaxOpen int
	// MaxTabs is how many sessions a visitor has at the same time (100): one more
	// closes the oldest with CloseElsewhere.
	MaxTabs int
	// ListRows is a page of a list (100); PageEvents a page of events when the
	// client does not say (50); MaxVisitors the snapshot of who is online (500).
	ListRows, PageEvents, MaxVisitors int
	// ResumesAtOnce bounds the reads for clients that come back (12), ResumesWaiting
	// those who wait for their turn (1,000), and ResumeWithin for how long (2 s). Who
	// finds no room is told when to try again.
	ResumesAtOnce, ResumesWaiting int
	ResumeWithin                  time.Duration
	// PingSeconds, BackoffMin and BackoffMax are told to clients (20; 300 and 15,000 ms).
	PingSeconds, BackoffMin, BackoffMax int

	// RowsEvery is how often changed rows are told (250 ms), PresenceEvery how
	// often presence is (1 s).
	RowsEvery, PresenceEvery time.Duration
	// GoneAfter is how long a site's agents must be away before its visitors are
	// told (5 s): a reload of the console is no absence.
	GoneAfter time.Duration
	// HealEvery is how often the hub compares itself with the database (2 s), and
	// HealOverlap how far it reads back beyond its last look (15 s).
	HealEvery, HealOverlap time.Duration
	// SeenEvery is how often the presence of connected agents is written down
	// (30 s); ReturnEvery how often rounds of absent agents are sought (15 s).
	SeenEvery, ReturnEvery time.Duration
	// QuietAfter is how long a room without followers is remembered (60 s).
	QuietAfter time.Duration
	// ReadTimeout bounds each read of the database (5 s).
	ReadTimeout time.Duration
	// VisitorFileBytes and AgentFileBytes are the largest file of each that clients are
	// told of (0: none may be sent).
	VisitorFileBytes, AgentFileBytes int64
	// PushWait is how long a push waits for the other nodes to say how many it reached (2 s).
	PushWait time.Duration
	// BroadcastsEvery is how often it is written down to whom broadcasts came (2 s).
	BroadcastsEvery time.Duration
	// NoticeBytes is up to which size a notice carries events (8 KiB).
	NoticeBytes int

	// Now is the clock (time.Now), which may be set while the hub runs. Instant is by
	// the one that nobody sets (time.Now): only how far two of them lie apart counts.
	Now, Instant func() time.Time
	// Delivered is told of each event that was committed here how long after that it
	// had been handed to the sessions; DeliveredFrom of each that a notice brought,
	// how long after the time that stands in it. Both return at once.
	Delivered, DeliveredFrom func(late time.Duration)
	// DropDeliveries, for tests, makes the hub forget what it should deliver or
	// hears from other nodes while it returns true; healing has to find it.
	DropDeliveries func() bool
}

func (c Config) withDefaults() Config {
	orDefault(&c.FrameBeforeHello, 4<<10)
	orDefault(&c.FrameBytes, 256<<10)
	orDefault(&c.PageBytes, 512<<10)
	orDefault(&c.TextCodePoints, chat.MaxTextCodePoints)
	orDefault(&c.Messages, Rate{120, 10})
	orDefault(&c.Others, Rate{200, 50})
	orDefault(&c.MaxRefused, 400)
	orDefault(&c.HelloWithin, 10*time.Second)
	orDefault(&c.MaxOpen, 20)
	orDefault(&c.MaxTabs, 100)
	orDefault(&c.ListRows, 100)
	orDefault(&c.PageEvents, 50)
	orDefault(&c.MaxVisitors, 500)
	orDefault(&c.ResumesAtOnce, 12)
	orDefault(&c.ResumesWaiting, 1000)
	orDefault(&c.ResumeWithin, 2*time.Second)
	orDefault(&c.PingSeconds, 20)
	orDefault(&c.BackoffMin, 300)
	orDefault(&c.BackoffMax, 15_000)
	orDefault(&c.RowsEvery, 250*time.Millisecond)
	orDefault(&c.PresenceEvery, time.Second)
	orDefault(&c.GoneAfter, 5*time.Second)
	orDefault(&c.HealEvery, 2*time.Second)
	orDefault(&c.HealOverlap, 15*time.Second)
	orDefault(&c.SeenEvery, 30*time.Second)
	orDefault(&c.ReturnEvery, 15*time.Second)
	orDefault(&c.QuietAfter, time.Minute)
	orDefault(&c.ReadTimeout, 5*time.Second)
	orDefault(&c.PushWait, 2*time.Second)
	orDefault(&c.BroadcastsEvery, 2*time.Second)
	orDefault(&c.NoticeBytes, 8<<10)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Instant == nil {
		c.Instant = time.Now
	}
	for _, told := range []*func(time.Duration){&c.Delivered, &c.DeliveredFrom} {
		if *told == nil {
			*told = func(time.Duration) {}
		}
	}
	if c.DropDeliveries == nil {
		c.DropDeliveries = func() bool { return false }
	}
	return c
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Parts are what a hub works with; all of them are required.
type Parts struct {
	// Node names this node among all, in letters, digits and '-'.
	Node     string
	Store    chat.Store
	Visitors identity.Visitors
	People   People
	Sites    Sites
	Logins   Logins
	Seen     Seen
	// VisitorLogins let verified visitors in; nil: there are none.
	VisitorLogins *identity.VisitorLogins
	// Entrances are of persons who may have but one connection.
	Entrances identity.Entrances
	// Pushes, if any, are pushes by id; without it OpenPush and Push must not be called.
	Pushes push.Store
	// Keys, if any, tells which API keys are revoked; without it nobody may be let in by one (Enrol).
	Keys Keys
	// Broadcasts, if any, are words to all visitors of a site.
	Broadcasts broadcast.Reading
	// Erasures, if any, tells which visitors were erased.
	Erasures Erasures
	Bus      bus.Bus
	Presence presence.Registry
	Log      *slog.Logger
}

// People is this node's picture of the agents (identity.People).
type People interface {
	identity.Directory
	// Heal renews the picture, and that of the sites, if the database has a newer one.
	Heal(ctx context.Context) (bool, error)
}

// Sites is this node's picture of the sites (site.Sites).
type Sites interface {
	All() []site.Site
	ByID(id chat.SiteID) (site.Site, bool)
	ByKey(key string) (site.Site, bool)
}

// Logins tells which log-ins must lose their connection.
type Logins interface {
	// RevokedSince are the log-ins that were revoked, or ran out, in the last span
	// milliseconds by the database's clock, with that clock's present time.
	RevokedSince(ctx context.Context, spanMillis int64) ([]int64, chat.Millis, error)
	// EndedOf are those of these log-ins that are no longer valid.
	EndedOf(ctx context.Context, ids []int64) ([]int64, error)
}

// Keys tells who must lose the connection that an application server gave it.
type Keys interface {
	// RevokedKeys are those of these API keys that are revoked, or are not there.
	RevokedKeys(ctx context.Context, ids []int64) ([]int64, error)
}

// Erasures tells which visitors are no more.
type Erasures interface {
	// ErasedSince are the hashes (retention.HashOf) of the visitors who were erased in the
	// last span milliseconds by the database's clock, with that clock's present time.
	ErasedSince(ctx context.Context, spanMillis int64) ([]retention.Hash, chat.Millis, error)
}

// Seen remembers when agents were last connected.
type Seen interface {
	// Seen writes that the agent was connected at a time; it never goes backward.
	Seen(ctx context.Context, agent chat.AgentID, at chat.Millis) error
	// LastSeen is when each agent was last connected; those who never were are left out.
	LastSeen(ctx context.Context) (map[chat.AgentID]chat.Millis, error)
}

// KnownVisitor is a visitor whom a door lets in under a secret's hash that it keeps itself.
type KnownVisitor struct {
	Site chat.SiteID
	Hash [32]byte
}

// Meta is what the handshake said of a visitor's connection.
type Meta struct {
	Address   string
	UserAgent string
	// Known, if any, is who this is: the door knows it, and hello names neither site nor secret.
	Known *KnownVisitor
	// Origin is that of the page, empty when none was sent (no browser). A page
	// of another website must be among the site's origins; OwnOrigin says that
	// it is one of Kefu's own.
	Origin    string
	OwnOrigin bool
}
