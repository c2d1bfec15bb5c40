package store

import (
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/faults"
)

// statements are the texts of what a group runs, each made once.
type statements struct {
	g                                     *grammar
	clock                                 string // what the heads are read with; "" for none
	most                                  int    // rows or keys of one statement
	trusted, heads, still, answers, begun map[int]string
	marksOf, files, expected              map[int]string
	events, head, list, touch, marks      *multi
	newVisitor, newConversation           *multi
	newRound, revision, outbox            *multi
}

// Rows or keys of one statement: where each statement is a way to the server and
// back, larger ones pay.
const (
	fileChunk   = 64
	serverChunk = 256
)

func newStatements(db *DB) *statements {
	g := db.dialect.grammar()
	s := &statements{
		g: g, clock: db.clock(), most: fileChunk,
		trusted: map[int]string{}, heads: map[int]string{}, still: map[int]string{}, answers: map[int]string{}, begun: map[int]string{}, marksOf: map[int]string{}, files: map[int]string{}, expected: map[int]string{},
		events:          newMulti(g, "event", append(slices.Clone(eventColumns), "site_id", "fingerprint"), "", nil),
		head:            newMulti(g, "head", headColumns, "conversation", others(headColumns, "conversation")),
		list:            newMulti(g, "list", listColumns, "conversation", others(listColumns, "conversation")),
		touch:           newMulti(g, "list", listColumns, "conversation", []string{"last_at", "changed_at"}),
		marks:           newMulti(g, "mark", append(slices.Clone(markColumns), "site_id"), markKey, others(markColumns, markKey)),
		newVisitor:      newMulti(g, "visitor", []string{"id", "site_id", "secret_hash", "profile", "email", "created_at"}, "", nil),
		newConversation: newMulti(g, "conversation", conversationColumns, "", nil),
		newRound:        newMulti(g, "round", []string{"conversation", "number", "site_id", "opened_at", "resolved_at", "first_seq", "assignee"}, "", nil),
		revision:        newMulti(g, "event_revision", []string{"conversation", "seq", "rev", "site_id", "edit_seq", "replaced_at", "body"}, "", nil),
		outbox:          newMulti(g, "webhook_outbox", outboxColumns, "webhook_id, conversation", []string{"last_seq"}),
	}
	if db.dialect.shared() {
		s.most = serverChunk
	}
	for _, m := range []*multi{s.events, s.head, s.list, s.touch, s.marks, s.newVisitor, s.newConversation, s.newRound, s.revision, s.outbox} {
		m.most = s.most
	}
	return s
}

const markKey = "conversation, who_kind, who_id"

func sized(made map[int]string, n int, build func(n int) string) string {
	s, ok := made[n]
	if !ok {
		s = build(n)
		made[n] = s
	}
	return s
}

// lookUp runs a statement for all keys, in as few as there are sizes; bind binds
// the columns of key i.
func (g *group) lookUp(made map[int]string, n int, build func(n int) string, bind func(i int), each func(r scanner) error) error {
	for i := 0; i < n; {
		size := chunk(n-i, g.c.sql.most)
		for range size {
			bind(i)
			i++
		}
		if err := g.h.later(sized(made, size, build), each); err != nil {
			return err
		}
	}
	return nil
}

// trustedQuery reads what one committer alone writes.
func trustedQuery(n int) string {
	return "SELECT " + of("c", conversationColumns) + ", " + of("h", headColumns) + ", l.last_at, l.changed_at" +
		" FROM head h JOIN conversation c ON c.id = h.conversation JOIN list l ON l.conversation = h.conversation" +
		" WHERE h.conversation IN (" + places(n) + ")"
}

// headsQuery locks the heads, in ascending order, and reads them as they are then.
func (s *statements) headsQuery(n int) string {
	columns := of("h", headColumns)
	if s.clock != "" {
		columns += ", " + s.clock
	}
	query := "SELECT " + columns + " FROM head h WHERE h.conversation IN (" + places(n) + ") ORDER BY h.conversation"
	if faults.Off("lock") {
		return query
	}
	return query + s.g.forUpdate
}

