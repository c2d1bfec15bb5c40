package live

import (
	"slices"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/faults"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// room is a conversation that somebody on this node follows, or whose row is in
// the lists of agents here.
type room struct {
	conv chat.Conversation
	site *siteNode

	mu   sync.Mutex
	gone bool // no longer in Hub.rooms
	// erased: the conversation is no more.
	erased bool
	// head is the state behind the last event that was sent to the followers.
	// While the room is cold nobody follows it and head is not known.
	head chat.State
	cold bool

	lookers []*follow
	visitor *visitor
	joined  bool // to the conversation's topic
	filling bool

	marks     []chat.Mark // everybody's, if marksRead
	marksRead bool

	row     rowPicture
	others  map[string]lookingAt // lookers on other nodes, by node
	touched time.Time            // when it last changed
	// arrivals is what those who look were told last of the broadcasts that came.
	arrivals string
}

// follow is a session's place in a conversation. All but the first two fields
// are under room.mu.
type follow struct {
	session *Session
	room    *room
	at      chat.Position // of the last event that it was sent, in its own numbers
	// anew is where its copy must begin, in seq, because what came before was removed; 0: it does.
	anew    int64
	live    bool // it gets events as they come; otherwise somebody reads for it
	reading bool // it is in the fill queue
	gone    bool // it has left the room
}

// roomOf finds a room that exists.
func (h *Hub) roomOf(id chat.ConversationID) *room {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rooms[id]
}

// enter finds or makes a room and returns it locked.
func (h *Hub) enter(c chat.Conversation) *room {
	site := h.site(c.Site)
	for {
		h.mu.Lock()
		r := h.rooms[c.ID]
		if r == nil {
			r = &room{conv: c, site: site, cold: true, touched: h.cfg.Instant()}
			h.rooms[c.ID] = r
		}
		h.mu.Unlock()
		r.mu.Lock()
		if !r.gone {
			return r
		}
		r.mu.Unlock()
	}
}

// enterKnown is enter for a room that exists.
func (h *Hub) enterKnown(id chat.ConversationID) (*room, bool) {
	r := h.roomOf(id)
	if r == nil {
		return nil, false
	}
	r.mu.Lock()
	if r.gone {
		r.mu.Unlock()
		return nil, false
	}
	return r, true
}

// number is where an event or a head stands in this follower's numbers.
func (f *follow) position(seq, public int64, tag, publicTag uint32) chat.Position {
	if f.session.agent == nil {
		return chat.Position{Number: public, Tag: publicTag}
	}
	return chat.Position{Number: seq, Tag: tag}
}

func (f *follow) headOf(s *chat.State) chat.Position {
	return f.position(s.Seq, s.PublicSeq, s.Tag, s.PublicTag)
}

// take folds a change into the room: what is new goes to the followers. It
// reports a gap before it, which has to be read from the store. room.mu is held.
func (r *room) take(h *Hub, c *chat.Changed) (gap bool) {
	if len(c.Events) == 0 || (!r.cold && c.State.Seq <= r.head.Seq) {
		return false
	}
	if !r.cold && c.Events[0].Seq > r.head.Seq+1 {
		if r.followed() && !faults.Off("gap_fill") {
			return true
		}
		r.row.loaded = false // the last text may be among what nobody here has seen
	}
	if len(c.Events) > wire.MaxPage {
		r.takePages(h, c)
		r.advance(h, c.State)
		return false
	}
	for i := range c.Events {
		if e := &c.Events[i]; r.cold || e.Seq > r.head.Seq {
			r.fanOut(h, e)
		}
	}
	r.advance(h, c.State)
	return false
}

// advance makes s the room's head, and its row one to be told.
func (r *room) advance(h *Hub, s chat.State) {
	shorter := !r.cold && s.FirstSeq > r.head.FirstSeq
	r.head, r.cold = s, false
	if shorter {
		r.beginLater(h)
	}
	r.touched = h.cfg.Instant()
	r.sendOn()
	r.retopic(h)
	r.site.touch(r)
}

// followed tells whether anybody here must get each event.
func (r *room) followed() bool { return r.visitor != nil || len(r.lookers) > 0 }

// fanOut sends an event to everybody who follows.
func (r *room) fanOut(h *Hub, e *chat.Event) {
	r.row.see(e)
	frames := eventFrames{hub: h, c: r.conv.UUID, e: e}
	for _, f := range r.lookers {
		f.pass(h, e, &frames)
	}
	if r.visitor == nil || !e.Public {
		return
	}
	r.visitor.mu.Lock()
	defer r.visitor.mu.Unlock()
	for _, tab := range r.visitor.tabs {
		tab.follow.pass(h, e, &frames)
	}
}

// pass sends the follower an event if it is the next one.
func (f *follow) pass(h *Hub, e *chat.Event, frames *eventFrames) {
	if !f.live {
		return
	}
	at := f.position(e.Seq, e.PublicSeq, e.Tag, e.Tag)
	if at.Number <= f.at.Number {
		return
	}
	if at.Number > f.at.Number+1 && !faults.Off("gap_fill") {
		h.catchUp(f)
		return
	}
	f.at = at
	f.session.sendPrepared(frames.of(f.session))
	f.lead(e)
}

// eventFrames encodes an event once for each kind of audience that it meets.
type eventFrames struct {
	hub     *Hub
	c       chat.ConversationUUID
	e       *chat.Event
	visitor *ws.Prepared
	agents  [2]*ws.Prepared // without and with the client_id
}

func (p *eventFrames) of(s *Session) *ws.Prepared {
	if s.agent == nil {
		if p.visitor == nil {
			p.visitor = p.encode(wire.ForVisitor, p.e.By.Kind == chat.VisitorActor)
		}
		return p.visitor
	}
	own := p.e.By.Kind == chat.AgentActor && p.e.By.ID == int64(s.agent.id)
	slot := &p.agents[0]
	if own {
		slot = &p.agents[1]
	}
	if *slot == nil {
		*slot = p.encode(wire.ForAgents, own)
	}
	return *slot
}

func (p *eventFrames) encode(a wire.Audience, own bool) *ws.Prepared {
	e, visible := wire.EventFor(p.e, a, own)
	if !visible {
		return nil
	}
	return p.hub.prepared(wire.ServerEvent{C: p.c, E: e})
}

// settle makes a follower live from the position up to which it has been sent
// everything, or has the rest read. room.mu is held.
func (r *room) settle(h *Hub, f *follow, at chat.Position, read *chat.State) {
	f.at, f.live = at, true
	if r.cold {
		r.advance(h, *read)
	}
	joined := r.joined
	r.retopic(h)
	fresh := r.joined && !joined && !h.Bus.Alone() // what came before the topic was joined
	if r.head.FirstSeq > read.FirstSeq {
		f.anew = r.head.FirstSeq
	}
	if fresh || f.anew != 0 || f.headOf(&r.head).Number > at.Number {
		h.catchUp(f)
	}
}

// retopic joins or leaves the conversation's topic: joined while somebody
// looks, or its visitor is here and the round is open.
func (r *room) retopic(h *Hub) {
	want := len(r.lookers) > 0 || r.visitor != nil && r.head.Round.State.Open()
	if want == r.joined {
		return
	}
	r.joined = want
	if want {
		h.Bus.Join(conversationTopic(r.conv.ID))
		return
	}
	h.Bus.Leave(conversationTopic(r.conv.ID))
}

// Committed is told by the store of what was appended, in commit order: it goes
// to this node's sessions, and as notices to the other nodes.
func (h *Hub) Committed(changes []chat.Changed) {
	if h.cfg.DropDeliveries() {
		return
	}
	for i := range changes {
		h.deliver(&changes[i])
		h.observe(&changes[i])
		h.noticeChanged(&changes[i])
	}
}

// deliver hands a change to who follows its conversation here, and to the lists.
func (h *Hub) deliver(c *chat.Changed) {
	r, known := h.enterKnown(c.Conversation.ID)
	if !known {
		if !h.site(c.Conversation.Site).hasAgents() {
			return
		}
		r = h.enter(c.Conversation)
	}
	defer r.mu.Unlock()
	if gap := r.take(h, c); gap {
		h.fill(r)
	}
}

// removeLooker ends a follower's part in the room; room.mu is held.
func (r *room) removeLooker(h *Hub, f *follow) {
	f.live, f.gone = false, true
	r.lookers = slices.DeleteFunc(r.lookers, func(o *follow) bool { return o == f })
	r.touched = h.cfg.Instant()
	r.retopic(h)
}

// everyRoom is a snapshot of the rooms of this node.
func (h *Hub) everyRoom() []*room {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*room, 0, len(h.rooms))
	for _, r := range h.rooms {
		all = append(all, r)
	}
	return all
}

// sweepRooms forgets rooms that nobody follows and nothing has happened in,
// but not the open rounds that stand in somebody's lists.
func (h *Hub) sweepRooms() {
	quiet := h.cfg.Instant().Add(-h.cfg.QuietAfter)
	for _, r := range h.everyRoom() {
		listed := r.site.hasAgents()
		r.mu.Lock()
		if len(r.lookers) > 0 {
			r.keepLooking(h)
		}
		if !r.followed() && r.touched.Before(quiet) && !(listed && r.head.Round.State.Open() && !r.cold) {
			r.gone = true
			h.mu.Lock()
			delete(h.rooms, r.conv.ID)
			h.mu.Unlock()
		}
		r.mu.Unlock()
	}
}
