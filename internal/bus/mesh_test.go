package bus_test

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/kefu-chat/kefu/internal/bus"
	"github.com/kefu-chat/kefu/internal/bus/bustest"
	"github.com/kefu-chat/kefu/internal/bus/seal"
	"github.com/kefu-chat/kefu/test/engines"
)

const meshSecret = "sixteen or more characters"

// meshBroker is what lies between two nodes: each reaches the other through a proxy.
type meshBroker struct {
	ports   map[string]int
	proxies map[string]*bustest.Proxy
}

func newMeshBroker(t *testing.T) bustest.Broker {
	t.Helper()
	b := meshBroker{map[string]int{}, map[string]*bustest.Proxy{}}
	for _, node := range []string{"here", "there", "never started"} {
		b.ports[node] = engines.FreePort(t)
		b.proxies[node] = bustest.NewProxy(t, localhost(b.ports[node]))
	}
	return b
}

func localhost(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func (b meshBroker) Bus(t *testing.T, sealer *seal.Sealer, node string, log *slog.Logger) bus.Bus {
	t.Helper()
	config := bus.MeshConfig{Listen: localhost(b.ports[node]), Advertise: b.proxies[node].Address(), Secret: meshSecret}
	for _, other := range []string{"here", "there"} {
		config.Peers = append(config.Peers, b.proxies[other].Address()) // itself too
	}
	made, err := bus.NewMesh(config, sealer, node, log)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (b meshBroker) Stop(*testing.T) {
	for _, p := range b.proxies {
		p.Cut()
	}
}

func (b meshBroker) Restart(t *testing.T) {
	t.Helper()
	for _, p := range b.proxies {
		p.Restore(t)
	}
}

func (b meshBroker) Freeze(*testing.T) {
	for _, p := range b.proxies {
		p.Freeze()
	}
}

func (b meshBroker) Thaw(*testing.T) {
	for _, p := range b.proxies {
		p.Thaw()
	}
}

// Inject is a node that knows the mesh's secret, but not the cluster's keys.
func (b meshBroker) Inject(t *testing.T, topic string, raw []byte) {
	t.Helper()
	options := &server.Options{
		ServerName: "stranger", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, NoSystemAccount: true,
		Cluster: server.ClusterOpts{
			Name: "kefu", Host: "127.0.0.1", Port: engines.FreePort(t), Username: "kefu", Password: bus.MeshPassword(meshSecret), PoolSize: -1,
		},
		Routes: server.RoutesFromStr(fmt.Sprintf("nats://kefu:%s@%s", bus.MeshPassword(meshSecret), localhost(b.ports["there"]))),
	}
	stranger, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	stranger.Start()
	defer stranger.WaitForShutdown()
	defer stranger.Shutdown()
	conn, err := nats.Connect(stranger.ClientURL(), nats.RetryOnFailedConnect(true))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	bustest.Await(t, "the other node is heard of", func() bool { return stranger.NumSubscriptions() > 0 })
	if err := conn.Publish("kefu."+strings.ReplaceAll(topic, "/", "."), raw); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
}

func TestMesh(t *testing.T) { bustest.RunNetwork(t, newMeshBroker) }

// meshNode is a started node without proxies.
type meshNode struct {
	bus.Bus
	lines   bustest.Lines
	address string
	heard   chan string
}

func startMesh(t *testing.T, sealer *seal.Sealer, config bus.MeshConfig) *meshNode {
	t.Helper()
	if config.Listen == "" {
		config.Listen = localhost(engines.FreePort(t))
	}
	if config.Secret == "" {
		config.Secret = meshSecret
	}
	n := &meshNode{lines: bustest.NewLines(), address: config.Listen, heard: make(chan string, 10_000)}
	made, err := bus.NewMesh(config, sealer, "node at "+config.Listen, n.lines.Log())
	if err != nil {
		t.Fatal(err)
	}
	n.Bus = made
	if err := n.Start(func(_ string, notice []byte) { n.heard <- string(notice) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// hears publishes until the other one hears it.
func (n *meshNode) hears(t *testing.T, from *meshNode) {
	t.Helper()
	bustest.Await(t, "a notice comes from the other node", func() bool {
		from.Publish("all", []byte(from.address))
		select {
		case got := <-n.heard:
			return got == from.address
		case <-time.After(20 * time.Millisecond):
			return false
		}
	})
}

// TestMeshOfThree: two nodes that know only the third also hear one another, also
// when the third has gone.
func TestMeshOfThree(t *testing.T) {
	sealer := bustest.NewSealer(t, bustest.NewKeys())
	hub := startMesh(t, sealer, bus.MeshConfig{})
	one := startMesh(t, sealer, bus.MeshConfig{Peers: []string{hub.address}})
	two := startMesh(t, sealer, bus.MeshConfig{Peers: []string{hub.address}})
	all := []*meshNode{hub, one, two}
	for _, n := range all {
		n.Join("all")
	}
	for _, to := range all {
		for _, from := range all {
			if to != from {
				to.hears(t, from)
			}
		}
	}
	hub.Close()
	one.hears(t, two)
	two.hears(t, one)
	back := startMesh(t, sealer, bus.MeshConfig{Listen: hub.address})
	back.Join("all")
	back.hears(t, one)
	two.hears(t, back)
}

// TestMeshAlone: a node that knows of no other is in order, also when it lists itself.
func TestMeshAlone(t *testing.T) {
	sealer := bustest.NewSealer(t, bustest.NewKeys())
	listen := localhost(engines.FreePort(t))
	for _, peers := range [][]string{nil, {listen}} {
		n := startMesh(t, sealer, bus.MeshConfig{Listen: listen, Peers: peers})
		bustest.Await(t, "it is up", func() bool { return n.Stats().Up })
		n.Close()
		if n.lines.Count("WARN") > 0 {
			t.Errorf("peers %q: %s", peers, n.lines)
		}
	}
}

// TestMeshRefusesAnotherSecret, and both sides say so once, though it is tried each second.
func TestMeshRefusesAnotherSecret(t *testing.T) {
	sealer := bustest.NewSealer(t, bustest.NewKeys())
	in := startMesh(t, sealer, bus.MeshConfig{})
	in.Join("all")
	out := startMesh(t, sealer, bus.MeshConfig{Peers: []string{in.address}, Secret: "another one of many characters"})
	out.Join("all")
	began := time.Now()
	bustest.Await(t, "it was tried several times", func() bool {
		out.Publish("all", []byte("out"))
		return time.Since(began) > 4*time.Second && out.lines.Count("cannot be reached") > 0
	})
	if in.lines.Count("was refused") != 1 || in.lines.Count("WARN") != 1 {
		t.Errorf("who refuses should say so once:\n%s", in.lines)
	}
	if out.lines.Count("refuses this one") != 1 || out.lines.Count("WARN") != 2 || out.Stats().Up {
		t.Errorf("who is refused should say so once, and not be up:\n%s", out.lines)
	}
	if len(in.heard) > 0 || in.lines.Count(meshSecret)+out.lines.Count("many characters") > 0 {
		t.Error("a notice came through, or the secret is shown")
	}
}

func TestMeshLetsNoClientIn(t *testing.T) {
	n := startMesh(t, bustest.NewSealer(t, bustest.NewKeys()), bus.MeshConfig{})
	bustest.Await(t, "it is up", func() bool { return n.Stats().Up })
	conn, err := nats.Connect("nats://"+n.address, nats.Timeout(time.Second))
	if err == nil {
		conn.Close()
		t.Error("the port for nodes lets a client in")
	}
}

func TestMeshSaysThatItsPortIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	made, err := bus.NewMesh(bus.MeshConfig{Listen: l.Addr().String(), Secret: meshSecret}, bustest.NewSealer(t, bustest.NewKeys()), "n", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer made.Close()
	if err := made.Start(func(string, []byte) {}); err == nil || !strings.Contains(err.Error(), "mesh.listen") || !strings.Contains(err.Error(), "in use") {
		t.Errorf("started with %v", err)
	}
}

func TestMeshConfigIsChecked(t *testing.T) {
	sealer := bustest.NewSealer(t, bustest.NewKeys())
	for _, c := range []struct {
		config bus.MeshConfig
		says   string
	}{
		{bus.MeshConfig{Secret: meshSecret}, "mesh.listen"},
		{bus.MeshConfig{Listen: "10.0.0.5", Secret: meshSecret}, "mesh.listen"},
		{bus.MeshConfig{Listen: ":0", Secret: meshSecret}, "mesh.listen"},
		{bus.MeshConfig{Listen: ":6222"}, "mesh.secret has 0"},
		{bus.MeshConfig{Listen: ":6222", Secret: "hunter2"}, "mesh.secret has 7"},
		{bus.MeshConfig{Listen: ":6222", Secret: meshSecret, Advertise: "host"}, "mesh.advertise"},
		{bus.MeshConfig{Listen: ":6222", Secret: meshSecret, Peers: []string{"a:1", ":6222"}}, "mesh.peers"},
		{bus.MeshConfig{Listen: ":6222", Secret: meshSecret, Key: "x"}, "mesh.certificate, mesh.key and mesh.authority"},
		{bus.MeshConfig{Listen: ":6222", Secret: meshSecret, Key: "/nowhere", Certificate: "/nowhere", Authority: "x"}, "mesh.certificate and mesh.key"},
	} {
		_, err := bus.NewMesh(c.config, sealer, "node", slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: %v, want %q and no secret", c.config, err, c.says)
		}
	}
}
