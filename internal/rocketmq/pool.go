package rocketmq

import (
	"context"
	"net"
	"sync"
	"time"
)

// dialWithin bounds how long a connection may take, its greeting included.
const dialWithin = 3 * time.Second

// pool holds one connection for each address that was asked for.
type pool struct {
	keys  *Credentials
	asked func(*conn, *command)
	greet func(context.Context, *conn) error // what is said first; may be nil

	ctx    context.Context // ends with the pool
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	mu    sync.Mutex
	slots map[string]*slot
}

// slot is a connection that is there, or about to be.
type slot struct {
	ready chan struct{}
	conn  *conn
	err   error
}

// over tells whether the connection was there and has ended.
func (s *slot) over() bool {
	select {
	case <-s.ready:
	default:
		return false
	}
	if s.conn == nil {
		return true
	}
	select {
	case <-s.conn.ended:
		return true
	default:
		return false
	}
}

func newPool(keys *Credentials, asked func(*conn, *command), greet func(context.Context, *conn) error) *pool {
	ctx, cancel := context.WithCancel(context.Background())
	return &pool{keys: keys, asked: asked, greet: greet, ctx: ctx, cancel: cancel, slots: map[string]*slot{}}
}

// get is the connection to addr; the first who asks has it made, the others wait for the same.
func (p *pool) get(ctx context.Context, addr string) (*conn, error) {
	p.mu.Lock()
	if p.ctx.Err() != nil {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	s := p.slots[addr]
	if s == nil || s.over() {
		s = &slot{ready: make(chan struct{})}
		p.slots[addr] = s
		p.tasks.Go(func() { p.open(addr, s) })
	}
	p.mu.Unlock()
	select {
	case <-s.ready:
		return s.conn, s.err
	case <-ctx.Done():
		return nil, &connError{addr, ctx.Err()}
	}
}

// open makes the connection of a slot, and stays until it ends.
func (p *pool) open(addr string, s *slot) {
	defer p.drop(addr, s)
	var reading sync.WaitGroup
	defer reading.Wait()
	ctx, cancel := context.WithTimeout(p.ctx, dialWithin)
	defer cancel()
	var dialer net.Dialer
	n, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		s.err = &connError{addr, err}
		close(s.ready)
		return
	}
	c := newConn(addr, n, p.keys, p.asked)
	reading.Go(c.read)
	if p.greet != nil {
		if err := p.greet(ctx, c); err != nil {
			c.end(err)
			s.err = err
			close(s.ready)
			return
		}
	}
	s.conn = c
	close(s.ready)
	select {
	case <-c.ended:
	case <-p.ctx.Done():
		c.end(ErrClosed)
	}
}

func (p *pool) drop(addr string, s *slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.slots[addr] == s {
		delete(p.slots, addr)
	}
}

// open connections, for what is said to all of them.
func (p *pool) all() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*conn
	for _, s := range p.slots {
		select {
		case <-s.ready:
			if !s.over() {
				all = append(all, s.conn)
			}
		default:
		}
	}
	return all
}

// close ends all connections and waits until they have.
func (p *pool) close() {
	p.mu.Lock()
	p.cancel()
	p.mu.Unlock()
	p.tasks.Wait()
}
