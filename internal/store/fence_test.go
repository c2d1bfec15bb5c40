package store

import (
	"sync/atomic"
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
)

// TestAClosedDatabaseAnswersOnce: also those whose conversation another committer writes.
func TestAClosedDatabaseAnswersOnce(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			address := s.fresh(t)
			one, seven := open(t, Config{URL: address, Committers: 1}), open(t, Config{URL: address, Committers: 7})
			const visitors = 12
			elsewhere := 0
			for n := range byte(visitors) {
				c := message(n, "hello")
				if seven.committerFor(&c) != seven.committerOf(send(t, one, c).Conversation.ID) {
					elsewhere++
				}
			}
			if elsewhere == 0 {
				t.Fatal("no conversation is another committer's: the test shows nothing")
			}
			end, err := openEnd(t.Context(), Config{URL: address}, quiet)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = end.close() }()
			if err := end.setFence(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			var answers [visitors]atomic.Int64
			for n := range byte(visitors) {
				c := message(n, "again")
				c.Done = func(_ chat.Changed, err error) {
					answers[n].Add(1)
					if chat.CodeOf(err) != chat.Busy {
						t.Errorf("a change of a closed database ends with %v", err)
					}
				}
				seven.Change(&c)
			}
			if err := seven.Close(); err != nil { // all is answered then
				t.Fatal(err)
			}
			for n := range answers {
				if got := answers[n].Load(); got != 1 {
					t.Errorf("change %d was answered %d times", n, got)
				}
			}
		})
	}
}
