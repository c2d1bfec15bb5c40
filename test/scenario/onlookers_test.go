//go:build linux

package scenario

import (
	"database/sql"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/wire"
)

// onlookers are an agent who watches all lists and a visitor on each node of a
// cluster, who mark what they read. Each agent has all the visitors open.
type onlookers struct {
	t        *testing.T
	c        *cluster
	staff    []access
	agents   []*client.Agent
	lists    []*client.Lists
	visitors []*client.Visitor
	ids      []chat.ConversationUUID
	said     int
	truth    *sql.DB
}

// newOnlookers starts them past the balancer; nobody else uses their accounts.
func newOnlookers(c *cluster, staff ...access) *onlookers {
	c.t.Helper()
	o := &onlookers{t: c.t, c: c, staff: staff, truth: openDatabase(c.t, c.database)}
	for i := range staff {
		o.visitors = append(o.visitors, c.nodes[i].visitor(fmt.Sprint("onlooker ", i), client.NewSecret(), client.Observer{}, marking))
		o.ids = append(o.ids, say(c.t, o.visitors[i].Send(fmt.Sprint("onlooker ", i, " is here"))).AckedIn)
	}
	for i, who := range staff {
		l := client.NewLists(who.id)
		a := c.nodes[i].agent(who, client.Observer{List: l.List, Rows: l.Rows}, marking)
		for _, view := range []chat.View{chat.ViewWaiting, chat.ViewMine, chat.ViewOpen} {
			a.Watch(view)
		}
		for _, id := range o.ids {
			a.Open(id, true)
		}
		o.agents, o.lists = append(o.agents, a), append(o.lists, l)
	}
	return o
}

func marking(cfg *client.Config) {
	paced(cfg)
	cfg.Marks = true
}

// openDatabase opens a server's database by the address that database.url has.
func openDatabase(t *testing.T, address string) *sql.DB {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	driver, dsn := "pgx", address
	if u.Scheme == "mysql" {
		driver, dsn = "mysql", fmt.Sprintf("%s@tcp(%s)%s", u.User, u.Host, u.Path)
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// watchFor has the onlookers talk while a crowd writes, and compares all that
// they see with the database; the last comparison may go over the time.
func (o *onlookers) watchFor(crowd *crowd, d time.Duration) {
	o.t.Helper()
	begun, acked := time.Now(), crowd.s.h.Acked()
	for time.Since(begun) < d {
		o.talk()
	}
	if n := crowd.s.h.Acked() - acked; n < 10 {
		o.t.Errorf("%d commands were acked in %s", n, d)
	}
}

// talk has each visitor write, an agent of another node answer, and that agent
// resolve the round: each step is seen everywhere within 5 s.
func (o *onlookers) talk() {
	o.t.Helper()
	o.said++
	heads := make([]int64, len(o.ids))
	each := func(what string, step func(i int) *client.Item) {
		o.t.Helper()
		for i := range o.ids {
			heads[i] = say(o.t, step(i)).Ack.N
		}
		soon(o.t, what, func() string { return o.behind(heads) })
		soon(o.t, what+": the marks", func() string { return o.unmarked(heads) })
	}
	agent := func(i int) *client.Agent { return o.agents[(i+1)%len(o.agents)] }
	each("questions", func(i int) *client.Item {
		return o.visitors[i].Send(fmt.Sprintf("question %d of onlooker %d", o.said, i))
	})
	each("answers", func(i int) *client.Item {
		return agent(i).Send(o.ids[i], fmt.Sprintf("answer %d to onlooker %d", o.said, i))
	})
	soon(o.t, "the lists and counts with them", o.listed)
	each("the end of the rounds", func(i int) *client.Item { return agent(i).Resolve(o.ids[i]) })
	soon(o.t, "the lists and counts without them", o.listed)
}

// behind tells whose copies or rows do not reach the heads of the onlookers'
// conversations, in which there are no notes.
func (o *onlookers) behind(heads []int64) string {
	for i, id := range o.ids {
		v := o.visitors[i].Conversation()
		if why := behind(v, heads[i])(); why != "" {
			return fmt.Sprintf("onlooker %d: %s", i, why)
		}
		for k, a := range o.agents {
			if why := behind(a.Conversation(id), heads[i])(); why != "" {
				return fmt.Sprintf("node %d, onlooker %d: %s", k, i, why)
			}
			if rows, _, _ := o.lists[k].View(chat.ViewOpen); rows[id].V != 0 && rows[id].V < heads[i] {
				return fmt.Sprintf("node %d shows the row of onlooker %d as of %d of %d", k, i, rows[id].V, heads[i])
			}
		}
	}
	return ""
}

// unmarked tells who does not know that the others have read up to the heads.
func (o *onlookers) unmarked(heads []int64) string {
	for i, id := range o.ids {
		if _, theirs, unread := o.visitors[i].Conversation().Marks(); theirs.Read < heads[i] || unread != 0 {
			return fmt.Sprintf("onlooker %d knows that agents have read to %d of %d, and has %d unread", i, theirs.Read, heads[i], unread)
		}
		for k, a := range o.agents {
			if _, theirs, _ := a.Conversation(id).Marks(); theirs.Read < heads[i] {
				return fmt.Sprintf("node %d knows that onlooker %d has read to %d of %d", k, i, theirs.Read, heads[i])
			}
		}
	}
	return ""
}

// round is an open round as the database has it.
type round struct {
	state chat.RoundState
	agent chat.AgentID
}

func (o *onlookers) rounds() map[chat.ConversationUUID]round {
	o.t.Helper()
	found, err := o.truth.QueryContext(o.t.Context(), "SELECT c.uuid, l.state, l.assignee FROM list l JOIN conversation c ON c.id = l.conversation"+
		" WHERE l.state IN ('waiting', 'assigned')")
	if err != nil {
		o.t.Fatal(err)
	}
	defer found.Close()
	all := map[chat.ConversationUUID]round{}
	for found.Next() {
		var id []byte
		var r round
		if err := found.Scan(&id, &r.state, &r.agent); err != nil {
			o.t.Fatal(err)
		}
		all[chat.ConversationUUID(id)] = r
	}
	if err := found.Err(); err != nil {
		o.t.Fatal(err)
	}
	return all
}

// listed tells which node shows other open rounds, or other counts of them, than
// the database has.
func (o *onlookers) listed() string {
	all := o.rounds()
	for k, l := range o.lists {
		var want wire.Counts
		open, counts, _ := l.View(chat.ViewOpen)
		for id, r := range all {
			row, shown := open[id]
			if !shown || row.Round.State != r.state || (row.Round.Agent == nil) != (r.agent == 0) || r.agent != 0 && row.Round.Agent.ID != r.agent {
				return fmt.Sprintf("node %d shows %s as of %d (shown: %t), the database has it %s with %d",
					k, row.Round.State, row.V, shown, r.state, r.agent)
			}
			want.Open++
			switch {
			case r.state == chat.Waiting:
				want.Waiting++
			case r.agent == o.staff[k].id:
				want.Mine++
			}
		}
		if counts.Visitors = 0; len(open) != len(all) || counts != want {
			return fmt.Sprintf("node %d shows %d open rounds of %d and counts %+v, want %+v", k, len(open), len(all), counts, want)
		}
	}
	return ""
}

// close ends all their sessions.
func (o *onlookers) close() {
	for i := range o.agents {
		o.visitors[i].Close()
		o.agents[i].Close()
	}
}
