package store

import (
	"context"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/retention"
)

// truncateStep bounds the events that one transaction removes.
const truncateStep = 500

// Truncate implements chat.Store. Long prefixes go in several transactions,
// each of which leaves a conversation that starts a little later.
func (db *DB) Truncate(ctx context.Context, id chat.ConversationID, seq int64) error {
	for {
		more := false
		err := db.committerOf(id).doOn(ctx, id, func(h *hot) error {
			c, err := cutting(h, db.dialect.grammar(), id)
			if err == nil {
				more, err = c.removeBefore(seq)
			}
			return err
		})
		if err != nil || !more {
			return err
		}
	}
}

// cut is the removal of a conversation's first events, under the lock of its head.
type cut struct {
	h        *hot
	g        *grammar
	state    chat.State
	lastText int64
	removed  retention.Removed
}

// cutting locks the head. Errors: NotFound.
func cutting(h *hot, g *grammar, id chat.ConversationID) (*cut, error) {
	c := &cut{h: h, g: g}
	h.ints(int64(id))
	return c, h.one(headQuery+g.forUpdate, scanState(&c.state, &c.lastText)...)
}

// removeBefore removes at most one step of the events before seq, and tells whether
// more of them are left.
func (c *cut) removeBefore(seq int64) (more bool, err error) {
	s := &c.state
	seq = min(seq, s.Seq+1)
	first := min(seq, s.FirstSeq+truncateStep)
	if first <= s.FirstSeq {
		return false, nil
	}
	edge, err := c.edge(first - 1)
	if err != nil {
		return false, err
	}
	if err := c.count(first); err != nil {
		return false, err
	}
	id := int64(s.Conversation)
	for _, statement := range []string{
		"DELETE FROM event_revision WHERE conversation = ? AND seq < ?",
		"DELETE FROM event WHERE conversation = ? AND seq < ?",
	} {
		c.h.ints(id, first)
		if err := c.h.exec(statement); err != nil {
			return false, err
		}
	}
	c.h.arg(string(files.Gone))
	c.h.ints(int64(atOnce), id, first)
	c.h.arg(string(files.Sent))
	if err := c.h.exec("UPDATE file SET state = ?, delete_at = ? WHERE conversation = ? AND seq < ? AND state = ?"); err != nil {
		return false, err
	}
	s.FirstSeq, s.FirstPublicSeq = first, edge.public+1
	return first < seq, c.writeHead()
}

// edge is the last event that goes.
func (c *cut) edge(seq int64) (p place, err error) {
	p = place{c.state.Seq, c.state.PublicSeq, c.state.VisitorMessages, c.state.AgentMessages}
	if seq >= c.state.Seq {
		return p, nil
	}
	c.h.ints(int64(c.state.Conversation), seq)
	return p, c.h.one("SELECT seq, public_seq, visitor_messages, agent_messages FROM event WHERE conversation = ? AND seq = ?",
		&p.seq, &p.public, &p.visitorMessages, &p.agentMessages)
}

// count adds what goes with the events before first.
func (c *cut) count(first int64) error {
	id := int64(c.state.Conversation)
	c.removed.Events += first - c.state.FirstSeq
	c.h.ints(id, first)
	err := c.h.query("SELECT COUNT(*) FROM event_revision WHERE conversation = ? AND seq < ?", func(r scanner) error {
		var n int64
		err := r.Scan(&n)
		c.removed.Revisions += n
		return err
	})
	if err != nil {
		return err
	}
	c.h.ints(id, first)
	c.h.arg(string(files.Sent))
	return c.h.query("SELECT size FROM file WHERE conversation = ? AND seq < ? AND state = ?", c.addFile)
}

func (c *cut) addFile(r scanner) error {
	var size int64
	err := r.Scan(&size)
	c.removed.Files++
	c.removed.Bytes += size
	return err
}

func (c *cut) writeHead() error {
	s := &c.state
	c.h.ints(s.FirstSeq, s.FirstPublicSeq, s.RepliedTo, s.Round.Number)
	c.h.arg(string(s.Round.State))
	c.h.ints(int64(s.Round.Assignee), int64(s.Round.OpenedAt), int64(s.Round.ResolvedAt), c.lastText, int64(s.Conversation))
	return c.h.exec("UPDATE head SET first_seq = ?, first_public_seq = ?, replied_to = ?, round = ?, state = ?, assignee = ?, opened_at = ?, resolved_at = ?, last_text_seq = ? WHERE conversation = ?")
}
