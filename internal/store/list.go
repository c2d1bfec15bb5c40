package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kefu-chat/kefu/internal/chat"
)

const maxList = 100

// List implements chat.Store.
func (db *DB) List(ctx context.Context, q chat.ListQuery) (rows []chat.ListRow, err error) {
	if q.Limit < 1 || q.Limit > maxList {
		return nil, fmt.Errorf("a list has 1 to %d rows: %d were asked for", maxList, q.Limit)
	}
	if len(q.Sites) == 0 {
		return nil, nil
	}
	ranges, err := rangesOf(q)
	if err != nil {
		return nil, err
	}
	err = db.readers.use(ctx, "list", func(h *hot) error {
		var keys []listKey
		for _, r := range ranges {
			if err := r.read(h, q.Limit, &keys); err != nil {
				return err
			}
		}
		slices.SortFunc(keys, ranges[0].compare)
		ids := make([]chat.ConversationID, 0, q.Limit)
		for _, k := range keys[:min(len(keys), q.Limit)] {
			ids = append(ids, k.id)
		}
		rows, err = listRows(h, q.Agent, ids)
		return err
	})
	return rows, err
}

// listKey places a row in the order of its view: first, then second, then id,
// ascending; newest-first orders have negative numbers.
type listKey struct {
	first, second int64
	id            chat.ConversationID
}

// listRange is a stretch of one index, in the order of the view.
type listRange struct {
	query      string
	args       []any
	descending bool
}

func (r listRange) compare(a, b listKey) int {
	ids := cmp.Compare(a.id, b.id)
	if r.descending {
		ids = -ids
	}
	return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.second, b.second), ids)
}

func (r listRange) read(h *hot, limit int, keys *[]listKey) error {
	for _, v := range r.args {
		h.arg(v)
	}
	h.arg(int64(limit))
	return h.query(r.query, func(row scanner) error {
		var k listKey
		err := row.Scan(&k.first, &k.second, &k.id)
		*keys = append(*keys, k)
		return err
	})
}

func rangesOf(q chat.ListQuery) ([]listRange, error) {
	if q.View == "" && len(q.States) > 0 {
		return perSite(q, q.States, newestRange), nil
	}
	switch q.View {
	case chat.ViewWaiting:
		return perSite(q, []chat.RoundState{chat.Waiting}, waitingRange), nil
	case chat.ViewOpen:
		return perSite(q, []chat.RoundState{chat.Waiting, chat.Assigned}, newestRange), nil
	case chat.ViewResolved:
		return perSite(q, []chat.RoundState{chat.Resolved}, newestRange), nil
	case chat.ViewMine:
		return []listRange{mineRange(q)}, nil
	}
	return nil, fmt.Errorf("there is no view %.20q: use waiting, mine, open or resolved", string(q.View))
}

// perSite asks each site for itself, so that an index gives the order.
func perSite(q chat.ListQuery, states []chat.RoundState, build func(chat.ListQuery, chat.SiteID, chat.RoundState) listRange) []listRange {
	var ranges []listRange
	for _, site := range q.Sites {
		for _, state := range states {
			ranges = append(ranges, build(q, site, state))
		}
	}
	return ranges
}

func waitingRange(q chat.ListQuery, site chat.SiteID, state chat.RoundState) listRange {
	r := listRange{
		query: "SELECT waiting_since, 0, conversation FROM list WHERE site_id = ? AND state = ?",
		args:  []any{int64(site), string(state)},
	}
	if q.After != nil {
		since := int64(q.After.State.WaitingSince)
		r.query += " AND waiting_since >= ? AND (waiting_since > ? OR conversation > ?)" // MariaDB uses no index for a pair
		r.args = append(r.args, since, since, int64(q.After.State.Conversation))
	}
	r.query += " ORDER BY waiting_since, conversation LIMIT ?"
	return r
}

// newestRange orders by the list row's last_at, which is cut to the second: so
// is the place behind which the page continues.
func newestRange(q chat.ListQuery, site chat.SiteID, state chat.RoundState) listRange {
	r := listRange{
		query:      "SELECT -last_at, 0, conversation FROM list WHERE site_id = ? AND state = ?",
		args:       []any{int64(site), string(state)},
		descending: true,
	}
	if q.After != nil {
		last := int64(second(q.After.State.LastAt))
		r.query += " AND last_at <= ? AND (last_at < ? OR conversation < ?)"
		r.args = append(r.args, last, last, int64(q.After.State.Conversation))
	}
	r.query += " ORDER BY last_at DESC, conversation DESC LIMIT ?"
	return r
}

