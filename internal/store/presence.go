package store

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
)

// presencePlace keeps presence in tables, under one lease per name by the
// database's clock. A site's changes are made one after another, under the lock of
// its row in presence_site: whoever reads a revision there sees all up to it.
type presencePlace struct {
	db *DB

	mu      sync.Mutex
	audited map[chat.SiteID]time.Time // when a site's visitors under the name were last counted
	// written is how many rows were written since the engine's statistics were made
	// anew, of which again is due.
	written, again int
}

var _ presence.Place = (*presencePlace)(nil)

// Presence is the place where the nodes over this database share who is online;
// one for each node.
func (db *DB) Presence() presence.Place {
	return &presencePlace{db: db, audited: map[chat.SiteID]time.Time{}, again: analyzeFirst}
}

// analyzeFirst is after how many rows PostgreSQL is first told to look at them. It
// plans by statistics, and of tables that were just filled it has none: it would
// read all of a site to find some.
const analyzeFirst = 1000

// wrote counts rows that were written, and has the statistics made anew in time.
func (p *presencePlace) wrote(ctx context.Context, rows int) {
	if p.db.dialect.name() != "postgres" {
		return
	}
	p.mu.Lock()
	p.written += rows
	due := p.written >= p.again
	if due {
		p.written, p.again = 0, min(p.again*3/2, 1_000_000)
	}
	p.mu.Unlock()
	if !due {
		return
	}
	if _, err := p.db.write.NewRaw("ANALYZE presence_visitor, presence_shared").Exec(ctx); err != nil {
		p.db.log.Debug("the statistics of presence were not made anew", "error", err) // the engine does it, later
	}
}

// clearBatch bounds how many visitors of dead nodes one exchange clears away.
const clearBatch = 500

// nodeRow is a lease; Remains is what is left of it, in ms.
type nodeRow struct {
	Name    []byte
	Remains int64
}

// Exchange implements presence.Place.
func (p *presencePlace) Exchange(ctx context.Context, ask *presence.Ask) (*presence.Answer, error) {
	leases, lost, err := p.hold(ctx, ask)
	if err != nil {
		return nil, err
	}
	answer := &presence.Answer{Sites: make([]presence.SiteAnswer, len(ask.Sites))}
	if ask.Agents != nil {
		answer.Agents = &presence.AgentsAnswer{Lost: lost}
	}
	if lost {
		for i := range answer.Sites {
			answer.Sites[i].Lost = ask.Sites[i].Writes
		}
		return answer, nil
	}
	if err := p.write(ctx, ask, answer); err != nil {
		return nil, err
	}
	more, err := p.clear(ctx, leases)
	if err != nil {
		return nil, err
	}
	var alive []string
	dead := map[string]bool{}
	for _, l := range leases {
		if l.Remains > 0 {
			alive = append(alive, string(l.Name))
		} else {
			dead[string(l.Name)] = true
		}
	}
	slices.Sort(alive)
	if ask.Agents != nil && !answer.Agents.Lost {
		answer.Agents.Alive = alive
		if answer.Agents.On, err = p.agents(ctx, alive); err != nil {
			return nil, err
		}
		answer.Agents.Changed = true
	}
	for i := range answer.Sites {
		answer.Sites[i].More, answer.Sites[i].Names = more, alive
	}
	return answer, p.read(ctx, ask, answer, dead)
}

