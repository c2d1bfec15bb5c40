//go:build linux

package scenario

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/test/checker"
	"github.com/kefu-chat/kefu/test/engines"
)

// outage is how long what is away stays away: a minute in the long matrix.
func outage() time.Duration {
	if wholeMatrix() {
		return time.Minute
	}
	return 12 * time.Second
}

// promised is how late an event, list, count or mark may be.
const promised = 5*time.Second + slack

// The broker is away while both sides write: everything is there in 5 s, then and after.
func TestBrokerDown(t *testing.T) {
	c := newCluster(t, pair{"mariadb", "redis"}, 3)
	lags := newLags()
	crowd := measuredCrowd(c.server, 24, 3, lags, paced)
	all := newOnlookers(c, c.in.agents[3:6]...)
	crowd.await(100)
	c.bus.Kill()
	all.watchFor(crowd, outage())
	if err := c.bus.Restart(); err != nil {
		t.Fatal(err)
	}
	all.watchFor(crowd, 5*time.Second)
	all.close()
	finish(t, c, crowd, lags)
}

// Every notice and every delivery after a commit is lost for a while.
func TestNoticesDroppedBetweenNodes(t *testing.T) {
	program, err := rig.faulty()
	if err != nil {
		t.Fatal(err)
	}
	c := newClusterOf(t, program, pair{"postgres", "mesh"}, 3)
	c.restartWith(lost, 0, 1, 2)
	lags := newLags()
	crowd := measuredCrowd(c.server, 24, 3, lags, paced)
	all := newOnlookers(c, c.in.agents[3:6]...)
	all.watchFor(crowd, outage())
	all.close()
	finish(t, c, crowd, lags)
}

// paced leaves the machine room: what is measured is lateness, not load.
func paced(cfg *client.Config) { cfg.BackoffMax = time.Second }

// writeFor lets the crowd write for a while.
func writeFor(t *testing.T, c *crowd, d time.Duration) {
	t.Helper()
	begun := c.s.h.Acked()
	over := time.After(d)
	for going := true; going; {
		select {
		case <-c.acks:
		case <-over:
			going = false
		}
	}
	if n := c.s.h.Acked() - begun; n < 10 {
		t.Errorf("%d commands were acked in %s", n, d)
	}
}

// finish ends the crowd and judges what it saw, and how late.
func finish(t *testing.T, c *cluster, crowd *crowd, lags *lags) {
	t.Helper()
	crowd.rest()
	crowd.close()
	c.stopAll()
	c.mustHold(checker.Expect{Settled: true, CaughtUp: true})
	all := lags.all()
	if len(all) == 0 || all[0].late > promised {
		t.Errorf("of %d sights the latest: %v", len(all), all[:min(5, len(all))])
		return
	}
	t.Logf("%d sights: half within %s, 99 %% within %s, the latest after %s", len(all), quantile(all, 0.5), quantile(all, 0.99), all[0].late)
}

// The database is killed, and comes back, while a crowd writes: a commit whose
// outcome nobody knew is found by its repeat.
func TestDatabaseKilledUnderLoad(t *testing.T) {
	for _, on := range []pair{{"postgres", "mesh"}, {"mariadb", "mesh"}} {
		t.Run(on.database, func(t *testing.T) {
			c := newClusterOver(t, ownDatabase(t, on.database), on, 2)
			crowd := newCrowd(c.server, 24, agentsInCluster, nil)
			for range 4 {
				crowd.await(150)
				c.sql.Kill()
				if err := c.sql.Restart(); err != nil {
					t.Fatal(err)
				}
			}
			crowd.await(150)
			crowd.rest()
			crowd.close()
			c.stopAll()
			c.mustHold(checker.Expect{Settled: true, CaughtUp: true})
			if c.h.Repeated() == 0 {
				t.Error("no command was sent again: the kills came at the wrong time")
			}
		})
	}
}

// ownDatabase is a new database on a server of the test's own.
func ownDatabase(t *testing.T, kind string) database {
	t.Helper()
	if kind == "mariadb" {
		s := engines.StartMariaDB(t)
		return database{s.NewDatabase(t), s.Process}
	}
	s := engines.StartPostgreSQL(t)
	return database{s.NewDatabase(t), s.Process}
}

// Each node in turn is asked to stop and started again while a crowd writes:
// nothing is lost, and hardly anybody waits.
func TestRollingRestart(t *testing.T) {
	c := newCluster(t, pairs()[0], 3, "--drain-delay=1s", "--drain-spread=5s")
	lags := newLags()
	crowd := measuredCrowd(c.server, 40, agentsInCluster, lags, paced)
	crowd.await(100)
	for _, n := range c.nodes {
		begun := time.Now()
		n.stop()
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("a node took %s to stop", took)
		}
		n.start()
		crowd.await(100)
	}
	crowd.rest()
	crowd.close()
	c.stopAll()
	c.mustHold(checker.Expect{Settled: true, CaughtUp: true})
	all := lags.all()
	if late := quantile(all, 0.99); len(all) == 0 || late > promised {
		t.Errorf("99 %% of %d sights came within %s, want 5 s", len(all), late)
	}
	t.Logf("%d sights: half within %s, 99 %% within %s, the latest after %s", len(all), quantile(all, 0.5), quantile(all, 0.99), quantile(all, 1))
}

