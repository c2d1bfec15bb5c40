package engines

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Redis is a real redis-server.
type Redis struct {
	*Process
	Port int
}

// URL is how a client connects: redis://127.0.0.1:PORT.
func (r *Redis) URL() string { return "redis://127.0.0.1:" + strconv.Itoa(r.Port) }

// StartRedis starts a server of the test's own, with further arguments such as
// "--requirepass", "x". It ends with the test.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	path, port := Find(t, "redis-server"), FreePort(t)
	args = append([]string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir()}, args...)
	p, err := Start("redis-server", Spec{Path: path, Args: args, Dir: os.TempDir(), Ready: Listening(port)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return &Redis{Process: p, Port: port}
}

// RedisGroup is several Redis processes that are one to their clients.
type RedisGroup struct {
	// Master is the server that is written to at first, where there is one.
	Master *Redis
	All    []*Process
	url    string
	ready  func(ctx context.Context) error
}

// URL is how Kefu connects: redis+cluster://… or redis+sentinel://….
func (g *RedisGroup) URL() string { return g.url }

// Kill ends all of them at once.
func (g *RedisGroup) Kill() {
	for _, p := range g.All {
		p.Kill()
	}
}

// Restart starts all of them again after Kill, and waits until they serve.
func (g *RedisGroup) Restart() error {
	for _, p := range g.All {
		if err := p.Restart(); err != nil {
			return err
		}
	}
	return awaitAnswer("the Redis group", g.ready)
}

// Signal sends a signal to all of them.
func (g *RedisGroup) Signal(s syscall.Signal) {
	for _, p := range g.All {
		p.Signal(s)
	}
}

// StartRedisCluster starts three masters without replicas.
func StartRedisCluster(t testing.TB) *RedisGroup {
	t.Helper()
	cli := Find(t, "redis-cli")
	g := &RedisGroup{}
	var addresses []string
	for range 3 {
		bus := FreePort(t) // the port that a cluster's servers speak among themselves
		r := StartRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", strconv.Itoa(bus), "--cluster-allow-reads-when-down", "no")
		g.All = append(g.All, r.Process)
		addresses = append(addresses, fmt.Sprintf("127.0.0.1:%d", r.Port))
	}
	if err := run("", cli, append(append([]string{"--cluster", "create"}, addresses...), "--cluster-yes")...); err != nil {
		t.Fatal(err)
	}
	g.url = "redis+cluster://" + strings.Join(addresses, ",")
	g.ready = func(ctx context.Context) error {
		for _, address := range addresses {
			if err := redisSays(ctx, cli, address, "cluster_state:ok", "CLUSTER", "INFO"); err != nil {
				return err
			}
		}
		return nil
	}
	if err := awaitAnswer("the Redis cluster", g.ready); err != nil {
		t.Fatal(err)
	}
	return g
}

// StartRedisSentinel starts a master, its replica and a sentinel that makes the
// replica the master a second after the master fell silent.
func StartRedisSentinel(t testing.TB) *RedisGroup {
	t.Helper()
	path, cli, port := Find(t, "redis-server"), Find(t, "redis-cli"), FreePort(t)
	master := StartRedis(t, "--repl-diskless-sync-delay", "0")
	replica := StartRedis(t, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.Port))
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 %d 1\nsentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 4000\n", port, master.Port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel, err := Start("redis-sentinel", Spec{Path: path, Args: []string{file, "--sentinel"}, Dir: filepath.Dir(file), Ready: Listening(port)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sentinel.Kill)
	g := &RedisGroup{Master: master, All: []*Process{master.Process, replica.Process, sentinel}, url: fmt.Sprintf("redis+sentinel://127.0.0.1:%d/main", port)}
	g.ready = func(ctx context.Context) error {
		return redisSays(ctx, cli, fmt.Sprintf("127.0.0.1:%d", port), "slaves=1,", "INFO", "sentinel")
	}
	if err := awaitAnswer("the sentinel", g.ready); err != nil {
		t.Fatal(err)
	}
	return g
}

// redisSays asks a server, and is nil when its answer has the text.
func redisSays(ctx context.Context, cli, address, text string, command ...string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, cli, append([]string{"-h", host, "-p", port}, command...)...).CombinedOutput()
	if err != nil {
		return err
	}
	if !strings.Contains(string(out), text) {
		return fmt.Errorf("%s does not say %q: %s", address, text, out)
	}
	return nil
}

// MoveSlot gives the slot of a key to another server of a cluster.
func (g *RedisGroup) MoveSlot(t testing.TB, key string) {
	t.Helper()
	addresses := strings.Split(strings.TrimPrefix(g.url, "redis+cluster://"), ",")
	ask := func(address string, command ...string) string {
		t.Helper()
		_, port, _ := strings.Cut(address, ":")
		out, err := exec.Command(Find(t, "redis-cli"), append([]string{"-p", port}, command...)...).CombinedOutput()
		if err != nil || strings.HasPrefix(string(out), "ERR") {
			t.Fatalf("%s: %v %s", command, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	slot := ask(addresses[0], "CLUSTER", "KEYSLOT", key)
	ids := make([]string, len(addresses))
	for i, address := range addresses {
		ids[i] = ask(address, "CLUSTER", "MYID")
	}
	owner := -1
	seen := func(context.Context) error {
		// GET of a key that is elsewhere answers MOVED; a server that misses another one, CLUSTERDOWN.
		owner = slices.IndexFunc(addresses, func(address string) bool { return ask(address, "GET", key) == "" })
		if owner < 0 {
			return fmt.Errorf("no server says that it has slot %s", slot)
		}
		return nil
	}
	if err := awaitAnswer("the slot's server", seen); err != nil {
		t.Fatal(err)
	}
	next := (owner + 1) % len(addresses)
	// Whoever imports a slot has the highest epoch then: else what the owner tells the others meanwhile could undo it.
	ask(addresses[next], "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[owner])
	ask(addresses[owner], "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[next])
	for _, i := range []int{next, owner, 3 - next - owner} {
		ask(addresses[i], "CLUSTER", "SETSLOT", slot, "NODE", ids[next])
	}
}
