package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
)

// Promise is what a violation broke.
type Promise string

// The promises.
const (
	Sound     Promise = "sound"     // the database itself is whole
	Kept      Promise = "kept"      // acked ⇒ a row, where the ack said
	Once      Promise = "once"      // no command has two rows
	Numbered  Promise = "numbered"  // 1..n without a gap, and the head says n
	Counted   Promise = "counted"   // public numbers and both sides' messages add up
	Faithful  Promise = "faithful"  // what is stored and shown is what was sent, by whom
	Ordered   Promise = "ordered"   // a copy has each event once, in order
	Committed Promise = "committed" // what was shown is in the log
	Complete  Promise = "complete"  // a copy reaches the head
	Private   Promise = "private"   // no note reached a visitor
	Anew      Promise = "anew"      // nobody had to start anew
	Answered  Promise = "answered"  // every command was answered
)

// Violation is a broken promise.
type Violation struct {
	Promise Promise
	What    string
}

func (v Violation) String() string { return string(v.Promise) + ": " + v.What }

// Expect says what else must hold when the test has come to rest.
type Expect struct {
	// Settled: every command was acked or refused.
	Settled bool
	// CaughtUp: every copy that saw anything reaches the head.
	CaughtUp bool
	// MayReset: a copy may have been told to start anew (a restored database).
	MayReset bool
}

// maxOfEach bounds the violations of one promise that are told.
const maxOfEach = 10

type check struct {
	h      *History
	db     *Database
	expect Expect
	found  map[Promise]int
	out    []Violation
	rows   map[chat.ClientID][]place
	texts  map[string][]place
}

type place struct {
	log *Log
	row *Row
}

// Check compares; the violations are ordered by promise.
func Check(h *History, db *Database, expect Expect) []Violation {
	c := &check{h: h, db: db, expect: expect, found: map[Promise]int{}, rows: map[chat.ClientID][]place{}, texts: map[string][]place{}}
	if db.Damage != "ok" {
		c.broken(Sound, "integrity_check says %s", db.Damage)
	}
	for _, log := range db.Logs {
		c.log(log)
	}
	for _, command := range h.Commands() {
		c.command(&command)
	}
	for _, copy := range h.Copies() {
		c.copy(&copy)
	}
	slices.SortStableFunc(c.out, func(a, b Violation) int { return cmp.Compare(a.Promise, b.Promise) })
	for promise, n := range c.found {
		if n > maxOfEach {
			c.out = append(c.out, Violation{promise, fmt.Sprintf("and %d more", n-maxOfEach)})
		}
	}
	return c.out
}

// Say is all violations, a line for each.
func Say(violations []Violation) string {
	var b strings.Builder
	for _, v := range violations {
		b.WriteString(v.String() + "\n")
	}
	return b.String()
}

// Broken tells whether any of the promises was broken.
func Broken(violations []Violation, promises ...Promise) bool {
	return slices.ContainsFunc(violations, func(v Violation) bool { return slices.Contains(promises, v.Promise) })
}

func (c *check) broken(p Promise, format string, args ...any) {
	if c.found[p]++; c.found[p] <= maxOfEach {
		c.out = append(c.out, Violation{p, fmt.Sprintf(format, args...)})
	}
}

// log checks numbers and counters of a conversation.
func (c *check) log(l *Log) {
	var want Head
	want.Seq = l.Head.FirstSeq - 1
	for i := range l.Rows {
		r := &l.Rows[i]
		if !r.ClientID.IsNil() {
			c.rows[r.ClientID] = append(c.rows[r.ClientID], place{l, r})
		}
		if r.Text != "" {
			c.texts[r.Text] = append(c.texts[r.Text], place{l, r})
		}
		if i == 0 && r.Seq > 1 { // retention removed a prefix: its counts are taken from the first row
			want.PublicSeq, want.VisitorMessages, want.AgentMessages = before(r)
		}
		if want.Seq++; r.Seq != want.Seq {
			c.broken(Numbered, "conversation %s has event %d where %d belongs", l.UUID, r.Seq, want.Seq)
			want.Seq = r.Seq
		}
		want.Tag = r.Tag
		if r.Public {
			want.PublicSeq++
			want.PublicTag = r.Tag
		}
		visitor, agent := counts(r)
		want.VisitorMessages, want.AgentMessages = want.VisitorMessages+visitor, want.AgentMessages+agent
		if r.PublicSeq != want.PublicSeq || r.VisitorMessages != want.VisitorMessages || r.AgentMessages != want.AgentMessages {
			c.broken(Counted, "event %d of %s has public %d, messages %d and %d; want %d, %d and %d", r.Seq, l.UUID,
				r.PublicSeq, r.VisitorMessages, r.AgentMessages, want.PublicSeq, want.VisitorMessages, want.AgentMessages)
		}
	}
	want.FirstSeq = l.Head.FirstSeq
	if len(l.Rows) > 0 && want != l.Head {
		c.broken(Numbered, "the head of %s is %+v; its events say %+v", l.UUID, l.Head, want)
	}
}

func counts(r *Row) (visitor, agent int64) {
	switch {
	case r.Kind != chat.Message:
		return 0, 0
	case r.By == chat.VisitorActor:
		return 1, 0
	}
	return 0, 1
}