// hold reads the leases and sees to it that the asking name has one. lost says
// that it writes, and has none.
func (p *presencePlace) hold(ctx context.Context, ask *presence.Ask) (leases []nodeRow, lost bool, err error) {
	clock, args := p.clock()
	if err := p.db.read.NewRaw("SELECT name, until_at - "+clock+" AS remains FROM presence_node", args...).Scan(ctx, &leases); err != nil {
		return nil, false, err
	}
	if err := p.shorten(ctx, leases, ask.Lease.Milliseconds()); err != nil {
		return nil, false, err
	}
	writes := ask.Agents != nil || slices.ContainsFunc(ask.Sites, func(s presence.SiteAsk) bool { return s.Writes })
	if !writes {
		return leases, false, nil
	}
	lease := ask.Lease.Milliseconds()
	i := slices.IndexFunc(leases, func(l nodeRow) bool { return string(l.Name) == ask.Name })
	switch {
	case i >= 0 && leases[i].Remains > lease*3/4:
		return leases, false, nil
	case i >= 0 && leases[i].Remains > 0:
		until := append(append(append([]any{}, args...), lease, []byte(ask.Name)), args...)
		result, err := p.db.write.NewRaw("UPDATE presence_node SET until_at = "+clock+" + ? WHERE name = ? AND until_at > "+clock, until...).Exec(ctx)
		if err != nil {
			return nil, false, err
		}
		met, err := result.RowsAffected()
		return leases, met == 0, err
	case i >= 0 || ask.Agents == nil || !ask.Agents.Begin:
		return leases, true, nil
	}
	values := append([]any{[]byte(ask.Name)}, args...)
	if _, err := p.db.write.NewRaw("INSERT INTO presence_node (name, until_at) VALUES (?, "+clock+" + ?)", append(values, lease)...).Exec(ctx); err != nil {
		return nil, false, err
	}
	return append(leases, nodeRow{[]byte(ask.Name), lease}), false, nil
}

// shorten ends leases that are longer than any is made: the database's clock was
// set back since, and they would outlive their nodes by as much.
func (p *presencePlace) shorten(ctx context.Context, leases []nodeRow, lease int64) error {
	far := false
	for i := range leases {
		if leases[i].Remains > lease {
			leases[i].Remains, far = lease, true
		}
	}
	if !far {
		return nil
	}
	clock, args := p.clock()
	until := append(append(append(append([]any{}, args...), lease), args...), lease)
	_, err := p.db.write.NewRaw("UPDATE presence_node SET until_at = "+clock+" + ? WHERE until_at > "+clock+" + ?", until...).Exec(ctx)
	return err
}

// clock is what stands for the database's time in a statement, with its arguments.
func (p *presencePlace) clock() (clock string, args []any) {
	if clock := p.db.clock(); clock != "" {
		return clock, nil
	}
	return "?", []any{int64(p.db.now())}
}

// write tells what the asking name has to tell.
func (p *presencePlace) write(ctx context.Context, ask *presence.Ask, answer *presence.Answer) error {
	if ask.Agents != nil && len(ask.Agents.Set) > 0 {
		held, err := p.writeAgents(ctx, ask.Name, ask.Agents.Set)
		if err != nil {
			return err
		}
		answer.Agents.Lost = !held
	}
	for i := range ask.Sites {
		s := &ask.Sites[i]
		if len(s.Put)+len(s.Drop) == 0 {
			continue
		}
		w := siteWrite{place: p, site: s.Site, name: ask.Name, put: s.Put, drop: s.Drop}
		held, err := w.commit(ctx, true)
		if err != nil {
			return err
		}
		answer.Sites[i].Lost = !held
		p.wrote(ctx, len(s.Put))
	}
	return nil
}

// locked locks a name's lease until the transaction ends, so that what is written
// under it is either seen by who clears it away, or not written at all. It tells
// whether the lease is good.
func (p *presencePlace) locked(ctx context.Context, tx bun.Tx, name string) (good bool, err error) {
	clock, args := p.clock()
	var left []int64
	err = tx.NewRaw("SELECT until_at - "+clock+" FROM presence_node WHERE name = ?"+p.db.dialect.grammar().forUpdate, append(args, []byte(name))...).Scan(ctx, &left)
	return len(left) > 0 && left[0] > 0, err
}

