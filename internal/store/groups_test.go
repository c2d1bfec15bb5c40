package store

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
)

// TestBrokenChangeOnAServerHarmsOnlyItself makes the server refuse some rows.
func TestBrokenChangeOnAServerHarmsOnlyItself(t *testing.T) {
	boom := map[string][]string{
		"PostgreSQL": {"ALTER TABLE event ADD CHECK (body NOT LIKE '%boom%')"},
		"MariaDB":    {"ALTER TABLE event ADD CHECK (body NOT LIKE '%boom%')"},
	}
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			address := s.fresh(t)
			db := open(t, Config{URL: address})
			send(t, db, message(1, "hello"))
			for _, statement := range boom[s.name] {
				if _, err := beside(t, address).ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			harmsOnlyItself(t, db)
		})
	}
}

// TestErasureOnAServerLeavesNothing looks for the text in every table after a recall.
func TestErasureOnAServerLeavesNothing(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			address := s.fresh(t)
			db := open(t, Config{URL: address})
			begun := send(t, db, message(1, "SECRET one"))
			id, by := begun.Conversation.ID, chat.Actor{Kind: chat.VisitorActor, ID: int64(begun.Conversation.Visitor)}
			revise := func(rule chat.Decide) {
				send(t, db, chat.Change{Conversation: id, By: by, ClientID: uuid.Must(uuid.NewV7()), Fingerprint: []byte("SECRET"), Decide: rule})
			}
			revise(chat.EditText(by, 2, "SECRET two"))
			revise(chat.EditText(by, 2, "SECRET three"))
			look := func() (found, prints int) {
				const query = "SELECT (SELECT COUNT(*) FROM event WHERE body LIKE '%SECRET%') + (SELECT COUNT(*) FROM event_revision WHERE body LIKE '%SECRET%')," +
					" (SELECT COUNT(*) FROM event WHERE fingerprint IS NOT NULL)"
				if err := beside(t, address).QueryRowContext(t.Context(), query).Scan(&found, &prints); err != nil {
					t.Fatal(err)
				}
				return found, prints
			}
			if found, prints := look(); found != 3 || prints != 3 {
				t.Fatalf("%d texts and %d fingerprints are there before the recall: want 3 and 3", found, prints)
			}
			revise(chat.RecallText(by, 2))
			if found, prints := look(); found != 0 || prints != 1 {
				t.Errorf("%d texts and %d fingerprints are left: want none, and the recall's own", found, prints)
			}
		})
	}
}

// TestCommittersOfDifferentNodes: a conversation that another node began is told of
// in order, whatever share its visitor's secret has here.
func TestCommittersOfDifferentNodes(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			address := s.fresh(t)
			one := open(t, Config{URL: address, Committers: 1})
			var mu sync.Mutex
			last, told := map[chat.ConversationID]int64{}, 0
			seven := open(t, Config{URL: address, Committers: 7, Committed: func(batch []chat.Changed) {
				mu.Lock()
				defer mu.Unlock()
				for _, c := range batch {
					if c.State.Seq <= last[c.Conversation.ID] {
						t.Errorf("event %d was told of after %d", c.State.Seq, last[c.Conversation.ID])
					}
					last[c.Conversation.ID] = c.State.Seq
					told++
				}
			}})
			const visitors, each = 12, 10
			elsewhere := 0
			for n := range byte(visitors) {
				c := message(n, "hello")
				begun := send(t, one, c)
				if seven.committerFor(&c) != seven.committerOf(begun.Conversation.ID) {
					elsewhere++
				}
			}
			if elsewhere == 0 {
				t.Fatal("no conversation is another committer's: the test shows nothing")
			}
			var outs []<-chan outcomeOf
			for range each {
				for n := range byte(visitors) {
					again := message(n, "again") // by its secret
					known := again
					outs = append(outs, submit(seven, again))
					v, err := seven.Visitor(t.Context(), 1, beginning(n).SecretHash)
					if err != nil {
						t.Fatal(err)
					}
					known.Conversation, known.ClientID = v.Conversation.ID, uuid.Must(uuid.NewV7())
					outs = append(outs, submit(seven, known)) // by its conversation
				}
			}
			for _, out := range outs {
				if o := <-out; o.err != nil {
					t.Error(o.err)
				}
			}
			must(t, seven.Close()) // all was told
			if told != 2*visitors*each {
				t.Errorf("%d changes were told of: want %d", told, 2*visitors*each)
			}
		})
	}
}

