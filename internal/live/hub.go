package live

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/wire"
)

// Hub is all that is connected to this node. It implements chat.Surroundings,
// identity.Told and site.Told, and its Committed and Marked are the listeners
// of the store.
type Hub struct {
	cfg Config
	Parts
	desk *chat.Desk
	// sweeper returns the rounds of absent agents, having asked the database about them.
	sweeper    *chat.Desk
	sweepAsked chan struct{}

	mu        sync.Mutex // a leaf
	rooms     map[chat.ConversationID]*room
	sites     map[chat.SiteID]*siteNode
	agents    map[chat.AgentID]*agentNode
	strangers map[*Session]time.Time // who has not said hello, and since when
	closing   bool                   // no new session is served

	started, leaving atomic.Bool
	// people are the sessions of agents; replaced as a whole, under mu.
	people atomic.Pointer[[]*Session]
	known  conversations
	// forgotten are visitors who were erased of late.
	forgotten forgotten
	fills     fillQueue
	seen      lastSeen
	counts    countsPicture
	kicked    chan struct{} // wakes the healer
	told      toldAgents
	rosters   maphash.Seed
	resumes   admission
	stats     counters
	talkers   talkers
	typists   typists
	pushed    pushes
	loggedIn  enrolled
	enrolled  enrolled
	listens   atomic.Pointer[func(what string)]
	boards    boards

	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

// siteNode is what this node knows of a site. They are kept for good: there
// are as many as sites were seen.
type siteNode struct {
	id chat.SiteID

	mu       sync.Mutex // a leaf
	visitors map[presence.Key]*visitor
	agents   int   // sessions
	version  int64 // of the site, as its sessions were told; 0: of none
	dirty    map[chat.ConversationID]*room
	erased   []chat.ConversationUUID // whose rows lists are to drop
	// changed are conversations that were changed here since the other nodes were told.
	changed map[chat.ConversationID]*room
	watch   siteWatch
	board   siteBoard
}

// agentNode is an agent with the sessions that it has on this node; under Hub.mu.
type agentNode struct {
	id       chat.AgentID
	sessions []*Session
	told     presence.State
}

// NewHub makes a hub that is at rest: Start sets it to work.
func NewHub(cfg Config, parts Parts) *Hub {
	h := &Hub{
		cfg: cfg.withDefaults(), Parts: parts,
		rooms: map[chat.ConversationID]*room{}, sites: map[chat.SiteID]*siteNode{},
		agents: map[chat.AgentID]*agentNode{}, strangers: map[*Session]time.Time{},
		kicked: make(chan struct{}, 1), rosters: maphash.MakeSeed(),
	}
	h.people.Store(&[]*Session{})
	h.known.init()
	h.fills.init()
	h.seen.init()
	h.counts.init()
	h.told.init()
	h.resumes.init(h.cfg)
	h.pushed.init()
	h.boards.init()
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.sweeper, h.sweepAsked = chat.NewDesk(parts.Store, h, parts.People, h.cfg.TextCodePoints), make(chan struct{}, 1)
	h.desk = chat.NewDesk(parts.Store, commandWorld{h}, parts.People, h.cfg.TextCodePoints)
	return h
}

// Start begins to listen to the bus, to tell, to heal and to sweep. Close ends it.
// It reads first when agents were last here, and fails if it cannot.
func (h *Hub) Start() error {
	ctx, cancel := h.reading()
	defer cancel()
	if err := h.readSeen(ctx); err != nil {
		return err
	}
	if err := h.Bus.Start(h.receive); err != nil {
		return err
	}
	h.Bus.Join(topicAll)
	h.Bus.Join(nodeTopic(h.Node))
	h.Presence.Renew(nil)
	for range fillers {
		h.tasks.Go(h.fillForever)
	}
	h.tasks.Go(func() { h.every(h.cfg.RowsEvery, h.tellRows, &h.stats.rows) })
	h.tasks.Go(func() { h.every(h.cfg.PresenceEvery, h.tellPresence, &h.stats.presence) })
	h.tasks.Go(h.healForever)
	h.tasks.Go(h.writeSeenForever)
	h.tasks.Go(h.returnForever)
	if h.Pushes != nil {
		h.tasks.Go(h.readPushesForever)
	}
	if h.Broadcasts != nil {
		h.tasks.Go(h.broadcastForever)
		h.tasks.Go(h.writeAdvancesForever)
	}
	h.started.Store(true)
	return nil
}

// every calls do in a steady rhythm until the hub closes, and counts.
func (h *Hub) every(pause time.Duration, do func(), done *atomic.Int64) {
	ticks := time.NewTicker(pause)
	defer ticks.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-ticks.C:
			do()
			done.Add(1)
		}
	}
}

