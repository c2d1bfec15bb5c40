package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/site"
)

func TestEmailAddresses(t *testing.T) {
	for in, want := range map[string]string{
		" Ann@Example.COM ": "ann@example.com", "o'neil+x@a.b-c.example": "o'neil+x@a.b-c.example", "客服@例子.公司": "客服@例子.公司",
		"Cafe\u0301@example.com": "caf\u00e9@example.com", "root@localhost": "root@localhost",
	} {
		if have, err := CheckEmail(in); err != nil || have != want {
			t.Errorf("%q: %q %v", in, have, err)
		}
	}
	for _, bad := range []string{"", "ann", "@example.com", "ann@", "a b@example.com", "a@b@example.com", "a@example", "a@.com", "a@example.com.", "a@-x.com",
		"a,b@example.com", "<a@example.com>", "a\x00@example.com", "a\u200b@example.com", "a\xff@example.com", strings.Repeat("a", 250) + "@b.co"} {
		_, err := CheckEmail(bad)
		var field *site.FieldError
		if !errors.As(err, &field) || field.Field != "email" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestPasswordsAreHashedWithASalt(t *testing.T) {
	h := NewHasher(2, 8)
	a, err := h.Hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	b, err := h.Hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if a == b || !strings.HasPrefix(a, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the hashes %q and %q", a, b)
	}
	for _, c := range []struct {
		password, phc string
		right         bool
	}{
		{"correct horse battery", a, true}, {"correct horse battery", b, true}, {"Correct horse battery", a, false},
		{"", a, false}, {"", "", false}, {"x", "", false}, {"x", "$argon2id$nonsense", false}, {"", a[:len(a)-43], false},
		{"correct horse battery", strings.Replace(a, "t=2", "t=1", 1), false},
	} {
		if right, err := h.Verify(t.Context(), c.password, c.phc); err != nil || right != c.right {
			t.Errorf("%q against %q: %t %v", c.password, c.phc, right, err)
		}
	}
}

func TestAnUnknownNameCostsOneRun(t *testing.T) {
	h := NewHasher(1, 1)
	known, err := h.Hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	runs := func(phc string) int64 {
		before := h.runs.Load()
		if right, err := h.Verify(t.Context(), "wrong", phc); err != nil || right {
			t.Fatalf("%q: %t %v", phc, right, err)
		}
		return h.runs.Load() - before
	}
	for name, phc := range map[string]string{"known": known, "unknown": "", "damaged": "$argon2id$nonsense"} {
		if n := runs(phc); n != 1 {
			t.Errorf("a wrong password for a name that is %s costs %d runs of argon2id, want 1", name, n)
		}
	}
}

func TestTheHasherIsBounded(t *testing.T) {
	h := NewHasher(1, 1)
	h.running <- struct{}{} // somebody runs
	h.waiting <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	waits := make(chan error, 1)
	go func() {
		_, err := h.Hash(ctx, "x")
		waits <- err
	}()
	for len(h.waiting) < 2 { // until that one waits
		select {
		case err := <-waits:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
	}
	if _, err := h.Hash(t.Context(), "x"); !errors.Is(err, &chat.Refusal{Code: chat.Busy}) {
		t.Errorf("one too many: %v", err)
	}
	cancel()
	if err := <-waits; !errors.Is(err, context.Canceled) {
		t.Errorf("who waited: %v", err)
	}
	<-h.running
	<-h.waiting
	if _, err := h.Hash(t.Context(), "x"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A password at which nobody looked, because too many waited or the client hung
// up, pardons none of the wrong ones before it.
func TestUnseenPasswordsPardonNothing(t *testing.T) {
	h := &People{cfg: Config{}.withDefaults(), hasher: NewHasher(1, 1), tries: newTries(TriesConfig{PerPair: 3}, newCounted())}
	h.picture.Store(&picture{})
	for range 2 {
		if _, _, err := h.tries.take(t.Context(), "ann", "home"); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.hasher.running <- struct{}{} // somebody else runs
	if _, err := h.tryPassword(ctx, "ann", "guess", From{Network: "home"}); !errors.Is(err, context.Canceled) {
		t.Fatalf("a client that hung up: %v", err)
	}
	if left, wait, _ := h.tries.take(t.Context(), "ann", "home"); left != 0 || wait != 0 {
		t.Errorf("the third try leaves %d, wait %s; want none left", left, wait)
	}
	if _, wait, _ := h.tries.take(t.Context(), "ann", "home"); wait == 0 {
		t.Error("a fourth try was counted: want a pause")
	}
}

// counted is a store of one process whose clock a test sets.
type counted struct {
	now time.Time
	n   map[string]int
	end map[string]time.Time
}

func newCounted() *counted {
	return &counted{now: time.Unix(0, 0), n: map[string]int{}, end: map[string]time.Time{}}
}

func (c *counted) TakeTry(_ context.Context, bounds []TryBound, window time.Duration) (counts []int, wait time.Duration, err error) {
	for _, b := range bounds {
		id := string(b.ID)
		if !c.end[id].After(c.now) {
			c.n[id], c.end[id] = 0, c.now.Add(window)
		}
		if c.n[id] >= b.Most {
			wait = max(wait, c.end[id].Sub(c.now))
		}
	}
	for _, b := range bounds {
		if wait == 0 {
			c.n[string(b.ID)]++
			counts = append(counts, c.n[string(b.ID)])
		}
	}
	return counts, wait, nil
}

func (c *counted) GiveTryBack(_ context.Context, ids [][]byte, clear []byte) error {
	for _, id := range ids {
		c.n[string(id)]--
	}
	delete(c.n, string(clear))
	return nil
}

func TestTriesForAnAccountAndFromAnAddress(t *testing.T) {
	store := newCounted()
	s := newTries(TriesConfig{PerPair: 3, PerAccount: 5, PerAddress: 4}, store)
	taken := func(account, address string) bool {
		_, wait, err := s.take(t.Context(), account, address)
		return wait == 0 && err == nil
	}
	count := func(n int, account, address func(i int) string) (ok int) {
		for i := range n {
			if taken(account(i), address(i)) {
				ok++
			}
		}
		return ok
	}
	same := func(s string) func(int) string { return func(int) string { return s } }
	each := func(prefix string) func(int) string { return func(i int) string { return fmt.Sprint(prefix, i) } }
	if n := count(9, same("ann"), same("home")); n != 3 {
		t.Errorf("one account from one address: %d tries", n)
	}
	if n := count(9, same("bob"), each("a")); n != 5 {
		t.Errorf("one account from everywhere: %d tries", n)
	}
	if n := count(9, each("c"), same("cafe")); n != 4 {
		t.Errorf("all accounts from one address: %d tries", n)
	}
	store.now = store.now.Add(15 * time.Minute)
	if n := count(9, same("ann"), same("home")); n != 3 {
		t.Errorf("after the window: %d tries", n)
	}
}

func TestTokens(t *testing.T) {
	token, hash := NewToken()
	again, ok := HashToken(token)
	if !ok || string(again) != string(hash) || len(token) != 43 {
		t.Errorf("the token %q", token)
	}
	for _, bad := range []string{"", "x", token + "A", token[:42], token[:42] + "=", strings.Repeat("é", 22)} {
		if _, ok := HashToken(bad); ok {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestRoles(t *testing.T) {
	a := Agent{Roles: map[chat.SiteID]chat.Role{1: chat.RoleAgent}}
	for _, c := range []struct {
		change func(*Agent)
		one    chat.Role
		two    chat.Role
	}{
		{func(*Agent) {}, chat.RoleAgent, chat.NoRole},
		{func(a *Agent) { a.Owner = true }, chat.RoleAdmin, chat.RoleAdmin},
		{func(a *Agent) { a.Disabled = true }, chat.NoRole, chat.NoRole},
	} {
		c.change(&a)
		if a.RoleOn(1) != c.one || a.RoleOn(2) != c.two || a.Actor(2).Role != c.two {
			t.Errorf("%+v: %v and %v", a, a.RoleOn(1), a.RoleOn(2))
		}
	}
}
