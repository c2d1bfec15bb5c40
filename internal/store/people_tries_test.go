package store

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

// everywhere runs a test over each database with as many nodes as it may have, at
// most two, whose clock stands where the test puts it.
func everywhere(t *testing.T, do func(t *testing.T, clock *atomic.Int64, nodes ...*DB)) {
	t.Run("SQLite", func(t *testing.T) {
		clock := new(atomic.Int64)
		clock.Store(1_750_000_000_000)
		do(t, clock, open(t, Config{Now: func() time.Time { return time.UnixMilli(clock.Load()) }}))
	})
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			clock := new(atomic.Int64)
			clock.Store(1_750_000_000_000)
			cfg := Config{URL: s.lend(t), Now: func() time.Time { return time.UnixMilli(clock.Load()) }}
			do(t, clock, open(t, cfg), open(t, cfg))
		})
	}
}

func bound(id byte, most int) identity.TryBound {
	return identity.TryBound{ID: []byte{15: id}, Most: most}
}

func TestTriesCountOnAllNodes(t *testing.T) {
	everywhere(t, func(t *testing.T, clock *atomic.Int64, nodes ...*DB) {
		const window = 15 * time.Minute
		node := func(i int) *DB { return nodes[i%len(nodes)] }
		take := func(i int, bounds ...identity.TryBound) (int, time.Duration) {
			t.Helper()
			counts, wait, err := node(i).TakeTry(t.Context(), bounds, window)
			if err != nil {
				t.Fatal(err)
			}
			if wait > 0 {
				return 0, wait
			}
			return counts[0], 0
		}
		pair, address := bound(9, 3), bound(1, 5)
		for i := range 3 {
			if n, wait := take(i, pair, address); n != i+1 || wait != 0 {
				t.Fatalf("try %d counts %d, wait %s", i+1, n, wait)
			}
		}
		clock.Add(60_000)
		if _, wait := take(1, pair, address); wait != 14*time.Minute {
			t.Errorf("a try too many waits %s, want 14 min", wait)
		}
		for i := range 2 { // the refused one counted nothing
			if n, _ := take(i, address); n != 4+i {
				t.Errorf("the address counts %d, want %d", n, 4+i)
			}
		}
		if err := node(0).GiveTryBack(t.Context(), [][]byte{address.ID}, nil); err != nil {
			t.Fatal(err)
		}
		if n, _ := take(1, address); n != 5 {
			t.Errorf("after one was given back the address counts %d, want 5", n)
		}
		if err := node(1).GiveTryBack(t.Context(), [][]byte{pair.ID}, pair.ID); err != nil {
			t.Fatal(err)
		}
		if n, wait := take(0, pair); n != 1 || wait != 0 {
			t.Errorf("after a right password: %d, wait %s", n, wait)
		}
		clock.Add(window.Milliseconds())
		if n, wait := take(1, pair, address); n != 1 || wait != 0 {
			t.Errorf("after the window: %d, wait %s", n, wait)
		}
		clock.Add(-2 * 60 * 60 * 1000)
		if n, wait := take(0, pair, address); n != 1 || wait != 0 {
			t.Errorf("after the clock was set back: %d, wait %s", n, wait)
		}
	})
}

func TestTriesAtOnceDoNotSlipThrough(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *atomic.Int64, nodes ...*DB) {
		const most = 5
		var passed atomic.Int64
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() {
				bounds := []identity.TryBound{bound(1, 1000), bound(2, most), bound(3, 1000)}
				if i%2 == 1 {
					bounds[0], bounds[2] = bounds[2], bounds[0]
				}
				_, wait, err := nodes[i%len(nodes)].TakeTry(t.Context(), bounds, time.Minute)
				switch {
				case err != nil:
					t.Error(err)
				case wait == 0:
					passed.Add(1)
				}
			})
		}
		all.Wait()
		if passed.Load() != most {
			t.Errorf("%d of 30 tries passed, want %d", passed.Load(), most)
		}
	})
}

