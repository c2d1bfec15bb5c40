package live_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/bus"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/store"
	"github.com/kefu-chat/kefu/test/databases"
)

// world is one database with several nodes over it, two sites and some agents.
type world struct {
	t     testing.TB
	db    *store.DB
	nodes []*node
	*people
	clock    *clock
	registry *presence.Memory
	part     func(node string) presence.Registry // registry's, unless a test says otherwise
	network  *bus.Network
	log      *slog.Logger
	settings []settings

	mu       sync.Mutex
	authors  map[author]*node // whose hub is told of a commit
	markers  map[chat.ActorRef]*node
	visitors map[string]identity.Visitor
	seen     map[chat.AgentID]chat.Millis
	revoked  map[int64]chat.Millis // when, by the database's clock
	passes   int                   // of healing
	lost     atomic.Int64          // the position beyond which the database has lost its pushes; 0: none
	lookups  int                   // of visitors
	lists    atomic.Int64          // how often a broadcast's list was read
	logs     atomic.Int64          // how often a site's log of broadcasts was read
	logGate  atomic.Pointer[chan struct{}]
}

type author struct {
	conversation chat.ConversationID
	seq          int64
}

const (
	shop  chat.SiteID  = 1
	blog  chat.SiteID  = 2
	ann   chat.AgentID = 101 // agent of the shop
	bob   chat.AgentID = 102 // agent of the shop
	carol chat.AgentID = 103 // agent of the blog
	dora  chat.AgentID = 104 // supervisor of both
)

// node is one hub as its process would hold it.
type node struct {
	*live.Hub
	w    *world
	drop atomic.Bool
	// paged is called once, between the reading of a page and its use.
	paged atomic.Pointer[func()]
	// reads is called with each reading of a page, if set.
	reads atomic.Pointer[func(chat.PageQuery)]
	// fails makes the database answer this node's healing with an error.
	fails atomic.Bool
	// marks is asked before marks of many conversations are read, if set.
	marks atomic.Pointer[func(context.Context, []chat.ConversationID) error]
}

type settings func(*live.Config)

func newWorld(t testing.TB, nodes int, change ...settings) *world {
	t.Helper()
	w := &world{
		t: t, people: newPeople(), clock: &clock{}, authors: map[author]*node{}, markers: map[chat.ActorRef]*node{},
		visitors: map[string]identity.Visitor{}, seen: map[chat.AgentID]chat.Millis{}, revoked: map[int64]chat.Millis{},
	}
	registry := presence.NewMemory(w.clock.now)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(testWriter{t}, nil))
	}
	db, err := store.Open(context.Background(), store.Config{
		Path: databases.File(t), Now: w.clock.now, Committed: w.committed, Marked: w.marked,
	}, log)
	if err != nil {
		t.Fatal(err)
	}
	w.db, w.registry, w.part = db, registry, registry.On
	w.network, w.log, w.settings = bus.NewNetwork(), log, change
	for range nodes {
		w.make()
	}
	for _, n := range w.nodes {
		w.start(n)
	}
	t.Cleanup(w.close)
	return w
}

// make makes a node that is at rest.
func (w *world) make() *node {
	n := &node{w: w}
	cfg := live.Config{
		Now: w.clock.now, Instant: w.clock.instant, RowsEvery: 5 * time.Millisecond, PresenceEvery: 5 * time.Millisecond, HealEvery: 20 * time.Millisecond,
		ReturnEvery: 10 * time.Millisecond, SeenEvery: 20 * time.Millisecond, DropDeliveries: n.drop.Load, GoneAfter: 20 * time.Millisecond, BroadcastsEvery: 10 * time.Millisecond,
	}
	for _, c := range w.settings {
		c(&cfg)
	}
	name := string(rune('a' + len(w.nodes)))
	n.Hub = live.NewHub(cfg, live.Parts{
		Node: name, Store: &front{DB: w.db, n: n}, Visitors: w, People: w, Sites: w.people, Logins: w, Seen: w, Entrances: w.db, Broadcasts: &listReads{w.db, w}, Erasures: w.db,
		Bus: w.network.Bus(), Presence: w.part(name), Log: w.log, Pushes: lossy{w.db, &w.lost},
	})
	w.nodes = append(w.nodes, n)
	return n
}

