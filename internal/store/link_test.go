package store

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
)

// preparedBy are the statements that a link has prepared, by their texts.
func preparedBy(l link) map[string]any {
	all := map[string]any{}
	switch l := l.(type) {
	case *driverLink:
		for query, s := range l.stmts {
			all[query] = s
		}
	case *postgresLink:
		for query, s := range l.stmts {
			all[query] = s
		}
	}
	return all
}

// TestStatementsStayPrepared: groups of all sizes leave no committer anything to prepare again.
func TestStatementsStayPrepared(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			db := open(t, Config{URL: s.fresh(t), Committers: 1, Synchronous: "off", Relaxed: true})
			var begun []chat.Changed
			secret := func(n int) *chat.Beginning {
				b := beginning(0)
				b.SecretHash = binary.BigEndian.AppendUint64(nil, uint64(n))
				return b
			}
			// together commits n changes in one group.
			together := func(n int, change func(i int) chat.Change) []chat.Changed {
				release, held := make(chan struct{}), make(chan error, 1)
				go func() {
					held <- db.committers[0].do(context.Background(), func(*hot) error { <-release; return nil })
				}()
				var outs []<-chan outcomeOf
				for i := range n {
					outs = append(outs, submit(db, change(i)))
				}
				close(release)
				if err := <-held; err != nil {
					t.Fatal(err)
				}
				var all []chat.Changed
				for _, out := range outs {
					o := <-out
					if o.err != nil {
						t.Fatal(o.err)
					}
					all = append(all, o.changed)
				}
				return all
			}
			round := func(first int) {
				for n := 1; n <= serverChunk; n *= 2 {
					begun = append(begun, together(n, func(i int) chat.Change {
						c := message(0, "hello")
						c.Begin = secret(first + len(begun) + i)
						return c
					})...)
					last := begun[len(begun)-n:]
					together(n, func(i int) chat.Change {
						by := chat.Actor{Kind: chat.VisitorActor, ID: int64(last[i].Conversation.Visitor)}
						return chat.Change{Conversation: last[i].Conversation.ID, By: by, ClientID: uuid.Must(uuid.NewV7()), Decide: chat.SendMessage(by, "more", world{})}
					})
				}
			}
			prepared := func() (all map[string]any) {
				if err := db.committers[0].do(t.Context(), func(h *hot) error { all = preparedBy(h.link); return nil }); err != nil {
					t.Fatal(err)
				}
				return all
			}
			round(0)
			before := prepared()
			round(1 << 20)
			after := prepared()
			kept := 0
			for query, s := range before {
				if after[query] == s {
					kept++
				}
			}
			if len(before) < 64 || kept != len(before) {
				t.Errorf("of %d statements %d are still prepared, want all", len(before), kept)
			}
		})
	}
}
