package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
)

// siteWrite is what one name tells of a site's visitors in one transaction.
type siteWrite struct {
	place *presencePlace
	site  chat.SiteID
	name  string
	put   []*presence.Visitor
	drop  []presence.Key

	tx       bun.Tx
	revision int64 // of the next visitor that is written
	counted  int64 // by how much the number of those who are here rises
}

// presencePart is what is read of a row to write another one of the same visitor.
type presencePart struct {
	VisitorKey  []byte
	Name        []byte
	Came, Since int64
}

// commit writes it. held is false when the name has no lease and needs one.
func (w *siteWrite) commit(ctx context.Context, needsLease bool) (held bool, err error) {
	err = w.place.db.Update(ctx, func(ctx context.Context, tx bun.Tx) error {
		w.tx, w.counted = tx, 0
		var err error
		if held, err = w.place.locked(ctx, tx, w.name); err != nil || needsLease && !held {
			return err
		}
		if err := w.lockSite(ctx); err != nil {
			return err
		}
		parts, err := w.parts(ctx)
		if err != nil {
			return err
		}
		if err := w.drops(ctx, parts); err != nil {
			return err
		}
		if err := w.puts(ctx, parts); err != nil {
			return err
		}
		_, err = tx.NewRaw("UPDATE presence_site SET visitors = visitors + ? WHERE site_id = ?", w.counted, int64(w.site)).Exec(ctx)
		return err
	})
	return held, err
}

// lockSite locks the site's row and takes revisions for all that is written.
func (w *siteWrite) lockSite(ctx context.Context) error {
	n := int64(len(w.put) + len(w.drop))
	raise := func() (int64, error) {
		result, err := w.tx.NewRaw("UPDATE presence_site SET revision = revision + ? WHERE site_id = ?", n, int64(w.site)).Exec(ctx)
		if err != nil {
			return 0, err
		}
		return result.RowsAffected()
	}
	met, err := raise()
	if err != nil {
		return err
	}
	if met == 0 {
		// Revisions rise also over the loss of everything: they begin with the time.
		clock, args := w.place.clock()
		values := append(append([]any{int64(w.site)}, args...), 0)
		if _, err := w.tx.NewRaw("INSERT INTO presence_site (site_id, revision, visitors) VALUES (?, "+clock+" * 1000, ?)"+
			w.place.db.dialect.grammar().upsert("site_id", []string{"site_id"}), values...).Exec(ctx); err != nil {
			return err
		}
		if _, err := raise(); err != nil {
			return err
		}
	}
	var last int64
	err = w.tx.NewRaw("SELECT revision FROM presence_site WHERE site_id = ?", int64(w.site)).Scan(ctx, &last)
	w.revision = last - n + 1
	return err
}

// parts are the rows of all visitors that are written, of every name.
func (w *siteWrite) parts(ctx context.Context) (map[presence.Key][]presencePart, error) {
	args := []any{int64(w.site)}
	for _, v := range w.put {
		args = append(args, v.Key[:])
	}
	for _, key := range w.drop {
		args = append(args, key[:])
	}
	var rows []presencePart
	err := w.tx.NewRaw("SELECT visitor_key, name, came, since FROM presence_visitor WHERE site_id = ? AND visitor_key IN ("+places(len(args)-1)+")", args...).Scan(ctx, &rows)
	parts := map[presence.Key][]presencePart{}
	for _, r := range rows {
		key := presence.Key(r.VisitorKey)
		parts[key] = append(parts[key], r)
	}
	return parts, err
}

func (w *siteWrite) nextRevision() int64 {
	w.revision++
	return w.revision - 1
}

func (w *siteWrite) own(p presencePart) bool { return string(p.Name) == w.name }

func (w *siteWrite) drops(ctx context.Context, parts map[presence.Key][]presencePart) error {
	var rows, unshared []any
	for _, key := range w.drop {
		mine := slices.IndexFunc(parts[key], w.own)
		if mine < 0 {
			continue
		}
		rows = append(rows, key[:])
		others := slices.Delete(slices.Clone(parts[key]), mine, mine+1)
		if len(others) == 0 {
			w.counted--
			unshared = append(unshared, key[:])
			continue
		}
		if err := w.rewriteOthers(ctx, key, others, came(others)); err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return nil
	}
	args := append([]any{int64(w.site), []byte(w.name)}, rows...)
	if _, err := w.tx.NewRaw("DELETE FROM presence_visitor WHERE site_id = ? AND name = ? AND visitor_key IN ("+places(len(rows))+")", args...).Exec(ctx); err != nil {
		return err
	}
	if len(unshared) == 0 {
		return nil
	}
	_, err := w.tx.NewRaw("DELETE FROM presence_shared WHERE site_id = ? AND visitor_key IN ("+places(len(unshared))+")", append([]any{int64(w.site)}, unshared...)...).Exec(ctx)
	return err
}

// came is when a visitor came to the first of these nodes.
func came(parts []presencePart) int64 {
	return slices.MinFunc(parts, func(a, b presencePart) int { return cmp.Compare(a.Came, b.Came) }).Came
}

// rewriteOthers lets those who share a visitor see that something changed.
func (w *siteWrite) rewriteOthers(ctx context.Context, key presence.Key, others []presencePart, since int64) error {
	revision := w.nextRevision()
	first := others[0]
	if _, err := w.tx.NewRaw("UPDATE presence_visitor SET revision = ? WHERE site_id = ? AND visitor_key = ? AND name = ?",
		revision, int64(w.site), key[:], first.Name).Exec(ctx); err != nil {
		return err
	}
	if slices.ContainsFunc(others, func(p presencePart) bool { return p.Since != since }) {
		if _, err := w.tx.NewRaw("UPDATE presence_visitor SET since = ? WHERE site_id = ? AND visitor_key = ? AND name <> ?",
			since, int64(w.site), key[:], []byte(w.name)).Exec(ctx); err != nil {
			return err
		}
	}
	_, err := w.tx.NewRaw("INSERT INTO presence_shared (site_id, visitor_key, revision) VALUES (?, ?, ?)"+
		w.place.db.dialect.grammar().upsert("site_id, visitor_key", []string{"revision"}), int64(w.site), key[:], revision).Exec(ctx)
	return err
}

func (w *siteWrite) puts(ctx context.Context, parts map[presence.Key][]presencePart) error {
	if len(w.put) == 0 {
		return nil
	}
	var values []any
	for _, v := range w.put {
		others := slices.DeleteFunc(slices.Clone(parts[v.Key]), w.own)
		since := int64(v.Since)
		switch {
		case len(others) > 0:
			since = min(since, came(others))
			if err := w.rewriteOthers(ctx, v.Key, others, since); err != nil {
				return err
			}
			w.revision-- // one revision for all of its rows
		case len(parts[v.Key]) == 0:
			w.counted++
		}
		data, err := presence.Encode(v)
		if err != nil {
			return err
		}
		values = append(values, int64(w.site), v.Key[:], []byte(w.name), int64(v.Since), since, int64(v.Conversation.Visitor), w.nextRevision(), string(data))
	}
	_, err := w.tx.NewRaw("INSERT INTO presence_visitor (site_id, visitor_key, name, came, since, visitor_id, revision, data) VALUES "+tuples(len(w.put), 8)+
		w.place.db.dialect.grammar().upsert("site_id, visitor_key, name", []string{"came", "since", "visitor_id", "revision", "data"}), values...).Exec(ctx)
	return err
}
