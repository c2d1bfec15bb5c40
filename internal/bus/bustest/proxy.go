package bustest

import (
	"net"
	"sync"
	"testing"
)

// Proxy stands before a server and can be cut, or fall silent.
type Proxy struct {
	target string

	mu       sync.Mutex
	listener net.Listener
	address  string
	conns    map[net.Conn]struct{}
	thawed   chan struct{} // closed while bytes pass
	done     sync.WaitGroup
}

// NewProxy listens for a server at target, which need not be there yet. It ends with the test.
func NewProxy(t *testing.T, target string) *Proxy {
	t.Helper()
	p := &Proxy{target: target, address: "127.0.0.1:0", conns: map[net.Conn]struct{}{}, thawed: make(chan struct{})}
	close(p.thawed)
	p.Restore(t)
	t.Cleanup(func() {
		p.Cut()
		p.Thaw()
		p.done.Wait()
	})
	return p
}

// Address is where it listens.
func (p *Proxy) Address() string { return p.address }

// Cut ends all connections and takes no more.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	for conn := range p.conns {
		_ = conn.Close()
	}
}

// Restore listens again after Cut, at the same address.
func (p *Proxy) Restore(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.listener, p.address = l, l.Addr().String()
	p.mu.Unlock()
	p.done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.done.Go(func() { p.join(conn) })
		}
	})
}

// Freeze lets nothing pass, though connections stay and are taken.
func (p *Proxy) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.thawed = make(chan struct{})
}

// Thaw lets pass what waited.
func (p *Proxy) Thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.thawed:
	default:
		close(p.thawed)
	}
}

func (p *Proxy) pass() chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.thawed
}

func (p *Proxy) join(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	p.mu.Lock()
	p.conns[client], p.conns[server] = struct{}{}, struct{}{}
	cut := p.listener == nil
	p.mu.Unlock()
	if cut {
		_, _ = client.Close(), server.Close()
	}
	var both sync.WaitGroup
	both.Go(func() { p.copy(client, server) })
	both.Go(func() { p.copy(server, client) })
	both.Wait()
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

func (p *Proxy) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		<-p.pass()
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
