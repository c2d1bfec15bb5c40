package store

import (
	"context"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/retention"
)

var _ retention.RoundStore = (*DB)(nil)

// Cutoff implements retention.RoundStore.
func (db *DB) Cutoff(ctx context.Context, age time.Duration) (chat.Millis, error) {
	now, err := db.time(ctx)
	return now - chat.Millis(age.Milliseconds()), err
}

// OldRounds implements retention.RoundStore. What is old stands at a conversation's
// beginning, so its first event tells whether anything is left.
func (db *DB) OldRounds(ctx context.Context, on chat.SiteID, before chat.Millis, after retention.Place, limit int) (found []retention.Found, err error) {
	const query = "SELECT r.resolved_at, r.conversation, r.number, COALESCE(e.at, 0) FROM round r JOIN head h ON h.conversation = r.conversation" +
		" LEFT JOIN event e ON e.conversation = r.conversation AND e.seq = h.first_seq WHERE r.site_id = ? AND r.resolved_at >= ? AND r.resolved_at < ?" +
		" AND (r.resolved_at > ? OR r.conversation > ? OR r.conversation = ? AND r.number > ?) ORDER BY r.resolved_at, r.conversation, r.number LIMIT ?"
	err = db.readers.once(ctx, "old rounds", func(h *hot) error {
		at := max(int64(after.ResolvedAt), 1) // an open round was resolved at 0
		h.ints(int64(on), at, int64(before), at, int64(after.Conversation), int64(after.Conversation), after.Number, int64(limit))
		return h.query(query, func(r scanner) error {
			var f retention.Found
			var first chat.Millis
			err := r.Scan(&f.ResolvedAt, &f.Conversation, &f.Number, &first)
			f.Left = first < before
			found = append(found, f)
			return err
		})
	})
	return found, err
}

// OldRest implements retention.RoundStore. Nothing stands before a round that was
// resolved but what went with an earlier one, so those are not looked at.
func (db *DB) OldRest(ctx context.Context, on chat.SiteID, before chat.Millis, after chat.ConversationID, limit int) (found []chat.ConversationID, err error) {
	const query = "SELECT l.conversation FROM list l JOIN head h ON h.conversation = l.conversation" +
		" JOIN event e ON e.conversation = l.conversation AND e.seq = h.first_seq" +
		" WHERE l.site_id = ? AND l.state IN ('none', 'waiting', 'assigned') AND l.last_at > 0 AND l.conversation > ? AND e.at < ?" +
		" AND NOT EXISTS (SELECT 1 FROM round r WHERE r.conversation = l.conversation AND r.first_seq <= h.first_seq) ORDER BY l.conversation LIMIT ?"
	err = db.readers.once(ctx, "old rest", func(h *hot) error {
		h.ints(int64(on), int64(after), int64(before), int64(limit))
		return h.query(query, func(r scanner) error {
			var id chat.ConversationID
			err := r.Scan(&id)
			found = append(found, id)
			return err
		})
	})
	return found, err
}

// RemoveOld implements retention.RoundStore.
func (db *DB) RemoveOld(ctx context.Context, id chat.ConversationID, before chat.Millis) (step retention.Step, err error) {
	if step.Conversation, err = db.ConversationByID(ctx, id); err != nil {
		return step, err
	}
	err = db.committerOf(id).doOn(ctx, id, func(h *hot) error {
		c, err := cutting(h, db.dialect.grammar(), id)
		if err != nil {
			return err
		}
		step.More, err = c.removeOld(db, before)
		step.State, step.Removed = c.state, c.removed
		return err
	})
	return step, err
}

// removeOld removes a step of what is old, and keeps marks, counts, lists and the
// history of rounds in step.
func (c *cut) removeOld(db *DB, before chat.Millis) (more bool, err error) {
	first, more, err := c.firstKept(before)
	if err != nil || first <= c.state.FirstSeq {
		return false, err
	}
	edge, err := c.edge(first - 1)
	if err != nil {
		return false, err
	}
	c.state.RepliedTo = max(c.state.RepliedTo, edge.visitorMessages)
	empty := first > c.state.Seq
	if err := c.removeRounds(first, empty); err != nil {
		return false, err
	}
	if c.lastText < first {
		c.lastText = 0
	}
	if empty {
		c.state.Round = chat.Round{Number: c.state.Round.Number, State: chat.NoRound}
	}
	if _, err := c.removeBefore(first); err != nil {
		return false, err
	}
	if err := c.moveMarks(edge); err != nil {
		return false, err
	}
	return more, c.touchList(db, empty)
}

