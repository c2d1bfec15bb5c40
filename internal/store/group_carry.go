package store

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"

	"github.com/kefu-chat/kefu/internal/chat"
)

// A carry is a group of its own: it writes two conversations, whose heads are locked
// in the order that all groups keep to. Where there are several committers, the old
// conversation may be another one's: what is told of it then may come out of order,
// as from another node.

// carried is what a carry adds to what a group writes.
type carried struct {
	from, to *working
	first    int64 // the seq of the first event that goes along, or would
	old      []chat.Event
	prints   map[int64][]byte // by seq in from
	was      chat.Carriage
}

// carryOne decides the carry. fatal fails the group.
func (g *group) carryOne(c *chat.Carry) (over chat.CarriedOver, err, fatal error) {
	if c.Ctx != nil && c.Ctx.Err() != nil {
		return over, c.Ctx.Err(), nil
	}
	from := g.begun[beginKey{c.Site, string(c.From)}]
	to := g.begun[beginKey{c.Site, string(c.To.SecretHash)}]
	if from == nil || from == to {
		return over, nil, nil
	}
	if to.invalid != nil {
		return over, to.invalid, nil
	}
	if from.state.CarriedTo != 0 && !to.known { // made by another carry since it was sought
		over.Carried, err = g.carriedTo(from, c.To)
		return over, nil, err
	}
	work := &carried{from: from, to: to}
	luggage, err := g.luggage(work)
	if err != nil {
		return over, nil, err
	}
	if work.was, err = g.decideCarry(c, from.conversation.ID, luggage); err != nil {
		return over, err, nil
	}
	over.Carried = work.was.Already
	if len(work.was.Events) == 0 {
		return over, nil, nil
	}
	over.Carried = true
	over.From = chat.Changed{Conversation: from.conversation, State: work.was.From, Events: []chat.Event{work.was.Ending}, Answer: -1}
	over.To = chat.Changed{Conversation: to.conversation, State: work.was.To, Events: work.was.Events, Answer: -1}
	over.Marks = work.was.Marks
	g.applyCarry(work)
	return over, nil, nil
}

