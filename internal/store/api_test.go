package store

import (
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

func asked(key int64, name, what string) identity.Request {
	return identity.Request{Key: key, Name: sha256.Sum256([]byte(name)), Fingerprint: sha256.Sum256([]byte(what))}
}

// TestRequestsAreDoneOnce: of many at the same instant one is let through; the others,
// and later ones, wait for its answer or get it. What was let go may be done again.
func TestRequestsAreDoneOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, clock *atomic.Int64, nodes ...*DB) {
		ctx, r := t.Context(), asked(1, "a", "PUT x")
		var all sync.WaitGroup
		var let, busy atomic.Int32
		var lease atomic.Int64
		for i := range 8 {
			all.Go(func() {
				l, _, err := nodes[i%len(nodes)].ClaimRequest(ctx, r)
				switch {
				case err == nil && l != 0:
					let.Add(1)
					lease.Store(l)
				case chat.CodeOf(err) == chat.Busy:
					busy.Add(1)
				default:
					t.Errorf("lease %d, %v", l, err)
				}
			})
		}
		all.Wait()
		if let.Load() != 1 || busy.Load() != 7 {
			t.Fatalf("%d were let through, %d told to wait: want 1 and 7", let.Load(), busy.Load())
		}
		db, other := nodes[0], nodes[len(nodes)-1]
		if _, _, err := other.ClaimRequest(ctx, asked(1, "a", "PUT y")); chat.CodeOf(err) != chat.ClientIDReused {
			t.Errorf("another request under the same name: %v", err)
		}
		if l, _, err := other.ClaimRequest(ctx, asked(2, "a", "PUT y")); err != nil || l == 0 {
			t.Errorf("the same name of another key: %d, %v", l, err)
		}
		body := []byte("{\"名\":\"\\u0000\"}")
		must(t, db.AnswerRequest(ctx, r, lease.Load()+2, identity.Answer{Status: 500}))
		must(t, db.AnswerRequest(ctx, r, lease.Load(), identity.Answer{Status: 201, Body: body}))
		if l, got, err := other.ClaimRequest(ctx, r); err != nil || l != 0 || got.Status != 201 || !slices.Equal(got.Body, body) {
			t.Errorf("repeated: lease %d, %d %s, %v", l, got.Status, got.Body, err)
		}
		must(t, db.ReleaseRequest(ctx, r, lease.Load())) // answered: stays
		clock.Add(identity.RequestKept.Milliseconds() - 1)
		if l, _, err := db.ClaimRequest(ctx, r); err != nil || l != 0 {
			t.Errorf("just before its time: %d, %v", l, err)
		}
		clock.Add(2)
		if n, err := db.ForgetRequests(ctx, 1); err != nil || n != 1 { // the other key's claim is the older one
			t.Errorf("forgot %d, %v", n, err)
		}
		if n, err := db.ForgetRequests(ctx, 100); err != nil || n != 1 {
			t.Errorf("forgot %d more, %v", n, err)
		}
		if l, _, err := db.ClaimRequest(ctx, r); err != nil || l == 0 {
			t.Errorf("after its time: %d, %v", l, err)
		}
	})
}

// TestARequestOfADeadNodeIsDoneAgain, and what that node would still say counts for nothing.
func TestARequestOfADeadNodeIsDoneAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, clock *atomic.Int64, nodes ...*DB) {
		ctx, db, r := t.Context(), nodes[0], asked(1, "a", "PUT x")
		first, _, err := db.ClaimRequest(ctx, r)
		must(t, err)
		must(t, db.ReleaseRequest(ctx, r, first+2))
		clock.Add(identity.RequestHeld.Milliseconds() + 1)
		second, _, err := db.ClaimRequest(ctx, r)
		if err != nil || second == 0 || second == first {
			t.Fatalf("after the lease: %d, %v", second, err)
		}
		must(t, db.AnswerRequest(ctx, r, first, identity.Answer{Status: 200}))
		if _, _, err := db.ClaimRequest(ctx, r); chat.CodeOf(err) != chat.Busy {
			t.Errorf("the dead node's answer was kept: %v", err)
		}
		must(t, db.ReleaseRequest(ctx, r, second))
		if l, _, err := db.ClaimRequest(ctx, asked(1, "a", "PUT y")); err != nil || l == 0 {
			t.Errorf("what was released: %d, %v", l, err)
		}
	})
}