// TestStuckTransactionIsCutByTheServer: a node that stops in the middle of a
// transaction holds its conversations for no longer than the limit.
func TestStuckTransactionIsCutByTheServer(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			address := s.fresh(t)
			db := open(t, Config{URL: address})
			begun := send(t, db, message(1, "hello"))
			stuck := open(t, Config{URL: address, Limit: time.Second})
			holder := newStranger(t, stuck)
			must(t, holder.h.begin(time.Minute), holder.lock(begun.Conversation.ID, ""))
			began := time.Now()
			if c := send(t, db, message(1, "more")); c.State.Seq != begun.State.Seq+1 {
				t.Errorf("got %+v", c)
			}
			if took := time.Since(began); took < 100*time.Millisecond {
				t.Errorf("the change took %s: nobody held the conversation", took)
			}
			if holder.lock(begun.Conversation.ID, "") == nil {
				t.Error("the stuck transaction goes on")
			}
			_ = holder.h.close() // it is dead
		})
	}
}

// TestDeadlocksAreSolved lets a stranger take two conversations in the wrong order,
// in the middle of a group that takes both.
func TestDeadlocksAreSolved(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			db, onCommit := hooked(t, Config{URL: s.fresh(t), Committers: 1})
			for n := range byte(3) {
				send(t, db, message(n, "hello"))
			}
			low, high := conversationOf(t, db, 1), conversationOf(t, db, 2)
			if low > high {
				low, high = high, low
			}
			stranger := newStranger(t, db)
			must(t, stranger.h.begin(time.Minute))
			// The group is to give way: it looks for deadlocks first, and has written less.
			must(t, stranger.h.exec(map[string]string{"PostgreSQL": "SET LOCAL deadlock_timeout = '1min'", "MariaDB": "UPDATE visitor SET created_at = created_at + 1"}[s.name]))
			must(t, stranger.lock(high, ""))
			held, hold := make(chan struct{}), make(chan struct{})
			onCommit(func(commit func() error) error {
				close(held)
				<-hold
				return commit()
			})
			blocker := submit(db, message(0, "first of all"))
			<-held
			one, two := submit(db, message(1, "one")), submit(db, message(2, "two"))
			close(hold) // now the two are one group
			must(t, (<-blocker).err)
			probe := newStranger(t, db)
			eventually(t, func() bool {
				must(t, probe.h.begin(time.Minute))
				err := probe.lock(low, " SKIP LOCKED")
				must(t, probe.h.rollback())
				return errors.Is(err, &chat.Refusal{Code: chat.NotFound})
			})
			must(t, probe.h.close())
			must(t, stranger.lock(low, ""), stranger.h.rollback(), stranger.h.close())
			must(t, (<-one).err, (<-two).err)
			// PostgreSQL may let the group in again before the stranger that it gave way to.
			if n := db.Stats().Retries; n < 1 {
				t.Error("the group was not run again: there was no deadlock")
			}
		})
	}
}

// stranger is a connection that locks heads as a committer does.
type stranger struct {
	h     *hot
	query string
}

func newStranger(t *testing.T, db *DB) stranger {
	t.Helper()
	l, err := db.dialect.writer()
	must(t, err)
	return stranger{newHot(l), headQuery + db.dialect.grammar().forUpdate}
}

func (s stranger) lock(id chat.ConversationID, how string) error {
	var head chat.State
	var lastText int64
	s.h.ints(int64(id))
	return s.h.one(s.query+how, scanState(&head, &lastText)...)
}

