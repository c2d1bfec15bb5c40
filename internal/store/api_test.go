package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kefu-chat/kefu/internal/audit"
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
				c, err := nodes[i%len(nodes)].ClaimRequest(ctx, r)
				switch {
				case err == nil && c.Lease != 0:
					let.Add(1)
					lease.Store(c.Lease)
				case chat.CodeOf(err) == chat.Busy:
					busy.Add(1)
				default:
					t.Errorf("%+v, %v", c, err)
				}
			})
		}
		all.Wait()
		if let.Load() != 1 || busy.Load() != 7 {
			t.Fatalf("%d were let through, %d told to wait: want 1 and 7", let.Load(), busy.Load())
		}
		db, other := nodes[0], nodes[len(nodes)-1]
		if _, err := other.ClaimRequest(ctx, asked(1, "a", "PUT y")); chat.CodeOf(err) != chat.ClientIDReused {
			t.Errorf("another request under the same name: %v", err)
		}
		if c, err := other.ClaimRequest(ctx, asked(2, "a", "PUT y")); err != nil || c.Lease == 0 {
			t.Errorf("the same name of another key: %+v, %v", c, err)
		}
		body := []byte("{\"名\":\"\\u0000\"}")
		must(t, db.AnswerRequest(ctx, r, lease.Load()+2, identity.Answer{Status: 500}))
		must(t, db.AnswerRequest(ctx, r, lease.Load(), identity.Answer{Status: 201, Body: body}))
		if c, err := other.ClaimRequest(ctx, r); err != nil || c.Lease != 0 || c.Before.Status != 201 || !slices.Equal(c.Before.Body, body) {
			t.Errorf("repeated: %+v, %v", c, err)
		}
		must(t, db.ReleaseRequest(ctx, r, lease.Load())) // answered: stays
		clock.Add(identity.RequestKept.Milliseconds() - 1)
		if c, err := db.ClaimRequest(ctx, r); err != nil || c.Lease != 0 {
			t.Errorf("just before its time: %+v, %v", c, err)
		}
		clock.Add(2)
		if n, err := db.ForgetRequests(ctx, 1); err != nil || n != 1 {
			t.Errorf("forgot %d, %v", n, err)
		}
		if n, err := db.ForgetRequests(ctx, 100); err != nil || n != 0 { // nobody knows what became of the other key's
			t.Errorf("forgot %d more, %v", n, err)
		}
		clock.Add(identity.RequestHeld.Milliseconds())
		if n, err := db.ForgetRequests(ctx, 100); err != nil || n != 1 {
			t.Errorf("forgot %d in the end, %v", n, err)
		}
		if c, err := db.ClaimRequest(ctx, r); err != nil || c.Lease == 0 {
			t.Errorf("after its time: %+v, %v", c, err)
		}
	})
}

// TestARequestOfADeadNodeIsDoneAgain, and what that node would still say counts for nothing.
func TestARequestOfADeadNodeIsDoneAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, clock *atomic.Int64, nodes ...*DB) {
		ctx, db, r := t.Context(), nodes[0], asked(1, "a", "PUT x")
		one, err := db.ClaimRequest(ctx, r)
		must(t, err)
		must(t, db.ReleaseRequest(ctx, r, one.Lease+2))
		clock.Add(identity.RequestHeld.Milliseconds() + 1)
		if _, err := db.ClaimRequest(ctx, asked(1, "a", "PUT y")); chat.CodeOf(err) != chat.ClientIDReused {
			t.Errorf("another request under the name: %v", err)
		}
		two, err := db.ClaimRequest(ctx, r)
		if err != nil || two.Lease == 0 || two.Lease == one.Lease || two.Changed {
			t.Fatalf("after the lease: %+v, %v", two, err)
		}
		must(t, db.AnswerRequest(ctx, r, one.Lease, identity.Answer{Status: 200}))
		if _, err := db.ClaimRequest(ctx, r); chat.CodeOf(err) != chat.Busy {
			t.Errorf("the dead node's answer was kept: %v", err)
		}
		must(t, db.ReleaseRequest(ctx, r, two.Lease))
		if c, err := db.ClaimRequest(ctx, asked(1, "a", "PUT y")); err != nil || c.Lease == 0 {
			t.Errorf("what was released: %+v, %v", c, err)
		}
	})
}

