package store

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

// onEach runs a test on every database that is here, over two nodes of it; of SQLite
// there is but one.
func onEach(t *testing.T, test func(t *testing.T, one, two *DB)) {
	t.Run("SQLite", func(t *testing.T) {
		db := open(t, Config{})
		test(t, db, db)
	})
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			address := s.lend(t)
			test(t, open(t, Config{URL: address}), open(t, Config{URL: address}))
		})
	}
}

func bytesOf(text string) []byte { return fmt.Appendf(nil, "%032s", text) }

// exchangeOf is a token's exchange; the numbers tell ids and secrets apart.
func exchangeOf(n int64, person, jti, exchange string) identity.NewVisitorLogin {
	l := identity.NewVisitorLogin{
		Login: identity.VisitorLogin{
			ID: 1000 + n, Site: 71, SigningKey: 5, MadeAt: 100, LastUsedAt: chat.Millis(100 + n),
			Visitor: identity.VerifiedVisitor{ID: chat.VisitorID(2000 + n), Vouched: chat.Vouched{ID: person, Name: "Ann " + fmt.Sprint(n), Fields: map[string]string{"plan": "金"}}},
		},
		Hash: bytesOf(fmt.Sprint("hash", n)), JTI: jti, ExchangeHash: bytesOf(exchange), Expires: 5000,
	}
	copy(l.Login.Visitor.Hash[:], bytesOf(fmt.Sprint("secret", n)))
	return l
}

