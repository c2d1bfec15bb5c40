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

// OldRounds implements retention.RoundStore.
func (db *DB) OldRounds(ctx context.Context, on chat.SiteID, before chat.Millis, after retention.Place, limit int) (found []retention.Place, err error) {
	const query = "SELECT resolved_at, conversation, number FROM round WHERE site_id = ? AND resolved_at >= ? AND resolved_at < ?" +
		" AND (resolved_at > ? OR conversation > ? OR conversation = ? AND number > ?) ORDER BY resolved_at, conversation, number LIMIT ?"
	err = db.readers.once(ctx, "old rounds", func(h *hot) error {
		at := max(int64(after.ResolvedAt), 1) // an open round was resolved at 0
		h.ints(int64(on), at, int64(before), at, int64(after.Conversation), int64(after.Conversation), after.Number, int64(limit))
		return h.query(query, func(r scanner) error {
			var p retention.Place
			err := r.Scan(&p.ResolvedAt, &p.Conversation, &p.Number)
			found = append(found, p)
			return err
		})
	})
	return found, err
}

// OldRest implements retention.RoundStore. The list row of a conversation in which
// nothing is left is the oldest of all.
func (db *DB) OldRest(ctx context.Context, on chat.SiteID, before chat.Millis, after chat.ConversationID, limit int) (found []chat.ConversationID, err error) {
	const query = "SELECT conversation FROM list WHERE site_id = ? AND state = 'none' AND last_at > 0 AND last_at < ? AND conversation > ? ORDER BY conversation LIMIT ?"
	err = db.readers.once(ctx, "old rest", func(h *hot) error {
		h.ints(int64(on), int64(before), int64(after), int64(limit))
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
	err = db.committerOf(id).do(ctx, func(h *hot) error {
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

// roundsAtOnce bounds the rounds of one conversation that one transaction looks at.
const roundsAtOnce = 100

// removeOld removes a step of the rounds that are old, and keeps marks, counts, lists
// and the history of rounds in step.
func (c *cut) removeOld(db *DB, before chat.Millis) (more bool, err error) {
	old, end, err := c.oldRounds(before)
	if err != nil || end <= c.state.FirstSeq {
		return false, err
	}
	last := min(end-1, c.state.FirstSeq+truncateStep-1)
	edge, err := c.edge(last)
	if err != nil {
		return false, err
	}
	c.state.RepliedTo = max(c.state.RepliedTo, edge.visitorMessages)
	whole := last == end-1
	if whole && len(old) > 0 {
		c.removed.Rounds = int64(len(old))
		c.h.ints(int64(c.state.Conversation), old[len(old)-1].Number)
		if err := c.h.exec("DELETE FROM round WHERE conversation = ? AND number <= ?"); err != nil {
			return false, err
		}
	}
	if c.lastText <= last {
		c.lastText = 0
	}
	empty := last == c.state.Seq
	if empty {
		c.state.Round = chat.Round{Number: c.state.Round.Number, State: chat.NoRound}
	}
	if _, err := c.removeBefore(last + 1); err != nil {
		return false, err
	}
	if err := c.moveMarks(edge); err != nil {
		return false, err
	}
	return !whole || len(old) == roundsAtOnce, c.touchList(db, empty)
}

// oldRounds are the rounds at the beginning that are old, and the number at which
// what is kept begins.
func (c *cut) oldRounds(before chat.Millis) (old []chat.RoundRecord, end int64, err error) {
	s := &c.state
	var rounds []chat.RoundRecord
	c.h.ints(int64(s.Conversation), roundsAtOnce+1)
	err = c.h.query("SELECT number, opened_at, resolved_at, first_seq, assignee FROM round WHERE conversation = ? ORDER BY number LIMIT ?", func(r scanner) error {
		var v chat.RoundRecord
		err := r.Scan(&v.Number, &v.OpenedAt, &v.ResolvedAt, &v.FirstSeq, &v.Assignee)
		rounds = append(rounds, v)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	if len(rounds) == 0 {
		if !s.Round.State.Open() && s.LastAt < before {
			return nil, s.Seq + 1, nil
		}
		return nil, 0, nil
	}
	n := 0
	for n < min(len(rounds), roundsAtOnce) && rounds[n].ResolvedAt > 0 && rounds[n].ResolvedAt < before {
		n++
	}
	for ; n > 0; n-- { // what was added to a resolved round keeps it
		end, at := s.Seq+1, s.LastAt
		if n < len(rounds) {
			end = rounds[n].FirstSeq
			if at, err = c.timeOf(end - 1); err != nil {
				return nil, 0, err
			}
		} else if s.Round.State.Open() {
			continue
		}
		if at < before {
			return rounds[:n], end, nil
		}
	}
	return nil, 0, nil
}

// timeOf is when an event was appended; one that is gone: long ago.
func (c *cut) timeOf(seq int64) (at chat.Millis, err error) {
	c.h.ints(int64(c.state.Conversation), seq)
	err = c.h.query("SELECT at FROM event WHERE conversation = ? AND seq = ?", func(r scanner) error { return r.Scan(&at) })
	return at, err
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