// TestARequestIsHeldWhileItIsDone, however long that takes, and no longer than its node
// says where that does not know what became of it.
func TestARequestIsHeldWhileItIsDone(t *testing.T) {
	everywhere(t, func(t *testing.T, clock *atomic.Int64, nodes ...*DB) {
		ctx, db, other, r := t.Context(), nodes[0], nodes[len(nodes)-1], asked(1, "a", "DELETE x")
		one, err := db.ClaimRequest(ctx, r)
		must(t, err)
		for range 4 {
			clock.Add(identity.RequestHeld.Milliseconds() - 1)
			if _, err := other.ClaimRequest(ctx, r); chat.CodeOf(err) != chat.Busy {
				t.Fatalf("while it is done: %v", err)
			}
			must(t, db.RenewRequest(ctx, r, one.Lease))
		}
		must(t, other.AbandonRequest(ctx, r, one.Lease+2))
		if _, err := other.ClaimRequest(ctx, r); chat.CodeOf(err) != chat.Busy {
			t.Errorf("abandoned by another: %v", err)
		}
		must(t, db.AbandonRequest(ctx, r, one.Lease))
		two, err := other.ClaimRequest(ctx, r)
		if err != nil || two.Lease == 0 || two.Changed {
			t.Fatalf("abandoned: %+v, %v", two, err)
		}
		must(t, db.RenewRequest(ctx, r, one.Lease)) // too late
		must(t, other.AnswerRequest(ctx, r, two.Lease, identity.Answer{Status: 204}))
		must(t, other.RenewRequest(ctx, r, two.Lease))
		clock.Add(identity.RequestHeld.Milliseconds() + 1)
		if c, err := db.ClaimRequest(ctx, r); err != nil || c.Before.Status != 204 {
			t.Errorf("what was answered was held for less long: %+v, %v", c, err)
		}
	})
}

// TestWhatARequestChangesIsNotedWithIt: in the same transaction, so that a node that dies
// leaves no doubt, and one that was thought dead changes nothing more.
func TestWhatARequestChangesIsNotedWithIt(t *testing.T) {
	everywhere(t, func(t *testing.T, clock *atomic.Int64, nodes ...*DB) {
		ctx, db, other, r := t.Context(), nodes[0], nodes[len(nodes)-1], asked(1, "a", "POST x")
		entry := func(ctx context.Context, id int64) error {
			return db.Record(ctx, audit.Entry{ID: id, What: audit.SiteMade, Site: 1})
		}
		one, err := db.ClaimRequest(ctx, r)
		must(t, err)
		within, end := db.Within(ctx, r, one.Lease)
		undone := errors.New("undone")
		if err := db.Together(within, func(ctx context.Context) error { return errors.Join(entry(ctx, 1), undone) }); !errors.Is(err, undone) {
			t.Fatal(err)
		}
		must(t, entry(ctx, 2)) // somebody else's
		clock.Add(identity.RequestHeld.Milliseconds() + 1)
		two, err := other.ClaimRequest(ctx, r)
		if err != nil || two.Changed {
			t.Fatalf("nothing was changed: %+v, %v", two, err)
		}
		if err := entry(within, 3); chat.CodeOf(err) != chat.Busy {
			t.Errorf("whose request was taken over goes on: %v", err)
		}
		end()
		must(t, entry(within, 4)) // what is left to do for one that is over, is none of it
		within, end = other.Within(ctx, r, two.Lease)
		defer end()
		for id := range int64(2) {
			must(t, other.Record(within, audit.Entry{ID: 5 + id, What: audit.SiteMade, Site: 1}))
		}
		must(t, other.ReleaseRequest(ctx, r, two.Lease)) // it has changed something: its name stays, and nobody waits
		if c, err := db.ClaimRequest(ctx, r); err != nil || !c.Changed {
			t.Errorf("something was changed: %+v, %v", c, err)
		}
		kept, err := db.Entries(ctx, audit.Query{Limit: 10, Site: 1})
		must(t, err)
		var ids []int64
		for _, e := range kept {
			ids = append(ids, e.ID)
		}
		if !slices.Equal(ids, []int64{6, 5, 4, 2}) {
			t.Errorf("the entries are %v", ids)
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
