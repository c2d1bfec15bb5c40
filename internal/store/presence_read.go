package store

import (
	"context"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
)

// siteRead is what one exchange reads of a site.
type siteRead struct {
	place *presencePlace
	name  string
	ask   *presence.SiteAsk
	out   *presence.SiteAnswer
	full  map[presence.Key]bool // whose records are read
	// dead are names whose lease was over. One that nobody knew of then is new: what
	// it told is read now, and would not be read again.
	dead map[string]bool
}

// presenceSeen is a row without what was told in it.
type presenceSeen struct {
	VisitorKey []byte
	Name       []byte
	Revision   int64
}

// read reads what was asked for, each site's revision first.
func (p *presencePlace) read(ctx context.Context, ask *presence.Ask, answer *presence.Answer, dead map[string]bool) error {
	if len(ask.Sites) == 0 {
		return nil
	}
	ids := make([]any, len(ask.Sites))
	for i := range ask.Sites {
		ids[i] = int64(ask.Sites[i].Site)
	}
	var rows []struct{ SiteID, Revision, Visitors int64 }
	if err := p.db.read.NewRaw("SELECT site_id, revision, visitors FROM presence_site WHERE site_id IN ("+places(len(ids))+")", ids...).Scan(ctx, &rows); err != nil {
		return err
	}
	for i := range ask.Sites {
		a := &answer.Sites[i]
		if a.Lost {
			continue
		}
		for _, r := range rows {
			if r.SiteID == int64(ask.Sites[i].Site) {
				a.Revision, a.Count = uint64(r.Revision), r.Visitors
			}
		}
		one := siteRead{place: p, name: ask.Name, ask: &ask.Sites[i], out: a, full: map[presence.Key]bool{}, dead: dead}
		if err := one.run(ctx, ask.Lease); err != nil {
			return err
		}
	}
	return nil
}

func (r *siteRead) run(ctx context.Context, lease time.Duration) error {
	for _, step := range []func(context.Context) error{r.page, r.feed, r.lookups, r.records} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return r.audit(ctx, 2*lease)
}

func (r *siteRead) alive(name []byte) bool { return !r.dead[string(name)] }

// page reads who the newest are; a visitor may have several rows, and those of
// dead nodes are passed over.
func (r *siteRead) page(ctx context.Context) error {
	if r.ask.Page == 0 || r.out.Revision == r.ask.After {
		return nil
	}
	r.out.Paged = true
	after := r.ask.After
	if after > r.out.Revision {
		after = 0
	}
	var rows []presenceSeen
	if err := r.place.db.read.NewRaw("SELECT visitor_key, name, revision FROM presence_visitor WHERE site_id = ? ORDER BY since DESC, visitor_key DESC LIMIT ?",
		int64(r.ask.Site), 2*r.ask.Page).Scan(ctx, &rows); err != nil {
		return err
	}
	seen := map[presence.Key]bool{}
	for _, row := range rows {
		key := presence.Key(row.VisitorKey)
		if !r.alive(row.Name) || !seen[key] && len(r.out.Page) == r.ask.Page {
			continue
		}
		if !seen[key] {
			seen[key] = true
			r.out.Page = append(r.out.Page, key)
		}
		if uint64(row.Revision) > after {
			r.full[key] = true
		}
	}
	return nil
}

// feed reads which visitors changed whom this name shares with others.
func (r *siteRead) feed(ctx context.Context) error {
	if r.ask.Feed == 0 {
		return nil
	}
	after := r.ask.Shared
	if after > r.out.Revision {
		after = 0
	}
	var rows []struct {
		VisitorKey []byte
		Revision   int64
		Mine       int64
	}
	if err := r.place.db.read.NewRaw("SELECT s.visitor_key, s.revision, (SELECT COUNT(*) FROM presence_visitor v WHERE v.site_id = s.site_id AND v.visitor_key = s.visitor_key AND v.name = ?) AS mine"+
		" FROM presence_shared s WHERE s.site_id = ? AND s.revision > ? ORDER BY s.revision LIMIT ?",
		[]byte(r.name), int64(r.ask.Site), int64(after), r.ask.Feed).Scan(ctx, &rows); err != nil {
		return err
	}
	r.out.Fed, r.out.FedAll = after, len(rows) < r.ask.Feed
	for _, row := range rows {
		r.out.Fed = uint64(row.Revision)
		if row.Mine > 0 {
			r.full[presence.Key(row.VisitorKey)] = true
		}
	}
	if r.out.FedAll {
		r.out.Fed = max(r.out.Fed, r.out.Revision)
	}
	return nil
}