func TestVisitorLogins(t *testing.T) {
	onEach(t, func(t *testing.T, one, two *DB) {
		ctx := t.Context()
		add := func(db *DB, n identity.NewVisitorLogin) identity.VisitorLogin {
			t.Helper()
			l, err := db.AddVisitorLogin(ctx, n)
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		first := add(one, exchangeOf(1, "person", "jti 1", "a"))
		if diff := cmp.Diff(exchangeOf(1, "person", "", "").Login, first); diff != "" {
			t.Error(diff)
		}
		if again := add(two, exchangeOf(2, "person", "jti 1", "a")); again.ID != first.ID || again.Visitor.Hash != first.Visitor.Hash {
			t.Errorf("a lost answer's repetition is another log-in: %+v", again)
		}
		for what, n := range map[string]identity.NewVisitorLogin{
			"another exchange": exchangeOf(3, "person", "jti 1", "b"), "another person": exchangeOf(3, "other", "jti 1", "a"),
		} {
			if _, err := two.AddVisitorLogin(ctx, n); chat.CodeOf(err) != identity.TokenUsed {
				t.Errorf("%s: %v", what, err)
			}
		}
		otherKey := exchangeOf(3, "person", "jti 1", "a")
		otherKey.Login.SigningKey = 6
		if _, err := two.AddVisitorLogin(ctx, otherKey); chat.CodeOf(err) != identity.TokenUsed {
			t.Errorf("another key: %v", err)
		}

		second := add(two, exchangeOf(4, "person", "jti 2", "b"))
		if second.ID == first.ID || second.Visitor.ID != first.Visitor.ID || second.Visitor.Hash != first.Visitor.Hash {
			t.Errorf("a second device is another visitor: %+v", second)
		}
		// What differs by a blank, or by case, is another person, and another token.
		jtis := []string{"jti 2 ", "JTI 2", "jtí 2"}
		for i, person := range []string{"person ", "Person", "pérson"} {
			if l := add(one, exchangeOf(int64(10+i), person, jtis[i], "b")); l.Visitor.ID == first.Visitor.ID {
				t.Errorf("%q is the same visitor as person", person)
			}
		}
		elsewhere := exchangeOf(20, "person", "jti 1", "c")
		elsewhere.Login.Site = 72
		if l := add(one, elsewhere); l.Visitor.ID == first.Visitor.ID {
			t.Error("the same id on another site is the same visitor")
		}

		found, err := one.VisitorLogin(ctx, exchangeOf(1, "", "", "").Hash)
		if err != nil || found.ID != first.ID || found.Visitor.Vouched.Name != "Ann 4" {
			t.Errorf("%+v, %v: want what its website said last", found, err)
		}
		if err := one.TouchVisitorLogin(ctx, first.ID, 9000); err != nil {
			t.Error(err)
		}
		if ended, err := two.EndVisitorLogin(ctx, second.ID); err != nil || !ended {
			t.Errorf("%t %v", ended, err)
		}
		if ended, err := one.EndedVisitorLogins(ctx, []int64{second.ID, first.ID, 77}); err != nil || !cmp.Equal(ended, []int64{second.ID, 77}) {
			t.Errorf("ended: %v, %v", ended, err)
		}
		if ended, _, err := one.VisitorLoginsEnded(ctx, 60_000); err != nil || !cmp.Equal(ended, identity.EndedLogins{Logins: []int64{second.ID}}) {
			t.Errorf("ended of late: %v, %v", ended, err)
		}
		if _, err := one.VisitorLogin(ctx, exchangeOf(4, "", "", "").Hash); chat.CodeOf(err) != chat.NotFound {
			t.Errorf("one that ended: %v", err)
		}
		if _, err := one.AddVisitorLogin(ctx, exchangeOf(5, "person", "jti 2", "b")); chat.CodeOf(err) != identity.TokenUsed {
			t.Errorf("a token whose log-in has ended gives one again: %v", err)
		}
		forgotten(t, one, first.ID)
	})
}

// forgotten: first was used lately, the others long ago.
func forgotten(t *testing.T, db *DB, first int64) {
	ctx := t.Context()
	if more, err := db.ForgetVisitorLogins(ctx, 5000, 5000, 100); err != nil || more {
		t.Fatal(more, err)
	}
	if _, err := db.AddVisitorLogin(ctx, exchangeOf(30, "person", "jti 1", "z")); chat.CodeOf(err) != identity.TokenUsed {
		t.Errorf("a token was forgotten too early: %v", err)
	}
	if more, err := db.ForgetVisitorLogins(ctx, 5000, 5001, 1); err != nil || !more {
		t.Fatal(more, err)
	}
	if more, err := db.ForgetVisitorLogins(ctx, 5000, 5001, 100); err != nil || more {
		t.Fatal(more, err)
	}
	l, err := db.AddVisitorLogin(ctx, exchangeOf(31, "person", "jti 1", "z"))
	if err != nil || l.ID != 1031 {
		t.Errorf("%+v, %v: an expired token is still known", l, err)
	}
	if ended, err := db.EndedVisitorLogins(ctx, []int64{first, 1010, 1031}); err != nil || !cmp.Equal(ended, []int64{1010}) {
		t.Errorf("ended: %v, %v", ended, err)
	}
}

// TestVisitorLoginsRace: of many who exchange one token on two nodes, those of one
// browser get one log-in; and a person has one row, however many devices come at once.
func TestVisitorLoginsRace(t *testing.T) {
	onEach(t, func(t *testing.T, one, two *DB) {
		const rounds, each = 4, 4
		for round := range int64(rounds) {
			var group sync.WaitGroup
			var mu sync.Mutex
			logins, used, visitors := map[int64]bool{}, 0, map[chat.VisitorID]bool{}
			for i := range int64(2 * each) {
				db := []*DB{one, two}[i%2]
				group.Go(func() {
					n := exchangeOf(100+100*round+i, fmt.Sprint("person", round), fmt.Sprint("jti", round), fmt.Sprint(i/each))
					l, err := db.AddVisitorLogin(context.WithoutCancel(t.Context()), n)
					mu.Lock()
					defer mu.Unlock()
					switch {
					case chat.CodeOf(err) == identity.TokenUsed:
						used++
					case err != nil:
						t.Error(err)
					default:
						logins[l.ID], visitors[l.Visitor.ID] = true, true
					}
				})
				group.Go(func() {
					n := exchangeOf(1000+100*round+i, fmt.Sprint("person", round), fmt.Sprint("other", round, i), "own")
					l, err := db.AddVisitorLogin(context.WithoutCancel(t.Context()), n)
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Error(err)
					}
					visitors[l.Visitor.ID] = true
				})
			}
			group.Wait()
			if len(logins) != 1 || used != each || len(visitors) != 1 {
				t.Errorf("%d log-ins of one token, %d refused, %d visitors: want 1, %d, 1", len(logins), used, len(visitors), each)
			}
		}
	})
}

func TestVisitorLoginsAreBounded(t *testing.T) {
	db := open(t, Config{})
	for n := range int64(identity.MaxVisitorLogins + 3) {
		if _, err := db.AddVisitorLogin(t.Context(), exchangeOf(n, "person", fmt.Sprint(n), "a")); err != nil {
			t.Fatal(err)
		}
	}
	if ended, err := db.EndedVisitorLogins(t.Context(), []int64{1000, 1001, 1002, 1003, 1052}); err != nil || !cmp.Equal(ended, []int64{1000, 1001, 1002}) {
		t.Errorf("ended: %v, %v", ended, err)
	}
}

