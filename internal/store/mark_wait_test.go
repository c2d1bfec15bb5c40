package store

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// moving is a mark of an agent on a conversation, and what becomes of it.
func moving(db *DB, c chat.ConversationID, read int64) <-chan error {
	done := make(chan error, 1)
	db.Mark(&chat.MarkChange{
		Conversation: c, Who: chat.ActorRef{Kind: chat.AgentActor, ID: 3}, Read: read,
		Done: func(_ chat.Mark, _ bool, err error) { done <- err },
	})
	return done
}

func TestMarksRideAlongWithAChange(t *testing.T) {
	var commits atomic.Int64
	db := open(t, Config{MarkWait: time.Hour, Commit: func(commit func() error) error {
		commits.Add(1)
		return commit()
	}})
	begun := send(t, db, message(1, "hello"))
	mark := moving(db, begun.Conversation.ID, 1)
	select {
	case err := <-mark:
		t.Fatalf("a mark was committed alone, %v: want it to wait for a change", err)
	case <-time.After(50 * time.Millisecond): // nothing tells that somebody waits
	}
	send(t, db, message(1, "and a change"))
	if err := <-mark; err != nil {
		t.Fatal(err)
	}
	if n := commits.Load(); n != 2 {
		t.Errorf("%d commits, want 2: one began the conversation, one holds the mark and the change", n)
	}
}

func TestMarksAloneAreCommittedSoon(t *testing.T) {
	db := open(t, Config{MarkWait: time.Millisecond})
	begun := send(t, db, message(1, "hello"))
	if err := <-moving(db, begun.Conversation.ID, 1); err != nil {
		t.Fatal(err)
	}
	marks, err := db.Marks(t.Context(), begun.Conversation.ID)
	if err != nil || len(marks) != 1 || marks[0].Read != 1 {
		t.Errorf("%+v, %v: want the agent's mark at 1", marks, err)
	}
}

func TestClosingDoesNotWaitForAChange(t *testing.T) {
	db := open(t, Config{MarkWait: time.Hour})
	begun := send(t, db, message(1, "hello"))
	mark := moving(db, begun.Conversation.ID, 1)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-mark; err != nil {
		t.Error(err)
	}
}
