package server_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/legacy"
)

// TestHistoriesAreBounded: of more messages than that the newest 5,000 come, the
// oldest first; super_admin's are those of all conversations.
func TestHistoriesAreBounded(t *testing.T) {
	w := newRoom(t, openDoor())
	const bobs = 300
	say := func(name, text string, n int) {
		t.Helper()
		hash, err := w.db.EnterName(t.Context(), w.firstSite().ID, name, "token", "node")
		w.must(err)
		by := chat.Actor{Kind: chat.VisitorActor}
		var all sync.WaitGroup
		for i := range n {
			all.Add(1)
			w.db.Change(&chat.Change{
				Begin: &chat.Beginning{Site: w.firstSite().ID, SecretHash: hash[:]}, By: by, ClientID: uuid.Must(uuid.NewV7()),
				Decide: chat.SendMessage(by, fmt.Sprint(text, " ", i), w.hub),
				Done: func(_ chat.Changed, err error) {
					if err != nil {
						t.Error(err)
					}
					all.Done()
				},
			})
			if i%2000 == 1999 { // as many as the queue has room for
				all.Wait()
			}
		}
		all.Wait()
	}
	say("alice", "early", 400)
	say("bob", "bob's", bobs)
	say("alice", "late", 4900)
	check := func(name, first, last string) {
		t.Helper()
		got := w.history(0, name)
		if len(got) != legacy.MaxHistory || got[0] != first || got[len(got)-1] != last {
			t.Errorf("%s: %d messages from %q to %q, want %d from %q to %q", name, len(got), got[0], got[len(got)-1], legacy.MaxHistory, first, last)
		}
	}
	check("alice", "alice>super_admin:early 300", "alice>super_admin:late 4899")
	check("super_admin", "bob>super_admin:bob's 200", "alice>super_admin:late 4899")
	if got := w.history(1, "bob"); len(got) != bobs {
		t.Errorf("bob: %d messages, want %d", len(got), bobs)
	}
}