// TestVerifiedVisitorBegins: its row is there before its first message, and the first
// one, from whichever device, begins its one conversation.
func TestVerifiedVisitorBegins(t *testing.T) {
	onEach(t, func(t *testing.T, one, two *DB) {
		ctx := t.Context()
		l, err := one.AddVisitorLogin(ctx, exchangeOf(1, "person", "jti", "a"))
		if err != nil {
			t.Fatal(err)
		}
		hash := l.Visitor.Hash[:]
		if _, err := one.Visitor(ctx, 71, hash); chat.CodeOf(err) != chat.NotFound {
			t.Errorf("before its first message: %v", err)
		}
		count := func(want int64) {
			t.Helper()
			if n, err := one.CountVisitors(ctx, 71, "", true); err != nil || n != want {
				t.Errorf("%d visitors count, %v: want %d", n, err, want)
			}
			if n, err := one.CountVisitors(ctx, 71, "", false); err != nil || n != want {
				t.Errorf("%d visitors count, %v: want %d", n, err, want)
			}
		}
		count(0)
		said := chat.Profile{Name: "says Bob", Vouched: &chat.Vouched{ID: "forged"}}
		changes := []chat.Changed{{}, {}}
		var group sync.WaitGroup
		for i, db := range []*DB{one, two} {
			group.Go(func() {
				c := message(byte(i+1), "hello")
				c.Begin = &chat.Beginning{Site: 71, SecretHash: hash, Profile: said}
				changes[i] = send(t, db, c)
			})
		}
		group.Wait()
		if changes[0].Conversation.ID != changes[1].Conversation.ID || changes[0].Conversation.Visitor != l.Visitor.ID {
			t.Errorf("%+v and %+v: want one conversation of visitor %d", changes[0].Conversation, changes[1].Conversation, l.Visitor.ID)
		}
		count(1)
		want := chat.Profile{Name: "says Bob", Vouched: &l.Visitor.Vouched}
		v, err := two.Visitor(ctx, 71, hash)
		if diff := cmp.Diff(want, v.Profile); err != nil || diff != "" {
			t.Error(err, diff)
		}
		want.Name = "says Eve"
		forged := want
		forged.Vouched = &chat.Vouched{ID: "forged"}
		if err := one.UpdateProfile(ctx, v.ID, forged); err != nil {
			t.Fatal(err)
		}
		rows, err := one.Rows(ctx, 1, []chat.ConversationID{v.Conversation.ID})
		if err != nil || len(rows) != 1 {
			t.Fatal(rows, err)
		}
		if diff := cmp.Diff(want, rows[0].Profile); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSigningKeys(t *testing.T) {
	onEach(t, func(t *testing.T, one, two *DB) {
		ctx := t.Context()
		key := func(id int64) identity.SigningKey {
			return identity.SigningKey{ID: id, Site: 71, MadeBy: chat.ActorRef{Kind: chat.AgentActor, ID: 3, Name: "Öl"}, MadeAt: 7}
		}
		var group sync.WaitGroup
		outcomes := make([]error, 6)
		for i := range outcomes {
			group.Go(func() {
				outcomes[i] = []*DB{one, two}[i%2].InsertSigningKey(context.WithoutCancel(ctx), key(int64(i+1)), bytesOf(fmt.Sprint(i)))
			})
		}
		group.Wait()
		for _, err := range outcomes {
			if err != nil && chat.CodeOf(err) != identity.TooManyKeys {
				t.Error(err)
			}
		}
		for id := range int64(2) { // a race may leave a place free
			if err := one.InsertSigningKey(ctx, key(11+id), bytesOf("x")); err != nil && chat.CodeOf(err) != identity.TooManyKeys {
				t.Error(err)
			}
		}
		all, err := two.SigningKeys(ctx, 71)
		if err != nil || len(all) != identity.MaxSigningKeys || all[0].ID < all[1].ID {
			t.Fatalf("%+v, %v: want two keys", all, err)
		}
		old := all[0]
		if found, secret, err := one.SigningKey(ctx, 71, old.ID); err != nil || !cmp.Equal(found, key(old.ID)) || len(secret) != 32 {
			t.Errorf("%+v, %q, %v", found, secret, err)
		}
		if _, _, err := one.SigningKey(ctx, 72, old.ID); chat.CodeOf(err) != chat.NotFound {
			t.Errorf("another site's key: %v", err)
		}
		if err := one.TouchSigningKey(ctx, 71, old.ID, 500); err != nil {
			t.Error(err)
		}
		for n, by := range []int64{old.ID, all[1].ID} {
			x := exchangeOf(int64(n), "person", fmt.Sprint(n), "a")
			x.Login.SigningKey = by
			if _, err := one.AddVisitorLogin(ctx, x); err != nil {
				t.Fatal(err)
			}
		}
		if err := one.DeleteSigningKey(ctx, 72, old.ID); chat.CodeOf(err) != chat.NotFound {
			t.Errorf("another site removed it: %v", err)
		}
		if err := one.DeleteSigningKey(ctx, 71, old.ID); err != nil {
			t.Error(err)
		}
		if ended, err := two.EndedVisitorLogins(ctx, []int64{1000, 1001}); err != nil || len(ended) != 0 {
			t.Errorf("ended with their key, unasked: %v, %v", ended, err)
		}
		if err := two.InsertSigningKey(ctx, key(20), bytesOf("y")); err != nil {
			t.Errorf("there is a place again: %v", err)
		}
	})
}

// TestLogInsOfAnEndedKey: however many there are, one row makes them void, on every node;
// nodes are told of the key, not of each. A job removes them later, some at a time.
func TestLogInsOfAnEndedKey(t *testing.T) {
	onEach(t, func(t *testing.T, one, two *DB) {
		const key, many, chunk = 5, 10_000, 500
		ctx := t.Context()
		kept := exchangeOf(1, "person", "jti", "a")
		kept.Login.SigningKey = 6
		for _, n := range []identity.NewVisitorLogin{kept, exchangeOf(2, "person", "jti 2", "a")} {
			if _, err := one.AddVisitorLogin(ctx, n); err != nil {
				t.Fatal(err)
			}
		}
		ids := manyLogins(t, one, kept.Login.Visitor.ID, key, many)
		if err := one.EndLoginsOf(ctx, 71, key); err != nil {
			t.Fatal(err)
		}
		ended, err := two.EndedVisitorLogins(ctx, append(ids, 1001, 1002))
		if err != nil || len(ended) != many+1 || ended[many] != 1002 {
			t.Errorf("%d have ended, %v: want %d", len(ended), err, many+1)
		}
		if since, _, err := two.VisitorLoginsEnded(ctx, 60_000); err != nil || !cmp.Equal(since, identity.EndedLogins{Keys: []int64{key}}) {
			t.Errorf("nodes are told %d log-ins and keys %v, %v", len(since.Logins), since.Keys, err)
		}
		late := exchangeOf(3, "late", "jti 3", "a") // began before its key was ended, and is kept only now
		if _, err := one.AddVisitorLogin(ctx, late); err != nil {
			t.Error(err)
		}
		gone := func() {
			t.Helper()
			for _, n := range []identity.NewVisitorLogin{exchangeOf(2, "", "", ""), late} {
				if _, err := two.VisitorLogin(ctx, n.Hash); chat.CodeOf(err) != chat.NotFound {
					t.Errorf("one of the key: %v", err)
				}
			}
			if l, err := two.VisitorLogin(ctx, kept.Hash); err != nil || l.ID != kept.Login.ID {
				t.Errorf("one of another key: %+v, %v", l, err)
			}
		}
		gone()
		runs := 0
		for n := chunk; n == chunk; runs++ {
			if n, err = two.RemoveEndedLogins(ctx, chunk); err != nil || n > chunk {
				t.Fatal(n, err)
			}
		}
		var left int
		if err := one.read.NewRaw("SELECT COUNT(*) FROM visitor_login").Scan(ctx, &left); err != nil || left != 1 || runs != many/chunk+1 {
			t.Errorf("%d are left after %d runs, %v: want one", left, runs, err)
		}
		gone()
		for _, k := range []struct {
			site chat.SiteID
			id   int64
			has  bool
		}{{71, key, true}, {71, 6, true}, {71, 7, false}, {72, key, false}} {
			if has, err := one.HasLogins(ctx, k.site, k.id); err != nil || has != k.has {
				t.Errorf("site %d has log-ins of key %d: %t, %v", k.site, k.id, has, err)
			}
		}
		if err := two.EndLoginsOf(ctx, 71, key); err != nil {
			t.Errorf("a second time: %v", err)
		}
	})
}

// manyLogins are log-ins of a visitor that began with tokens of a key.
func manyLogins(t *testing.T, db *DB, visitor chat.VisitorID, key int64, n int) (ids []int64) {
	t.Helper()
	const atOnce = 500
	for len(ids) < n {
		query, args := "", []any{}
		for range atOnce {
			id := int64(100_000 + len(ids))
			ids = append(ids, id)
			query += ", (?, 71, ?, ?, ?, 1, 1, 0)"
			args = append(args, id, visitor, fmt.Appendf(nil, "%032d", id), key)
		}
		err := db.Update(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewRaw("INSERT INTO visitor_login (id, site_id, visitor_id, token_hash, signing_key, made_at, last_used_at, ended_at) VALUES "+query[2:], args...).Exec(ctx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return ids
}