// stillQuery reads what stays as it is, and when the list row was written.
func stillQuery(n int) string {
	return "SELECT " + of("c", conversationColumns) + ", l.last_at, l.changed_at FROM conversation c JOIN list l ON l.conversation = c.id" +
		" WHERE c.id IN (" + places(n) + ")"
}

// readHeads opens the working copies of the batch's conversations.
func (g *group) readHeads() error {
	var ids []int64
	asked := map[chat.ConversationID]bool{}
	want := func(id chat.ConversationID) {
		if id != 0 && !asked[id] {
			asked[id] = true
			ids = append(ids, int64(id))
		}
	}
	for _, it := range g.batch {
		want(it.conversation())
	}
	for _, c := range g.found {
		want(c.ID)
	}
	if !g.c.db.dialect.shared() {
		return g.readTrusted(ids)
	}
	slices.Sort(ids)
	err := g.lookUp(g.c.sql.heads, len(ids), g.c.sql.headsQuery, func(i int) { g.h.ints(ids[i]) }, g.useLocked)
	if err != nil {
		return err
	}
	cold := slices.DeleteFunc(ids, func(id int64) bool { return g.c.heads.get(chat.ConversationID(id)) != nil })
	return g.lookUp(g.c.sql.still, len(cold), stillQuery, func(i int) { g.h.ints(cold[i]) }, g.useStill)
}

func (g *group) readTrusted(ids []int64) error {
	ids = slices.DeleteFunc(ids, func(id int64) bool {
		e := g.c.heads.get(chat.ConversationID(id))
		if e != nil {
			g.use(*e)
		}
		return e != nil
	})
	return g.lookUp(g.c.sql.trusted, len(ids), trustedQuery, func(i int) { g.h.ints(ids[i]) }, func(r scanner) error {
		var e entry
		dest := append(scanConversation(&e.conversation), scanState(&e.state, &e.lastText)...)
		if err := r.Scan(append(dest, &e.listAt, &e.listChanged)...); err != nil {
			return err
		}
		g.use(e)
		return nil
	})
}

func (g *group) useLocked(r scanner) error {
	var e entry
	dest := scanState(&e.state, &e.lastText)
	if g.c.sql.clock != "" {
		dest = append(dest, &g.now)
	}
	if err := r.Scan(dest...); err != nil {
		return err
	}
	if known := g.c.heads.get(e.state.Conversation); known != nil {
		e.conversation, e.listAt, e.listChanged = known.conversation, known.listAt, known.listChanged
	}
	g.use(e)
	return nil
}

func (g *group) useStill(r scanner) error {
	var e entry
	if err := r.Scan(append(scanConversation(&e.conversation), &e.listAt, &e.listChanged)...); err != nil {
		return err
	}
	if w := g.open[e.conversation.ID]; w != nil {
		w.conversation, w.listAt, w.listChanged = e.conversation, e.listAt, e.listChanged
	}
	return nil
}

func (g *group) use(e entry) {
	w := &working{entry: e, known: true, site: e.state.Site, before: e.state}
	g.open[e.state.Conversation] = w
	g.order = append(g.order, w)
}

func (it item) conversation() chat.ConversationID {
	switch {
	case it.mark != nil:
		return it.mark.Conversation
	case it.change != nil:
		return it.change.Conversation
	}
	return 0
}

func (g *group) working(c *chat.Change) *working {
	if c.Conversation != 0 || c.Begin == nil {
		return g.open[c.Conversation]
	}
	return g.begun[beginKey{c.Begin.Site, string(c.Begin.SecretHash)}]
}

func (s *statements) answersQuery(n int) string {
	return "SELECT e.client_id, e.by_kind, e.by_id, e.conversation, e.seq, e.fingerprint " +
		s.g.among(n, "event e", []string{"client_id", "by_kind", "by_id"}, []string{"bytea", "text", "bigint"})
}

