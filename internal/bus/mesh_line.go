package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	// meshLook is how often the mesh is looked at: its server tells nobody of peers
	// that come and go.
	meshLook = 200 * time.Millisecond
	// meshProven is how long a peer must have been there: one that refuses this
	// node does so at once.
	meshProven  = 500 * time.Millisecond
	meshStartup = 10 * time.Second
	// meshGrace is how long after its start a node is not said to be alone.
	meshGrace = 3 * time.Second
)

var errNoPeer = errors.New("no other node of the mesh can be reached")

// mesh is a NATS server within this process, with routes to those of the other
// nodes, and a line to it.
type mesh struct {
	*natsLine
	options *server.Options
	// expected: there should be other nodes, so that being alone is a fault.
	expected bool
	log      *slog.Logger

	server *server.Server
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	to     receiver
	inside bool // the line to the own server is there
	fresh  bool // and nothing is joined on it yet
	peers  int
	told   meshState
	since  time.Time
}

type meshState int

const (
	meshUntold meshState = iota
	meshUp
	meshDown
)

var _ carrier = (*mesh)(nil)

func newMesh(prefix, node string, expected bool, options *server.Options, log *slog.Logger) *mesh {
	m := &mesh{options: options, expected: expected, log: log}
	m.natsLine = newNATSLine(prefix, node, log, []nats.Option{
		func(o *nats.Options) error { o.InProcessServer = m.server; return nil },
	})
	return m
}

// open starts the server. That its address is taken is an error; that no peer
// answers is not.
func (m *mesh) open(to receiver) error {
	m.to, m.since = to, time.Now()
	says := newMeshLog(m.log)
	m.options.CustomRouterAuthentication = secretHolders{password: m.options.Cluster.Password, log: says}
	started, err := server.NewServer(m.options)
	if err != nil {
		return fmt.Errorf("the mesh cannot start: %w", err)
	}
	started.SetLoggerV2(says, false, false, false)
	m.server = started
	m.done.Go(started.Start)
	for deadline := time.Now().Add(meshStartup); !started.ReadyForConnections(20 * time.Millisecond); {
		if fatal := says.fatal(); fatal != "" || time.Now().After(deadline) {
			return fmt.Errorf("mesh.listen: cannot listen on %s:%d: %s", m.options.Cluster.Host, m.options.Cluster.Port, fatal)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	m.done.Go(func() { m.watch(ctx) })
	return m.natsLine.open(m)
}

// watch looks for peers that come and go.
func (m *mesh) watch(ctx context.Context) {
	tick := time.NewTicker(meshLook)
	defer tick.Stop()
	for {
		peers := m.provenPeers()
		m.mu.Lock()
		was := m.peers
		m.peers = peers
		m.mu.Unlock()
		if was > 0 && peers > 0 && was != peers {
			m.log.Info("the number of other nodes in the mesh has changed", "nodes", peers)
		}
		m.tell(errNoPeer)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (m *mesh) provenPeers() int {
	routes, err := m.server.Routez(nil)
	if err != nil {
		return 0
	}
	proven := 0
	for _, route := range routes.Routes {
		if time.Since(route.Start) >= meshProven {
			proven++
		}
	}
	return proven
}

// tell reports the state when it has changed.
func (m *mesh) tell(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	up := m.inside && (m.peers > 0 || !m.expected)
	switch {
	case up && (m.told != meshUp || m.fresh):
		m.to.up(!m.fresh)
		m.told, m.fresh = meshUp, false
	case !up && m.told == meshUntold && time.Since(m.since) < meshGrace:
	case !up && m.told != meshDown:
		m.to.down(err)
		m.told = meshDown
	}
}

// came implements receiver.
func (m *mesh) came(topic string, envelope []byte) { m.to.came(topic, envelope) }

// up implements receiver.
func (m *mesh) up(kept bool) {
	m.mu.Lock()
	m.inside, m.fresh = true, m.fresh || !kept
	m.mu.Unlock()
	m.tell(errNoPeer)
}

// down implements receiver.
func (m *mesh) down(err error) {
	m.mu.Lock()
	m.inside = false
	m.mu.Unlock()
	m.tell(err)
}

func (m *mesh) close() {
	m.natsLine.close()
	if m.cancel != nil {
		m.cancel()
	}
	if m.server != nil {
		m.server.Shutdown()
		m.server.WaitForShutdown()
	}
	m.done.Wait()
}
