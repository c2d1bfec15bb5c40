package store

import (
	"maps"

	"github.com/kefu-chat/kefu/internal/chat"
)

// place is a position with what was counted up to it.
type place struct{ seq, public, visitorMessages, agentMessages int64 }

// markOne moves the marks of one participant. err is its own; fatal fails the group.
func (g *group) markOne(m *chat.MarkChange) (after chat.Mark, moved bool, err, fatal error) {
	w := g.open[m.Conversation]
	if w == nil {
		return chat.Mark{}, false, chat.Refuse(chat.NotFound, "there is no such conversation"), nil
	}
	who := participant{m.Who.Kind, m.Who.ID}
	before := w.marks[who]
	after = before
	after.Conversation, after.Who = m.Conversation, chat.ActorRef{Kind: m.Who.Kind, ID: m.Who.ID}
	readNow, receivedNow := before.Read, before.Received
	if m.Public {
		readNow, receivedNow = before.ReadPublic, before.ReceivedPublic
	}
	var p place
	found := false
	if m.Read > readNow {
		var err error
		if p, found, err = g.place(w, m.Read, m.Public); err != nil {
			return after, false, nil, err
		}
		if found && p.seq > before.Read {
			after.Read, after.ReadPublic, moved = p.seq, p.public, true
			after.VisitorMessagesRead, after.AgentMessagesRead = p.visitorMessages, p.agentMessages
		}
	}
	if received := max(m.Received, m.Read); received > receivedNow {
		if !found || received != m.Read { // mostly the two are the same
			var err error
			if p, found, err = g.place(w, received, m.Public); err != nil {
				return after, false, nil, err
			}
		}
		if found && p.seq > before.Received {
			after.Received, after.ReceivedPublic, moved = p.seq, p.public, true
		}
	}
	if moved {
		w.setMark(who, after)
		g.wrote = true
	}
	return after, moved, nil, nil
}

// place finds a number. Beyond the head it is the head: which for a visitor's
// number includes the notes behind it. What retention removed is no place.
func (g *group) place(w *working, number int64, public bool) (place, bool, error) {
	s := &w.state
	if (public && number >= s.PublicSeq) || (!public && number >= s.Seq) {
		return place{s.Seq, s.PublicSeq, s.VisitorMessages, s.AgentMessages}, true, nil
	}
	e, err := g.event(w, number, public)
	if err != nil {
		if chat.CodeOf(err) == chat.NotFound {
			return place{}, false, nil
		}
		return place{}, false, err
	}
	return place{e.Seq, e.PublicSeq, e.VisitorMessages, e.AgentMessages}, true, nil
}

func (w *working) setMark(who participant, m chat.Mark) {
	marks := w.ownMarks()
	if w.moved == nil {
		w.moved = map[participant]bool{}
	}
	marks[who] = m
	w.moved[who] = true
}

// ownMarks are the marks in a map that only this group has.
func (w *working) ownMarks() map[participant]chat.Mark {
	if w.marks == nil {
		w.marks, w.cloned = map[participant]chat.Mark{}, true
	}
	if !w.cloned {
		w.marks, w.cloned = maps.Clone(w.marks), true
	}
	return w.marks
}

func marksOfQuery(n int) string {
	return "SELECT " + of("m", markColumns) + " FROM mark m WHERE m.conversation IN (" + places(n) + ")"
}

// readMarks reads the marks of the conversations in which marks are to move.
func (g *group) readMarks() error {
	var ids []int64
	asked := map[chat.ConversationID]bool{}
	for _, it := range g.batch {
		if it.mark == nil || asked[it.mark.Conversation] {
			continue
		}
		asked[it.mark.Conversation] = true
		if w := g.open[it.mark.Conversation]; w == nil || w.marks == nil {
			ids = append(ids, int64(it.mark.Conversation))
		}
	}
	return g.lookUp(g.c.sql.marksOf, len(ids), marksOfQuery, func(i int) { g.h.ints(ids[i]) }, g.useMark)
}

func (g *group) useMark(r scanner) error {
	var m chat.Mark
	if err := r.Scan(scanMark(&m)...); err != nil {
		return err
	}
	if w := g.open[m.Conversation]; w != nil {
		w.ownMarks()[participant{m.Who.Kind, m.Who.ID}] = m
	}
	return nil
}

var marksQuery = "SELECT " + of("m", markColumns) + " FROM mark m WHERE m.conversation = ? ORDER BY m.who_kind, m.who_id"
