package store

import (
	"context"
	"math"
	"strings"

	"github.com/kefu-chat/kefu/internal/chat"
)

var headQuery = "SELECT " + of("h", headColumns) + " FROM head h WHERE h.conversation = ?"

// Head implements chat.Store.
func (db *DB) Head(ctx context.Context, id chat.ConversationID) (s chat.State, err error) {
	err = db.readers.once(ctx, "head", func(h *hot) error {
		s, err = h.head(id)
		return err
	})
	return s, err
}

func (h *hot) head(id chat.ConversationID) (s chat.State, err error) {
	var lastText int64
	h.arg(int64(id))
	err = h.one(headQuery, scanState(&s, &lastText)...)
	return s, err
}

// Conversation implements chat.Store.
func (db *DB) Conversation(ctx context.Context, id chat.ConversationUUID) (chat.Conversation, error) {
	return db.conversation(ctx, "uuid = ?", id[:])
}

// ConversationByID implements chat.Store.
func (db *DB) ConversationByID(ctx context.Context, id chat.ConversationID) (chat.Conversation, error) {
	return db.conversation(ctx, "id = ?", int64(id))
}

func (db *DB) conversation(ctx context.Context, where string, arg any) (c chat.Conversation, err error) {
	err = db.readers.once(ctx, "conversation", func(h *hot) error {
		h.arg(arg)
		return h.one("SELECT "+strings.Join(conversationColumns, ", ")+" FROM conversation WHERE "+where, scanConversation(&c)...)
	})
	return c, err
}

// Marks implements chat.Store.
func (db *DB) Marks(ctx context.Context, id chat.ConversationID) (marks []chat.Mark, err error) {
	err = db.readers.once(ctx, "marks", func(h *hot) error {
		h.arg(int64(id))
		return h.query(marksQuery, func(r scanner) error {
			var m chat.Mark
			err := r.Scan(scanMark(&m)...)
			marks = append(marks, m)
			return err
		})
	})
	return marks, err
}

const roundsQuery = "SELECT number, opened_at, resolved_at, first_seq, assignee FROM round WHERE conversation = ? AND number < ? ORDER BY number DESC LIMIT ?"

// Rounds implements chat.Store.
func (db *DB) Rounds(ctx context.Context, id chat.ConversationID, before int64, limit int) (rounds []chat.RoundRecord, err error) {
	if before == 0 {
		before = math.MaxInt64
	}
	err = db.readers.once(ctx, "rounds", func(h *hot) error {
		h.ints(int64(id), before, int64(limit))
		return h.query(roundsQuery, func(r scanner) error {
			var v chat.RoundRecord
			err := r.Scan(&v.Number, &v.OpenedAt, &v.ResolvedAt, &v.FirstSeq, &v.Assignee)
			rounds = append(rounds, v)
			return err
		})
	})
	return rounds, err
}
