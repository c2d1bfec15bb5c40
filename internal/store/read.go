package store

import (
	"context"
	"strings"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Head implements chat.Store.
func (db *DB) Head(ctx context.Context, id chat.ConversationID) (chat.State, error) {
	return head(ctx, db.read.DB, id)
}

var headQuery = "SELECT " + of("h", headColumns) + " FROM head h WHERE h.conversation = ?"

func head(ctx context.Context, q querier, id chat.ConversationID) (s chat.State, err error) {
	var lastText int64
	err = one(ctx, q, "conversation", headQuery, []any{int64(id)}, scanState(&s, &lastText)...)
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
	query := "SELECT " + strings.Join(conversationColumns, ", ") + " FROM conversation WHERE " + where
	err = one(ctx, db.read.DB, "conversation", query, []any{arg}, scanConversation(&c)...)
	return c, err
}

// Marks implements chat.Store.
func (db *DB) Marks(ctx context.Context, id chat.ConversationID) (marks []chat.Mark, err error) {
	err = forEach(ctx, db.read.DB, marksQuery, []any{int64(id)}, func(r scanner) error {
		var m chat.Mark
		defer func() { marks = append(marks, m) }()
		return r.Scan(scanMark(&m)...)
	})
	return marks, err
}

// Rounds implements chat.Store.
func (db *DB) Rounds(ctx context.Context, id chat.ConversationID, limit int) (rounds []chat.RoundRecord, err error) {
	query := "SELECT number, opened_at, resolved_at, first_seq, assignee FROM round WHERE conversation = ? ORDER BY number DESC LIMIT ?"
	err = forEach(ctx, db.read.DB, query, []any{int64(id), limit}, func(r scanner) error {
		var v chat.RoundRecord
		defer func() { rounds = append(rounds, v) }()
		return r.Scan(&v.Number, &v.OpenedAt, &v.ResolvedAt, &v.FirstSeq, &v.Assignee)
	})
	return rounds, err
}
