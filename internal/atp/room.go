// Package atp is the chat room of the legacy protocol "ATP": customers under names
// of their own, and one account that answers. It stands in front of the hub: each
// of its connections is a session there, whose frames are translated.
package atp

import (
	"context"
	"crypto/rand"
	"hash/fnv"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/presence"
)

// Config says how often the room looks. A zero value means the default named
// beside the field.
type Config struct {
	// Every is how often the room looks at the database while somebody is here (1 s),
	// and how often the account that answers is told who is here at most.
	Every time.Duration
	// Gap lies at least between two looks, whoever asks for them (100 ms).
	Gap time.Duration
	// Timeout bounds what is asked of the database (5 s).
	Timeout time.Duration
	// FrameBytes bounds a frame (256 KiB): a bigger one is refused, one that is four
	// times as big ends its connection.
	FrameBytes int
}

func (c Config) withDefaults() Config {
	if c.Every <= 0 {
		c.Every = time.Second
	}
	if c.Gap <= 0 {
		c.Gap = 100 * time.Millisecond
	}
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Second
	}
	if c.FrameBytes <= 0 {
		c.FrameBytes = 256 << 10
	}
	return c
}

// Parts are what a room works with; all are required.
type Parts struct {
	Node     string
	Hub      *live.Hub
	Names    legacy.Names
	Store    chat.Store
	Presence presence.Registry
	Log      *slog.Logger
}

// overlap is how far back each look reads, in ms: longer than a transaction lasts.
const overlap = 15_000

// Room is this node's part of the room.
type Room struct {
	cfg Config
	Parts

	mu    sync.Mutex // before Conn.mu
	conns map[place]*Conn
	gone  []*Conn // whose leaving could not be written yet
	seats atomic.Int64
	// entering has those of one name come in here in the order in which the database sees
	// them: each of two would else take the other for the newer one.
	entering [64]sync.Mutex

	// anew tells that somebody was erased: the names are to be learnt anew.
	anew   atomic.Bool
	wake   chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

type place struct {
	site chat.SiteID
	name string
}

// Start begins a room; Close ends it.
func Start(cfg Config, parts Parts) *Room {
	r := &Room{cfg: cfg.withDefaults(), Parts: parts, conns: map[place]*Conn{}, wake: make(chan struct{}, 1)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.Hub.OnAnnounced(func(what string) {
		if what == live.SomebodyErased {
			r.anew.Store(true)
		}
		if what == announced || what == live.SomebodyErased {
			r.kick()
		}
	})
	r.tasks.Go(r.look)
	return r
}

// announced is the word by which nodes tell one another that a name came or went.
const announced = "atp"

// Close ends the room's work; its connections are the sockets' to end, before.
func (r *Room) Close() {
	r.cancel()
	r.tasks.Wait()
}

// Connections are how many are here now.
func (r *Room) Connections() int64 { return r.seats.Load() }

// Who is to come in: a customer, or with Agent the account that answers.
type Who struct {
	Site  chat.SiteID
	Name  string
	Meta  live.Meta      // of a customer
	Agent identity.Agent // the real one behind legacy.AgentName
	Login identity.Login // its own; zero where the door vouches for it
}

// Open makes room for a connection, before it is answered, in place of another one
// of the same name on whichever node. End must follow. Refusals: TooManyNames.
func (r *Room) Open(ctx context.Context, who Who) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	c := &Conn{room: r, who: who, token: rand.Text(), inflow: newInflow()}
	at := place{who.Site, who.Name}
	one := r.enteringBy(at)
	one.Lock()
	defer one.Unlock()
	var err error
	if c.hash, err = r.Names.EnterName(ctx, who.Site, who.Name, c.token, r.Node); err != nil {
		if chat.CodeOf(err) == chat.Unknown { // it may be in: nobody would ever say that it left
			r.leave(c)
		}
		return nil, err
	}
	if who.Name == legacy.AgentName {
		if c.desk, err = r.newDesk(ctx, who.Site); err != nil {
			r.leave(c)
			return nil, err
		}
	}
	r.mu.Lock()
	before := r.conns[at]
	r.conns[at] = c
	r.seats.Add(1)
	r.mu.Unlock()
	if before != nil {
		before.replace()
	}
	return c, nil
}

func (r *Room) enteringBy(at place) *sync.Mutex {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(at.name))
	return &r.entering[sum.Sum32()%uint32(len(r.entering))]
}

// maxGone bounds the leavings that wait for the database; who comes in addition is shown
// as online until the name comes in again, or this node has gone.
const maxGone = 10_000

// leave writes down that a connection has gone, or remembers to do so; false: that.
func (r *Room) leave(c *Conn) bool {
	ctx, cancel := context.WithTimeout(context.Background(), r.cfg.Timeout)
	defer cancel()
	if err := r.Names.LeaveName(ctx, c.who.Site, c.who.Name, c.token); err != nil {
		r.Log.Warn("a name's leaving could not be written down yet", "error", err)
		r.remember(c)
		return false
	}
	r.Hub.Announce(announced)
	r.kick()
	return true
}

func (r *Room) remember(gone ...*Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = append(r.gone, gone[:max(0, min(len(gone), maxGone-len(r.gone)))]...)
}

// kick has the room look soon.
func (r *Room) kick() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// look looks at the database in a steady rhythm, and when there is news.
func (r *Room) look() {
	ticks := time.NewTicker(r.cfg.Every)
	defer ticks.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-ticks.C:
		case <-r.wake:
		}
		r.pass()
		pause.Reset(r.cfg.Gap)
		select {
		case <-r.ctx.Done():
			return
		case <-pause.C:
		}
	}
}

func (r *Room) pass() {
	r.mu.Lock()
	bySite := map[chat.SiteID][]*Conn{}
	for at, c := range r.conns {
		bySite[at.site] = append(bySite[at.site], c)
	}
	gone := r.gone
	r.gone = nil
	r.mu.Unlock()
	for i, c := range gone {
		if r.ctx.Err() != nil || !r.leave(c) { // the others would wait for the same database
			r.remember(gone[i+1:]...)
			break
		}
	}
	anew := r.anew.Swap(false)
	for site, conns := range bySite {
		if err := r.lookAt(site, conns, anew); err != nil && r.ctx.Err() == nil {
			if anew {
				r.anew.Store(true)
			}
			r.Log.Warn("the legacy chat room could not be read", "error", err)
		}
	}
}

// lookAt finds, of the connections that were here before, who was replaced
// elsewhere and who was written to first, and tells the account that answers. anew
// reads all names, and forgets those that are no more.
func (r *Room) lookAt(site chat.SiteID, conns []*Conn, anew bool) error {
	ctx, cancel := context.WithTimeout(r.ctx, r.cfg.Timeout)
	defer cancel()
	back := int64(overlap)
	if anew {
		back = 0
	}
	names, err := r.Names.NamesSince(ctx, site, back)
	if err != nil {
		return err
	}
	threads, _, err := r.Names.ThreadsSince(ctx, site, overlap)
	if err != nil {
		return err
	}
	here := map[string]*Conn{}
	for _, c := range conns {
		here[c.who.Name] = c
	}
	for _, n := range names {
		if c := here[n.Name]; c != nil && n.Token != "" && n.Token != c.token {
			c.replace()
		}
	}
	for _, t := range threads {
		if c := here[t.Name]; c != nil {
			c.recognise()
		}
	}
	if c := here[legacy.AgentName]; c != nil {
		if anew {
			clear(c.desk.names)
			c.desk.learn(names) // also where nobody is told yet
		}
		return c.tellDesk(ctx, names, threads)
	}
	return nil
}
