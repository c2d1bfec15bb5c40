package store

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
)

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
	if err := g.writeBegun(); err != nil {
		return err
	}
	if err := g.writeCarried(); err != nil {
		return err
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
	if err := g.writeLists(); err != nil {
		return err
	}
	if err := g.writeMarks(); err != nil {
		return err
	}
	if err := g.writeOutbox(); err != nil {
		return err
	}
	for _, w := range g.order { // what few changes need
		if err := g.writeRounds(w); err != nil {
			return err
		}
		if err := g.writeAttached(w); err != nil {
			return err
		}
		if err := g.writeRevisions(w); err != nil {
			return err
		}
	}
	return nil
}

// writeBegun inserts the visitors and conversations of first messages, in the
// order of their secrets: two nodes that insert the same do not wait for each other.
func (g *group) writeBegun() error {
	var begun []*working
	for _, w := range g.order {
		if !w.known && len(w.events) > 0 {
			begun = append(begun, w)
		}
	}
	slices.SortFunc(begun, func(a, b *working) int {
		return cmp.Or(cmp.Compare(a.site, b.site), bytes.Compare(a.begin.SecretHash, b.begin.SecretHash))
	})
	var visitors []*working
	for _, w := range begun {
		w.known = true
		if !w.expected {
			visitors = append(visitors, w)
			continue
		}
		g.h.arg(string(w.profile))
		g.h.blob(emailOf(w.begin.Profile))
		g.h.ints(int64(w.conversation.Visitor))
		if err := g.h.exec("UPDATE visitor SET profile = ?, email = ? WHERE id = ?"); err != nil {
			return err
		}
	}
	err := g.c.sql.newVisitor.insert(g.h, len(visitors), func(i int) {
		w := visitors[i]
		g.h.ints(int64(w.conversation.Visitor), int64(w.site))
		g.h.arg(w.begin.SecretHash)
		g.h.arg(string(w.profile))
		g.h.blob(emailOf(w.begin.Profile))
		g.h.arg(int64(w.conversation.CreatedAt))
	})
	if err != nil {
		return err
	}
	return g.c.sql.newConversation.insert(g.h, len(begun), func(i int) {
		c := &begun[i].conversation
		g.h.arg(int64(c.ID))
		g.h.arg(c.UUID[:])
		g.h.ints(int64(c.Site), int64(c.Visitor), int64(c.CreatedAt))
	})
}

// writeLists writes the list rows on every change of the round, and otherwise on
// the first append or mark of each second.
func (g *group) writeLists() error {
	var turned, touched []*working
	for _, w := range g.order {
		if len(w.events) == 0 && len(w.moved) == 0 {
			continue
		}
		lastAt := second(w.state.LastAt)
		if w.before.Round != w.state.Round || w.before.WaitingSince != w.state.WaitingSince || w.before.Seq == 0 {
			turned = append(turned, w)
		} else if w.listAt != lastAt || second(w.listChanged) != second(g.now) {
			touched = append(touched, w)
		} else {
			continue
		}
		w.listAt, w.listChanged = lastAt, g.now
	}
	g.rows += len(turned) + len(touched)
	err := g.c.sql.list.insert(g.h, len(turned), func(i int) { bindList(g.h, &turned[i].state, turned[i].listAt, g.now) })
	if err != nil {
		return err
	}
	return g.c.sql.touch.insert(g.h, len(touched), func(i int) { bindList(g.h, &touched[i].state, touched[i].listAt, g.now) })
}

// second is the moment cut to the second: the grain of a list row's last_at.
func second(m chat.Millis) chat.Millis { return m - m%1000 }

func (g *group) writeMarks() error {
	type moved struct {
		mark chat.Mark
		site chat.SiteID
	}
	var marks []moved
	for _, w := range g.order {
		for who := range w.moved {
			marks = append(marks, moved{w.marks[who], w.site})
		}
	}
	g.rows += len(marks)
	return g.c.sql.marks.insert(g.h, len(marks), func(i int) { bindMark(g.h, &marks[i].mark, marks[i].site) })
}
