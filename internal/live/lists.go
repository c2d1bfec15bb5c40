package live

import (
	"maps"
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// list answers with the first rows of a view, which is watched from then on,
// or with a further page of it.
func (s *Session) list(f *wire.ClientList) {
	h := s.hub
	leave := s.resuming(f.R)
	if leave == nil {
		return
	}
	defer leave()
	sites := s.siteIDs()
	q := chat.ListQuery{Sites: sites, View: f.View, Agent: s.agent.id, Limit: h.cfg.ListRows}
	if !f.After.IsNil() {
		after, err := s.rowBefore(f.After)
		if err != nil {
			s.fail(err, chat.ClientID{}, f.R)
			return
		}
		q.After = after
	}
	s.agent.watch(viewBit(f.View)) // subscribe first, then read
	rows, err := h.listRows(q)
	if err != nil {
		s.fail(err, chat.ClientID{}, f.R)
		return
	}
	h.learnVisitors(conversationsOf(rows)...)
	out := wire.ServerList{R: f.R, View: f.View, After: f.After, Rows: make([]wire.Row, len(rows)), More: len(rows) == q.Limit}
	for i := range rows {
		out.Rows[i] = wire.RowFor(rows[i], h.visitorOf(rows[i].Conversation, rows[i].Profile), h.nameOf)
	}
	h.counts.want(h, sites)
	out.Counts = h.countsOf(sites, s.agent.id)
	s.send(out)
	// What changed meanwhile may have been told before this answer, which is older.
	for i := range rows {
		h.rememberRow(&rows[i], &out.Rows[i], s.agent.id)
	}
	if h.countsOf(sites, s.agent.id) != out.Counts {
		s.agent.recount.Store(true)
	}
}

func conversationsOf(rows []chat.ListRow) []chat.Conversation {
	all := make([]chat.Conversation, len(rows))
	for i := range rows {
		all[i] = rows[i].Conversation
	}
	return all
}

func (a *agentSide) watch(bit uint32) { a.views.Or(bit) }

// rowBefore is the row behind which a further page begins.
func (s *Session) rowBefore(id chat.ConversationUUID) (*chat.ListRow, error) {
	c, _, err := s.target(id)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.hub.reading()
	defer cancel()
	rows, err := s.hub.Store.Rows(ctx, s.agent.id, []chat.ConversationID{c.ID})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, absent()
	}
	return &rows[0], nil
}

func (h *Hub) listRows(q chat.ListQuery) ([]chat.ListRow, error) {
	if len(q.Sites) == 0 {
		return nil, nil
	}
	ctx, cancel := h.reading()
	defer cancel()
	return h.Store.List(ctx, q)
}

// rememberRow lets the room of a row that stands in somebody's list know what
// it was, so that its visitor's presence and its end are told. A row that is not
// what the room knows now is told again.
func (h *Hub) rememberRow(row *chat.ListRow, sent *wire.Row, to chat.AgentID) {
	h.known.put(row.Conversation)
	if !row.State.Round.State.Open() {
		return
	}
	r := h.enter(row.Conversation)
	defer r.mu.Unlock()
	if r.cold && !r.followed() {
		r.advance(h, row.State)
	}
	r.learnRow(row)
	if was := row.State.Round; r.row.toldState != was.State || r.row.toldAgent != was.Assignee {
		r.row.told = false // whoever was told otherwise, this list shows it so
	}
	if r.head.Seq != row.State.Seq || r.marksRead && r.unread(to) != sent.Unread ||
		h.visitorOf(r.conv, row.Profile).Presence != sent.Visitor.Presence {
		r.site.touch(r)
	}
}

// tellRows tells every session that watches lists what changed since the last
// tick: each row is encoded once.
func (h *Hub) tellRows() {
	updates := map[chat.SiteID][]rowUpdate{}
	var turned []chat.SiteID
	for _, n := range h.everySite() {
		n.publishRows(h)
		rooms, gone := n.takeDirty()
		for _, id := range gone {
			updates[n.id] = append(updates[n.id], rowUpdate{c: id, site: n.id, gone: true})
			turned = append(turned, n.id)
		}
		if len(rooms) == 0 {
			continue
		}
		h.loadRows(rooms)
		for _, r := range rooms {
			r.mu.Lock()
			u, ok := rowUpdate{}, false
			if !r.cold && r.row.loaded && !r.erased {
				u, ok = r.update(h)
			}
			r.mu.Unlock()
			if ok {
				updates[n.id] = append(updates[n.id], u)
			}
			if ok && u.roundTurned() && (len(turned) == 0 || turned[len(turned)-1] != n.id) {
				turned = append(turned, n.id)
			}
		}
	}
	h.counts.refresh(h, turned)
	var frame []byte // of one session after the other: Send keeps no part of it
	for _, s := range *h.people.Load() {
		frame = s.tellRows(updates, frame[:0])
	}
}

// takeDirty takes the rooms whose rows changed, and the conversations that are no more;
// without agents nobody cares.
func (n *siteNode) takeDirty() (rooms []*room, gone []chat.ConversationUUID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	gone, n.erased = n.erased, nil
	if len(n.dirty) == 0 {
		return nil, gone
	}
	rooms = make([]*room, 0, len(n.dirty))
	for _, r := range n.dirty {
		rooms = append(rooms, r)
	}
	clear(n.dirty)
	return rooms, gone
}

