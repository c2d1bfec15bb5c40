package live

import (
	"strconv"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/presence"
)

// noticeVersion is raised when nodes of the version before could misread a
// notice; notices of another version are dropped, and healing does their work.
const noticeVersion = 1

// topicAll is joined by every node.
const topicAll = "all"

func conversationTopic(id chat.ConversationID) string { return "c/" + strconv.FormatInt(int64(id), 36) }
func siteTopic(id chat.SiteID) string                 { return "s/" + strconv.FormatInt(int64(id), 36) }
func agentTopic(id chat.AgentID) string               { return "a/" + strconv.FormatInt(int64(id), 36) }
func nodeTopic(node string) string                    { return "n/" + node }

// notice is what nodes tell one another. One of the pointers, or a flag, says
// what it is about.
type notice struct {
	V    int    `json:"v"`
	Node string `json:"node"`

	Conversation chat.Conversation  `json:"c,omitzero"`
	Changed      *changedNotice     `json:"changed,omitzero"`
	Mark         *chat.Mark         `json:"mark,omitzero"`
	Typing       *typingNotice      `json:"typing,omitzero"`
	Looking      *[]chat.AgentID    `json:"looking,omitzero"`
	AskLooking   bool               `json:"ask_looking,omitzero"`
	Rows         []rowNotice        `json:"rows,omitzero"`
	Revoked      []int64            `json:"revoked,omitzero"`
	Agent        chat.AgentID       `json:"agent,omitzero"`
	Site         chat.SiteID        `json:"site,omitzero"`
	Entered      *identity.Entrance `json:"entered,omitzero"`
	Broadcasts   chat.SiteID        `json:"broadcasts,omitzero"`
	Pushed       *pushNotice        `json:"pushed,omitzero"`
	Reached      *reachedNotice     `json:"reached,omitzero"`
	Announced    string             `json:"announced,omitzero"`
	Shortened    *chat.State        `json:"shortened,omitzero"`
	Erased       *presence.Key      `json:"erased,omitzero"`
	Portrayed    *portrayedNotice   `json:"portrayed,omitzero"`
}

// changedNotice is an appended stretch; without Events, which were too big, it
// says only up to where.
type changedNotice struct {
	State  chat.State   `json:"state"`
	Events []chat.Event `json:"events,omitzero"`
}

type typingNotice struct {
	Who  chat.ActorRef `json:"who"`
	On   bool          `json:"on"`
	Note bool          `json:"note,omitzero"`
}

// rowNotice is a row of the lists after a change.
type rowNotice struct {
	Conversation chat.Conversation `json:"c"`
	State        chat.State        `json:"state"`
	Last         *chat.Event       `json:"last,omitzero"`
}

// publish tells the other nodes, if there are any.
func (h *Hub) publish(topic string, n notice) {
	if h.Bus.Alone() {
		return
	}
	n.V, n.Node = noticeVersion, h.Node
	data, err := json.Marshal(n)
	if err != nil {
		h.Log.Error("a notice could not be encoded", "error", err)
		return
	}
	h.Bus.Publish(topic, data)
}

// noticeChanged tells the other nodes of a change that this one committed.
func (h *Hub) noticeChanged(c *chat.Changed) {
	if h.Bus.Alone() {
		return
	}
	told := changedNotice{State: c.State}
	size := 0
	for i := range c.Events {
		size += 256 + len(c.Events[i].Body)
		if t := c.Events[i].Target; t != nil {
			size += 256 + len(t.Body)
		}
	}
	if size <= h.cfg.NoticeBytes {
		told.Events = c.Events
	}
	n := notice{Conversation: c.Conversation, Changed: &told}
	h.publish(conversationTopic(c.Conversation.ID), n)
	if turnsRound(c) { // nodes to which its visitor is connected may not have joined
		for _, node := range h.Presence.Nodes(c.Conversation.Site, c.Conversation.Visitor) {
			if node != h.Node {
				h.publish(nodeTopic(node), n)
			}
		}
	}
	site := h.site(c.Conversation.Site)
	if r := h.roomOf(c.Conversation.ID); r != nil {
		site.mu.Lock()
		site.changed[r.conv.ID] = r
		site.mu.Unlock()
		return
	}
	row := rowNotice{Conversation: c.Conversation, State: c.State, Last: lastText(c.Events)}
	h.publish(siteTopic(c.Conversation.Site), notice{Rows: []rowNotice{row}})
}

// turnsRound tells whether the round was not open before the change or is not after it.
func turnsRound(c *chat.Changed) bool {
	if !c.State.Round.State.Open() {
		return true
	}
	for i := range c.Events {
		if k := c.Events[i].Kind; k == chat.Opened || k == chat.Reopened {
			return true
		}
	}
	return false
}

func lastText(events []chat.Event) *chat.Event {
	for i := len(events) - 1; i >= 0; i-- {
		if k := events[i].Kind; k == chat.Message || k == chat.Note {
			return &events[i]
		}
	}
	return nil
}