// A node is frozen while a crowd writes, and thawed: whoever was on it goes
// elsewhere or comes back, and what it knew is brought up to date.
func TestFrozenNode(t *testing.T) {
	c := newCluster(t, pairs()[1], 3)
	crowd := newCrowd(c.server, 15, agentsInCluster-1, func(cfg *client.Config) { cfg.AckTimeout = 3 * time.Second })
	crowd.await(100)
	frozen := c.nodes[1]
	reader := newReader(frozen, c.in.agents[agentsInCluster-1], crowd)
	_ = frozen.p.cmd.Process.Signal(syscall.SIGSTOP)
	c.balancer.lead(c.nodes[0].address, c.nodes[2].address)
	over := time.After(outage())
	crowd.await(200)
	<-over
	heads := crowd.heads()
	_ = frozen.p.cmd.Process.Signal(syscall.SIGCONT)
	soon(t, "what was written while the node was frozen", func() string { return reader.behind(crowd, heads) })
	c.lead()
	crowd.await(200)
	crowd.rest()
	heads = crowd.heads()
	soon(t, "what was written since", func() string { return reader.behind(crowd, heads) })
	if n := reader.hellos.Load(); n != 1 && outage() < time.Minute {
		t.Errorf("who only reads was greeted %d times: it had left the frozen node", n)
	}
	reader.a.Close()
	crowd.close()
	c.stopAll()
	c.mustHold(checker.Expect{Settled: true, CaughtUp: true})
}

// reader is an agent who only reads what a crowd writes: nothing makes it leave
// a node that does not answer.
type reader struct {
	a      *client.Agent
	hellos atomic.Int64
}

// newReader starts one on a node, and waits until it stands where the crowd did.
func newReader(on *server, who access, crowd *crowd) *reader {
	on.t.Helper()
	r := &reader{}
	r.a = on.agent(who, client.Observer{Connected: func(*wire.ServerHello) { r.hellos.Add(1) }}, nil)
	for _, t := range crowd.visitors {
		eventually(on.t, func() string {
			if t.v.Conversation().ID().IsNil() {
				return t.name + " has said nothing yet"
			}
			return ""
		})
		r.a.Open(t.v.Conversation().ID(), true)
	}
	heads := crowd.heads()
	eventually(on.t, func() string { return r.behind(crowd, heads) })
	return r
}

func (r *reader) behind(crowd *crowd, heads []head) string {
	for i, t := range crowd.visitors {
		if why := behind(r.a.Conversation(t.v.Conversation().ID()), heads[i].all)(); why != "" {
			return t.name + ": " + why
		}
	}
	return ""
}

// A node dies with many connections: all of them come back to the others at
// once, and whoever writes meanwhile is served.
func TestManyComeBackAtOnce(t *testing.T) {
	many := 1500
	if wholeMatrix() {
		many = 5000
	}
	c := newCluster(t, pairs()[0], 3)
	door := newBalancer(t)
	door.lead(c.nodes[2].address)
	var here, gone atomic.Int64
	var them []*client.Visitor
	for i := range many {
		in := false // an attempt that fails is told as a loss, too
		v := c.visitor(fmt.Sprint("one of many ", i), client.NewSecret(), client.Observer{
			Connected: func(*wire.ServerHello) {
				in = true
				here.Add(1)
			},
			Lost: func(uint16, error) {
				if in {
					in = false
					here.Add(-1)
					gone.Add(1)
				}
			},
		}, func(cfg *client.Config) {
			cfg.URL = "ws://" + door.address() + "/ws/v1/visitor"
			cfg.Header = http.Header{"Origin": {"http://" + door.address()}}
			cfg.BackoffMin, cfg.BackoffMax = 0, 0 // what hello says
		})
		v.Send(fmt.Sprint("hello of ", i))
		them = append(them, v)
	}
	allHere := func() string {
		if n := here.Load(); n != int64(many) {
			return fmt.Sprintf("%d of %d are connected", n, many)
		}
		return ""
	}
	eventually(t, allHere)
	lags := newLags()
	crowd := measuredCrowd(c.nodes[0], 12, agentsInCluster, lags, nil)
	crowd.await(50)
	begun := time.Now()
	c.nodes[2].p.kill()
	door.lead(c.nodes[0].address, c.nodes[1].address)
	eventually(t, func() string {
		if n := gone.Load(); n < int64(many) {
			return fmt.Sprintf("%d of %d have noticed", n, many)
		}
		return allHere()
	})
	t.Logf("%d came back within %s", many, time.Since(begun).Round(time.Millisecond))
	crowd.await(50)
	crowd.rest()
	all := lags.all()
	t.Logf("meanwhile, of %d sights, half came within %s, 99 %% within %s", len(all), quantile(all, 0.5), quantile(all, 0.99))
	if late := quantile(all, 0.99); late > promised {
		t.Errorf("who wrote meanwhile was seen %s later", late)
	}
	crowd.close()
	var leaving sync.WaitGroup
	for _, v := range them { // or all of them would come back to nodes that stop
		leaving.Go(v.Close)
	}
	leaving.Wait()
	c.nodes[2].p = nil
	c.stopAll()
	c.mustHold(checker.Expect{Settled: true})
}