// TestTheBookFindsVisitors: by what anybody said their address is, in any case, on
// their own site only, the newest first.
func TestTheBookFindsVisitors(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *atomic.Int64, nodes ...*DB) {
		ctx, db := t.Context(), nodes[0]
		begin := func(site chat.SiteID, n byte, email string) chat.VisitorID {
			t.Helper()
			hash := sha256.Sum256([]byte{n})
			done := make(chan chat.Changed, 1)
			db.Change(&chat.Change{
				Begin: &chat.Beginning{Site: site, SecretHash: hash[:], Profile: chat.Profile{Name: "Li", Email: email}}, By: chat.Actor{Kind: chat.VisitorActor},
				Decide: func(chat.State, chat.Log) ([]chat.Draft, error) {
					return []chat.Draft{{Kind: chat.Message, Public: true, By: chat.ActorRef{Kind: chat.VisitorActor}, Body: chat.Body(`{"text":"hi"}`)}}, nil
				},
				Done: func(c chat.Changed, err error) {
					if err != nil {
						t.Error(err)
					}
					done <- c
				},
			})
			return (<-done).Conversation.Visitor
		}
		one, two, far := begin(1, 1, "Li@Example.com "), begin(1, 2, ""), begin(2, 3, "li@example.com")
		find := func(q identity.BookQuery, want ...chat.VisitorID) []identity.Listed {
			t.Helper()
			q.Limit = 10
			got, err := nodes[len(nodes)-1].Listed(ctx, q)
			var ids []chat.VisitorID
			for _, v := range got {
				ids = append(ids, v.ID)
			}
			slices.Sort(want)
			slices.Reverse(want)
			if err != nil || !slices.Equal(ids, want) {
				t.Errorf("%+v: %v, %v; want %v", q, ids, err, want)
			}
			return got
		}
		find(identity.BookQuery{Site: 1}, one, two)
		find(identity.BookQuery{Site: 1, Before: max(one, two)}, min(one, two))
		find(identity.BookQuery{Site: 2, ID: one})
		find(identity.BookQuery{Site: 1, ExternalID: "42"})
		find(identity.BookQuery{Site: 2, Email: "LI@example.com"}, far)
		got := find(identity.BookQuery{Site: 1, Email: "LI@example.com"}, one)
		if len(got) == 1 && (got[0].Profile.Name != "Li" || got[0].Conversation.UUID.IsNil() || got[0].CreatedAt == 0 || got[0].Told != nil) {
			t.Errorf("%+v", got[0])
		}
		told, err := db.Tell(ctx, 1, two, func(before identity.ToldByApp) (identity.ToldByApp, error) {
			before.Email, before.Fields = "lI@example.COM", map[string]string{"套餐": "gold"}
			return before, nil
		})
		if err != nil || told.Told == nil || told.Told.Fields["套餐"] != "gold" || told.ID != two {
			t.Fatalf("%+v, %v", told, err)
		}
		find(identity.BookQuery{Site: 1, Email: "li@example.com"}, one, two)
		must(t, db.UpdateProfile(ctx, one, chat.Profile{Email: strings.Repeat("x", 400)}))
		find(identity.BookQuery{Site: 1, Email: "li@example.com"}, two)
		if _, err := db.Tell(ctx, 2, two, func(b identity.ToldByApp) (identity.ToldByApp, error) { return b, nil }); chat.CodeOf(err) != chat.NotFound {
			t.Errorf("told of another site's: %v", err)
		}
	})
}

// TestAskedBy tells whose a client_id is.
func TestAskedBy(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *atomic.Int64, nodes ...*DB) {
		db, id, hash := nodes[0], chat.ClientID{1}, sha256.Sum256([]byte{1})
		by := chat.ActorRef{Kind: chat.BotActor, ID: 9, Name: "Robo"}
		done := make(chan error, 1)
		db.Change(&chat.Change{
			Begin: &chat.Beginning{Site: 1, SecretHash: hash[:]}, By: chat.Actor{Kind: by.Kind, ID: by.ID}, ClientID: id, Fingerprint: []byte("x"),
			Decide: func(chat.State, chat.Log) ([]chat.Draft, error) {
				return []chat.Draft{{Kind: chat.Message, Public: true, By: by, Body: chat.Body(`{"text":"hi"}`), Answers: true}}, nil
			},
			Done: func(_ chat.Changed, err error) { done <- err },
		})
		must(t, <-done)
		last := nodes[len(nodes)-1]
		if got, err := last.AskedBy(t.Context(), id); err != nil || len(got) != 1 || !got[0].Same(by) {
			t.Errorf("%v, %v; want %v", got, err, by)
		}
		if got, err := last.AskedBy(t.Context(), chat.ClientID{2}); err != nil || len(got) != 0 {
			t.Errorf("of no event: %v, %v", got, err)
		}
	})
}
