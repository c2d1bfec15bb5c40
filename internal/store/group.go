package store

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/faults"
)

// group is one transaction over a batch of changes and marks: it reads what
// they need in few statements, decides each in its turn, and writes the rest.
type group struct {
	c        *committer
	h        *hot
	batch    []item
	now      chat.Millis
	prints   [][]byte
	outcomes []outcome

	open    map[chat.ConversationID]*working
	order   []*working // in the order of their first item: the order of writing
	begun   map[beginKey]*working
	answers map[sender]answer // what commands with a client_id led to, found or appended
	// found are the conversations (id and visitor) of those who begin; elsewhere are
	// those that another committer writes.
	found     map[beginKey]chat.Conversation
	elsewhere map[beginKey]chat.Conversation
	// expected are visitors who are known, and have no conversation yet; 0: erased meanwhile.
	expected map[beginKey]chat.VisitorID

	attached map[chat.FileID]bool // by this group; nil for none
	carried  *carried             // nil: this group is no carry

	wrote bool
	told  bool
	rows  int
}

// beginKey is by what a visitor who has no conversation yet is found.
type beginKey struct {
	site   chat.SiteID
	secret string
}

// sender is a client_id with whose it is.
type sender struct {
	client chat.ClientID
	by     participant
}

// answer is the event that carries a client_id.
type answer struct {
	conversation chat.ConversationID
	seq          int64
	fingerprint  []byte
}

// working is a conversation as the group leaves it.
type working struct {
	entry
	known bool // it is in the database
	// expected: its visitor is, before it is.
	expected bool
	// begin and profile are of one that is not: profile as JSON, or why it has none.
	begin   *chat.Beginning
	profile []byte
	invalid error
	// events are to be inserted, with the fingerprints of those that have one.
	events []chat.Event
	prints [][]byte
	site   chat.SiteID
	before chat.State
	rounds map[int64]*roundRow
	// revised are events as they will be, by seq: those that were in the database before.
	revised map[int64]chat.Event
	changes []revision
	// attached are the events that get files; nil for most.
	attached []attachment
	moved    map[participant]bool
	// cloned tells that marks is this group's own copy.
	cloned bool
}

func newGroup(c *committer, batch []item) *group {
	return &group{
		c: c, h: c.h, batch: batch, prints: make([][]byte, len(batch)), outcomes: make([]outcome, len(batch)),
		open: map[chat.ConversationID]*working{}, begun: map[beginKey]*working{}, answers: map[sender]answer{},
		found: map[beginKey]chat.Conversation{}, elsewhere: map[beginKey]chat.Conversation{},
		expected: map[beginKey]chat.VisitorID{},
	}
}

func (g *group) run() error {
	for i, it := range g.batch {
		g.outcomes[i] = outcome{item: it, changed: chat.Changed{Answer: -1}}
		if it.change != nil && !it.change.ClientID.IsNil() {
			g.prints[i] = g.c.print.of(it.change.Fingerprint)
		}
	}
	closed := false
	if err := readFence(g.h, g.c.db.dialect, &closed); err != nil {
		return err
	}
	if err := g.read(); err != nil {
		return err
	}
	if closed {
		clear(g.elsewhere) // all are answered here
		for i := range g.outcomes {
			g.outcomes[i].err = errFenced()
		}
		return nil
	}
	for i, it := range g.batch {
		o := &g.outcomes[i]
		var fatal error
		key, begins := it.begins()
		if _, handed := g.elsewhere[key]; begins && handed {
			o.handed = true
			continue
		}
		switch {
		case it.mark != nil:
			o.mark, o.moved, o.err, fatal = g.markOne(it.mark)
		case it.carry != nil:
			o.over, o.err, fatal = g.carryOne(it.carry)
		default:
			o.changed, o.err, fatal = g.changeOne(it.change, g.prints[i])
		}
		if fatal != nil {
			return fatal
		}
	}
	return g.write()
}

// read gets what all decisions need, under the lock of the heads.
func (g *group) read() error {
	if err := g.findBegun(); err != nil {
		return err
	}
	if err := g.readHeads(); err != nil {
		return err
	}
	if err := g.lockExpected(); err != nil {
		return err
	}
	if err := g.readAnswers(); err != nil {
		return err
	}
	if err := g.readMarks(); err != nil {
		return err
	}
	if err := g.h.flush(); err != nil {
		return err
	}
	if err := g.readNow(); err != nil {
		return err
	}
	return g.openBegun()
}

// readNow takes the time that the heads came with; without any it asks.
func (g *group) readNow() error {
	clock := g.c.sql.clock
	if clock == "" {
		g.now = g.c.db.now()
	}
	if g.now != 0 {
		return nil
	}
	return g.h.query("SELECT "+clock, func(r scanner) error { return r.Scan(&g.now) })
}