// loadRows reads what the rooms' rows lack. What cannot be read now is tried
// again at the next tick.
func (h *Hub) loadRows(rooms []*room) {
	var lacking []chat.ConversationID
	byID := map[chat.ConversationID]*room{}
	for _, r := range rooms {
		r.mu.Lock()
		if !r.row.loaded || !r.marksRead || r.cold {
			lacking = append(lacking, r.conv.ID)
			byID[r.conv.ID] = r
		}
		r.mu.Unlock()
	}
	for len(lacking) > 0 {
		part := lacking[:min(len(lacking), 100)]
		lacking = lacking[len(part):]
		if err := h.loadSome(part, byID); err != nil {
			h.Log.Warn("rows of the lists could not be read", "error", err)
			for _, id := range part {
				byID[id].site.touch(byID[id])
			}
		}
	}
}

func (h *Hub) loadSome(ids []chat.ConversationID, byID map[chat.ConversationID]*room) error {
	ctx, cancel := h.reading()
	defer cancel()
	rows, err := h.Store.Rows(ctx, 0, ids)
	if err != nil {
		return err
	}
	for i := range rows {
		r := byID[rows[i].Conversation.ID]
		r.mu.Lock()
		if r.cold && !r.followed() {
			r.advance(h, rows[i].State)
		}
		r.learnRow(&rows[i])
		known := r.marksRead
		r.mu.Unlock()
		if known {
			continue
		}
		marks, err := h.Store.Marks(ctx, r.conv.ID)
		if err != nil {
			return err
		}
		h.takeMarks(r.conv, marks)
	}
	return nil
}

// tellRows sends what concerns this session, if anything does. It writes the
// frame into the buffer, which it returns, grown perhaps.
func (s *Session) tellRows(updates map[chat.SiteID][]rowUpdate, frame []byte) []byte {
	views := s.agent.views.Load()
	if views == 0 {
		return frame
	}
	sites := s.siteIDs()
	counts := s.hub.countsOf(sites, s.agent.id)
	frame = append(frame, rowsBegin...)
	var drop []chat.ConversationUUID
	for _, site := range sites {
		for i := range updates[site] {
			u := &updates[site][i]
			switch {
			case u.gone:
				drop = append(drop, u.c)
			case viewsOf(u.state, u.agent, s.agent.id)&views != 0:
				if len(frame) == len(rowsBegin) {
					frame = append(slices.Grow(frame, sizeOf(updates, sites)), `"put":[`...)
				} else {
					frame = append(frame, ',')
				}
				frame = u.appendTo(frame, s.agent.id)
			case !u.before || viewsOf(u.oldState, u.oldAgent, s.agent.id)&views != 0:
				drop = append(drop, u.c)
			}
		}
	}
	again := s.agent.recount.Swap(false)
	if len(frame) == len(rowsBegin) && drop == nil && counts == s.agent.told && !again {
		return frame
	}
	s.agent.told = counts
	return s.sendRows(frame, drop, counts)
}

// sizeOf is how many bytes the rows of these sites take at most.
func sizeOf(updates map[chat.SiteID][]rowUpdate, sites []chat.SiteID) (size int) {
	for _, site := range sites {
		for i := range updates[site] {
			size += len(updates[site][i].body) + 22 // the number, brace and comma
		}
	}
	return size
}

const rowsBegin = `{"t":"rows",`

// sendRows ends and sends a wire.ServerRows that begins with rows that were
// encoded already, or with none.
func (s *Session) sendRows(frame []byte, drop []chat.ConversationUUID, counts wire.Counts) []byte {
	rest, err := wire.Encode(wire.ServerRows{Drop: drop, Counts: counts})
	if err != nil {
		s.hub.Log.Error("a frame could not be encoded", "error", err)
		return frame
	}
	if len(frame) > len(rowsBegin) {
		frame = append(frame, `],`...)
	}
	frame = append(frame, rest[len(rowsBegin):]...)
	_ = s.conn.Send(frame)
	return frame
}

// countsOf are the numbers that an agent sees.
func (h *Hub) countsOf(sites []chat.SiteID, agent chat.AgentID) wire.Counts {
	h.counts.mu.Lock()
	defer h.counts.mu.Unlock()
	of := make(map[chat.SiteID]chat.Counts, len(sites))
	var visitors int64
	for _, id := range sites {
		of[id] = h.counts.open[id]
		visitors += h.counts.visitors[id]
	}
	return wire.CountsFor(of, agent, visitors)
}

// publishRows tells the other nodes which rows changed here, in a few notices.
func (n *siteNode) publishRows(h *Hub) {
	n.mu.Lock()
	changed := n.changed
	if len(changed) == 0 { // it stays where others write to it
		n.mu.Unlock()
		return
	}
	n.changed = map[chat.ConversationID]*room{}
	n.mu.Unlock()
	var rows []rowNotice
	size := 0
	for r := range maps.Values(changed) {
		r.mu.Lock()
		row := rowNotice{Conversation: r.conv, State: r.head}
		if r.row.last != nil && len(r.row.last.Body) <= h.cfg.NoticeBytes {
			row.Last = r.row.last
		}
		cold := r.cold
		r.mu.Unlock()
		if cold {
			continue
		}
		rows = append(rows, row)
		size += 1024
		if row.Last != nil {
			size += 2 * len(row.Last.Body)
		}
		if size > 2*h.cfg.NoticeBytes {
			h.publish(siteTopic(n.id), notice{Rows: rows})
			rows, size = nil, 0
		}
	}
	if len(rows) > 0 {
		h.publish(siteTopic(n.id), notice{Rows: rows})
	}
}
