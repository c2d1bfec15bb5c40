package store

import (
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
)

// TestRemovingOldRoundsForgetsOneHead: the heads of conversations that others write in
// stay at hand, and the one that was cut is read anew.
func TestRemovingOldRoundsForgetsOneHead(t *testing.T) {
	db := open(t, Config{Committers: 1})
	one, other := send(t, db, message(1, "hello")), send(t, db, message(2, "hello"))
	id := one.Conversation.ID
	by := chat.Actor{Kind: chat.KeyActor, ID: 1, Role: chat.RoleSupervisor}
	send(t, db, chat.Change{Conversation: id, By: by, Decide: chat.Resolve(by)})
	heads := db.committers[0].heads
	if heads.get(id) == nil || heads.get(other.Conversation.ID) == nil {
		t.Fatal("no head is at hand: the test shows nothing")
	}
	before, err := db.Cutoff(t.Context(), 0)
	must(t, err)
	step, err := db.RemoveOld(t.Context(), id, before+1)
	if err != nil || step.Removed.Rounds != 1 {
		t.Fatalf("%+v, %v", step, err)
	}
	if heads.get(id) != nil || heads.get(other.Conversation.ID) == nil {
		t.Errorf("the cut one is at hand: %t; the other one: %t", heads.get(id) != nil, heads.get(other.Conversation.ID) != nil)
	}
	again := message(1, "back")
	again.Conversation, again.By.ID = id, int64(one.Conversation.Visitor)
	if s := send(t, db, again).State; s.FirstSeq != step.State.FirstSeq || s.Round.Number != 2 {
		t.Errorf("after a message the head is %+v, it was %+v", s, step.State)
	}
}