// readAnswers looks up the client_ids of the batch; a visitor who was not here
// before has none.
func (g *group) readAnswers() error {
	var asked []sender
	for _, it := range g.batch {
		if it.change == nil || it.change.ClientID.IsNil() {
			continue
		}
		by := participant{kind: it.change.By.Kind, id: it.change.By.ID}
		if by.kind == chat.VisitorActor && by.id == 0 {
			known, err := g.visitorOf(it)
			if err != nil {
				return err
			}
			if known == 0 {
				continue
			}
			by.id = int64(known)
		}
		asked = append(asked, sender{client: it.change.ClientID, by: by})
	}
	return g.lookUp(g.c.sql.answers, len(asked), g.c.sql.answersQuery, func(i int) {
		g.h.arg(asked[i].client[:])
		g.h.arg(string(asked[i].by.kind))
		g.h.arg(asked[i].by.id)
	}, g.useAnswer)
}

// visitorOf is the visitor of a conversation that was found; 0 for a new one.
func (g *group) visitorOf(it item) (chat.VisitorID, error) {
	if key, begins := it.begins(); begins {
		return g.found[key].Visitor, nil
	}
	if err := g.h.flush(); err != nil { // the heads know
		return 0, err
	}
	if w := g.open[it.change.Conversation]; w != nil {
		return w.state.Visitor, nil
	}
	return 0, nil
}

func (g *group) useAnswer(r scanner) error {
	var s sender
	var a answer
	if err := r.Scan((*clientID)(&s.client), &s.by.kind, &s.by.id, &a.conversation, &a.seq, &a.fingerprint); err != nil {
		return err
	}
	g.answers[s] = a
	return nil
}

// repeat answers a command that was seen before.
func (g *group) repeat(w *working, first answer, print []byte) (done chat.Changed, err, fatal error) {
	nothing := chat.Changed{Answer: -1}
	if first.conversation != w.conversation.ID || !sameCommand(first.fingerprint, print) {
		return nothing, chat.Refuse(chat.ClientIDReused, "this client_id came before with another command: give each command its own"), nil
	}
	event, err := g.event(w, first.seq, false)
	if err != nil {
		return nothing, nil, err
	}
	if event.Target, err = g.target(w, &event); err != nil {
		return nothing, nil, err
	}
	return chat.Changed{Conversation: w.conversation, State: w.state, Events: []chat.Event{event}, Repeat: true, Answer: 0}, nil, nil
}

// target is what an edit or recall changed, as it is now.
func (g *group) target(w *working, e *chat.Event) (*chat.Event, error) {
	if e.Kind != chat.Edit && e.Kind != chat.Recall {
		return nil, nil
	}
	ref, err := e.Body.TargetRef()
	if err != nil || ref.Seq == 0 {
		return nil, err
	}
	target, err := g.event(w, ref.Seq, false)
	switch {
	case err == nil:
		return &target, nil
	case chat.CodeOf(err) == chat.NotFound: // removed by retention
		return nil, nil // the event stands without its target
	}
	return nil, err
}

var (
	eventQuery       = "SELECT " + of("e", eventColumns) + " FROM event e WHERE e.conversation = ? AND e.seq = ?"
	publicEventQuery = "SELECT " + of("e", eventColumns) + " FROM event e WHERE e.conversation = ? AND e.seq >= ? AND e.public_seq = ? AND e.public = 1 ORDER BY e.seq LIMIT 1"
)

// event reads an earlier event as it is now, appended by this group or before.
func (g *group) event(w *working, number int64, public bool) (chat.Event, error) {
	if e, ok := w.appended(number, public); ok {
		return e, nil
	}
	query := eventQuery
	g.h.ints(int64(w.conversation.ID), number)
	if public {
		query = publicEventQuery
		g.h.ints(number)
	}
	var e chat.Event
	if err := g.h.query(query, func(r scanner) error { return r.Scan(scanEvent(&e)...) }); err != nil {
		return e, err
	}
	if e.Seq == 0 {
		return e, chat.Refuse(chat.NotFound, "event %d is not here: it was never there, or retention removed it", number)
	}
	if revised, ok := w.revised[e.Seq]; ok {
		return revised, nil
	}
	return e, nil
}

func (w *working) appended(number int64, public bool) (chat.Event, bool) {
	for _, e := range w.events {
		if (!public && e.Seq == number) || (public && e.Public && e.PublicSeq == number) {
			if revised, ok := w.revised[e.Seq]; ok {
				e = revised
			}
			return e, true
		}
	}
	return chat.Event{}, false
}
