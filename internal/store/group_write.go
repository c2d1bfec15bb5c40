package store

import "github.com/kefu-chat/kefu/internal/chat"

// writtenEvent is an event to be inserted: the i-th of a conversation.
type writtenEvent struct {
	w *working
	i int
}

// write puts all that the group decided into the open transaction.
func (g *group) write() error {
	if !g.wrote {
		return nil
	}
	var heads []*working
	var events []writtenEvent
	for _, w := range g.order {
		if len(w.events) == 0 {
			continue
		}
		heads = append(heads, w)
		for i := range w.events {
			events = append(events, writtenEvent{w, i})
		}
	}
	g.rows = len(events) + len(heads)
	for _, w := range heads {
		if err := g.writeBegun(w); err != nil {
			return err
		}
	}
	err := g.c.sql.events.insert(g.h, len(events), func(i int) {
		w, n := events[i].w, events[i].i
		bindEvent(g.h, &w.events[n], w.site, w.prints[n])
	})
	if err != nil {
		return err
	}
	err = g.c.sql.head.insert(g.h, len(heads), func(i int) { bindState(g.h, &heads[i].state, heads[i].lastText) })
	if err != nil {
		return err
	}
	return g.writeRest()
}

// writeRest writes what few changes need.
func (g *group) writeRest() error {
	now := g.c.db.now()
	for _, w := range g.order {
		if err := g.writeList(w, now); err != nil {
			return err
		}
		if err := g.writeRounds(w); err != nil {
			return err
		}
		if err := g.writeRevisions(w); err != nil {
			return err
		}
		if err := g.writeMarks(w); err != nil {
			return err
		}
	}
	return nil
}

// writeBegun inserts the visitor and conversation of a first message.
func (g *group) writeBegun(w *working) error {
	if w.known {
		return nil
	}
	w.known = true
	err := g.c.sql.newVisitor.insert(g.h, 1, func(int) {
		g.h.ints(int64(w.conversation.Visitor), int64(w.site))
		g.h.arg(w.begin.SecretHash)
		g.h.arg(string(w.profile))
		g.h.arg(int64(w.conversation.CreatedAt))
	})
	if err != nil {
		return err
	}
	return g.c.sql.newConversation.insert(g.h, 1, func(int) {
		c := &w.conversation
		g.h.arg(int64(c.ID))
		g.h.arg(c.UUID[:])
		g.h.ints(int64(c.Site), int64(c.Visitor), int64(c.CreatedAt))
	})
}

const touchList = "UPDATE list SET last_at = ?, changed_at = ? WHERE conversation = ?"

// writeList writes the list row on every change of the round, and otherwise on
// the first append or mark of each second.
func (g *group) writeList(w *working, now chat.Millis) error {
	if len(w.events) == 0 && len(w.moved) == 0 {
		return nil
	}
	lastAt := second(w.state.LastAt)
	turned := w.before.Round != w.state.Round || w.before.WaitingSince != w.state.WaitingSince || w.before.Seq == 0
	if !turned && w.listAt == lastAt && second(w.listChanged) == second(now) {
		return nil
	}
	w.listAt, w.listChanged = lastAt, now
	g.rows++
	if turned {
		return g.c.sql.list.insert(g.h, 1, func(int) { bindList(g.h, &w.state, lastAt, now) })
	}
	g.h.ints(int64(lastAt), int64(now), int64(w.conversation.ID))
	return g.h.exec(touchList)
}

// second is the moment cut to the second: the grain of a list row's last_at.
func second(m chat.Millis) chat.Millis { return m - m%1000 }

func (g *group) writeMarks(w *working) error {
	if len(w.moved) == 0 {
		return nil
	}
	marks := make([]chat.Mark, 0, len(w.moved))
	for who := range w.moved {
		marks = append(marks, w.marks[who])
	}
	g.rows += len(marks)
	return g.c.sql.marks.insert(g.h, len(marks), func(i int) { bindMark(g.h, &marks[i], w.site) })
}
