package live

import (
	"context"
	"sort"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// board is this node's picture of a site's log of broadcasts; it never changes.
type board struct {
	head    broadcast.Position
	entries []broadcast.Entry // the newest, oldest first, without a gap
	about   map[broadcast.ID]*broadcast.Broadcast
}

// from are the entries behind a number, as far as they are kept.
func (b *board) from(number int64) []broadcast.Entry {
	i := sort.Search(len(b.entries), func(i int) bool { return b.entries[i].Number > number })
	return b.entries[i:]
}

// by is the broadcast that an entry is about; nil if the entry is too old.
func (b *board) by(number int64) *broadcast.Broadcast {
	if e := b.from(number - 1); len(e) > 0 && e[0].Number == number {
		return b.about[e[0].Broadcast]
	}
	return nil
}

// proves tells whether a position is of this log.
func (b *board) proves(p broadcast.Position) bool {
	switch e := b.from(p.Number - 1); {
	case p.Number == 0:
		return p.Tag == 0
	case p.Number == b.head.Number:
		return p.Tag == b.head.Tag
	case len(e) == 0 || e[0].Number != p.Number:
		return false
	default:
		return e[0].Tag == p.Tag
	}
}

// boards are the sites whose board is to be read anew.
type boards struct {
	mu    sync.Mutex // a leaf
	due   map[chat.SiteID]bool
	awake chan struct{}
}

func (b *boards) init() { b.due, b.awake = map[chat.SiteID]bool{}, make(chan struct{}, 1) }

// renew has a site's board read anew, and its visitors told.
func (b *boards) renew(on chat.SiteID) {
	b.mu.Lock()
	b.due[on] = true
	b.mu.Unlock()
	select {
	case b.awake <- struct{}{}:
	default:
	}
}

func (b *boards) take() []chat.SiteID {
	b.mu.Lock()
	defer b.mu.Unlock()
	var due []chat.SiteID
	for id := range b.due {
		due = append(due, id)
	}
	clear(b.due)
	return due
}

// BroadcastChanged implements broadcast.Told: visitors are told now, on every node.
func (h *Hub) BroadcastChanged(on chat.SiteID) {
	if h.cfg.DropDeliveries() {
		return
	}
	h.boards.renew(on)
	h.publish(topicAll, notice{Broadcasts: on})
}

// broadcastForever reads boards that have grown, and tells the visitors here.
func (h *Hub) broadcastForever() {
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.boards.awake:
			for _, id := range h.boards.take() {
				h.renewBoard(h.site(id))
			}
		}
	}
}

// renewBoard reads a site's log and tells its visitors what is new. What cannot be read
// now, healing has read again.
func (h *Hub) renewBoard(n *siteNode) {
	before := n.board.now.Load()
	b, err := h.readBoard(n)
	if err != nil {
		if h.ctx.Err() == nil {
			h.Log.Warn("a site's broadcasts could not be read", "site", n.id, "error", err)
		}
		return
	}
	if before != nil && !b.proves(before.head) { // the database is another one now
		for _, v := range n.everyVisitor() {
			for _, tab := range v.everyTab() {
				tab.close(wire.CloseChanged, "the site's broadcasts begin anew")
			}
		}
		return
	}
	h.learnOff(n)
	h.tellBoard(n, b)
}

func (h *Hub) readBoard(n *siteNode) (*board, error) {
	n.board.loading.Lock()
	defer n.board.loading.Unlock()
	return h.loadBoard(n)
}

// loadBoard is readBoard for who holds loading.
func (h *Hub) loadBoard(n *siteNode) (b *board, err error) {
	defer func() {
		if err != nil {
			n.board.failedAt, n.board.failure = time.Now(), err
		}
	}()
	ctx, cancel := h.reading()
	defer cancel()
	entries, about, err := h.Broadcasts.BroadcastLog(ctx, n.id, broadcast.LogWindow)
	if err != nil {
		return nil, err
	}
	b = &board{entries: entries, about: make(map[broadcast.ID]*broadcast.Broadcast, len(about))}
	if len(entries) > 0 {
		b.head = entries[len(entries)-1].Position()
	}
	for i := range about {
		b.about[about[i].ID] = &about[i]
	}
	if err := h.readLists(ctx, b, n.board.now.Load()); err != nil {
		return nil, err
	}
	n.board.now.Store(b)
	return b, nil
}

// readLists puts beside the broadcasts that visitors see whom their lists name: what the
// board before has, which this one goes on from, or else what is stored.
func (h *Hub) readLists(ctx context.Context, b, before *board) error {
	goesOn := before != nil && b.proves(before.head)
	for id, one := range b.about {
		a := &one.Content.Audience
		if a.Kind != broadcast.Listed || !one.Shown(chat.At(h.cfg.Now())) {
			continue
		}
		if goesOn && before.about[id] != nil {
			a.List = before.about[id].Content.Audience.List
		}
		if a.List != nil {
			continue
		}
		var err error
		if a.List, err = h.Broadcasts.BroadcastList(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// boardOf is a site's board; it is read when somebody comes for the first time. After a
// start thousands come at once: the first one reads it for all who wait.
func (h *Hub) boardOf(n *siteNode) (*board, error) {
	if b := n.board.now.Load(); b != nil || h.Broadcasts == nil {
		return b, nil
	}
	asked := time.Now()
	n.board.loading.Lock()
	defer n.board.loading.Unlock()
	if b := n.board.now.Load(); b != nil {
		return b, nil
	}
	if n.board.failedAt.After(asked) {
		return nil, n.board.failure
	}
	return h.loadBoard(n)
}

// healBoards finds logs that have grown, or are others now, unheard of.
func (d *healer) boards() {
	h := d.h
	if h.Broadcasts == nil {
		return
	}
	var known []chat.SiteID
	nodes := map[chat.SiteID]*siteNode{}
	for _, n := range h.everySite() {
		if n.board.now.Load() != nil {
			known, nodes[n.id] = append(known, n.id), n
		}
	}
	ctx, cancel := h.reading()
	defer cancel()
	heads, err := h.Broadcasts.BroadcastHeads(ctx, known)
	if err != nil {
		d.warn("the heads of broadcasts could not be read", err)
		return
	}
	for id, n := range nodes {
		if n.board.now.Load().head != heads[id] {
			h.boards.renew(id)
		}
	}
}

var _ broadcast.Told = (*Hub)(nil)
