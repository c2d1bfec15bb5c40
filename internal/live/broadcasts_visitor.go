package live

import (
	"strconv"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// boardReader is what a visitor has of its site's board; under visitor.mu.
type boardReader struct {
	broadcast.Reader
	// at is up to which entry its tabs have been told.
	at int64
	// since is the number of the log's head when it came for the first time; what was
	// out before that is not for it.
	since int64
	// whole: Seen is all that its tabs show, so that a tab is told all of it.
	whole bool
	// turns rises whenever its tabs here say whether it wants broadcasts.
	turns int
}

// prepareBoard reads what is needed to tell a visitor of its site's broadcasts.
func (s *Session) prepareBoard(f *wire.ClientHello) error {
	h, v := s.hub, s.visitor
	s.boardless = s.meta.Known != nil
	if h.Broadcasts == nil || s.boardless {
		return nil
	}
	b, err := h.boardOf(v.site)
	if err != nil || b.head.Number == 0 {
		return err
	}
	v.mu.Lock()
	known, id := v.words != nil, v.identityLocked()
	v.mu.Unlock()
	if known {
		return nil
	}
	w := &boardReader{at: b.head.Number, since: b.head.Number, whole: true}
	p := f.Broadcasts
	proved := p != nil && b.proves(broadcast.Position{Number: p.N, Tag: p.Tag})
	if id != 0 {
		ctx, cancel := h.reading()
		defer cancel()
		if w.Reader, err = h.Broadcasts.ReaderOf(ctx, id); err != nil {
			return err
		}
		v.site.board.unwritten(id, &w.Reader)
		w.at, w.since = w.Received, 0
		if proved && p.N > w.at { // another node was faster than its writing
			w.at, w.whole = p.N, false
		}
	} else if proved { // it was here by then: the next wave may be its own
		w.at, w.since, w.whole = p.N, 0, false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.words == nil {
		v.words = w
	}
	return nil
}

// greetBoard is what a hello tells of broadcasts, and up to where that is.
func (s *Session) greetBoard() (*wire.Broadcasts, int64) {
	h, v := s.hub, s.visitor
	b := v.site.board.now.Load()
	if b == nil || s.boardless {
		return nil, 0
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	out := &wire.Broadcasts{At: wire.Position{N: b.head.Number, Tag: b.head.Tag}}
	w := v.words
	if w == nil { // the log is empty, or has just begun: becomeReady tells of that
		return &wire.Broadcasts{}, 0
	}
	from := w.at
	v.bringUp(h, b, false, s)
	if w.whole {
		from = 0
	}
	out.Put, out.Reset, out.Off = v.shown(b, from, chat.At(h.cfg.Now())), w.whole, w.Off
	if !w.whole {
		out.Drop = withdrawn(b, from)
	}
	return out, w.at
}

// bringUp brings the visitor up to the board, and tells its tabs but one; v.mu is held.
func (v *visitor) bringUp(h *Hub, b *board, connected bool, but *Session) {
	from := v.words.at
	if from >= b.head.Number {
		return
	}
	count := tally{}
	v.follow(h, b, connected, &count)
	v.site.board.count(count)
	for _, tab := range v.tabs {
		if tab.ready && !tab.boardless && tab != but {
			tab.send(v.newsOf(h, b, from))
		}
	}
}

// follow takes over what the board says, and tells how many broadcasts came to the
// visitor by it, and the last entry by which one did. connected: the visitor was, when
// they went out. v.mu is held.
func (v *visitor) follow(h *Hub, b *board, connected bool, count *tally) (came int, last int64) {
	w := v.words
	now, id := chat.At(h.cfg.Now()), v.identityLocked()
	before := w.Reader
	advance := broadcast.Advance{Visitor: id, Received: b.head.Number}
	for _, e := range b.from(w.at) {
		one := b.about[e.Broadcast]
		if one == nil || w.Off || one.Number <= w.since || w.CreatedAt > one.PublishedAt || !one.Reaches(e, v.who(), now, connected) {
			continue
		}
		s := broadcast.Seen{Number: e.Number, At: now}
		if connected { // the same for all of them: what is written into their rows is alike
			s.At = e.At
		}
		w.Seen = append(w.Seen, s)
		w.Seen = w.Seen[max(0, len(w.Seen)-broadcast.MaxSeen):]
		came, last = came+1, e.Number
		if id != 0 {
			advance.Seen = append(advance.Seen, s)
		} else {
			count.came(e.Number, 1)
		}
	}
	w.at, w.Received = b.head.Number, b.head.Number
	if id != 0 {
		v.site.board.goOn(before, advance)
	}
	return came, last
}

// who is what rules may know of the visitor; v.mu is held.
func (v *visitor) who() broadcast.Who {
	w := broadcast.Who{Key: v.key[:], ID: v.identityLocked(), Language: v.profile.Language, Verified: v.profile.Vouched != nil}
	if v.told != nil && v.told.Page != nil {
		w.Page = v.told.Page.URL
	}
	return w
}

// shown are the broadcasts that came by entries behind a number and that the visitor
// sees now; v.mu is held.
func (v *visitor) shown(b *board, from int64, now chat.Millis) (out []wire.Broadcast) {
	for _, s := range v.words.Seen {
		if one := b.by(s.Number); s.Number > from && one != nil && one.Shown(now) {
			out = append(out, broadcastFrame(one, s, s.Number <= v.words.Read))
		}
	}
	return out
}

func broadcastFrame(b *broadcast.Broadcast, s broadcast.Seen, read bool) wire.Broadcast {
	return wire.Broadcast{
		ID: broadcastID(b.ID), N: s.Number, At: int64(s.At), Show: string(b.Content.Show), Text: b.Content.Text,
		Expires: int64(b.Content.ExpiresAt), Read: read,
	}
}

func broadcastID(id broadcast.ID) string { return strconv.FormatInt(int64(id), 10) }

// withdrawn are the broadcasts that were withdrawn behind a number.
func withdrawn(b *board, from int64) (ids []string) {
	for _, e := range b.from(from) {
		if e.Wave == 0 {
			ids = append(ids, broadcastID(e.Broadcast))
		}
	}
	return ids
}

// newsOf is what a tab is told that has been told up to a number; v.mu is held.
func (v *visitor) newsOf(h *Hub, b *board, from int64) wire.ServerBroadcasts {
	return wire.ServerBroadcasts{Broadcasts: wire.Broadcasts{
		At: wire.Position{N: b.head.Number, Tag: b.head.Tag}, Off: v.words.Off,
		Put: v.shown(b, from, chat.At(h.cfg.Now())), Drop: withdrawn(b, from),
	}}
}

// catchUpBoard tells a tab what has come to its visitor since its hello was put
// together, which told up to a number; v.mu is held.
func (s *Session) catchUpBoard(told int64) {
	v, h := s.visitor, s.hub
	b := v.site.board.now.Load()
	if s.boardless || b == nil || b.head.Number == told {
		return
	}
	if v.words == nil {
		v.words = &boardReader{whole: true}
	}
	v.bringUp(h, b, true, s)
	s.send(v.newsOf(h, b, told))
}

// boardFrames are what the visitors of a site are told of a board, encoded once for all
// who are told the same.
type boardFrames struct {
	hub    *Hub
	board  *board
	frames map[boardNews]*ws.Prepared
}

// boardNews tells apart what visitors are told who have been told up to a number.
type boardNews struct {
	from, last int64 // last is the one broadcast that came, by its entry; 0: none
	off        bool
}

// tellBoard tells the visitors of a site who are here what is new on its board.
func (h *Hub) tellBoard(n *siteNode, b *board) {
	frames := boardFrames{hub: h, board: b, frames: map[boardNews]*ws.Prepared{}}
	count := tally{}
	for _, v := range n.inOrder() {
		frames.tell(v, &count)
	}
	n.board.count(count)
}

func (f *boardFrames) tell(v *visitor, count *tally) {
	v.mu.Lock()
	defer v.mu.Unlock()
	ready := false
	for _, tab := range v.tabs {
		ready = ready || tab.ready && !tab.boardless
	}
	if !ready { // its hello looks at the board when it becomes ready
		return
	}
	if v.words == nil {
		v.words = &boardReader{whole: true}
	}
	from := v.words.at
	if from >= f.board.head.Number {
		return
	}
	came, last := v.follow(f.hub, f.board, true, count)
	p := f.of(v, boardNews{from: from, last: last, off: v.words.Off}, came)
	for _, tab := range v.tabs {
		if tab.ready && !tab.boardless {
			tab.sendPrepared(p)
		}
	}
}

// of is the frame for a visitor to whom so many came.
func (f *boardFrames) of(v *visitor, news boardNews, came int) *ws.Prepared {
	if p, ok := f.frames[news]; ok && came < 2 {
		return p
	}
	p := f.hub.prepared(v.newsOf(f.hub, f.board, news.from))
	if came < 2 {
		f.frames[news] = p
	}
	return p
}

// ofBroadcasts is the command "broadcasts".
func (s *Session) ofBroadcasts(f *wire.ClientBroadcasts) {
	v := s.visitor
	v.mu.Lock()
	b, w, id := v.site.board.now.Load(), v.words, v.identityLocked()
	if b == nil || w == nil {
		v.mu.Unlock()
		s.ofBroadcastsAway(f, id)
		return
	}
	if f.Read > w.Read {
		s.readBoard(b, id, min(f.Read, w.at))
	}
	off := f.Off != nil && *f.Off != w.Off
	v.mu.Unlock()
	if off {
		s.wantBroadcasts(!*f.Off)
	}
}

// ofBroadcastsAway is ofBroadcasts where this node does not know what came to the visitor.
func (s *Session) ofBroadcastsAway(f *wire.ClientBroadcasts, id chat.VisitorID) {
	h := s.hub
	b, err := h.boardOf(s.visitor.site)
	switch {
	case err != nil:
		s.fail(err, chat.ClientID{}, 0)
	case id == 0 || b == nil || b.head.Number == 0:
		s.send(wire.ErrorOf(chat.NotFound, "no broadcast has come to this visitor", chat.ClientID{}, 0))
	default:
		s.visitor.site.board.advance(broadcast.Advance{Visitor: id, Read: min(f.Read, b.head.Number)})
		if f.Off == nil {
			return
		}
		if err := h.keepOff(id, *f.Off); err != nil {
			s.fail(err, chat.ClientID{}, 0)
		}
	}
}

func (b *board) tagOf(number int64) uint32 {
	if e := b.from(number - 1); len(e) > 0 && e[0].Number == number {
		return e[0].Tag
	}
	return 0
}

// readBoard notes that the visitor has seen what came up to a number, and tells its
// other tabs; v.mu is held.
func (s *Session) readBoard(b *board, id chat.VisitorID, to int64) {
	v, w := s.visitor, s.visitor.words
	count := tally{}
	put := []wire.Broadcast{}
	for _, seen := range w.Seen {
		if seen.Number <= w.Read || seen.Number > to {
			continue
		}
		count.seen(seen.Number, 1)
		if one := b.by(seen.Number); one != nil && one.Shown(chat.At(s.hub.cfg.Now())) {
			put = append(put, broadcastFrame(one, seen, true))
		}
	}
	before := w.Reader
	w.Read = max(w.Read, to)
	if id != 0 {
		v.site.board.goOn(before, broadcast.Advance{Visitor: id, Read: to})
	} else {
		v.site.board.count(count)
	}
	if len(put) == 0 {
		return
	}
	news := wire.ServerBroadcasts{Broadcasts: wire.Broadcasts{At: wire.Position{N: w.at, Tag: b.tagOf(w.at)}, Put: put, Off: w.Off}}
	for _, tab := range v.tabs {
		if tab != s && tab.ready {
			tab.send(news)
		}
	}
}

// beginBoard writes into a visitor's new row what came to it before it had one; it was
// counted then. v.mu is held.
func (v *visitor) beginBoard() {
	w := v.words
	if w == nil {
		return
	}
	id := v.identityLocked()
	w.Received = w.at
	v.site.board.advance(broadcast.Advance{Visitor: id, Received: w.at, Read: w.Read, Seen: append([]broadcast.Seen(nil), w.Seen...), Counted: true})
	if w.Off {
		s := &v.site.board
		s.mu.Lock()
		s.off = append(s.off, id)
		s.mu.Unlock()
	}
}

// answered is the broadcast that a message answers; 0 if the site has sent none such.
func (s *Session) answered(id int64) int64 {
	if id == 0 {
		return 0
	}
	b, err := s.hub.boardOf(s.visitor.site)
	if err != nil || b == nil || b.about[broadcast.ID(id)] == nil {
		return 0
	}
	return id
}
