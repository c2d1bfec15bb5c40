package store

import "github.com/kefu-chat/kefu/internal/chat"

// revision is what happens to the row of an earlier event: it gets a new body,
// or loses the one it has.
type revision struct {
	seq   int64
	erase bool
	// The body that is replaced, its rev, and the event that replaced it.
	old  chat.Body
	rev  int
	edit int64
	at   chat.Millis
}

// roundRow is a row of the history of rounds that the group writes.
type roundRow struct {
	chat.RoundRecord
	fresh bool
}

// targets are the events that the drafts replace or erase, as they are now; nil
// for other drafts.
func (g *group) targets(w *working, drafts []chat.Draft) (targets []*chat.Event, err, fatal error) {
	targets = make([]*chat.Event, len(drafts))
	for i := range drafts {
		seq := drafts[i].Erase
		if drafts[i].Replace != nil {
			seq = drafts[i].Replace.Seq
		}
		if seq == 0 {
			continue
		}
		e, err := g.event(w, seq, false)
		switch {
		case err == nil:
			targets[i] = &e
		case chat.CodeOf(err) == chat.NotFound:
			return nil, err, nil
		default:
			return nil, nil, err
		}
	}
	return targets, nil, nil
}

// revise notes what the draft does to its target and returns it as it will be.
func (w *working) revise(d *chat.Draft, target chat.Event, by *chat.Event) *chat.Event {
	change := revision{seq: target.Seq, old: target.Body, rev: target.Rev, edit: by.Seq, at: by.At}
	if d.Replace != nil {
		target.Body = d.Replace.Body
		target.Rev++
	} else {
		change.erase = true
		target.Body = nil
	}
	if w.revised == nil {
		w.revised = map[int64]chat.Event{}
	}
	w.revised[target.Seq] = target
	w.changes = append(w.changes, change)
	return &target
}

// noteRound keeps the history of rounds in step with the events about them.
func (w *working) noteRound(e *chat.Event) {
	switch e.Kind {
	case chat.Opened, chat.Reopened, chat.AssignedTo, chat.Released, chat.Returned, chat.Resolution, chat.Carried:
	default:
		return
	}
	change, err := e.Body.RoundChange()
	if err != nil { // Append read the same body a moment ago
		return
	}
	if w.rounds == nil {
		w.rounds = map[int64]*roundRow{}
	}
	r := w.rounds[change.Round]
	if r == nil {
		r = &roundRow{RoundRecord: chat.RoundRecord{Number: change.Round}}
		w.rounds[change.Round] = r
	}
	r.Assignee, r.ResolvedAt = change.Agent, 0
	switch e.Kind {
	case chat.Opened:
		r.fresh, r.OpenedAt, r.FirstSeq = true, e.At, e.Seq
	case chat.Resolution, chat.Carried:
		r.Assignee, r.ResolvedAt = change.From, e.At
	}
}

const (
	replaceBody    = "UPDATE event SET body = ?, rev = ? WHERE conversation = ? AND seq = ?"
	eraseBody      = "UPDATE event SET body = '', fingerprint = NULL WHERE conversation = ? AND seq = ?"
	eraseEdits     = "UPDATE event SET fingerprint = NULL WHERE conversation = ? AND seq IN (SELECT edit_seq FROM event_revision WHERE conversation = ? AND seq = ?)"
	eraseRevisions = "DELETE FROM event_revision WHERE conversation = ? AND seq = ?"
	updateRound    = "UPDATE round SET resolved_at = ?, assignee = ? WHERE conversation = ? AND number = ?"
)

func (g *group) writeRevisions(w *working) error {
	id := int64(w.conversation.ID)
	for i := range w.changes {
		c := &w.changes[i]
		if c.erase {
			if err := g.erase(id, c.seq); err != nil {
				return err
			}
			if err := g.eraseFiles(id, c.seq, c.old); err != nil {
				return err
			}
			continue
		}
		err := g.c.sql.revision.insert(g.h, 1, func(int) {
			g.h.ints(id, c.seq, int64(c.rev), int64(w.site), c.edit, int64(c.at))
			g.h.arg(text(c.old))
		})
		if err != nil {
			return err
		}
		g.h.arg(text(w.bodyAfter(i)))
		g.h.ints(int64(c.rev)+1, id, c.seq)
		if err := g.h.exec(replaceBody); err != nil {
			return err
		}
	}
	return nil
}

// bodyAfter is the body after change i: what the next change of the event
// found, or what it has in the end.
func (w *working) bodyAfter(i int) chat.Body {
	for _, later := range w.changes[i+1:] {
		if later.seq == w.changes[i].seq {
			return later.old
		}
	}
	return w.revised[w.changes[i].seq].Body
}

func (g *group) erase(id, seq int64) error {
	g.h.ints(id, id, seq)
	if err := g.h.exec(eraseEdits); err != nil {
		return err
	}
	g.h.ints(id, seq)
	if err := g.h.exec(eraseRevisions); err != nil {
		return err
	}
	g.h.ints(id, seq)
	return g.h.exec(eraseBody)
}

func (g *group) writeRounds(w *working) error {
	id := int64(w.conversation.ID)
	for _, r := range w.rounds {
		if r.fresh {
			err := g.c.sql.newRound.insert(g.h, 1, func(int) {
				g.h.ints(id, r.Number, int64(w.site), int64(r.OpenedAt), int64(r.ResolvedAt), r.FirstSeq, int64(r.Assignee))
			})
			if err != nil {
				return err
			}
			continue
		}
		g.h.ints(int64(r.ResolvedAt), int64(r.Assignee), id, r.Number)
		if err := g.h.exec(updateRound); err != nil {
			return err
		}
	}
	return nil
}