// lookups finds whom the node asked for, and which of them changed.
func (r *siteRead) lookups(ctx context.Context) error {
	of, err := r.keysOf(ctx)
	if err != nil {
		return err
	}
	revisions, err := r.revisions(ctx, of)
	if err != nil {
		return err
	}
	for _, look := range r.ask.Keys {
		if revision, here := revisions[look.Key]; !here {
			r.out.AbsentKeys = append(r.out.AbsentKeys, look.Key)
		} else if revision != look.Known {
			r.full[look.Key] = true
		}
	}
	for _, look := range r.ask.IDs {
		key, known := of[look.ID]
		if revision, here := revisions[key]; !known || !here {
			r.out.AbsentIDs = append(r.out.AbsentIDs, look.ID)
		} else if revision != look.Known {
			r.full[key] = true
		}
	}
	return nil
}

// revisions are those of the visitors that are looked up and here.
func (r *siteRead) revisions(ctx context.Context, of map[chat.VisitorID]presence.Key) (map[presence.Key]uint64, error) {
	args := []any{int64(r.ask.Site)}
	for _, look := range r.ask.Keys {
		args = append(args, look.Key[:])
	}
	for _, key := range of {
		args = append(args, key[:])
	}
	revisions := map[presence.Key]uint64{}
	if len(args) == 1 {
		return revisions, nil
	}
	var rows []presenceSeen
	if err := r.place.db.read.NewRaw("SELECT visitor_key, name, revision FROM presence_visitor WHERE site_id = ? AND visitor_key IN ("+places(len(args)-1)+")", args...).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	here := map[presence.Key]bool{}
	for _, row := range rows {
		key := presence.Key(row.VisitorKey)
		revisions[key] = max(revisions[key], uint64(row.Revision))
		here[key] = here[key] || r.alive(row.Name)
	}
	for key := range revisions {
		if !here[key] {
			delete(revisions, key)
		}
	}
	return revisions, nil
}

// keysOf finds the keys of the ids that are asked for.
func (r *siteRead) keysOf(ctx context.Context) (map[chat.VisitorID]presence.Key, error) {
	of := map[chat.VisitorID]presence.Key{}
	if len(r.ask.IDs) == 0 {
		return of, nil
	}
	args := []any{int64(r.ask.Site)}
	for _, look := range r.ask.IDs {
		args = append(args, int64(look.ID))
	}
	var rows []struct {
		VisitorID  int64
		VisitorKey []byte
		Name       []byte
	}
	err := r.place.db.read.NewRaw("SELECT visitor_id, visitor_key, name FROM presence_visitor WHERE site_id = ? AND visitor_id IN ("+places(len(args)-1)+")", args...).Scan(ctx, &rows)
	for _, row := range rows {
		if r.alive(row.Name) {
			of[chat.VisitorID(row.VisitorID)] = presence.Key(row.VisitorKey)
		}
	}
	return of, err
}

// records reads what was told of the visitors in full.
func (r *siteRead) records(ctx context.Context) error {
	if len(r.full) == 0 {
		return nil
	}
	args := []any{int64(r.ask.Site)}
	for key := range r.full {
		args = append(args, key[:])
	}
	var rows []struct {
		presenceSeen
		Data string
	}
	if err := r.place.db.read.NewRaw("SELECT visitor_key, name, revision, data FROM presence_visitor WHERE site_id = ? AND visitor_key IN ("+places(len(args)-1)+")", args...).Scan(ctx, &rows); err != nil {
		return err
	}
	place := map[presence.Key]int{}
	for _, row := range rows {
		key := presence.Key(row.VisitorKey)
		i, known := place[key]
		if !known {
			i = len(r.out.Records)
			place[key] = i
			r.out.Records = append(r.out.Records, presence.Record{Key: key})
		}
		record := &r.out.Records[i]
		record.Revision = max(record.Revision, uint64(row.Revision))
		if r.alive(row.Name) && string(row.Name) != r.name {
			record.Parts = append(record.Parts, presence.RecordPart{Name: string(row.Name), Data: []byte(row.Data)})
		}
	}
	return nil
}

// audit counts now and then what the place has under the name.
func (r *siteRead) audit(ctx context.Context, every time.Duration) error {
	r.out.Mine = -1
	p := r.place
	p.mu.Lock()
	due := r.ask.Writes && time.Since(p.audited[r.ask.Site]) >= every
	if due {
		p.audited[r.ask.Site] = time.Now()
	}
	p.mu.Unlock()
	if !due {
		return nil
	}
	return p.db.read.NewRaw("SELECT COUNT(*) FROM presence_visitor WHERE name = ? AND site_id = ?", []byte(r.name), int64(r.ask.Site)).Scan(ctx, &r.out.Mine)
}
