//go:build linux

package scenario

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/kefu-chat/kefu/internal/client"
)

// swallower is a proxy that never tells a node of a client that is gone: it reads
// on what nobody wants any more, and keeps the connection open. One connection
// after the other goes to another node.
type swallower struct {
	listener net.Listener
	nodes    []string
	tasks    sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
	ended bool
}

func newSwallower(t *testing.T, nodes ...string) *swallower {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &swallower{listener: l, nodes: nodes}
	s.tasks.Go(s.accept)
	t.Cleanup(s.close)
	return s
}

func (s *swallower) accept() {
	for i := 0; ; i++ {
		down, err := s.listener.Accept()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp", s.nodes[i%len(s.nodes)])
		if err != nil || !s.keep(down, up) {
			_ = down.Close()
			continue
		}
		s.tasks.Go(func() { _, _ = io.Copy(up, down) })
		s.tasks.Go(func() {
			_, _ = io.Copy(down, up)
			_, _ = io.Copy(io.Discard, up) // the client is gone, and nobody is told
			_ = up.Close()
			_ = down.Close()
		})
	}
}

// keep has both connections end with the proxy; false: it has ended.
func (s *swallower) keep(down, up net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		_ = up.Close()
		return false
	}
	s.conns = append(s.conns, down, up)
	return true
}

func (s *swallower) close() {
	_ = s.listener.Close()
	s.mu.Lock()
	s.ended = true
	for _, conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.tasks.Wait()
}

// front is what a client sees of a cluster behind the proxy.
func (s *swallower) front(c *cluster, transport client.Transport) *server {
	front := *c.server
	front.address, front.transport = s.listener.Addr().String(), transport
	return &front
}