// mineRange sorts by the head: one agent's open rounds are few.
func mineRange(q chat.ListQuery) listRange {
	r := listRange{
		query: "SELECT first, second, conversation FROM (SELECT h.conversation, CASE WHEN h.unanswered_since = 0 THEN 1 ELSE 0 END AS first," +
			" CASE WHEN h.unanswered_since = 0 THEN -h.last_at ELSE h.unanswered_since END AS second" +
			" FROM list l JOIN head h ON h.conversation = l.conversation" +
			" WHERE l.assignee = ? AND l.state = ? AND l.site_id IN (" + places(len(q.Sites)) + ")) mine",
		args: []any{int64(q.Agent), string(chat.Assigned)},
	}
	for _, site := range q.Sites {
		r.args = append(r.args, int64(site))
	}
	if q.After != nil {
		s := &q.After.State
		first, second := int64(0), int64(s.UnansweredSince)
		if second == 0 {
			first, second = 1, -int64(s.LastAt)
		}
		r.query += " WHERE (first, second, conversation) > (?, ?, ?)"
		r.args = append(r.args, first, second, int64(s.Conversation))
	}
	r.query += " ORDER BY first, second, conversation LIMIT ?"
	return r
}

// Rows implements chat.Store.
func (db *DB) Rows(ctx context.Context, agent chat.AgentID, ids []chat.ConversationID) (rows []chat.ListRow, err error) {
	err = db.readers.use(ctx, "rows", func(h *hot) error {
		rows, err = listRows(h, agent, ids)
		return err
	})
	return rows, err
}

// maxRows bounds the ids of one statement.
const maxRows = 512

func listRows(h *hot, agent chat.AgentID, ids []chat.ConversationID) ([]chat.ListRow, error) {
	found := make(map[chat.ConversationID]chat.ListRow, len(ids))
	for part := range slices.Chunk(ids, maxRows) {
		query := "SELECT " + of("c", conversationColumns) + ", " + of("h", headColumns) + ", v.profile, v.vouched," +
			" COALESCE(m.visitor_messages_read, 0), e.seq IS NOT NULL, " + lastEventColumns +
			" FROM head h JOIN conversation c ON c.id = h.conversation JOIN visitor v ON v.id = h.visitor_id" +
			" LEFT JOIN mark m ON m.conversation = h.conversation AND m.who_kind = ? AND m.who_id = ?" +
			" LEFT JOIN event e ON e.conversation = h.conversation AND e.seq = h.last_text_seq" +
			" WHERE h.conversation IN (" + places(roundUp(len(part))) + ")"
		h.arg(string(chat.AgentActor))
		h.arg(int64(agent))
		idsOf(h, part)
		for range roundUp(len(part)) - len(part) {
			h.arg(int64(part[0])) // texts of few lengths stay prepared
		}
		err := h.query(query, func(r scanner) error {
			row, err := scanListRow(r)
			found[row.Conversation.ID] = row
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	rows := make([]chat.ListRow, 0, len(ids))
	for _, id := range ids {
		if row, ok := found[id]; ok {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// lastEventColumns are eventColumns, with values for an event that is not there.
var lastEventColumns = func() string {
	columns := make([]string, len(eventColumns))
	for i, c := range eventColumns {
		switch c {
		case "client_id":
			columns[i] = "e." + c
		case "kind", "by_kind", "by_name", "body":
			columns[i] = "COALESCE(e." + c + ", '')"
		default:
			columns[i] = "COALESCE(e." + c + ", 0)"
		}
	}
	return strings.Join(columns, ", ")
}()

func scanListRow(r scanner) (row chat.ListRow, err error) {
	var lastText int64
	var profile, vouched []byte
	var mark chat.Mark
	var hasLast bool
	var last chat.Event
	dest := append(scanConversation(&row.Conversation), scanState(&row.State, &lastText)...)
	dest = append(dest, &profile, &vouched, &mark.VisitorMessagesRead, &hasLast)
	if err := r.Scan(append(dest, scanEvent(&last)...)...); err != nil {
		return row, err
	}
	if row.Profile, err = readProfile(row.Conversation.Visitor, profile, vouched); err != nil {
		return row, err
	}
	if hasLast {
		row.Last = &last
	}
	row.Unread = row.State.Unread(mark)
	return row, nil
}
