package app

import (
	"context"
	"testing"

	"github.com/kefu-chat/kefu/internal/rocketmq"
)

// TestAnswersOnlyForItsOwnTransactions: a command must not commit what a producer of
// the same group has prepared.
func TestAnswersOnlyForItsOwnTransactions(t *testing.T) {
	o := newOutcomes()
	asks := func(id string) rocketmq.TransactionState {
		m := &rocketmq.MessageExt{}
		m.MsgID = id
		return o.check(t.Context(), m)
	}
	if got := asks("ours"); got != rocketmq.TransactionUnknown {
		t.Errorf("before it is recorded: %v", got)
	}
	own := o.record("ours", rocketmq.CommitMessage)
	o.record("gone", rocketmq.RollbackMessage)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := own.awaitCheck(over); err == nil {
		t.Error("the broker has not asked, and that is taken for a check")
	}
	for id, want := range map[string]rocketmq.TransactionState{
		"ours": rocketmq.CommitMessage, "gone": rocketmq.RollbackMessage, "somebody else's": rocketmq.TransactionUnknown,
	} {
		for range 2 { // brokers ask again
			if got := asks(id); got != want {
				t.Errorf("%s: %v, want %v", id, got, want)
			}
		}
	}
	if err := own.awaitCheck(t.Context()); err != nil {
		t.Error(err)
	}
}
