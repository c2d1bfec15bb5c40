package live

import (
	"strconv"
	"sync"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/push"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// Bounds of the connections that wait for pushes.
const (
	// maxPushConns is how many of one id a node has: one more closes the oldest.
	maxPushConns = 100
	// pushPage is how many pushes are read at once: at most 4 MiB.
	pushPage = 64
	// pushCounts is of how many pushes it is remembered how many got them.
	pushCounts = 1024
)

// pushes are the connections of this node that wait for pushes by id.
type pushes struct {
	mu    sync.Mutex // a leaf
	sites map[chat.SiteID]*pushSite
	due   []pushDue
	asks  map[uint64]*pushAsk
	asked uint64
	wake  chan struct{}
}

func (p *pushes) init() {
	p.sites, p.asks, p.wake = map[chat.SiteID]*pushSite{}, map[uint64]*pushAsk{}, make(chan struct{}, 1)
}

// kick has the reader look at once.
func (p *pushes) kick() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// pushSite are those of one site. They are kept for good: there are as many as
// sites were seen.
type pushSite struct {
	hub *Hub
	id  chat.SiteID
	// first lets one at a time read where the site is; reading, what comes after.
	first, reading sync.Mutex

	mu    sync.Mutex // a leaf
	users int        // connections, and those about to be
	ready bool       // position is up to where this node has delivered
	// position only rises while the site is ready.
	position int64
	conns    map[string][]*PushConn
	counts   map[int64]int // by position: how many connections got it
	recent   []int64       // the positions in counts, oldest first
}

func (p *pushes) site(h *Hub, id chat.SiteID) *pushSite {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sites[id]
	if s == nil {
		s = &pushSite{hub: h, id: id, conns: map[string][]*PushConn{}, counts: map[int64]int{}}
		p.sites[id] = s
	}
	return s
}

func (p *pushes) everySite() []*pushSite {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*pushSite, 0, len(p.sites))
	for _, s := range p.sites {
		all = append(all, s)
	}
	return all
}

// PushConn is a connection that waits for the pushes to one id of a site.
type PushConn struct {
	site *pushSite
	id   string
	conn Conn
	// verified: the id is that of a verified visitor, who has proved to be it.
	verified bool
	// numbered says that pushes come with their position; after is from where on.
	numbered bool
	after    int64
	live     bool // what comes is sent at once; else it is read from the store first
	ended    bool
}

// OpenPush makes room for a connection, before it is answered: what is pushed from
// then on reaches it. After is the position of the last push that it has (0: it
// asks for positions only); nil: it wants bare texts. End must follow.
func (h *Hub) OpenPush(site chat.SiteID, id string, verified bool, after *int64) (*PushConn, error) {
	s := h.pushed.site(h, site)
	c := &PushConn{site: s, id: id, verified: verified, numbered: after != nil}
	if after != nil {
		c.after = *after
	}
	s.mu.Lock()
	s.users++
	s.mu.Unlock()
	if s.begins(c) {
		return c, nil
	}
	s.first.Lock()
	defer s.first.Unlock()
	if s.begins(c) {
		return c, nil
	}
	ctx, cancel := h.reading()
	defer cancel()
	heads, err := h.Pushes.PushHeads(ctx, []chat.SiteID{site})
	if err != nil {
		c.End()
		return nil, err
	}
	s.mu.Lock()
	s.ready, s.position = true, heads[site]
	s.mu.Unlock()
	s.begins(c)
	return c, nil
}

// begins notes from where on a connection wants pushes; false: that is not known yet.
func (s *pushSite) begins(c *PushConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready && c.after == 0 {
		c.after = s.position
	}
	return s.ready
}

// Begin lets pushes reach conn.
func (c *PushConn) Begin(conn Conn) {
	s := c.site
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.ended {
		return
	}
	c.conn = conn
	if c.live = c.after >= s.position; !c.live {
		defer s.hub.pushed.kick()
	}
	all := append(s.conns[c.id], c)
	s.conns[c.id] = all
	if len(all) > maxPushConns {
		all[len(all)-maxPushConns-1].conn.Close(uint16(wire.CloseElsewhere), "too many connections of this id: this was the oldest")
	}
	s.hub.stats.pushConns.Add(1)
	if c.numbered {
		_ = conn.Send([]byte(`{"position":` + strconv.FormatInt(c.after, 10) + `}`))
	}
}

// End gives the room back.
func (c *PushConn) End() {
	s := c.site
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	if s.users--; s.users == 0 {
		s.ready = false
	}
	if c.conn == nil {
		return
	}
	s.hub.stats.pushConns.Add(-1)
	left := s.conns[c.id][:0:0]
	for _, other := range s.conns[c.id] {
		if other != c {
			left = append(left, other)
		}
	}
	if s.conns[c.id] = left; len(left) == 0 {
		delete(s.conns, c.id)
	}
}

// pushText is a push as it is sent, made once for all who get it.
type pushText struct {
	p               *push.Push
	plain, numbered *ws.Prepared
}

func (t *pushText) of(c *PushConn) *ws.Prepared {
	if !c.numbered {
		if t.plain == nil {
			t.plain = ws.Prepare([]byte(t.p.Payload))
		}
		return t.plain
	}
	if t.numbered == nil {
		payload, _ := json.Marshal(t.p.Payload) // well-formed: it was checked
		frame := append(strconv.AppendInt([]byte(`{"position":`), t.p.Position, 10), `,"payload":`...)
		t.numbered = ws.Prepare(append(append(frame, payload...), '}'))
	}
	return t.numbered
}

// deliver sends the next push to those whom it reaches, and tells how many they
// were; one that was delivered already is not sent again. s.mu is held.
func (s *pushSite) deliver(p *push.Push) int {
	if p.Position <= s.position {
		return s.counts[p.Position]
	}
	s.position = p.Position
	n, text := 0, pushText{p: p}
	send := func(all []*PushConn) {
		for _, c := range all {
			if c.live && p.Reaches(c.id, c.verified) && c.conn.SendPrepared(text.of(c)) == nil {
				n++
			}
		}
	}
	ids := p.Conns()
	if len(ids) == 0 {
		for _, all := range s.conns {
			send(all)
		}
	}
	for _, id := range ids {
		send(s.conns[id])
	}
	s.hub.stats.pushed.Add(int64(n))
	s.counts[p.Position] = n
	if s.recent = append(s.recent, p.Position); len(s.recent) > pushCounts {
		delete(s.counts, s.recent[0])
		s.recent = s.recent[1:]
	}
	return n
}

// everyPushConn are all connections of this node that wait for pushes.
func (h *Hub) everyPushConn() []*PushConn {
	var all []*PushConn
	for _, s := range h.pushed.everySite() {
		s.mu.Lock()
		for _, of := range s.conns {
			all = append(all, of...)
		}
		s.mu.Unlock()
	}
	return all
}

// leave tells the connection to come back, to another node.
func (c *PushConn) leave() { c.conn.Close(uint16(wire.CloseRestart), "the server restarts") }
