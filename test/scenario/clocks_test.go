//go:build linux

package scenario

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/test/checker"
	"github.com/kefu-chat/kefu/test/engines"
)

// disordered names what the test build does to a bus: it repeats a fifth of what
// comes, and has another fifth overtaken. wrongClock sets a node's clock back two
// hours some seconds after its start.
const (
	disordered = "order"
	wrongClock = "clock"
)

// A bus that repeats and reorders: everybody sees each event once, in order.
func TestBusThatRepeatsAndReorders(t *testing.T) {
	program, err := rig.faulty()
	if err != nil {
		t.Fatal(err)
	}
	c := newClusterOf(t, program, pair{"mariadb", "redis"}, 3)
	c.restartWith(disordered, 0, 1, 2)
	lags := newLags()
	crowd := measuredCrowd(c.server, 24, agentsInCluster, lags, paced)
	writeFor(t, crowd, outage())
	finish(t, c, crowd, lags)
}

// restartWith starts nodes again with guards switched off.
func (c *cluster) restartWith(off string, nodes ...int) {
	c.t.Helper()
	for _, i := range nodes {
		n := c.nodes[i]
		n.stop()
		n.env = []string{variable + "=" + off}
		n.start()
	}
}

// The clock of one node, and then the database's, go back two hours while every
// notice is lost: what healing finds by the database's clock is found all the same.
func TestClocksSetBack(t *testing.T) {
	program, err := rig.faulty()
	if err != nil {
		t.Fatal(err)
	}
	clock := engines.NewClock(t)
	db := engines.StartPostgreSQLIn(t, clock.Env())
	address := db.NewDatabase(t)
	c := startCluster(t, program, database{address, db.Process}, "mesh", 3)
	c.restartWith(lost, 0, 2)
	c.restartWith(lost+","+wrongClock, 1)
	lags := newLags()
	staff := c.in.agents
	crowd := measuredCrowd(c.server, 15, 1, lags, paced)
	all := newOnlookers(c, staff[1:4]...)
	all.watchFor(crowd, outage())
	awaits, visitor := leaves(t, c.nodes[1], staff[4])
	left := time.Now()
	before := databaseTime(t, address)
	clock.Set(t, -2*time.Hour)
	if after := databaseTime(t, address); !after.Before(before.Add(-time.Hour)) {
		t.Fatalf("the database's clock goes on: %s, then %s", before, after)
	}
	revokedElsewhere(t, c, c.nodes[1], staff[5])
	all.watchFor(crowd, outage())
	if wholeMatrix() { // it takes the three minutes that it takes
		until := chat.AbsentAfter + 15*time.Second + promised - time.Since(left)
		if why := within(until, func() string { return all.mustWait(awaits) }); why != "" {
			t.Errorf("%s after its agent went: %s", time.Since(left).Round(time.Second), why)
		}
		eventually(t, behind(visitor.Conversation(), 5)) // that it waits again
	}
	visitor.Close()
	all.close()
	finish(t, c, crowd, lags)
}

// leaves has an agent take a round and go, while its visitor awaits an answer.
func leaves(t *testing.T, on *server, who access) (id chat.ConversationUUID, v *client.Visitor) {
	t.Helper()
	v = on.visitor("whose agent goes", client.NewSecret(), client.Observer{}, nil)
	a := on.agent(who, client.Observer{}, nil) // it has nothing open, so that no copy stays behind
	id = say(t, v.Send("Is somebody here?")).AckedIn
	say(t, a.Take(id))
	say(t, v.Send("Are you still here?"))
	eventually(t, behind(v.Conversation(), 4))
	a.Close()
	return id, v
}

// mustWait tells which node does not show that a round waits.
func (o *onlookers) mustWait(id chat.ConversationUUID) string {
	for k, l := range o.lists {
		if rows, _, _ := l.View(chat.ViewWaiting); rows[id].V == 0 {
			return fmt.Sprintf("node %d does not show that the round waits", k)
		}
	}
	return ""
}

func databaseTime(t *testing.T, address string) (at time.Time) {
	t.Helper()
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), "SELECT clock_timestamp()").Scan(&at); err != nil {
		t.Fatal(err)
	}
	return at
}

// Everything is moved from SQLite to a server while a crowd writes. The crowd
// then meets nodes over the new database, and notices a reconnect.
func TestMoveUnderLoad(t *testing.T) {
	s := newServer(t, loose...)
	s.start()
	b := newBalancer(t)
	b.lead(s.address)
	front := &server{t: t, in: s.in, program: s.program, address: b.address(), h: s.h}
	crowd := newCrowd(front, 20, 5, nil)
	crowd.await(300)
	to := sharedDatabase(t, "postgres")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	moved := make(chan error, 1)
	go func() { moved <- runFor(ctx, s.program, "move", "--from="+s.in.data, "--to="+to.address) }()
	if err := await(t, "the move", moved); err != nil {
		t.Fatal(err)
	}
	b.lead()
	s.p.kill() // the old one would refuse whatever is written
	nodes := &cluster{server: front, balancer: b, files: t.TempDir()}
	front.database = to.address
	join := nodes.openBus("mesh", 2)
	for i := range 2 {
		nodes.nodes = append(nodes.nodes, nodes.node(i, join(i)))
		nodes.nodes[i].start()
	}
	nodes.lead()
	crowd.await(300)
	crowd.rest()
	crowd.close()
	nodes.stopAll()
	nodes.mustHold(checker.Expect{Settled: true, CaughtUp: true})
	if s.h.Repeated() == 0 {
		t.Error("nothing had to be sent again: the crowd was not writing during the move")
	}
}

// runFor runs the program to its end.
func runFor(ctx context.Context, program string, args ...string) error {
	p, err := launch(program, nil, args...)
	if err != nil {
		return err
	}
	select {
	case <-p.exited:
	case <-ctx.Done():
		p.kill()
		return fmt.Errorf("%v did not end: %s", args, p.output())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%v ended with %d: %s", args, code, p.output())
	}
	return nil
}
