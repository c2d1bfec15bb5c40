//go:build linux

package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kefu-chat/kefu/test/checker"
	"github.com/kefu-chat/kefu/test/engines"
)

// pair is on what a cluster stands.
type pair struct{ database, bus string }

func (p pair) String() string { return p.database + " and " + p.bus }

// cluster are nodes over one database and one bus, behind a balancer. The embedded
// server is what clients see of it: it has an address, and no process.
type cluster struct {
	*server
	nodes    []*server
	balancer *balancer
	bus      *engines.Process // nil where the nodes are their own bus
	sql      *engines.Process
	files    string // the folder that all nodes share
}

// database is an empty database, and the process of its server.
type database struct {
	address string
	server  *engines.Process
}

// sharedDatabase is a new database on the server that all tests share.
func sharedDatabase(t *testing.T, kind string) database {
	t.Helper()
	if kind == "mariadb" {
		s := engines.SharedMariaDB(t)
		return database{s.NewDatabase(t), s.Process}
	}
	s := engines.SharedPostgreSQL(t)
	return database{s.NewDatabase(t), s.Process}
}

// newCluster prepares nodes and starts them: the first one sets up the installation.
func newCluster(t *testing.T, on pair, nodes int, args ...string) *cluster {
	t.Helper()
	program, err := rig.plain()
	if err != nil {
		t.Fatal(err)
	}
	return newClusterOf(t, program, on, nodes, args...)
}

func newClusterOf(t *testing.T, program string, on pair, nodes int, args ...string) *cluster {
	t.Helper()
	return startCluster(t, program, sharedDatabase(t, on.database), on.bus, nodes, args...)
}

// newClusterOver is a cluster over a database of its own.
func newClusterOver(t *testing.T, db database, on pair, nodes int) *cluster {
	t.Helper()
	program, err := rig.plain()
	if err != nil {
		t.Fatal(err)
	}
	return startCluster(t, program, db, on.bus, nodes)
}

const agentsInCluster = 6

func startCluster(t *testing.T, program string, db database, bus string, nodes int, args ...string) *cluster {
	t.Helper()
	c := &cluster{balancer: newBalancer(t), sql: db.server, files: t.TempDir()}
	c.server = &server{t: t, in: &installation{}, program: program, address: c.balancer.address(), database: db.address, h: checker.New()}
	join := c.openBus(bus, nodes)
	for i := range nodes {
		c.nodes = append(c.nodes, c.node(i, append(join(i), args...)))
	}
	c.nodes[0].start()
	if err := c.in.setUp(c.nodes[0].base(), c.nodes[0].p.link, agentsInCluster); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.nodes[1:] {
		n.launch()
	}
	for _, n := range c.nodes[1:] {
		if err := n.p.awaitReady(); err != nil {
			t.Fatal(err)
		}
	}
	c.lead()
	return c
}

// node prepares one server of the cluster; its clients dial it past the balancer.
func (c *cluster) node(i int, args []string) *server {
	c.t.Helper()
	address, err := freeAddress()
	if err != nil {
		c.t.Fatal(err)
	}
	n := &server{t: c.t, in: c.in, program: c.program, address: address, database: c.database, h: c.h, env: c.env}
	n.args = append(append([]string{"--database-url=" + c.database, "--files-folder=" + c.files, "--files-folder-shared", "--drain-delay=200ms", "--drain-spread=2s"}, loose...), args...)
	name := fmt.Sprint("node ", i)
	c.t.Cleanup(func() {
		if n.p != nil {
			n.p.kill()
			if c.t.Failed() {
				c.t.Logf("%s said at the end:\n%s", name, tail(n.p.output(), 40))
			}
		}
	})
	return n
}

// lead has the balancer pass on to all nodes.
func (c *cluster) lead() {
	addresses := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		addresses[i] = n.address
	}
	c.balancer.lead(addresses...)
}

// openBus starts what carries notices, and gives the settings of each node.
func (c *cluster) openBus(kind string, nodes int) func(node int) []string {
	c.t.Helper()
	switch kind {
	case "mesh":
		return c.openMesh(nodes)
	case "redis":
		r := engines.StartRedis(c.t)
		c.bus = r.Process
		return same("--bus-kind=redis", "--redis-url="+r.URL())
	case "nats":
		n := engines.StartNATS(c.t)
		c.bus = n.Process
		return same("--bus-kind=nats", "--nats-url="+n.URL())
	case "rocketmq 5.5.0", "rocketmq 4.9.7":
		_, version, _ := strings.Cut(kind, " ")
		r := engines.SharedRocketMQ(c.t, version)
		topic := "KEFU_" + strings.ReplaceAll(filepath.Base(c.database), "?sslmode=disable", "")
		return same("--bus-kind=rocketmq", "--rocketmq-name-servers="+strings.Join(r.Names(), ","), "--rocketmq-topic="+topic)
	}
	c.t.Fatalf("there is no bus %q", kind)
	return nil
}

func same(args ...string) func(int) []string { return func(int) []string { return args } }

func (c *cluster) openMesh(nodes int) func(int) []string {
	var all []string
	for range nodes {
		address, err := freeAddress()
		if err != nil {
			c.t.Fatal(err)
		}
		all = append(all, address)
	}
	return func(i int) []string {
		return []string{"--bus-kind=mesh", "--mesh-listen=" + all[i], "--mesh-peers=" + strings.Join(all, ","), "--mesh-secret=" + strings.Repeat("not a secret ", 2)}
	}
}

// stopAll asks all nodes to end, and waits for them.
func (c *cluster) stopAll() {
	c.t.Helper()
	var all sync.WaitGroup
	for _, n := range c.nodes {
		if n.p != nil {
			all.Go(n.stop)
		}
	}
	all.Wait()
}

// wholeMatrix tells whether this is the long run of make test-all.
func wholeMatrix() bool { return os.Getenv("TEST_MATRIX") == "all" }

// pairs are those that every run takes; the long one takes all there are.
func pairs() []pair {
	if wholeMatrix() {
		return allPairs()
	}
	return []pair{{"postgres", "mesh"}, {"mariadb", "redis"}, {"postgres", "nats"}, {"mariadb", "rocketmq 5.5.0"}}
}

func allPairs() (all []pair) {
	for _, database := range []string{"postgres", "mariadb"} {
		for _, bus := range []string{"mesh", "redis", "nats", "rocketmq 5.5.0", "rocketmq 4.9.7"} {
			all = append(all, pair{database, bus})
		}
	}
	return all
}
