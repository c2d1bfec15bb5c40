package presence

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// SharedConfig is how a node keeps its part of a Place. A zero value means the
// default named beside the field.
type SharedConfig struct {
	Node string // this node's name among all: letters, digits and '-'
	// Every is how often it tells what changed and asks (1 s), Lease how long it is
	// believed behind that (LeaseFor), Timeout how long an exchange may take (2 s).
	Every, Lease, Timeout time.Duration
	// Page is how many of a site's newest visitors it knows (500).
	Page int
	// Batch is how many visitors it writes, and how many it looks up, in one exchange
	// for each site (500).
	Batch int
	// Sites is how many sites one exchange is about (32): a place that takes its time
	// for each must be through within Timeout.
	Sites int
	// Now is the clock by which it knows when the others' leases may be over; only
	// what passes on it matters (time.Now).
	Now func() time.Time
	Log *slog.Logger
}

func (c SharedConfig) withDefaults() SharedConfig {
	c.Every = cmp.Or(c.Every, time.Second)
	c.Lease = cmp.Or(c.Lease, LeaseFor)
	c.Timeout = cmp.Or(c.Timeout, 2*time.Second)
	c.Page = cmp.Or(c.Page, 500)
	c.Batch = cmp.Or(c.Batch, 500)
	c.Sites = cmp.Or(c.Sites, 32)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// learnFor is how long a visitor that was looked up for once stays in the picture.
const learnFor = time.Minute

// maxIDs bounds how many visitors of a site a node follows by their ids.
const maxIDs = 20_000

// Shared is a node's part in the picture that several nodes keep in a Place: all
// of its own visitors, all agents, and of the other nodes' visitors those whom it
// wants or shares.
type Shared struct {
	place Place
	cfg   SharedConfig

	turn chan struct{} // held by who exchanges

	view
	sites map[chat.SiteID]*sharedSite
	name  string // under which this node writes now
	names int    // how many it has had
	left  bool

	begun         bool     // the agents' lease was made under name
	alive         []string // the nodes whose lease is good
	agents        map[chat.AgentID]State
	pendingAgents map[chat.AgentID]bool
	knownAgents   uint64
	heard         time.Time // when the place last answered
	lost          bool      // it has not answered since
	expired       bool      // nor for so long that all leases may be over
	failures      int64

	stop  context.CancelFunc
	ended chan struct{}
}

// sharedSite is what a node keeps of a site beside its picture.
type sharedSite struct {
	own     map[Key]*Visitor
	pending map[Key]bool // of own, or gone: not yet told
	begun   bool         // the lease was made under the present name
	expect  int64        // how many of own are told once the exchange under way is through; -1: not all
	doubts  int          // how often the place had another number of own visitors

	wanted  bool
	ids     map[chat.VisitorID]*wantedID
	turning []chat.VisitorID // ids that are yet to be looked up in this round

	held    map[Key]*held
	missing map[Key]bool // of the page, without a record
	after   uint64       // the revision of the page
	shared  uint64
	count   int64
	counted bool
	names   []string
	due     bool // is to be asked again in this turn
}

// wantedID is a visitor that is followed by its id.
type wantedID struct {
	key    Key
	known  bool      // key is its, or it was found absent
	wanted bool      // by Renew
	until  time.Time // by Learn
}

// held is what is known of a visitor on other nodes.
type held struct {
	revision uint64
	nodes    []string // whose parts are in the picture
	names    []string // the names under which they were told
	ids      map[chat.VisitorID]bool
	paged    bool
}

// NewShared begins a node's part. Close ends it.
func NewShared(place Place, cfg SharedConfig) *Shared {
	ctx, stop := context.WithCancel(context.Background())
	s := &Shared{
		place: place, cfg: cfg.withDefaults(), turn: make(chan struct{}, 1), view: view{picture: newPicture()},
		sites: map[chat.SiteID]*sharedSite{}, agents: map[chat.AgentID]State{}, pendingAgents: map[chat.AgentID]bool{},
		stop: stop, ended: make(chan struct{}),
	}
	s.heard = s.cfg.Now()
	s.rename()
	go s.run(ctx)
	return s
}

func (s *Shared) run(ctx context.Context) {
	defer close(s.ended)
	ticks := time.NewTicker(s.cfg.Every)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			_ = s.Sync(ctx) // it has been logged
		}
	}
}

