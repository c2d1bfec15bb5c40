package store

import (
	"strings"
	"unsafe"

	"github.com/kefu-chat/kefu/internal/chat"
)

// The columns of the rows that a message touches, each list in the order in
// which bind and scan go through it.
var (
	headColumns = []string{
		"conversation", "site_id", "visitor_id", "seq", "public_seq", "tag", "public_tag", "first_seq", "first_public_seq",
		"visitor_messages", "agent_messages", "round", "state", "assignee", "opened_at", "resolved_at",
		"last_reply_seq", "replied_to", "unanswered_since", "waiting_since", "last_at", "last_text_seq", "carried_to",
	}
	eventColumns = []string{
		"conversation", "seq", "public_seq", "public", "tag", "kind", "v", "rev", "by_kind", "by_id", "by_name",
		"client_id", "at", "visitor_messages", "agent_messages", "body",
	}
	conversationColumns = []string{"id", "uuid", "site_id", "visitor_id", "created_at"}
	markColumns         = []string{
		"conversation", "who_kind", "who_id", "received", "read", "received_public", "read_public",
		"visitor_messages_read", "agent_messages_read",
	}
	listColumns = []string{"conversation", "site_id", "state", "assignee", "waiting_since", "last_at", "changed_at"}
)

// of is the columns with a table's name or alias before each.
func of(table string, columns []string) string {
	return table + "." + strings.Join(columns, ", "+table+".")
}

func scanState(s *chat.State, lastText *int64) []any {
	return []any{
		&s.Conversation, &s.Site, &s.Visitor, &s.Seq, &s.PublicSeq, &s.Tag, &s.PublicTag, &s.FirstSeq, &s.FirstPublicSeq,
		&s.VisitorMessages, &s.AgentMessages, &s.Round.Number, &s.Round.State, &s.Round.Assignee, &s.Round.OpenedAt, &s.Round.ResolvedAt,
		&s.LastReplySeq, &s.RepliedTo, &s.UnansweredSince, &s.WaitingSince, &s.LastAt, lastText, &s.CarriedTo,
	}
}

func bindState(h *hot, s *chat.State, lastText int64) {
	h.ints(
		int64(s.Conversation), int64(s.Site), int64(s.Visitor), s.Seq, s.PublicSeq, int64(s.Tag), int64(s.PublicTag), s.FirstSeq, s.FirstPublicSeq,
		s.VisitorMessages, s.AgentMessages, s.Round.Number)
	h.arg(string(s.Round.State))
	h.ints(
		int64(s.Round.Assignee), int64(s.Round.OpenedAt), int64(s.Round.ResolvedAt),
		s.LastReplySeq, s.RepliedTo, int64(s.UnansweredSince), int64(s.WaitingSince), int64(s.LastAt), lastText, int64(s.CarriedTo))
}

func scanEvent(e *chat.Event) []any {
	return []any{
		&e.Conversation, &e.Seq, &e.PublicSeq, &e.Public, &e.Tag, &e.Kind, &e.V, &e.Rev, &e.By.Kind, &e.By.ID, &e.By.Name,
		(*clientID)(&e.ClientID), &e.At, &e.VisitorMessages, &e.AgentMessages, &e.Body,
	}
}

// bindEvent binds eventColumns, and after them site_id and fingerprint.
func bindEvent(h *hot, e *chat.Event, site chat.SiteID, fingerprint []byte) {
	public := int64(0)
	if e.Public {
		public = 1
	}
	h.ints(int64(e.Conversation), e.Seq, e.PublicSeq, public, int64(e.Tag))
	h.arg(string(e.Kind))
	h.ints(int64(e.V), int64(e.Rev))
	h.arg(string(e.By.Kind))
	h.arg(e.By.ID)
	h.arg(e.By.Name)
	if e.ClientID.IsNil() {
		h.arg(nil)
	} else {
		h.arg(e.ClientID[:])
	}
	h.ints(int64(e.At), e.VisitorMessages, e.AgentMessages)
	h.arg(text(e.Body))
	h.arg(int64(site))
	h.blob(fingerprint)
}

// text is the body as the string that the driver binds as text; a body is never
// changed in place, so they may share their bytes.
func text(b chat.Body) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func scanConversation(c *chat.Conversation) []any {
	return []any{&c.ID, &c.UUID, &c.Site, &c.Visitor, &c.CreatedAt}
}

func scanMark(m *chat.Mark) []any {
	return []any{
		&m.Conversation, &m.Who.Kind, &m.Who.ID, &m.Received, &m.Read, &m.ReceivedPublic, &m.ReadPublic,
		&m.VisitorMessagesRead, &m.AgentMessagesRead,
	}
}

func bindMark(h *hot, m *chat.Mark, site chat.SiteID) {
	h.arg(int64(m.Conversation))
	h.arg(string(m.Who.Kind))
	h.ints(m.Who.ID, m.Received, m.Read, m.ReceivedPublic, m.ReadPublic, m.VisitorMessagesRead, m.AgentMessagesRead, int64(site))
}

func bindList(h *hot, s *chat.State, lastAt, changedAt chat.Millis) {
	h.ints(int64(s.Conversation), int64(s.Site))
	h.arg(string(s.Round.State))
	h.ints(int64(s.Round.Assignee), int64(s.WaitingSince), int64(lastAt), int64(changedAt))
}