// decideCarry runs the rule, as decide does.
func (g *group) decideCarry(c *chat.Carry, from chat.ConversationID, l chat.Luggage) (was chat.Carriage, err error) {
	defer func() {
		if r := recover(); r != nil {
			g.c.db.log.Error("the rule of carries panicked", "conversation", from, "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("the rule of carries panicked: %v", r)
		}
	}()
	return c.Decide(l), nil
}

const whoseConversation = "SELECT COUNT(*) FROM conversation c JOIN visitor v ON v.id = c.visitor_id WHERE c.id = ? AND v.site_id = ? AND v.secret_hash = ?"

// carriedTo tells whether a conversation went on in the one of this visitor.
func (g *group) carriedTo(from *working, to *chat.Beginning) (yes bool, err error) {
	g.h.ints(int64(from.state.CarriedTo), int64(to.Site))
	g.h.arg(to.SecretHash)
	err = g.h.query(whoseConversation, func(r scanner) error { return r.Scan(&yes) })
	return yes, err
}

// luggage reads what the decision needs; the heads are locked.
func (g *group) luggage(work *carried) (chat.Luggage, error) {
	f, t := work.from, work.to
	l := chat.Luggage{
		From: f.state, To: t.state, FromName: f.conversation.UUID, ToName: t.conversation.UUID,
		Now: g.now, Tag: rand.Uint32, Used: map[chat.ClientID]bool{},
	}
	if !f.state.Round.State.Open() || f.state.CarriedTo != 0 {
		return l, nil
	}
	if err := g.readRound(work); err != nil {
		return l, err
	}
	ids := []int64{int64(f.conversation.ID)}
	if t.known {
		ids = append(ids, int64(t.conversation.ID))
	}
	err := g.lookUp(g.c.sql.marksOf, len(ids), marksOfQuery, func(i int) { g.h.ints(ids[i]) }, g.useMark)
	if err != nil {
		return l, err
	}
	if err := g.readUsed(work, l.Used); err != nil {
		return l, err
	}
	for _, m := range f.marks {
		l.FromMarks = append(l.FromMarks, m)
	}
	for _, m := range t.marks {
		l.ToMarks = append(l.ToMarks, m)
	}
	l.Round = work.old
	return l, nil
}

const (
	roundBegin = "SELECT first_seq FROM round WHERE conversation = ? AND number = ?"
	// The lengths first: of what is too long nothing is read.
	roundLengths = "SELECT seq, LENGTH(body) FROM event WHERE conversation = ? AND seq >= ? ORDER BY seq DESC LIMIT ?"
)

var roundQuery = "SELECT " + of("e", eventColumns) + ", e.fingerprint FROM event e WHERE e.conversation = ? AND e.seq >= ? ORDER BY e.seq"

// readRound reads the events of the open round, or the newest of them.
func (g *group) readRound(work *carried) error {
	id, begin, length := int64(work.from.conversation.ID), int64(1), int64(0)
	g.h.ints(id, work.from.state.Round.Number)
	if err := g.h.query(roundBegin, func(r scanner) error { return r.Scan(&begin) }); err != nil {
		return err
	}
	g.h.ints(id, begin, chat.MaxCarriedEvents)
	err := g.h.query(roundLengths, func(r scanner) error {
		var seq, n int64
		if err := r.Scan(&seq, &n); err != nil {
			return err
		}
		if length += n; length <= chat.MaxCarriedText {
			work.first = seq
		}
		return nil
	})
	if err != nil || work.first == 0 {
		return err
	}
	work.prints = map[int64][]byte{}
	g.h.ints(id, work.first)
	return g.h.query(roundQuery, func(r scanner) error {
		var e chat.Event
		var print []byte
		if err := r.Scan(append(scanEvent(&e), &print)...); err != nil {
			return err
		}
		work.old, work.prints[e.Seq] = append(work.old, e), print
		return nil
	})
}

// readUsed finds the round's client_ids that the verified visitor has used: both its
// secrets may have been in one hand.
func (g *group) readUsed(work *carried, used map[chat.ClientID]bool) error {
	var ids []chat.ClientID
	for i := range work.old {
		e := &work.old[i]
		if work.to.known && !e.ClientID.IsNil() && e.By.Kind == chat.VisitorActor { // else it has written nothing
			ids = append(ids, e.ClientID)
		}
	}
	err := g.lookUp(g.c.sql.answers, len(ids), g.c.sql.answersQuery, func(i int) {
		g.h.arg(ids[i][:])
		g.h.arg(string(chat.VisitorActor))
		g.h.arg(int64(work.to.conversation.Visitor))
	}, func(r scanner) error {
		var s sender
		var a answer
		if err := r.Scan((*clientID)(&s.client), &s.by.kind, &s.by.id, &a.conversation, &a.seq, &a.fingerprint); err != nil {
			return err
		}
		used[s.client] = true
		return nil
	})
	if err != nil {
		return err
	}
	return g.h.flush()
}

// applyCarry takes the decision into the working copies.
func (g *group) applyCarry(work *carried) {
	f, t, was := work.from, work.to, &work.was
	for i := range was.Events {
		e := &was.Events[i]
		if e.Kind == chat.Message || e.Kind == chat.Note {
			t.lastText = e.Seq
		}
		t.noteRound(e)
		var print []byte
		if !e.ClientID.IsNil() {
			print = work.prints[was.Origins[i]]
		}
		t.events, t.prints = append(t.events, *e), append(t.prints, print)
	}
	f.noteRound(&was.Ending)
	f.events, f.prints = append(f.events, was.Ending), append(f.prints, nil)
	f.state, t.state = was.From, was.To
	for _, m := range was.Marks {
		t.setMark(participant{m.Who.Kind, m.Who.ID}, m)
	}
	g.carried, g.wrote = work, true
}

const (
	carryLink = "INSERT INTO carried (conversation, to_conversation) VALUES (?, ?)"
	// A text is in one place only, so that to take it back takes it away. What was
	// repeated still finds its event, whatever its text was.
	carryPrints    = "UPDATE event SET fingerprint = NULL WHERE conversation = ? AND seq >= ? AND fingerprint IS NOT NULL"
	carryTexts     = "UPDATE event SET body = ? WHERE conversation = ? AND seq >= ? AND kind IN ('message', 'note') AND body <> ''"
	carryRevisions = "UPDATE event_revision SET conversation = ?, seq = ?, edit_seq = ? WHERE conversation = ? AND seq = ? AND edit_seq = ?"
	carryFiles     = "UPDATE file SET conversation = ?, seq = ? WHERE conversation = ? AND seq = ?"
)

// writeCarried takes the texts, their earlier versions and their files out of the old
// conversation.
func (g *group) writeCarried() error {
	work := g.carried
	if work == nil {
		return nil
	}
	from, to := int64(work.from.conversation.ID), int64(work.to.conversation.ID)
	g.h.ints(from, to)
	if err := g.h.exec(carryLink); err != nil {
		return err
	}
	g.h.ints(from, work.first)
	if err := g.h.exec(carryPrints); err != nil {
		return err
	}
	g.h.arg(string(chat.CarriedBody()))
	g.h.ints(from, work.first)
	if err := g.h.exec(carryTexts); err != nil {
		return err
	}
	was := map[int64]int64{} // the old seq by the new one
	for i := range work.was.Events {
		e, old := &work.was.Events[i], work.was.Origins[i]
		was[e.Seq] = old
		switch e.Kind {
		case chat.Edit:
			ref, err := e.Body.TargetRef()
			if err != nil {
				return err
			}
			g.h.ints(to, ref.Seq, e.Seq, from, was[ref.Seq], old)
			if err := g.h.exec(carryRevisions); err != nil {
				return err
			}
		case chat.Message, chat.Note:
			text, err := e.Body.Text()
			if err != nil || len(text.Files) == 0 {
				continue // without a body its files are gone already
			}
			g.h.ints(to, e.Seq, from, old)
			if err := g.h.exec(carryFiles); err != nil {
				return err
			}
		}
	}
	return nil
}