// firstKept is the number at which a conversation begins after one step: that of the
// first round which is open, or was resolved since, or else of the first event that
// was written since.
func (c *cut) firstKept(before chat.Millis) (first int64, more bool, err error) {
	s := &c.state
	end, bounded := s.Seq+1, false
	c.h.ints(int64(s.Conversation), int64(before))
	err = c.h.query("SELECT first_seq FROM round WHERE conversation = ? AND (resolved_at = 0 OR resolved_at >= ?) ORDER BY number LIMIT 1", func(r scanner) error {
		bounded = true
		return r.Scan(&end)
	})
	if err != nil || s.Round.State.Open() && !bounded {
		return 0, false, err
	}
	first = min(end, s.FirstSeq+truncateStep)
	more = first < end
	c.h.ints(int64(s.Conversation), s.FirstSeq, first, int64(before))
	err = c.h.query("SELECT seq FROM event WHERE conversation = ? AND seq >= ? AND seq < ? AND at >= ? ORDER BY seq LIMIT 1", func(r scanner) error {
		more = false
		return r.Scan(&first)
	})
	return first, more, err
}

// removeRounds removes the rounds that end before an event. One of which there is
// only what was written after its end begins there.
func (c *cut) removeRounds(first int64, all bool) error {
	id, kept := int64(c.state.Conversation), int64(0)
	if all {
		kept = c.state.Round.Number + 1
	} else {
		c.h.ints(id, first)
		err := c.h.query("SELECT number FROM round WHERE conversation = ? AND first_seq <= ? ORDER BY number DESC LIMIT 1", func(r scanner) error { return r.Scan(&kept) })
		if err != nil {
			return err
		}
	}
	c.h.ints(id, kept)
	err := c.h.query("SELECT COUNT(*) FROM round WHERE conversation = ? AND number < ?", func(r scanner) error { return r.Scan(&c.removed.Rounds) })
	if err != nil {
		return err
	}
	c.h.ints(id, kept)
	if err := c.h.exec("DELETE FROM round WHERE conversation = ? AND number < ?"); err != nil {
		return err
	}
	c.h.ints(first, id, first)
	return c.h.exec("UPDATE round SET first_seq = ? WHERE conversation = ? AND first_seq < ?")
}

// moveMarks has nobody lack what nobody can read any more.
func (c *cut) moveMarks(edge place) error {
	id, q := int64(c.state.Conversation), c.g.quote
	read := q + "read" + q
	c.h.ints(edge.seq, edge.public, edge.visitorMessages, edge.agentMessages, id, edge.seq)
	err := c.h.exec("UPDATE mark SET " + read + " = ?, read_public = ?, visitor_messages_read = ?, agent_messages_read = ? WHERE conversation = ? AND " + read + " < ?")
	if err != nil {
		return err
	}
	c.h.ints(edge.seq, edge.public, id, edge.seq)
	if err := c.h.exec("UPDATE mark SET received = ?, received_public = ? WHERE conversation = ? AND received < ?"); err != nil {
		return err
	}
	if edge.agentMessages == 0 {
		return nil
	}
	mark := chat.Mark{
		Conversation: c.state.Conversation, Who: chat.ActorRef{Kind: chat.VisitorActor, ID: int64(c.state.Visitor)},
		Received: edge.seq, Read: edge.seq, ReceivedPublic: edge.public, ReadPublic: edge.public,
		VisitorMessagesRead: edge.visitorMessages, AgentMessagesRead: edge.agentMessages,
	}
	absent := newMulti(c.g, "mark", append(append([]string{}, markColumns...), "site_id"), markKey, []string{"site_id"})
	return absent.insert(c.h, 1, func(int) { bindMark(c.h, &mark, c.state.Site) })
}

// touchList has the other nodes look at the conversation; one in which nothing is left
// leaves the lists.
func (c *cut) touchList(db *DB, empty bool) error {
	now, err := c.h.now(db)
	if err != nil {
		return err
	}
	id := int64(c.state.Conversation)
	c.h.ints(int64(now), id)
	if err := c.h.exec("UPDATE list SET changed_at = ? WHERE conversation = ?"); err != nil || !empty {
		return err
	}
	c.h.ints(id)
	return c.h.exec("UPDATE list SET state = 'none', assignee = 0, waiting_since = 0, last_at = 0 WHERE conversation = ?")
}