// Close ends the exchange. What was told fades with the lease, unless Leave came before.
func (s *Shared) Close() {
	s.stop()
	<-s.ended
}

// Stats says since when the place has not answered (zero: it answers), and how
// many exchanges have failed.
func (s *Shared) Stats() (lostSince time.Time, failures int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.lost {
		lostSince = s.heard
	}
	return lostSince, s.failures
}

func (s *Shared) site(id chat.SiteID) *sharedSite {
	one := s.sites[id]
	if one == nil {
		one = &sharedSite{own: map[Key]*Visitor{}, pending: map[Key]bool{}, ids: map[chat.VisitorID]*wantedID{}, held: map[Key]*held{}, missing: map[Key]bool{}}
		s.sites[id] = one
	}
	return one
}

// SetVisitor implements Registry.
func (s *Shared) SetVisitor(v *Visitor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.site(v.Site)
	if v.State != Offline {
		one.own[v.Key] = v
	} else if one.own[v.Key] == nil {
		return
	} else {
		delete(one.own, v.Key)
	}
	if v.State == Offline && s.expired { // of what was told nothing is left
		delete(one.pending, v.Key)
	} else {
		one.pending[v.Key] = true
	}
	picture := s.picture.site(v.Site)
	picture.set(s.cfg.Node, v)
	if h := one.held[v.Key]; h != nil && !one.needs(v.Key, h) {
		one.forget(picture, v.Key)
	}
}

// SetAgent implements Registry.
func (s *Shared) SetAgent(agent chat.AgentID, state State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state == Offline {
		delete(s.agents, agent)
	} else {
		s.agents[agent] = state
	}
	s.pendingAgents[agent] = true
	s.picture.setAgent(s.cfg.Node, agent, state)
}

// Renew implements Registry. The lease itself is prolonged by each exchange.
func (s *Shared) Renew(wants []Want) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.sites {
		one.wanted = false
		for _, w := range one.ids {
			w.wanted = false
		}
	}
	for _, want := range wants {
		one := s.site(want.Site)
		one.wanted = true
		for _, id := range want.Visitors {
			if w := one.want(id); w != nil {
				w.wanted = true
			}
		}
	}
	now := s.cfg.Now()
	for id, one := range s.sites {
		one.sweep(s.picture.site(id), now)
	}
}

// want is the place of an id among those that are followed; nil: they are too many.
func (one *sharedSite) want(id chat.VisitorID) *wantedID {
	w := one.ids[id]
	if w == nil && id != 0 && len(one.ids) < maxIDs {
		w = &wantedID{}
		one.ids[id] = w
	}
	return w
}

// sweep forgets whom nobody wants any more.
func (one *sharedSite) sweep(picture *sitePicture, now time.Time) {
	swept := false
	for id, w := range one.ids {
		if !w.wanted && w.until.Before(now) {
			delete(one.ids, id)
			swept = true
		}
	}
	if !one.wanted && one.counted {
		one.unpage()
		swept = true
	}
	if !swept {
		return
	}
	for key, h := range one.held {
		if !one.needs(key, h) {
			one.forget(picture, key)
		}
	}
}

func (one *sharedSite) unpage() {
	one.after, one.count, one.counted = 0, 0, false
	clear(one.missing)
	for _, h := range one.held {
		h.paged = false
	}
}

// needs tells whether this node has a use for a visitor on other nodes.
func (one *sharedSite) needs(key Key, h *held) bool {
	if h.paged || one.own[key] != nil {
		return true
	}
	for id := range h.ids {
		if one.ids[id] != nil {
			return true
		}
	}
	return false
}

// forget takes what is known of a visitor on other nodes out of the picture.
func (one *sharedSite) forget(picture *sitePicture, key Key) {
	h := one.held[key]
	if h == nil {
		return
	}
	delete(one.held, key)
	for _, node := range h.nodes {
		picture.set(node, &Visitor{Key: key, State: Offline})
	}
}

// Alive implements Registry.
func (s *Shared) Alive() (nodes []string, sure bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.alive), s.begun && !s.lost
}

// Count implements Registry.
func (s *Shared) Count(site chat.SiteID) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	known := s.picture.count(site)
	if one := s.sites[site]; one != nil && one.counted {
		return max(one.count, int64(len(one.own)))
	}
	return known
}