func (w *world) start(n *node) {
	w.t.Helper()
	if err := n.Start(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	for _, n := range w.nodes {
		n.Close()
	}
	if err := w.db.Close(); err != nil {
		w.t.Error(err)
	}
	w.nodes = nil
}

// listReads counts what a node reads of lists.
type listReads struct {
	*store.DB
	w *world
}

// BroadcastLog waits for the world's gate, if it has one.
func (r *listReads) BroadcastLog(ctx context.Context, on chat.SiteID, limit int) ([]broadcast.Entry, []broadcast.Broadcast, error) {
	r.w.logs.Add(1)
	if gate := r.w.logGate.Load(); gate != nil {
		<-*gate
	}
	return r.DB.BroadcastLog(ctx, on, limit)
}

func (r *listReads) BroadcastList(ctx context.Context, id broadcast.ID) (*broadcast.List, error) {
	r.w.lists.Add(1)
	return r.DB.BroadcastList(ctx, id)
}

// front is the database as one node's process sees it: its commits are told to
// that node's hub only.
type front struct {
	*store.DB
	n *node
}

func (f *front) Change(c *chat.Change) {
	done := c.Done
	c.Done = func(changed chat.Changed, err error) {
		f.n.w.note(f.n, c, &changed, err)
		done(changed, err)
	}
	f.DB.Change(c)
}

func (f *front) Page(ctx context.Context, q chat.PageQuery) (chat.Page, error) {
	if slow := f.n.reads.Load(); slow != nil {
		(*slow)(q)
	}
	page, err := f.DB.Page(ctx, q)
	if then := f.n.paged.Swap(nil); then != nil {
		(*then)()
	}
	return page, err
}

func (f *front) ChangedSince(ctx context.Context, sites []chat.SiteID, span int64) ([]chat.State, chat.Millis, error) {
	if f.n.fails.Load() {
		return nil, 0, errors.New("the database does not answer")
	}
	return f.DB.ChangedSince(ctx, sites, span)
}

func (f *front) MarksOf(ctx context.Context, ids []chat.ConversationID) (map[chat.ConversationID][]chat.Mark, error) {
	if before := f.n.marks.Load(); before != nil {
		if err := (*before)(ctx, ids); err != nil {
			return nil, err
		}
	}
	return f.DB.MarksOf(ctx, ids)
}

func (f *front) Mark(m *chat.MarkChange) {
	f.n.w.mu.Lock()
	f.n.w.markers[chat.ActorRef{Kind: m.Who.Kind, ID: m.Who.ID}] = f.n
	f.n.w.mu.Unlock()
	f.DB.Mark(m)
}

func (w *world) note(n *node, c *chat.Change, changed *chat.Changed, err error) {
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !changed.Repeat {
		w.authors[author{changed.Conversation.ID, changed.State.Seq}] = n
	}
	if c.Begin != nil {
		w.visitors[string(c.Begin.SecretHash)] = identity.Visitor{
			ID: changed.Conversation.Visitor, Site: changed.Conversation.Site, Conversation: changed.Conversation, Profile: c.Begin.Profile,
		}
	}
}

func (w *world) committed(changes []chat.Changed) {
	for i := range changes {
		c := changes[i]
		w.mu.Lock()
		n := w.authors[author{c.Conversation.ID, c.State.Seq}]
		w.mu.Unlock()
		if n == nil {
			w.t.Errorf("nobody asked for %d of conversation %d", c.State.Seq, c.Conversation.ID)
			continue
		}
		n.Committed(changes[i : i+1])
	}
}

func (w *world) marked(marks []chat.Mark) {
	for i := range marks {
		w.mu.Lock()
		n := w.markers[chat.ActorRef{Kind: marks[i].Who.Kind, ID: marks[i].Who.ID}]
		w.mu.Unlock()
		n.Marked(marks[i : i+1])
	}
}

// Visitor implements identity.Visitors.
func (w *world) Visitor(_ context.Context, on chat.SiteID, hash []byte) (identity.Visitor, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lookups++
	v, ok := w.visitors[string(hash)]
	if !ok || v.Site != on {
		return v, chat.Refuse(chat.NotFound, "no such visitor")
	}
	return v, nil
}

// UpdateProfile implements identity.Visitors.
func (w *world) UpdateProfile(_ context.Context, id chat.VisitorID, p chat.Profile) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for hash, v := range w.visitors {
		if v.ID == id {
			v.Profile = p
			w.visitors[hash] = v
		}
	}
	return nil
}

