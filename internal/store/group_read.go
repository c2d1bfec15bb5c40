package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
)

// statements are the texts of what a group runs, each made once.
type statements struct {
	heads, answers                        map[int]string
	events, head, list, marks, newVisitor *multi
	newConversation, newRound, revision   *multi
}

func newStatements() *statements {
	return &statements{
		heads: map[int]string{}, answers: map[int]string{},
		events:          newMulti("INSERT INTO event", append(append([]string{}, eventColumns...), "site_id", "fingerprint"), ""),
		head:            newMulti("INSERT INTO head", headColumns, upsert("conversation", headColumns)),
		list:            newMulti("INSERT INTO list", listColumns, upsert("conversation", listColumns)),
		marks:           newMulti("INSERT INTO mark", append(append([]string{}, markColumns...), "site_id"), upsert("conversation, who_kind, who_id", markColumns)),
		newVisitor:      newMulti("INSERT INTO visitor", []string{"id", "site_id", "secret_hash", "profile", "created_at"}, ""),
		newConversation: newMulti("INSERT INTO conversation", conversationColumns, ""),
		newRound:        newMulti("INSERT INTO round", []string{"conversation", "number", "site_id", "opened_at", "resolved_at", "first_seq", "assignee"}, ""),
		revision:        newMulti("INSERT INTO event_revision", []string{"conversation", "seq", "rev", "site_id", "edit_seq", "replaced_at", "body"}, ""),
	}
}

func sized(made map[int]string, n int, build func(n int) string) string {
	s, ok := made[n]
	if !ok {
		s = build(n)
		made[n] = s
	}
	return s
}

func headsQuery(n int) string {
	return "SELECT " + of("c", conversationColumns) + ", " + of("h", headColumns) + ", l.last_at, l.changed_at" +
		" FROM head h JOIN conversation c ON c.id = h.conversation JOIN list l ON l.conversation = h.conversation" +
		" WHERE h.conversation IN (" + places(n) + ")"
}

// readHeads opens the working copies of the batch's conversations.
func (g *group) readHeads() error {
	var missing []int64
	asked := map[chat.ConversationID]bool{}
	for _, it := range g.batch {
		id := it.conversation()
		if id == 0 || asked[id] {
			continue
		}
		asked[id] = true
		if e := g.c.heads.get(id); e != nil {
			g.use(*e)
			continue
		}
		missing = append(missing, int64(id))
	}
	for len(missing) > 0 {
		size := chunk(len(missing))
		g.h.ints(missing[:size]...)
		missing = missing[size:]
		if err := g.h.query(sized(g.c.sql.heads, size, headsQuery), g.useRow); err != nil {
			return err
		}
	}
	return nil
}

func (g *group) useRow(r scanner) error {
	var e entry
	dest := append(scanConversation(&e.conversation), scanState(&e.state, &e.lastText)...)
	if err := r.Scan(append(dest, &e.listAt, &e.listChanged)...); err != nil {
		return err
	}
	g.use(e)
	return nil
}

func (g *group) use(e entry) *working {
	w := &working{entry: e, known: true, site: e.state.Site, before: e.state}
	g.open[e.conversation.ID] = w
	g.order = append(g.order, w)
	return w
}

func (it item) conversation() chat.ConversationID {
	if it.mark != nil {
		return it.mark.Conversation
	}
	return it.change.Conversation
}

const begunQuery = "SELECT c.id FROM visitor v JOIN conversation c ON c.visitor_id = v.id WHERE v.site_id = ? AND v.secret_hash = ?"

// findBegun finds or makes the conversation of each visitor who begins.
func (g *group) findBegun() error {
	for _, it := range g.batch {
		if it.change == nil || it.change.Conversation != 0 || it.change.Begin == nil {
			continue
		}
		begin := it.change.Begin
		key := beginKey{begin.Site, string(begin.SecretHash)}
		if g.begun[key] != nil {
			continue
		}
		w, err := g.find(begin)
		if err != nil {
			return err
		}
		if w == nil {
			w = g.make(begin)
		}
		g.begun[key] = w
	}
	return nil
}

func (g *group) find(begin *chat.Beginning) (*working, error) {
	var id chat.ConversationID
	g.h.arg(int64(begin.Site))
	g.h.arg(begin.SecretHash)
	if err := g.h.query(begunQuery, func(r scanner) error { return r.Scan(&id) }); err != nil || id == 0 {
		return nil, err
	}
	if w := g.open[id]; w != nil {
		return w, nil
	}
	if e := g.c.heads.get(id); e != nil {
		return g.use(*e), nil
	}
	g.h.ints(int64(id))
	if err := g.h.query(sized(g.c.sql.heads, 1, headsQuery), g.useRow); err != nil {
		return nil, err
	}
	if g.open[id] == nil {
		return nil, errors.New("a conversation has no head")
	}
	return g.open[id], nil
}

// make is a conversation that is written only if a rule appends to it.
func (g *group) make(begin *chat.Beginning) *working {
	now := time.UnixMilli(int64(g.now))
	conversation := chat.Conversation{
		ID: chat.ConversationID(chat.NewID(now)), UUID: uuid.Must(uuid.NewV7AtTime(now)),
		Site: begin.Site, Visitor: chat.VisitorID(chat.NewID(now)), CreatedAt: g.now,
	}
	if begin.Visitor != 0 {
		conversation.Visitor = begin.Visitor
	}
	w := &working{begin: begin, site: begin.Site, before: chat.NewState(conversation)}
	if w.profile, w.invalid = json.Marshal(begin.Profile, json.Deterministic(true)); w.invalid != nil {
		w.invalid = fmt.Errorf("the visitor's profile: %w", w.invalid)
	}
	w.conversation, w.state = conversation, w.before
	w.marks = map[participant]chat.Mark{}
	g.open[conversation.ID] = w
	g.order = append(g.order, w)
	return w
}

func (g *group) working(c *chat.Change) *working {
	if c.Conversation != 0 || c.Begin == nil {
		return g.open[c.Conversation]
	}
	return g.begun[beginKey{c.Begin.Site, string(c.Begin.SecretHash)}]
}

func answersQuery(n int) string {
	return "WITH asked (client_id, by_kind, by_id) AS (VALUES " + tuples(n, 3) + ")" +
		" SELECT e.client_id, e.by_kind, e.by_id, e.conversation, e.seq, e.fingerprint FROM asked a CROSS JOIN event e" +
		" ON e.client_id = a.client_id AND e.by_kind = a.by_kind AND e.by_id = a.by_id AND e.client_id IS NOT NULL"
}

// readAnswers looks up the client_ids of the batch.
func (g *group) readAnswers() error {
	var asked []sender
	for _, it := range g.batch {
		if it.change == nil || it.change.ClientID.IsNil() {
			continue
		}
		if w := g.working(it.change); w != nil {
			asked = append(asked, senderOf(it.change, w))
		}
	}
	for len(asked) > 0 {
		size := chunk(len(asked))
		for _, s := range asked[:size] {
			g.h.arg(s.client[:])
			g.h.arg(string(s.by.kind))
			g.h.arg(s.by.id)
		}
		asked = asked[size:]
		if err := g.h.query(sized(g.c.sql.answers, size, answersQuery), g.useAnswer); err != nil {
			return err
		}
	}
	return nil
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