func (h *Hub) noticeMark(m chat.Mark) {
	n := notice{Mark: &m}
	h.publish(conversationTopic(m.Conversation), n)
	if m.Who.Kind == chat.AgentActor {
		h.publish(agentTopic(chat.AgentID(m.Who.ID)), n)
	}
	if h.Bus.Alone() {
		return
	}
	if r, known := h.enterKnown(m.Conversation); known {
		open := r.head.Round.State.Open()
		c := r.conv
		r.mu.Unlock()
		if !open {
			for _, node := range h.Presence.Nodes(c.Site, c.Visitor) {
				if node != h.Node {
					h.publish(nodeTopic(node), n)
				}
			}
		}
	}
}

// receive takes a notice of another node. What cannot be read is dropped:
// healing finds what it was about.
func (h *Hub) receive(topic string, data []byte) {
	if h.cfg.DropDeliveries() {
		return
	}
	var n notice
	if err := json.Unmarshal(data, &n); err != nil || n.V != noticeVersion || n.Node == h.Node {
		if err != nil || n.V != noticeVersion {
			h.stats.unreadable.Add(1)
		}
		if err != nil {
			h.Log.Warn("a notice could not be read", "topic", topic, "error", err)
		}
		return
	}
	h.hear(&n)
}

// hear takes over what another node says.
func (h *Hub) hear(n *notice) {
	switch {
	case n.Changed != nil:
		h.hearChanged(n)
	case n.Mark != nil:
		h.deliverMark(*n.Mark)
	case n.Rows != nil:
		h.hearRows(n.Rows)
	case n.Revoked != nil:
		h.closeLogins(n.Revoked)
	case n.Entered != nil:
		h.hearEntered(*n.Entered)
	case n.Pushed != nil || n.Reached != nil:
		h.hearPush(n)
	case n.Shortened != nil || n.Erased != nil:
		h.hearRemoved(n)
	case n.Portrayed != nil:
		h.portray(n.Portrayed)
	case n.Announced != "":
		h.announced(n.Announced)
	case n.Broadcasts != 0:
		h.hearBroadcasts(n.Broadcasts)
	case n.Agent != 0 || n.Site != 0:
		h.wakeHealer()
	default:
		h.hearInRoom(n)
	}
}

func (h *Hub) hearRows(rows []rowNotice) {
	for i := range rows {
		h.hearRow(&rows[i])
	}
}

func (h *Hub) hearBroadcasts(site chat.SiteID) {
	if h.Broadcasts != nil {
		h.boards.renew(site)
	}
}

// hearPush is for a push that goes around, and for who tells that it came.
func (h *Hub) hearPush(n *notice) {
	if n.Pushed != nil {
		h.hearPushed(n.Node, n.Pushed)
		return
	}
	h.hearReached(n.Node, n.Reached)
}

// hearRemoved is for what is no longer there.
func (h *Hub) hearRemoved(n *notice) {
	if n.Erased != nil {
		h.erase(n.Conversation, *n.Erased)
		return
	}
	h.shorten(n.Conversation.ID, *n.Shortened)
}

// hearInRoom is for what concerns only those who follow the conversation.
func (h *Hub) hearInRoom(n *notice) {
	r, known := h.enterKnown(n.Conversation.ID)
	if !known {
		return
	}
	defer r.mu.Unlock()
	switch {
	case n.Typing != nil:
		r.hearTyping(h, *n.Typing)
	case n.Looking != nil:
		r.hearLooking(h, n.Node, *n.Looking)
	case n.AskLooking && len(r.lookers) > 0:
		r.publishLooking(h)
	}
}

// hearChanged delivers what another node committed.
func (h *Hub) hearChanged(n *notice) {
	c := chat.Changed{Conversation: n.Conversation, State: n.Changed.State, Events: n.Changed.Events, Answer: -1}
	if len(c.Events) > 0 {
		h.deliver(&c)
		h.observeFrom(&c)
		return
	}
	h.hearHead(n.Conversation, n.Changed.State)
}

// hearHead learns that a conversation has got as far as s: what its followers
// here lack is read. It reports whether that is news.
func (h *Hub) hearHead(c chat.Conversation, s chat.State) bool {
	r, known := h.enterKnown(c.ID)
	if !known {
		if !h.site(c.Site).hasAgents() {
			return false
		}
		r = h.enter(c)
	}
	defer r.mu.Unlock()
	switch {
	case !r.cold && s.Seq == r.head.Seq && s.FirstSeq > r.head.FirstSeq:
		r.advance(h, s)
	case !r.cold && s.Seq <= r.head.Seq:
		return false
	case r.followed():
		h.fill(r)
	default:
		r.row.loaded = false
		r.advance(h, s)
	}
	return true
}

// hearRow takes over a list row of another node.
func (h *Hub) hearRow(n *rowNotice) {
	r := h.enter(n.Conversation)
	defer r.mu.Unlock()
	switch {
	case !r.cold && n.State.Seq <= r.head.Seq:
		return
	case r.followed(): // its own topic should have told before
		h.fill(r)
	default:
		r.row.last = n.Last
		r.row.loaded = r.row.loaded && n.Last != nil
		r.advance(h, n.State)
	}
}

// stateOf is the visitor's presence; offline when it is not connected.
func stateOf(v *presence.Visitor) presence.State {
	if v == nil {
		return presence.Offline
	}
	return v.State
}
