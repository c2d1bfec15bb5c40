package store

import (
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
)

// attachment is an event that gets files.
type attachment struct {
	ids    []chat.FileID
	seq    int64
	public bool
}

func (s *statements) filesQuery(n int) string {
	return "SELECT id, site_id, owner, state, name, type, size, width, height FROM file WHERE id IN (" + places(n) + ") ORDER BY id" + s.g.forUpdate
}

// Files implements chat.Log.
func (l *groupLog) Files(ids []chat.FileID) (found []chat.Upload, err error) {
	g := l.g
	sorted := slices.Sorted(slices.Values(ids))
	err = g.lookUp(g.c.sql.files, len(sorted), g.c.sql.filesQuery, func(i int) { g.h.ints(int64(sorted[i])) }, func(r scanner) error {
		var u chat.Upload
		var id int64
		var owner []byte
		var state string
		if err := r.Scan(&id, &u.Site, &owner, &state, &u.Name, &u.Type, &u.Size, &u.Width, &u.Height); err != nil {
			return err
		}
		u.ID, u.Owner = chat.FileID(id), chat.FileOwner(owner)
		u.Free = files.State(state) == files.Complete && !g.attached[u.ID]
		found = append(found, u)
		return nil
	})
	if err == nil {
		err = g.h.flush()
	}
	if err != nil {
		l.failed = err
	}
	return found, err
}

// attach gives uploads to the event that was just appended.
func (g *group) attach(w *working, e *chat.Event, ids []chat.FileID) {
	if g.attached == nil {
		g.attached = map[chat.FileID]bool{}
	}
	for _, id := range ids {
		g.attached[id] = true
	}
	w.attached = append(w.attached, attachment{ids, e.Seq, e.Public})
}

const (
	attachFile = "UPDATE file SET state = ?, conversation = ?, seq = ?, public = ?, delete_at = 0 WHERE id = ?"
	eraseFiles = "UPDATE file SET state = ?, delete_at = ? WHERE conversation = ? AND seq = ?"
)

func (g *group) writeAttached(w *working) error {
	for _, a := range w.attached {
		for _, id := range a.ids {
			public := int64(0)
			if a.public {
				public = 1
			}
			g.h.arg(string(files.Sent))
			g.h.ints(int64(w.conversation.ID), a.seq, public, int64(id))
			if err := g.h.exec(attachFile); err != nil {
				return err
			}
		}
	}
	return nil
}

// eraseFiles makes the files of an event, if its body had any, nobody's to see.
func (g *group) eraseFiles(id, seq int64, body chat.Body) error {
	if had, err := body.Text(); err == nil && len(had.Files) == 0 {
		return nil
	}
	g.h.arg(string(files.Gone))
	g.h.ints(int64(atOnce), id, seq)
	return g.h.exec(eraseFiles)
}