// RevokedSince implements live.Logins.
func (w *world) RevokedSince(_ context.Context, span int64) (ids []int64, now chat.Millis, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passes++
	now = chat.At(w.clock.now())
	for id, at := range w.revoked {
		if at > now-chat.Millis(span) && at <= now+chat.Millis(span) {
			ids = append(ids, id)
		}
	}
	return ids, now, nil
}

// EndedOf implements live.Logins.
func (w *world) EndedOf(_ context.Context, ids []int64) (ended []int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		if w.revoked[id] != 0 {
			ended = append(ended, id)
		}
	}
	return ended, nil
}

// revoke revokes a log-in, and tells nobody.
func (w *world) revoke(login int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.revoked[login] = chat.At(w.clock.now())
}

// Seen implements live.Seen.
func (w *world) Seen(_ context.Context, agent chat.AgentID, at chat.Millis) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[agent] = max(w.seen[agent], at)
	return nil
}

// LastSeen implements live.Seen.
func (w *world) LastSeen(context.Context) (map[chat.AgentID]chat.Millis, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[chat.AgentID]chat.Millis{}
	for a, at := range w.seen {
		out[a] = at
	}
	return out, nil
}

// clock runs as time does, jumps when told, and can be set.
type clock struct{ ahead, wrong atomic.Int64 }

func (c *clock) now() time.Time { return c.instant().Add(time.Duration(c.wrong.Load())) }

// instant is by the clock that nobody sets.
func (c *clock) instant() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) set(by time.Duration) { c.wrong.Add(int64(by)) }

func (c *clock) pass(d time.Duration) { c.ahead.Add(int64(d)) }

// people is a directory of agents and sites that tests change.
type people struct {
	mu     sync.Mutex
	agents map[chat.AgentID]identity.Agent
	sites  []site.Site
	made   []site.Site // on another node: the next look shows them
}

func newPeople() *people {
	p := &people{agents: map[chat.AgentID]identity.Agent{}}
	add := func(id chat.AgentID, name string, roles map[chat.SiteID]chat.Role) {
		p.agents[id] = identity.Agent{ID: id, Name: name, Roles: roles}
	}
	add(ann, "Ann", map[chat.SiteID]chat.Role{shop: chat.RoleAgent})
	add(bob, "Bob", map[chat.SiteID]chat.Role{shop: chat.RoleAgent})
	add(carol, "Carol", map[chat.SiteID]chat.Role{blog: chat.RoleAgent})
	add(dora, "Dora", map[chat.SiteID]chat.Role{shop: chat.RoleSupervisor, blog: chat.RoleSupervisor})
	for id, name := range map[chat.SiteID]string{shop: "Shop", blog: "Blog"} {
		s := site.Site{ID: id, Name: name, Key: name + "Key", Settings: site.DefaultSettings(), Version: 1}
		s.Settings.Origins = []string{"https://" + name + ".example"}
		p.sites = append(p.sites, s)
	}
	return p
}

func (p *people) change(do func(*people)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do(p)
}

func (p *people) Heal(context.Context) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sites, p.made = append(p.sites, p.made...), nil
	return false, nil
}

func (p *people) Agent(id chat.AgentID) (identity.Agent, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.agents[id]
	return a, ok
}

func (p *people) AgentsOf(on chat.SiteID) []identity.Agent {
	p.mu.Lock()
	defer p.mu.Unlock()
	var of []identity.Agent
	for _, a := range p.agents {
		if a.RoleOn(on) != chat.NoRole {
			of = append(of, a)
		}
	}
	return of
}

func (p *people) Member(on chat.SiteID, id chat.AgentID) (string, bool) {
	a, ok := p.Agent(id)
	return a.Name, ok && a.RoleOn(on) != chat.NoRole
}

func (p *people) All() []site.Site {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]site.Site(nil), p.sites...)
}

func (p *people) ByID(id chat.SiteID) (site.Site, bool) {
	for _, s := range p.All() {
		if s.ID == id {
			return s, true
		}
	}
	return site.Site{}, false
}

func (p *people) ByKey(key string) (site.Site, bool) {
	for _, s := range p.All() {
		if s.Key == key {
			return s, true
		}
	}
	return site.Site{}, false
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}

// secret is a visitor's, told apart by n.
func secret(n byte) string { return secretOf(int(n)) }

func secretOf(n int) string {
	raw := make([]byte, identity.SecretBytes)
	binary.BigEndian.PutUint32(raw, uint32(n))
	return base64.RawURLEncoding.EncodeToString(raw)
}

func newID() chat.ClientID { return uuid.Must(uuid.NewV7()) }
