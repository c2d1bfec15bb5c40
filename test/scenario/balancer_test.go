//go:build linux

package scenario

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// balancer passes connections on to nodes in turn, without regard to who calls:
// nobody meets the same node twice but by chance. A node that does not accept is
// passed over.
type balancer struct {
	t        *testing.T
	listener net.Listener
	done     sync.WaitGroup

	mu    sync.Mutex
	nodes []string
	next  int
	open  map[net.Conn]struct{}
	ended bool
}

func newBalancer(t *testing.T) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{t: t, listener: l, open: map[net.Conn]struct{}{}}
	b.done.Go(b.accept)
	t.Cleanup(b.close)
	return b
}

func (b *balancer) address() string { return b.listener.Addr().String() }

// lead says which nodes there are.
func (b *balancer) lead(nodes ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes = nodes
}

func (b *balancer) accept() {
	for {
		conn, err := b.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			b.t.Errorf("the balancer cannot take connections: %v", err)
			return
		}
		if !b.keep(conn) {
			_ = conn.Close()
			return
		}
		b.done.Go(func() { b.pass(conn) })
	}
}

func (b *balancer) keep(conn net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return false
	}
	b.open[conn] = struct{}{}
	return true
}

func (b *balancer) pass(conn net.Conn) {
	defer b.drop(conn)
	node := b.dial()
	if node == nil {
		return
	}
	if !b.keep(node) {
		_ = node.Close()
		return
	}
	defer b.drop(node)
	var both sync.WaitGroup
	one := func(to, from net.Conn) {
		// Through a small buffer: the kernel's own way takes two more files for each direction.
		// How it ended does not matter: both ends are told.
		_, _ = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, 4<<10))
		_ = to.Close()
		_ = from.Close()
	}
	both.Go(func() { one(node, conn) })
	both.Go(func() { one(conn, node) })
	both.Wait()
}

func (b *balancer) dial() net.Conn {
	for range 4 {
		b.mu.Lock()
		if len(b.nodes) == 0 {
			b.mu.Unlock()
			return nil
		}
		address := b.nodes[b.next%len(b.nodes)]
		b.next++
		b.mu.Unlock()
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			return conn
		}
	}
	return nil
}

func (b *balancer) drop(conn net.Conn) {
	_ = conn.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, conn)
}

func (b *balancer) close() {
	b.mu.Lock()
	b.ended = true
	for conn := range b.open {
		_ = conn.Close()
	}
	b.mu.Unlock()
	_ = b.listener.Close()
	b.done.Wait()
}
