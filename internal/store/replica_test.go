package store

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
)

// lagging is a database that holds what the primary held when it was last copied,
// with texts that tell who answered.
type lagging struct {
	t                *testing.T
	dialect          dialect
	primary, replica *sql.DB
}

// catchUp copies everything.
func (l lagging) catchUp() {
	l.t.Helper()
	for _, table := range []string{"conversation", "head", "event"} {
		l.copyTable(table)
	}
	if _, err := l.replica.ExecContext(l.t.Context(), "UPDATE event SET body = REPLACE(body, 'text ', 'copy of text ')"); err != nil {
		l.t.Fatal(err)
	}
}

func (l lagging) copyTable(table string) {
	l.t.Helper()
	_, err := l.replica.ExecContext(l.t.Context(), "DELETE FROM "+table)
	must(l.t, err)
	rows, err := l.primary.QueryContext(l.t.Context(), "SELECT * FROM "+table)
	must(l.t, err)
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	must(l.t, err)
	insert := l.dialect.worded("INSERT INTO " + table + " (" + l.dialect.grammar().names(columns) + ") VALUES " + tuples(1, len(columns)))
	for rows.Next() {
		values, at := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			at[i] = &values[i]
		}
		must(l.t, rows.Scan(at...))
		_, err := l.replica.ExecContext(l.t.Context(), insert, values...)
		must(l.t, err)
	}
	must(l.t, rows.Err())
}

func TestReplica(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			primary, copied := s.fresh(t), s.fresh(t)
			open(t, Config{URL: copied})
			line, away := newWire(t, copied)
			db := open(t, Config{URL: primary, ReplicaURL: away})
			l := lagging{t, db.dialect, beside(t, primary), beside(t, copied)}
			begun := send(t, db, message(1, "text 2"))
			id, by := begun.Conversation.ID, chat.Actor{Kind: chat.VisitorActor, ID: int64(begun.Conversation.Visitor)}
			change := func(rule chat.Decide) {
				t.Helper()
				send(t, db, chat.Change{Conversation: id, By: by, ClientID: uuid.Must(uuid.NewV7()), Decide: rule})
			}
			for n := 3; n <= 12; n++ {
				change(chat.SendMessage(by, fmt.Sprintf("text %d", n), world{}))
			}
			read := func(q chat.PageQuery) (answered, texts string) {
				t.Helper()
				q.Conversation, q.Limit = id, 50
				p, err := db.Page(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range p.Events {
					texts += string(e.Body)
				}
				if strings.Contains(texts, "copy of") {
					return "replica", texts
				}
				return "primary", texts
			}
			want := func(why, who string, q chat.PageQuery) string {
				t.Helper()
				got, texts := read(q)
				if got != who {
					t.Errorf("%s: the %s answered, want the %s", why, got, who)
				}
				return texts
			}
			older := chat.PageQuery{Before: 10}
			want("it has nothing yet", "primary", older)
			l.catchUp()
			want("it has everything", "replica", older)
			want("public", "replica", chat.PageQuery{Before: 10, Public: true})
			want("the newest page", "primary", chat.PageQuery{})
			want("a resume", "primary", chat.PageQuery{After: &chat.Position{}})
			change(chat.SendMessage(by, "text 13", world{}))
			want("an append that it has not seen", "primary", older)
			l.catchUp()
			want("it has caught up", "replica", older)
			change(chat.RecallText(by, 3))
			if texts := want("a recall that it has not seen", "primary", older); strings.Contains(texts, "text 3") {
				t.Errorf("what was recalled is shown: %s", texts)
			}
			l.catchUp()
			if texts := want("it has seen the recall", "replica", older); strings.Contains(texts, "text 3") {
				t.Errorf("what was recalled is shown: %s", texts)
			}
			if err := db.Truncate(t.Context(), id, 5); err != nil {
				t.Fatal(err)
			}
			if texts := want("a removal that it has not seen", "primary", older); strings.Contains(texts, "text 4") {
				t.Errorf("what was removed is shown: %s", texts)
			}
			l.catchUp()
			want("it has seen the removal", "replica", older)
			if n := db.Stats().ReplicaPages; n != 5 {
				t.Errorf("%d pages of the replica are counted: want 5", n)
			}
			line.set(func(w *wire) { w.refuses = true })
			line.cut()
			want("it is away", "primary", older)
			line.set(func(w *wire) { w.refuses = false })
			want("it is left alone for a while", "primary", older)
			if n := db.Stats().ReadErrors; n != 1 {
				t.Errorf("%d failed reads are counted: want 1", n)
			}
		})
	}
}

func TestReplicaOfAnotherKindIsRefused(t *testing.T) {
	all := servers(t)
	_, err := Open(t.Context(), Config{URL: all[0].fresh(t), ReplicaURL: "mysql://kefu:s3cr@localhost/x"}, quiet)
	if err == nil || !strings.Contains(err.Error(), "another kind") || strings.Contains(err.Error(), "s3cr") {
		t.Errorf("got %v", err)
	}
}