// Close ends the hub's work. Sessions that are left are closed, not waited for.
func (h *Hub) Close() {
	h.leaving.Store(true)
	h.mu.Lock()
	h.closing = true
	h.mu.Unlock()
	for _, s := range h.everybody() {
		s.close(wire.CloseRestart, "the server restarts")
	}
	for _, c := range h.everyPushConn() {
		c.leave()
	}
	h.Bus.Close()
	h.cancel()
	h.fills.close()
	h.tasks.Wait()
	h.Presence.Leave()
}

// everybody are all sessions of this node.
func (h *Hub) everybody() []*Session {
	h.mu.Lock()
	var all []*Session
	for s := range h.strangers {
		all = append(all, s)
	}
	sites := make([]*siteNode, 0, len(h.sites))
	for _, n := range h.sites {
		sites = append(sites, n)
	}
	h.mu.Unlock()
	all = append(all, *h.people.Load()...)
	for _, n := range sites {
		for _, v := range n.everyVisitor() {
			all = append(all, v.everyTab()...)
		}
	}
	return all
}

// NewVisitor begins a session of a visitor: the site and the secret come with
// its first frame. The caller hands it every message (Frame), one at a time, and
// its end (Closed), once, behind the last message.
func (h *Hub) NewVisitor(conn Conn, meta Meta) *Session {
	s := &Session{hub: h, conn: conn, meta: &meta}
	h.begin(s)
	return s
}

// NewAgent begins a session of an agent who has been authenticated.
func (h *Hub) NewAgent(conn Conn, login identity.Login, agent identity.Agent) *Session {
	s := &Session{hub: h, conn: conn, agent: &agentSide{id: agent.ID, login: login.ID, agent: agent}}
	h.begin(s)
	return s
}

func (h *Hub) begin(s *Session) {
	h.stats.sessions.Add(1)
	s.conn.SetReadLimit(h.cfg.FrameBeforeHello)
	h.mu.Lock()
	closing := h.closing
	h.strangers[s] = h.cfg.Instant()
	h.mu.Unlock()
	if closing {
		s.close(wire.CloseRestart, "the server restarts")
	}
}

// greeted takes a session out of those who have not said hello.
func (h *Hub) greeted(s *Session) {
	h.mu.Lock()
	delete(h.strangers, s)
	h.mu.Unlock()
	s.conn.SetReadLimit(h.cfg.FrameBytes)
}

// closeSilent closes who does not say hello in time.
func (h *Hub) closeSilent() {
	limit := h.cfg.Instant().Add(-h.cfg.HelloWithin)
	var late []*Session
	h.mu.Lock()
	for s, since := range h.strangers {
		if since.Before(limit) {
			late = append(late, s)
		}
	}
	h.mu.Unlock()
	for _, s := range late {
		s.close(wire.CloseNoHello, "no hello in time")
	}
}

// site is this node's part of a site.
func (h *Hub) site(id chat.SiteID) *siteNode {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.sites[id]
	if n == nil {
		n = &siteNode{id: id, visitors: map[presence.Key]*visitor{}, dirty: map[chat.ConversationID]*room{}, changed: map[chat.ConversationID]*room{}}
		h.sites[id] = n
	}
	return n
}

func (h *Hub) everySite() []*siteNode {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*siteNode, 0, len(h.sites))
	for _, n := range h.sites {
		all = append(all, n)
	}
	return all
}

// reading bounds a read of the database.
func (h *Hub) reading() (context.Context, context.CancelFunc) {
	return context.WithTimeout(h.ctx, h.cfg.ReadTimeout)
}

func (h *Hub) nameOf(id chat.AgentID) string {
	a, _ := h.People.Agent(id)
	return a.Name
}
