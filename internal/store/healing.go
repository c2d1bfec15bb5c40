package store

import (
	"context"
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Counts implements chat.Store.
func (db *DB) Counts(ctx context.Context, sites []chat.SiteID) (map[chat.SiteID]chat.Counts, error) {
	counts := make(map[chat.SiteID]chat.Counts, len(sites))
	for _, site := range sites {
		counts[site] = chat.Counts{Assigned: map[chat.AgentID]int64{}}
	}
	if len(sites) == 0 {
		return counts, nil
	}
	query := "SELECT site_id, state, assignee, COUNT(*) FROM list WHERE site_id IN (" + places(len(sites)) + ")" +
		" AND state IN ('waiting', 'assigned') GROUP BY site_id, state, assignee"
	err := db.readers.once(ctx, "counts", func(h *hot) error {
		idsOf(h, sites)
		return h.query(query, func(r scanner) error { return addCount(r, counts) })
	})
	return counts, err
}

func addCount(r scanner, counts map[chat.SiteID]chat.Counts) error {
	var site chat.SiteID
	var state chat.RoundState
	var agent chat.AgentID
	var n int64
	if err := r.Scan(&site, &state, &agent, &n); err != nil {
		return err
	}
	c := counts[site]
	if state == chat.Waiting {
		c.Waiting += n
	} else {
		c.Assigned[agent] += n
	}
	counts[site] = c
	return nil
}

// ChangedSince implements chat.Store. What lies further ahead than the span lies
// back was written before the database's clock was set back, and is left out.
func (db *DB) ChangedSince(ctx context.Context, sites []chat.SiteID, spanMillis int64) ([]chat.State, chat.Millis, error) {
	now, err := db.time(ctx)
	if err != nil || len(sites) == 0 {
		return nil, now, err
	}
	states, err := db.heads(ctx, "l.site_id IN ("+places(len(sites))+") AND l.changed_at BETWEEN ? AND ?",
		append(anys(sites), int64(now)-spanMillis, int64(now)+spanMillis))
	return states, now, err
}

// Heads implements chat.Store.
func (db *DB) Heads(ctx context.Context, ids []chat.ConversationID) (states []chat.State, err error) {
	err = db.some(ctx, "heads", func(n int) string {
		return "SELECT " + of("h", headColumns) + " FROM head h WHERE h.conversation IN (" + places(n) + ")"
	}, ids, func(r scanner) error {
		var s chat.State
		var lastText int64
		err := r.Scan(scanState(&s, &lastText)...)
		states = append(states, s)
		return err
	})
	return states, err
}

// Conversations implements chat.Store.
func (db *DB) Conversations(ctx context.Context, ids []chat.ConversationID) (all []chat.Conversation, err error) {
	err = db.some(ctx, "conversations", func(n int) string {
		return "SELECT " + of("c", conversationColumns) + " FROM conversation c WHERE c.id IN (" + places(n) + ")"
	}, ids, func(r scanner) error {
		var c chat.Conversation
		err := r.Scan(scanConversation(&c)...)
		all = append(all, c)
		return err
	})
	return all, err
}

// MarksOf implements chat.Store.
func (db *DB) MarksOf(ctx context.Context, ids []chat.ConversationID) (map[chat.ConversationID][]chat.Mark, error) {
	marks := map[chat.ConversationID][]chat.Mark{}
	err := db.some(ctx, "marks", marksOfQuery, ids, func(r scanner) error {
		var m chat.Mark
		err := r.Scan(scanMark(&m)...)
		marks[m.Conversation] = append(marks[m.Conversation], m)
		return err
	})
	return marks, err
}

// some reads what belongs to conversations, so many of them with one statement.
func (db *DB) some(ctx context.Context, what string, query func(n int) string, ids []chat.ConversationID, each func(r scanner) error) error {
	for part := range slices.Chunk(ids, maxRows) {
		err := db.readers.once(ctx, what, func(h *hot) error {
			idsOf(h, part)
			for range roundUp(len(part)) - len(part) {
				h.arg(int64(part[0])) // texts of few lengths stay prepared
			}
			return h.query(query(roundUp(len(part))), each)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// OpenRounds implements chat.Store.
func (db *DB) OpenRounds(ctx context.Context, sites []chat.SiteID) ([]chat.State, error) {
	if len(sites) == 0 {
		return nil, nil
	}
	return db.heads(ctx, "l.site_id IN ("+places(len(sites))+") AND l.state IN ('waiting', 'assigned')", anys(sites))
}

// OpenRoundsOf implements chat.Store.
func (db *DB) OpenRoundsOf(ctx context.Context, agent chat.AgentID) ([]chat.State, error) {
	return db.heads(ctx, "l.assignee = ? AND l.state = 'assigned'", []any{int64(agent)})
}

// heads reads the heads of the list rows that a condition chooses.
func (db *DB) heads(ctx context.Context, where string, args []any) (states []chat.State, err error) {
	query := "SELECT " + of("h", headColumns) + " FROM list l JOIN head h ON h.conversation = l.conversation WHERE " + where
	err = db.readers.once(ctx, "heads", func(h *hot) error {
		for _, v := range args {
			h.arg(v)
		}
		return h.query(query, func(r scanner) error {
			var s chat.State
			var lastText int64
			err := r.Scan(scanState(&s, &lastText)...)
			states = append(states, s)
			return err
		})
	})
	return states, err
}

// anys are ids as arguments of a query.
func anys[T ~int64](ids []T) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = int64(id)
	}
	return out
}