func TestTriesThatEndedAreRemoved(t *testing.T) {
	everywhere(t, func(t *testing.T, clock *atomic.Int64, nodes ...*DB) {
		db := nodes[0]
		for i := range 120 {
			if _, _, err := db.TakeTry(t.Context(), []identity.TryBound{bound(byte(i), 9)}, time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		clock.Add(60_000)
		left := func() (n int) {
			if err := db.read.NewRaw("SELECT COUNT(*) FROM login_try").Scan(t.Context(), &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		for i, want := range []int{71, 21, 1} { // 200 takes the place of none
			if _, _, err := db.TakeTry(t.Context(), []identity.TryBound{bound(200, 9)}, time.Hour); err != nil {
				t.Fatal(err)
			}
			if n := left(); n != want {
				t.Errorf("after %d tries %d counts are kept, want %d", i+1, n, want)
			}
		}
	})
}

func TestTheLastEntranceIsKnownOnAllNodes(t *testing.T) {
	everywhere(t, func(t *testing.T, clock *atomic.Int64, nodes ...*DB) {
		ann, guest := identity.Person{Agent: 7}, identity.Person{Conversation: 7}
		enter := func(i int, p identity.Person, token string, how identity.Way) (int64, error) {
			return nodes[i%len(nodes)].Enter(t.Context(), p, token, how)
		}
		must := func(n int64, err error) int64 {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		first := must(enter(0, ann, "one", identity.TakesOver))
		if again := must(enter(1, ann, "one", identity.ComesBack)); again <= first {
			t.Errorf("whoever comes back has number %d, before %d", again, first)
		}
		second := must(enter(1, ann, "two", identity.TakesOver))
		if _, err := enter(0, ann, "one", identity.ComesBack); chat.CodeOf(err) != identity.Elsewhere {
			t.Errorf("whoever lost its place comes back: %v", err)
		}
		guests := must(enter(0, guest, "late", identity.ComesBack))
		if _, err := enter(1, guest, "late", identity.IsFirst); chat.CodeOf(err) != identity.Elsewhere {
			t.Errorf("whoever is not the first of a person: %v", err)
		}
		must(enter(1, identity.Person{Agent: 8}, "first", identity.IsFirst))
		clock.Add(1000)
		for _, db := range nodes {
			since, now, err := db.EnteredSince(t.Context(), 2000)
			if err != nil || len(since) != 3 || now != chat.Millis(clock.Load()) {
				t.Errorf("since: %+v at %d, %v", since, now, err)
			}
			last, err := db.LastEntered(t.Context(), []identity.Person{ann, guest, {Agent: 9}})
			if err != nil || len(last) != 2 {
				t.Fatalf("last: %+v, %v", last, err)
			}
			for _, e := range last {
				if e.Person == ann && e.Number != second || e.Person == guest && e.Number != guests {
					t.Errorf("last: %+v", e)
				}
			}
		}
		if some, _, err := nodes[0].EnteredSince(t.Context(), 500); err != nil || len(some) != 0 {
			t.Errorf("within half a second: %+v, %v", some, err)
		}
		clock.Add(-7200_000) // what was written before the clock was set back is not read for two hours
		if some, _, err := nodes[0].EnteredSince(t.Context(), 60_000); err != nil || len(some) != 0 {
			t.Errorf("after the clock was set back: %+v, %v", some, err)
		}
		clock.Add(7200_000)
		if err := nodes[0].ForgetEntered(t.Context(), 500, 10); err != nil {
			t.Fatal(err)
		}
		if last, err := nodes[0].LastEntered(t.Context(), []identity.Person{ann, guest}); err != nil || len(last) != 0 {
			t.Errorf("after they were forgotten: %+v, %v", last, err)
		}
		// A connection may last for longer than its entrance is remembered.
		if n := must(enter(0, ann, "three", identity.TakesOver)); n <= second {
			t.Errorf("after it was forgotten a person has number %d, before %d", n, second)
		}
	})
}

func TestOneOfTwoWhoEnterTogetherIsLast(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *atomic.Int64, nodes ...*DB) {
		p := identity.Person{Conversation: 1}
		numbers := make([]int64, 20)
		var all sync.WaitGroup
		for i := range numbers {
			all.Go(func() {
				var err error
				if numbers[i], err = nodes[i%len(nodes)].Enter(t.Context(), p, string(rune('a'+i)), identity.TakesOver); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		slices.Sort(numbers)
		for i, n := range numbers {
			if n < 1 || n != numbers[0]+int64(i) {
				t.Fatalf("the numbers are %v, want %d in a row", numbers, len(numbers))
			}
		}
	})
}