func (p *presencePlace) writeAgents(ctx context.Context, name string, set map[chat.AgentID]presence.State) (held bool, err error) {
	var gone, here []any
	for agent, state := range set {
		if state == presence.Offline {
			gone = append(gone, int64(agent))
		} else {
			here = append(here, int64(agent), []byte(name), int(state))
		}
	}
	err = p.db.Update(ctx, func(ctx context.Context, tx bun.Tx) error {
		if held, err = p.locked(ctx, tx, name); err != nil || !held {
			return err
		}
		if len(gone) > 0 {
			if _, err := tx.NewRaw("DELETE FROM presence_agent WHERE name = ? AND agent_id IN ("+places(len(gone))+")", append([]any{[]byte(name)}, gone...)...).Exec(ctx); err != nil {
				return err
			}
		}
		if len(here) == 0 {
			return nil
		}
		_, err := tx.NewRaw("INSERT INTO presence_agent (agent_id, name, state) VALUES "+tuples(len(here)/3, 3)+
			p.db.dialect.grammar().upsert("agent_id, name", []string{"state"}), here...).Exec(ctx)
		return err
	})
	return held, err
}

func (p *presencePlace) agents(ctx context.Context, alive []string) ([]presence.AgentOn, error) {
	var rows []struct {
		AgentID int64
		Name    []byte
		State   int
	}
	if err := p.db.read.NewRaw("SELECT agent_id, name, state FROM presence_agent").Scan(ctx, &rows); err != nil {
		return nil, err
	}
	var on []presence.AgentOn
	for _, r := range rows {
		if _, good := slices.BinarySearch(alive, string(r.Name)); good {
			on = append(on, presence.AgentOn{Agent: chat.AgentID(r.AgentID), Name: string(r.Name), State: presence.State(r.State)})
		}
	}
	return on, nil
}

// clear clears away some of what names told whose lease is over. more says that
// something is left.
func (p *presencePlace) clear(ctx context.Context, leases []nodeRow) (more bool, err error) {
	for _, l := range leases {
		if l.Remains > 0 {
			continue
		}
		var rows []struct {
			SiteID     int64
			VisitorKey []byte
		}
		if err := p.db.read.NewRaw("SELECT site_id, visitor_key FROM presence_visitor WHERE name = ? ORDER BY name, site_id LIMIT ?", l.Name, clearBatch).Scan(ctx, &rows); err != nil {
			return false, err
		}
		of := map[chat.SiteID][]presence.Key{}
		for _, r := range rows {
			of[chat.SiteID(r.SiteID)] = append(of[chat.SiteID(r.SiteID)], presence.Key(r.VisitorKey))
		}
		for site, keys := range of {
			w := siteWrite{place: p, site: site, name: string(l.Name), drop: keys}
			if _, err := w.commit(ctx, false); err != nil {
				return false, err
			}
		}
		if len(rows) == clearBatch {
			return true, nil
		}
		if err := p.forgetName(ctx, l.Name); err != nil {
			return false, err
		}
	}
	return false, nil
}

// forgetName ends a name of whose visitors none is left.
func (p *presencePlace) forgetName(ctx context.Context, name []byte) error {
	return p.db.Update(ctx, func(ctx context.Context, tx bun.Tx) error {
		if good, err := p.locked(ctx, tx, string(name)); err != nil || good {
			return err
		}
		var left []int64
		if err := tx.NewRaw("SELECT site_id FROM presence_visitor WHERE name = ? LIMIT 1", name).Scan(ctx, &left); err != nil || len(left) > 0 {
			return err
		}
		if _, err := tx.NewRaw("DELETE FROM presence_agent WHERE name = ?", name).Exec(ctx); err != nil {
			return err
		}
		_, err := tx.NewRaw("DELETE FROM presence_node WHERE name = ?", name).Exec(ctx)
		return err
	})
}

// Leave implements presence.Place: whoever comes next finds the lease over.
func (p *presencePlace) Leave(ctx context.Context, name string, _ []chat.SiteID) error {
	_, err := p.db.write.NewRaw("UPDATE presence_node SET until_at = 0 WHERE name = ?", []byte(name)).Exec(ctx)
	return err
}