func conversationOf(t *testing.T, db *DB, n byte) chat.ConversationID {
	t.Helper()
	v, err := db.Visitor(t.Context(), 1, beginning(n).SecretHash)
	must(t, err)
	return v.Conversation.ID
}

// eventually polls until it is so.
func eventually(t *testing.T, so func() bool) {
	t.Helper()
	end, again := time.After(20*time.Second), time.NewTicker(time.Millisecond)
	defer again.Stop()
	for !so() {
		select {
		case <-end:
			t.Fatal("it did not come")
		case <-again.C:
		}
	}
}

// TestLookUpsOnAServerUseAnIndex holds the indexes to the queries.
func TestLookUpsOnAServerUseAnIndex(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			address := s.fresh(t)
			db := open(t, Config{URL: address})
			for n := range byte(100) {
				send(t, db, message(n, "hello"))
			}
			pool := beside(t, address)
			for _, table := range []string{"list", "event", "head", "visitor"} {
				_, err := pool.ExecContext(t.Context(), map[string]string{"PostgreSQL": "ANALYZE ", "MariaDB": "ANALYZE TABLE "}[s.name]+table)
				must(t, err)
			}
			check := func(what, query, index string, args ...any) {
				t.Helper()
				plan := serverPlan(t, s, pool, literal(query, args))
				if !strings.Contains(plan, index) || strings.Contains(plan, "filesort") || strings.Contains(plan, "Sort") || strings.Contains(plan, "Seq Scan") {
					t.Errorf("%s: %s", what, plan)
				}
			}
			row := chat.ListRow{State: chat.State{Conversation: 5, LastAt: 6, WaitingSince: 7}}
			for view, index := range map[chat.View]string{chat.ViewWaiting: "list_waiting", chat.ViewOpen: "list_newest", chat.ViewResolved: "list_newest"} {
				for _, after := range []*chat.ListRow{nil, &row} {
					ranges, err := rangesOf(chat.ListQuery{Sites: []chat.SiteID{1}, View: view, After: after, Limit: 10})
					must(t, err)
					for _, r := range ranges {
						check(string(view), r.query, index, append(r.args, 10)...)
					}
				}
			}
			sql := newStatements(db)
			client := strings.Repeat("x", 16)
			check("client_ids", sql.answersQuery(2), "event_client", client, "visitor", 1, client, "agent", 1)
			check("secrets", sql.begunQuery(2), "visitor_secret", 1, client, 1, client+"y")
			check("heads", sql.headsQuery(2), map[string]string{"PostgreSQL": "head_pkey", "MariaDB": "PRIMARY"}[s.name], 1, 2)
		})
	}
}

// literal writes the arguments into a query.
func literal(query string, args []any) string {
	for _, a := range args {
		text := fmt.Sprint(a)
		if s, ok := a.(string); ok {
			text = "'" + s + "'"
		}
		query = strings.Replace(query, "?", text, 1)
	}
	return query
}

func serverPlan(t *testing.T, s server, pool *sql.DB, query string) string {
	t.Helper()
	conn, err := pool.Conn(t.Context())
	must(t, err)
	defer func() { _ = conn.Close() }()
	if s.name == "PostgreSQL" { // as a committer
		for _, off := range []string{"seqscan", "bitmapscan", "hashjoin", "mergejoin"} {
			_, err := conn.ExecContext(t.Context(), "SET enable_"+off+" = off")
			must(t, err)
		}
	}
	rows, err := conn.QueryContext(t.Context(), "EXPLAIN "+query)
	must(t, err)
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	must(t, err)
	var plan []string
	for rows.Next() {
		values, at := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			at[i] = &values[i]
		}
		must(t, rows.Scan(at...))
		for _, v := range values {
			plan = append(plan, v.String)
		}
	}
	return strings.Join(plan, " ")
}