// changeOne decides one change. err is its own; fatal fails the group.
func (g *group) changeOne(c *chat.Change, print []byte) (done chat.Changed, err, fatal error) {
	nothing := chat.Changed{Answer: -1}
	if c.Ctx != nil && c.Ctx.Err() != nil {
		return nothing, c.Ctx.Err(), nil
	}
	w := g.working(c)
	if w == nil {
		return nothing, chat.Refuse(chat.NotFound, "there is no such conversation"), nil
	}
	if w.invalid != nil {
		return nothing, w.invalid, nil
	}
	by := senderOf(c, w)
	first, repeated := g.answers[by]
	if repeated && !faults.Off("dedupe") {
		return g.repeat(w, first, print)
	}
	log := &groupLog{g: g, w: w}
	state, events, drafts, err := g.decide(c, w, log)
	if log.failed != nil {
		return nothing, nil, log.failed
	}
	if err != nil {
		return nothing, err, nil
	}
	targets, err, fatal := g.targets(w, drafts)
	if err != nil || fatal != nil {
		return nothing, err, fatal
	}
	if len(events) == 0 {
		if !w.known && len(w.events) == 0 {
			return nothing, nil, nil
		}
		return chat.Changed{Conversation: w.conversation, State: w.state, Answer: -1}, nil, nil
	}
	done = g.apply(w, by, print, state, events, drafts, targets)
	if repeated { // only with the guard switched off: the unique index would refuse it
		w.withoutClientID(len(events))
	}
	return done, nil, nil
}

// decide runs the rule. A rule that panics harms only its own change.
func (g *group) decide(c *chat.Change, w *working, log chat.Log) (state chat.State, events []chat.Event, drafts []chat.Draft, err error) {
	defer func() {
		if r := recover(); r != nil {
			g.c.db.log.Error("a rule panicked", "conversation", w.conversation.ID, "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("a rule panicked: %v", r)
		}
	}()
	drafts, err = c.Decide(w.state, log)
	if err != nil {
		return state, nil, nil, err
	}
	for i := range drafts {
		d := &drafts[i]
		if d.By.Kind == chat.VisitorActor && d.By.ID == 0 {
			d.By.ID = int64(w.conversation.Visitor) // a visitor who begins has no id yet
		}
		if d.Answers && (d.By.Kind != c.By.Kind || d.By.ID != senderOf(c, w).by.id) {
			return state, nil, nil, fmt.Errorf("the rule answers a command of %s %d in the name of %s %d", c.By.Kind, c.By.ID, d.By.Kind, d.By.ID)
		}
	}
	state, events = chat.Append(w.state, drafts, c.ClientID, g.now, rand.Uint32)
	return state, events, drafts, nil
}

// apply takes the decision into the working copy; nothing in it can fail.
func (g *group) apply(w *working, by sender, print []byte, state chat.State, events []chat.Event, drafts []chat.Draft, targets []*chat.Event) chat.Changed {
	done := chat.Changed{Conversation: w.conversation, Events: events, Answer: -1}
	for i := range events {
		e := &events[i]
		var hash []byte
		if drafts[i].Answers {
			done.Answer, hash = i, print
			if _, repeated := g.answers[by]; !by.client.IsNil() && !repeated {
				g.answers[by] = answer{conversation: w.conversation.ID, seq: e.Seq, fingerprint: print}
			}
		}
		if e.Kind == chat.Message || e.Kind == chat.Note {
			w.lastText = e.Seq
		}
		w.noteRound(e)
		w.events, w.prints = append(w.events, *e), append(w.prints, hash)
		if drafts[i].Attach != nil {
			g.attach(w, e, drafts[i].Attach)
		}
		if targets[i] != nil {
			e.Target = w.revise(&drafts[i], *targets[i], e)
		}
	}
	w.state = state
	done.State = state
	g.wrote = true
	return done
}

// withoutClientID stores the last n events without the client_id that they answer.
func (w *working) withoutClientID(n int) {
	for i := len(w.events) - n; i < len(w.events); i++ {
		w.events[i].ClientID = chat.ClientID{}
	}
}

// remember puts what was committed into the cache: a copy, because a pointer into
// w would keep its events, with their texts, in memory.
func (g *group) remember() {
	for _, w := range g.order {
		if w.known {
			e := w.entry
			if g.c.db.dialect.shared() {
				e.marks = nil
			}
			g.c.heads.put(&e)
		}
	}
}

// senderOf is by whom a client_id was used. A visitor who begins is known by
// the conversation that was found or made.
func senderOf(c *chat.Change, w *working) sender {
	by := participant{kind: c.By.Kind, id: c.By.ID}
	if by.kind == chat.VisitorActor && by.id == 0 {
		by.id = int64(w.conversation.Visitor)
	}
	return sender{client: c.ClientID, by: by}
}

// groupLog lets a rule read earlier events, with what the group appended.
type groupLog struct {
	g      *group
	w      *working
	failed error
}

var _ chat.Log = (*groupLog)(nil)

// Event implements chat.Log.
func (l *groupLog) Event(number int64, public bool) (chat.Event, error) {
	e, err := l.g.event(l.w, number, public)
	if err != nil && chat.CodeOf(err) != chat.NotFound {
		l.failed = err
	}
	return e, err
}
