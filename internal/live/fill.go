package live

import (
	"sync"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/faults"
	"github.com/kefu-chat/kefu/internal/wire"
)

// fillers is how many gaps are read at the same time.
const fillers = 2

// fillQueue holds the rooms and followers for whom the store must be read, each
// at most once: it is bounded by how many there are.
type fillQueue struct {
	mu      sync.Mutex // a leaf
	some    *sync.Cond
	rooms   []*room
	follows []*follow
	closed  bool
}

func (q *fillQueue) init() { q.some = sync.NewCond(&q.mu) }

func (q *fillQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.some.Broadcast()
}

func (q *fillQueue) add(r *room, f *follow) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if r != nil {
		q.rooms = append(q.rooms, r)
	}
	if f != nil {
		q.follows = append(q.follows, f)
	}
	q.some.Signal()
}

func (q *fillQueue) next() (r *room, f *follow, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.closed && len(q.rooms) == 0 && len(q.follows) == 0 {
		q.some.Wait()
	}
	switch {
	case q.closed:
		return nil, nil, false
	case len(q.follows) > 0:
		f, q.follows = q.follows[0], q.follows[1:]
	default:
		r, q.rooms = q.rooms[0], q.rooms[1:]
	}
	return r, f, true
}

// fill has what a room lacks read from the store; room.mu is held.
func (h *Hub) fill(r *room) {
	if r.filling || faults.Off("gap_fill") {
		return
	}
	r.filling = true
	h.fills.add(r, nil)
}

// catchUp has what a follower lacks read from the store; room.mu is held. Until
// then nothing is sent to it as it comes.
func (h *Hub) catchUp(f *follow) {
	f.live = false
	if f.reading {
		return
	}
	f.reading = true
	h.fills.add(nil, f)
}

func (h *Hub) fillForever() {
	for {
		r, f, ok := h.fills.next()
		switch {
		case !ok:
			return
		case r != nil:
			h.fillRoom(r)
		default:
			h.fillFollow(f)
		}
	}
}

// fillRoom reads what follows the room's head until nothing does.
func (h *Hub) fillRoom(r *room) {
	for more := true; more; {
		r.mu.Lock()
		after := chat.Position{Number: r.head.Seq, Tag: r.head.Tag}
		r.mu.Unlock()
		page, err := h.page(chat.PageQuery{Conversation: r.conv.ID, After: &after, Limit: wire.MaxPage})
		r.mu.Lock()
		switch {
		case err != nil: // healing tries again
			h.Log.Warn("a gap could not be read", "conversation", r.conv.ID, "error", err)
			more = false
		case page.Reset:
			r.restart(h, page.State)
			more = false
		default:
			r.takePage(h, &page)
			more = page.More
		}
		if !more {
			r.filling = false
		}
		r.mu.Unlock()
	}
}

// takePage sends what a page has beyond the head.
func (r *room) takePage(h *Hub, page *chat.Page) {
	for i := range page.Events {
		e := &page.Events[i]
		if e.Seq <= r.head.Seq {
			continue
		}
		r.fanOut(h, e)
		h.stats.gapEvents.Add(1)
		r.head.Seq, r.head.Tag, r.head.PublicSeq = e.Seq, e.Tag, e.PublicSeq
	}
	if !page.More && page.State.Seq >= r.head.Seq {
		r.advance(h, page.State)
	}
}

// restart is for a log that is not the one the room knew (a restored copy):
// everybody says hello anew, and is told to drop its copy.
func (r *room) restart(h *Hub, s chat.State) {
	for _, f := range r.lookers {
		f.session.close(wire.CloseChanged, "the conversation begins anew")
	}
	if r.visitor != nil {
		for _, tab := range r.visitor.everyTab() {
			tab.close(wire.CloseChanged, "the conversation begins anew")
		}
	}
	r.marksRead, r.row = false, rowPicture{}
	r.advance(h, s)
}

// fillFollow sends a follower what it lacks, as pages, until it is live.
func (h *Hub) fillFollow(f *follow) {
	r := f.room
	public := f.session.agent == nil
	for {
		r.mu.Lock()
		q := chat.PageQuery{Conversation: r.conv.ID, Public: public, After: &chat.Position{Number: f.at.Number, Tag: f.at.Tag}, Limit: wire.MaxPage}
		anew := f.anew != 0
		r.mu.Unlock()
		if anew {
			q.After, q.Limit = nil, h.cfg.PageEvents
		}
		page, err := h.page(q)
		if chat.CodeOf(err) == chat.NotFound { // erased: whoever did it, or healing, says so
			r.mu.Lock()
			f.reading = false
			r.mu.Unlock()
			return
		}
		if err != nil || page.Reset {
			h.Log.Warn("a session could not be caught up", "conversation", r.conv.ID, "reset", page.Reset, "error", err)
			f.session.close(wire.CloseChanged, "say hello anew")
			return
		}
		if anew { // the newest page, in place of what the follower has
			page.Truncated, page.Reset, page.More = !page.More, page.More, false
		}
		r.mu.Lock()
		done := f.sendPage(h, &page)
		r.mu.Unlock()
		if done {
			return
		}
	}
}

// sendPage sends a page that begins behind the follower's position, and tells
// whether the follower is live now; room.mu is held.
func (f *follow) sendPage(h *Hub, page *chat.Page) (live bool) {
	r, s := f.room, f.session
	if f.gone {
		return true
	}
	anew := page.Truncated || page.Reset
	if anew && page.State.FirstSeq >= f.anew {
		f.anew = 0
	}
	if len(page.Events) > 0 || anew {
		h.stats.catchUpEvents.Add(int64(len(page.Events)))
		s.send(wire.ServerPage{C: r.conv.UUID, Page: wire.PageFor(*page, s.audience(), s.self())})
		for i := range page.Events {
			f.lead(&page.Events[i])
		}
	}
	if page.More {
		last := &page.Events[len(page.Events)-1]
		f.at = f.position(last.Seq, last.PublicSeq, last.Tag, last.Tag)
		return false
	}
	if r.cold {
		r.advance(h, page.State)
	}
	f.at = f.headOf(&page.State)
	if f.anew != 0 || f.at.Number < f.headOf(&r.head).Number {
		return false
	}
	f.live, f.reading = true, false
	return true
}

// page reads a page, cut to what may be sent at once.
func (h *Hub) page(q chat.PageQuery) (chat.Page, error) {
	ctx, cancel := h.reading()
	defer cancel()
	page, err := h.Store.Page(ctx, q)
	if err != nil {
		return page, err
	}
	fit(&page, q.After != nil && !page.Reset, h.cfg.PageBytes)
	return page, nil
}

// fit cuts a page to a number of bytes, at its far end: forward pages keep
// their beginning, the others what is newest.
func fit(page *chat.Page, forward bool, limit int) {
	size := 0
	for i := range page.Events {
		e := &page.Events[i]
		if !forward {
			e = &page.Events[len(page.Events)-1-i]
		}
		size += len(e.Body)
		if e.Target != nil {
			size += len(e.Target.Body)
		}
		if size <= limit || i == 0 {
			continue
		}
		if forward {
			page.Events = page.Events[:i]
		} else {
			page.Events = page.Events[len(page.Events)-i:]
		}
		page.More = true
		return
	}
}
