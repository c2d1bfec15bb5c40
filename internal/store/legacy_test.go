package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/legacy"
)

func namesOf(names []legacy.Name) (out []string) {
	for _, n := range names {
		out = append(out, n.Name+"="+n.Token)
	}
	slices.Sort(out)
	return out
}

// TestLegacyNames: a name is made once, keeps its hash, and belongs to who came in last.
func TestLegacyNames(t *testing.T) {
	everywhere(t, func(t *testing.T, clock *atomic.Int64, nodes ...*DB) {
		last := nodes[len(nodes)-1]
		enter := func(db *DB, site chat.SiteID, name, token string) [32]byte {
			t.Helper()
			hash, err := db.EnterName(t.Context(), site, name, token, "node")
			if err != nil {
				t.Fatal(err)
			}
			return hash
		}
		hash := enter(nodes[0], 1, "爱丽丝", "one")
		for name, other := range map[string][32]byte{
			"another site's":  enter(last, 2, "爱丽丝", "x"),
			"another's":       enter(last, 1, "bob", "x"),
			"a space behind":  enter(last, 1, "bob ", "x"),
			"capital letters": enter(last, 1, "BOB", "x"),
		} {
			if other == hash || other == ([32]byte{}) {
				t.Errorf("%s hash is %x", name, other)
			}
		}
		clock.Add(20_000)
		if again := enter(last, 1, "爱丽丝", "two"); again != hash {
			t.Error("the hash has changed")
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(nodes[0].LeaveName(t.Context(), 1, "爱丽丝", "one")) // it was replaced before
		since, err := nodes[0].NamesSince(t.Context(), 1, 15_000)
		must(err)
		if got := fmt.Sprint(namesOf(since)); got != "[爱丽丝=two]" || since[0].Node != "node" || since[0].Hash != hash {
			t.Errorf("changed lately: %s", got)
		}
		must(nodes[0].LeaveName(t.Context(), 1, "爱丽丝", "two"))
		all, err := last.NamesSince(t.Context(), 1, 0)
		must(err)
		if got := fmt.Sprint(namesOf(all)); got != "[BOB=x bob =x bob=x 爱丽丝=]" {
			t.Errorf("all names: %s", got)
		}
		found, err := last.NamedHash(t.Context(), 1, "爱丽丝")
		must(err)
		if _, err := last.NamedHash(t.Context(), 1, "Bob"); found != hash || chat.CodeOf(err) != chat.NotFound {
			t.Errorf("the hash of nobody: %v", err)
		}
	})
}

// TestLegacyNamesAtOnce: of many who come in under a new name together each gets the
// same hash, and one of them has it in the end.
func TestLegacyNamesAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *atomic.Int64, nodes ...*DB) {
		var all sync.WaitGroup
		hashes := make([][32]byte, 10)
		for i := range hashes {
			all.Go(func() {
				var err error
				if hashes[i], err = nodes[i%len(nodes)].EnterName(t.Context(), 1, "alice", fmt.Sprint("token ", i), "node"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		names, err := nodes[0].NamesSince(t.Context(), 1, 0)
		if err != nil || len(names) != 1 || names[0].Token == "" {
			t.Fatalf("%+v, %v", names, err)
		}
		for _, h := range hashes {
			if h != names[0].Hash {
				t.Errorf("a hash is %x, want %x", h, names[0].Hash)
			}
		}
	})
}

// TestLegacyThreads: a name's conversation is found by its visitor's hash, and by when it changed.
func TestLegacyThreads(t *testing.T) {
	everywhere(t, func(t *testing.T, clock *atomic.Int64, nodes ...*DB) {
		db := nodes[0]
		hash, err := db.EnterName(t.Context(), 1, "alice", "token", "node")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ThreadOf(t.Context(), 1, "alice"); chat.CodeOf(err) != chat.NotFound {
			t.Errorf("before anything was said: %v", err)
		}
		first := say(t, db, hash[:], "hello")
		stranger := [32]byte{1}
		say(t, db, stranger[:], "by another door")
		threads, now, err := nodes[len(nodes)-1].ThreadsSince(t.Context(), 1, 15_000)
		if err != nil || len(threads) != 1 || now != chat.Millis(clock.Load()) {
			t.Fatalf("%+v at %d, %v", threads, now, err)
		}
		want := legacy.Thread{
			Name: "alice", Conversation: first.Conversation.ID, UUID: first.Conversation.UUID,
			Head: chat.Position{Number: first.State.PublicSeq, Tag: first.State.PublicTag}, Changed: threads[0].Changed,
		}
		one, err := db.ThreadOf(t.Context(), 1, "alice")
		if threads[0] != want || one != want || err != nil {
			t.Errorf("%+v, %+v, %v; want %+v", threads[0], one, err, want)
		}
		clock.Add(60_000)
		if late, _, err := db.ThreadsSince(t.Context(), 1, 15_000); err != nil || len(late) != 0 {
			t.Errorf("a minute later %+v changed, %v", late, err)
		}
		if all, _, err := db.ThreadsSince(t.Context(), 1, 0); err != nil || len(all) != 1 {
			t.Errorf("all are %+v, %v", all, err)
		}
	})
}

// say is a message of a visitor, which begins its conversation.
func say(t *testing.T, db *DB, hash []byte, text string) chat.Changed {
	t.Helper()
	return send(t, db, chat.Change{
		Begin: &chat.Beginning{Site: 1, SecretHash: hash}, By: visitor, ClientID: uuid.Must(uuid.NewV7()),
		Fingerprint: []byte(text), Decide: chat.SendMessage(visitor, text, world{}),
	})
}

// TestNamesThatNobodyUsesMakeRoom: who makes names up by an open door keeps nobody out; a
// name that is in, was in just now, or has a conversation, stays.
func TestNamesThatNobodyUsesMakeRoom(t *testing.T) {
	everywhere(t, func(t *testing.T, clock *atomic.Int64, nodes ...*DB) {
		db := nodes[0]
		add := func(name string) error {
			return db.change(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				now, err := db.time(ctx)
				if err != nil {
					return err
				}
				return makeName(ctx, tx, nameRow{SiteID: 1, Name: []byte(name), Token: []byte{}, Node: []byte{}, ChangedAt: now, CreatedAt: now}, 4)
			})
		}
		hash, err := db.EnterName(t.Context(), 1, "wrote", "one", "node")
		must(t, err)
		say(t, db, hash[:], "hello")
		must(t, db.LeaveName(t.Context(), 1, "wrote", "one"))
		_, err = db.EnterName(t.Context(), 1, "here", "two", "node")
		must(t, err)
		must(t, add("made up"))
		clock.Add(unusedFor + 1)
		must(t, add("new"))
		must(t, add("newer")) // in place of the one that was made up
		if err := add("one too many"); chat.CodeOf(err) != legacy.TooManyNames {
			t.Errorf("one too many: %v", err)
		}
		all, err := db.NamesSince(t.Context(), 1, 0)
		must(t, err)
		if got := fmt.Sprint(namesOf(all)); got != "[here=two new= newer= wrote=]" {
			t.Errorf("there are %s", got)
		}
	})
}

// TestThreadsOfNamesNeedNoScan: a site with the legacy room may have a million other
// conversations.
func TestThreadsOfNamesNeedNoScan(t *testing.T) {
	db := open(t, Config{})
	for query, first := range map[string]string{allThreads: "SEARCH legacy_name ", oneThread: "SEARCH n ", changedThreads: "SEARCH l "} {
		plan := explain(t, db, query, 1, 2)
		if scans := strings.Count(plan, "SCAN") - strings.Count(plan, "SCAN n"); scans > 0 || !strings.Contains(plan, first) || strings.Contains(plan, "visitor_secret (site_id=?)") {
			t.Errorf("%s: %s", query, plan)
		}
	}
}