func before(r *Row) (public, visitor, agent int64) {
	v, a := counts(r)
	public = r.PublicSeq
	if r.Public {
		public--
	}
	return public, r.VisitorMessages - v, r.AgentMessages - a
}

// command checks what became of a command. Texts are unique in a test, so that a
// doubled message shows even where its client_id got lost.
func (c *check) command(k *Command) {
	rows := c.rows[k.ID]
	if len(rows) > 1 {
		c.broken(Once, "%s %s of %s has %d rows", k.T, k.ID, k.By, len(rows))
	}
	if k.Text != "" && len(c.texts[k.Text]) > 1 {
		c.broken(Once, "%q of %s stands in %d rows", short(k.Text), k.By, len(c.texts[k.Text]))
	}
	for _, p := range rows {
		c.faithful(k, p)
	}
	switch k.Fate {
	case Acked:
		c.kept(k, rows)
	case Refused:
		if len(rows) > 0 {
			c.broken(Faithful, "%s %s of %s was refused (%s), but has a row", k.T, k.ID, k.By, k.Code)
		}
	case Pending:
		if c.expect.Settled {
			c.broken(Answered, "%s %s of %s was never answered, after %d tries", k.T, k.ID, k.By, k.Tries)
		}
	}
}

func (c *check) faithful(k *Command, p place) {
	wantKind, text := chat.Kind(""), false
	switch k.T {
	case "send":
		wantKind, text = chat.Message, true
	case "note":
		wantKind, text = chat.Note, true
	}
	visitor := p.row.By == chat.VisitorActor
	if text && (p.row.Kind != wantKind || p.row.Text != k.Text) || visitor != k.ByVisitor {
		c.broken(Faithful, "%s %q of %s is stored as %s %q by a %s", k.T, short(k.Text), k.By, p.row.Kind, short(p.row.Text), p.row.By)
	}
	if !k.In.IsNil() && p.log.UUID != k.In || !k.Conversation.IsNil() && p.log.UUID != k.Conversation {
		c.broken(Faithful, "%s %s of %s stands in conversation %s", k.T, k.ID, k.By, p.log.UUID)
	}
}

// kept: an ack names the position of the row; of the head, if nothing had to change.
func (c *check) kept(k *Command, rows []place) {
	if len(rows) == 0 {
		if k.T == "send" || k.T == "note" || k.T == "edit" || k.T == "recall" {
			c.broken(Kept, "%s %s %q of %s was acked at %d, but has no row", k.T, k.ID, short(k.Text), k.By, k.At.N)
		}
		return
	}
	r := rows[0].row
	if r.number(k.ByVisitor) != k.At.N || r.Tag != k.At.Tag {
		c.broken(Kept, "%s %s of %s was acked at %d (%08x), but stands at %d (%08x)", k.T, k.ID, k.By,
			k.At.N, k.At.Tag, r.number(k.ByVisitor), r.Tag)
	}
}

func (c *check) copy(k *Copy) {
	if k.Resets > 0 && !c.expect.MayReset {
		c.broken(Anew, "%s had to start anew %d times", k.Name, k.Resets)
	}
	if k.Why == client.Truncated && !c.expect.MayReset {
		c.broken(Anew, "%s missed events that were removed", k.Name)
	}
	if len(k.Events) == 0 {
		return
	}
	l := c.db.Logs[k.Events[0].Conversation]
	if l == nil {
		c.broken(Committed, "%s saw conversation %s, which is not there", k.Name, k.Events[0].Conversation)
		return
	}
	rows := map[int64]*Row{}
	for i := range l.Rows {
		if r := &l.Rows[i]; !k.Visitor || r.Public {
			rows[r.number(k.Visitor)] = r
		}
	}
	want := k.Base
	for i := range k.Events {
		e := &k.Events[i]
		if want++; e.N != want {
			c.broken(Ordered, "%s saw event %d of %s where %d was next", k.Name, e.N, l.UUID, want)
			want = e.N
		}
		c.seen(k, l, e, rows[e.N])
	}
	head := l.Head.Seq
	if k.Visitor {
		head = l.Head.PublicSeq
	}
	if at := k.last().N; c.expect.CaughtUp && at != head {
		c.broken(Complete, "%s stands at %d of %s, whose head is %d", k.Name, at, l.UUID, head)
	}
}

func (c *check) seen(k *Copy, l *Log, e *Seen, r *Row) {
	if e.Conversation != l.UUID {
		c.broken(Ordered, "%s saw event %d of %s in its copy of %s", k.Name, e.N, e.Conversation, l.UUID)
	}
	if k.Visitor && (e.Private || e.Kind == chat.Note) {
		c.broken(Private, "%s, a visitor, saw %s %d of %s", k.Name, e.Kind, e.N, l.UUID)
	}
	switch {
	case r == nil:
		c.broken(Committed, "%s saw event %d of %s, which is not there", k.Name, e.N, l.UUID)
	case r.Tag != e.Tag:
		c.broken(Committed, "%s saw event %d of %s with tag %08x; the log has %08x", k.Name, e.N, l.UUID, e.Tag, r.Tag)
	case r.Kind != e.Kind || r.By != e.By || r.Text != e.Text || r.Public == e.Private:
		c.broken(Faithful, "%s saw event %d of %s as %s %q by %s; the log has %s %q by %s", k.Name, e.N, l.UUID,
			e.Kind, short(e.Text), e.By, r.Kind, short(r.Text), r.By)
	}
}

func short(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
