package store

import (
	"context"

	"github.com/kefu-chat/kefu/internal/chat"
)

// truncateStep bounds the events that one transaction removes.
const truncateStep = 2000

// Truncate implements chat.Store. Long prefixes go in several transactions,
// each of which leaves a conversation that starts a little later.
func (db *DB) Truncate(ctx context.Context, id chat.ConversationID, seq int64) error {
	for {
		first := int64(0)
		err := db.committerOf(id).do(ctx, func(h *hot) (err error) {
			first, err = truncate(h, db.dialect.grammar(), id, seq)
			return err
		})
		if err != nil || first >= seq || first == 0 {
			return err
		}
	}
}

// truncate removes at most one step and returns the first number that is kept,
// 0 if nothing is left to remove.
func truncate(h *hot, g *grammar, id chat.ConversationID, seq int64) (int64, error) {
	h.ints(int64(id))
	var s chat.State
	var lastText int64
	err := h.one(headQuery+g.forUpdate, scanState(&s, &lastText)...)
	if err != nil {
		return 0, err
	}
	first := min(seq, s.Seq+1, s.FirstSeq+truncateStep)
	if first <= s.FirstSeq {
		return 0, nil
	}
	firstPublic := s.FirstPublicSeq
	h.ints(int64(id), first-1)
	err = h.query("SELECT public_seq + 1 FROM event WHERE conversation = ? AND seq = ?", func(r scanner) error { return r.Scan(&firstPublic) })
	if err != nil {
		return 0, err
	}
	for _, statement := range []string{
		"DELETE FROM event_revision WHERE conversation = ? AND seq < ?",
		"DELETE FROM event WHERE conversation = ? AND seq < ?",
		"UPDATE file SET state = 'gone', delete_at = 1 WHERE conversation = ? AND seq < ?",
	} {
		h.ints(int64(id), first)
		if err := h.exec(statement); err != nil {
			return 0, err
		}
	}
	h.ints(first, firstPublic, int64(id))
	return first, h.exec("UPDATE head SET first_seq = ?, first_public_seq = ? WHERE conversation = ?")
}
