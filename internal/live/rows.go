package live

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/wire"
)

// rowPicture is what a room knows of its row in lists, beside its head.
type rowPicture struct {
	loaded  bool // last and profile are those of the database
	last    *chat.Event
	profile *chat.Profile
	// told is the round as the lists here were last told of it.
	told      bool
	toldState chat.RoundState
	toldAgent chat.AgentID
}

// see keeps the newest text, and its revisions.
func (p *rowPicture) see(e *chat.Event) {
	switch {
	case e.Kind == chat.Message || e.Kind == chat.Note:
		p.last = e
	case e.Target != nil && p.last != nil && e.Target.Seq == p.last.Seq:
		p.last = e.Target
	}
}

// learnRow takes over a row that was read, unless the room knows a newer one;
// room.mu is held.
func (r *room) learnRow(row *chat.ListRow) {
	if !r.cold && row.State.Seq < r.head.Seq && r.row.last != nil {
		r.row.profile, r.row.loaded = &row.Profile, true
		return
	}
	r.row.last, r.row.profile, r.row.loaded = row.Last, &row.Profile, true
}

// rowUpdate is a row as it is told to the sessions of one tick: all of it is
// encoded once but for the unread count, which differs between agents.
type rowUpdate struct {
	c        chat.ConversationUUID
	site     chat.SiteID
	body     []byte // up to the value of "unread"
	head     chat.State
	marks    []chat.Mark
	state    chat.RoundState
	agent    chat.AgentID
	gone     bool // its conversation is no more; nothing else is known of it
	before   bool // the lists were told of the row before, as:
	oldState chat.RoundState
	oldAgent chat.AgentID
}

// update takes the room's row for telling it; room.mu is held.
func (r *room) update(h *Hub) (rowUpdate, bool) {
	row := chat.ListRow{Conversation: r.conv, State: r.head, Last: r.row.last}
	if r.row.profile != nil {
		row.Profile = *r.row.profile
	}
	frame := wire.RowFor(row, h.visitorOf(r.conv, row.Profile), h.nameOf)
	body, err := encodeRow(frame)
	if err != nil {
		h.Log.Error("a row could not be encoded", "conversation", r.conv.ID, "error", err)
		return rowUpdate{}, false
	}
	u := rowUpdate{
		c: r.conv.UUID, site: r.conv.Site, body: body, head: r.head, marks: append([]chat.Mark(nil), r.marks...),
		state: r.head.Round.State, agent: r.head.Round.Assignee,
		before: r.row.told, oldState: r.row.toldState, oldAgent: r.row.toldAgent,
	}
	r.row.told, r.row.toldState, r.row.toldAgent = true, u.state, u.agent
	return u, true
}

// unreadMark ends what all agents share of an encoded row.
const unreadMark = `"unread":`

// encodeRow is a row's JSON up to the value of its last member, unread.
func encodeRow(row wire.Row) ([]byte, error) {
	data, err := json.Marshal(row)
	if err != nil {
		return nil, err
	}
	return data[:bytes.LastIndex(data, []byte(unreadMark))+len(unreadMark)], nil
}

// appendTo appends the row as an agent sees it.
func (u *rowUpdate) appendTo(frame []byte, agent chat.AgentID) []byte {
	frame = append(frame, u.body...)
	frame = strconv.AppendInt(frame, u.unread(agent), 10)
	return append(frame, '}')
}

func (u *rowUpdate) unread(agent chat.AgentID) int64 { return unreadBy(agent, &u.head, u.marks) }

// unread is the row's number for an agent; room.mu is held.
func (r *room) unread(agent chat.AgentID) int64 { return unreadBy(agent, &r.head, r.marks) }

func unreadBy(agent chat.AgentID, head *chat.State, marks []chat.Mark) int64 {
	mine := chat.Mark{}
	for i := range marks {
		if w := marks[i].Who; w.Kind == chat.AgentActor && w.ID == int64(agent) {
			mine = marks[i]
		}
	}
	return wire.UnreadFor(*head, mine, wire.ForAgents)
}

// roundTurned tells whether the row moved between views.
func (u *rowUpdate) roundTurned() bool {
	return !u.before || u.state != u.oldState || u.agent != u.oldAgent
}

// The watched views, as bits.
const (
	watchWaiting = 1 << iota
	watchMine
	watchOpen
)

func viewBit(v chat.View) uint32 {
	switch v {
	case chat.ViewWaiting:
		return watchWaiting
	case chat.ViewMine:
		return watchMine
	case chat.ViewOpen:
		return watchOpen
	}
	return 0
}

// viewsOf are the views to which a round belongs, as this agent sees it.
func viewsOf(state chat.RoundState, assignee, asker chat.AgentID) uint32 {
	switch {
	case state == chat.Waiting:
		return watchWaiting | watchOpen
	case state == chat.Assigned && assignee == asker:
		return watchMine | watchOpen
	case state == chat.Assigned:
		return watchOpen
	}
	return 0
}

// visitorOf is a conversation's visitor as agents see it now.
func (h *Hub) visitorOf(c chat.Conversation, p chat.Profile) wire.Visitor {
	v, _ := h.Presence.ByID(c.Site, c.Visitor)
	out := wire.Visitor{
		ID: c.Visitor, Key: keyOfID(c.Visitor), C: c.UUID, Site: c.Site,
		Says: wire.SaysOf(p), Verified: p.Vouched != nil, Vouched: wire.VouchedOf(p),
		Language: p.Language, Browser: p.Browser, Presence: said(stateOf(v)),
	}
	if v != nil {
		out.Page, out.Since = pageInfo(v.Page), int64(v.Since)
	}
	return out
}

// visitorFor is somebody who is connected, newcomer or not.
func (h *Hub) visitorFor(v *presence.Visitor) wire.Visitor {
	p := chat.Profile{}
	if v.Profile != nil {
		p = *v.Profile
	}
	return wire.Visitor{
		ID: v.Conversation.Visitor, Key: keyOfID(v.ID()), C: v.Conversation.UUID, Site: v.Site,
		Says: wire.SaysOf(p), Verified: p.Vouched != nil, Vouched: wire.VouchedOf(p),
		Language: p.Language, Browser: p.Browser, Presence: said(v.State),
		Page: pageInfo(v.Page), Since: int64(v.Since),
	}
}

// keyOfID names a visitor to agents. It is the same before its first message,
// while it is here, and when it has gone.
func keyOfID(id chat.VisitorID) string { return strconv.FormatInt(int64(id), 36) }

func pageInfo(p *presence.Page) *wire.PageInfo {
	if p == nil {
		return nil
	}
	return &wire.PageInfo{URL: p.URL, Title: p.Title, Referrer: p.Referrer}
}

// said is a state as frames tell it.
func said(s presence.State) wire.Presence { return wire.Presence(s.String()) }
