package rocketmq

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxWaiting bounds the requests under way on one connection.
	maxWaiting = 4096
	// writeWithin bounds how long a frame may take to leave.
	writeWithin = 10 * time.Second
)

// conn is one connection with any number of requests under way: an answer finds
// its request by opaque.
type conn struct {
	addr    string
	net     net.Conn
	keys    *Credentials
	asked   func(*conn, *command) // the server's own requests; must return soon
	version atomic.Int32          // the server's, as its answers tell it; 0 before

	writing chan struct{} // holds a token while somebody writes
	room    chan struct{} // a token per request under way

	mu      sync.Mutex
	opaque  int32
	waiting map[int32]chan *command
	cause   error
	ended   chan struct{}
}

func newConn(addr string, n net.Conn, keys *Credentials, asked func(*conn, *command)) *conn {
	return &conn{
		addr: addr, net: n, keys: keys, asked: asked,
		writing: make(chan struct{}, 1), room: make(chan struct{}, maxWaiting),
		waiting: map[int32]chan *command{}, ended: make(chan struct{}),
	}
}

// request sends c and waits for its answer, whatever the answer's code.
func (n *conn) request(ctx context.Context, c *command) (*command, error) {
	select {
	case n.room <- struct{}{}:
		defer func() { <-n.room }()
	case <-n.ended:
		return nil, n.broken()
	case <-ctx.Done():
		return nil, n.late(ctx)
	}
	answer := make(chan *command, 1)
	n.mu.Lock()
	n.opaque++
	c.opaque = n.opaque
	n.waiting[c.opaque] = answer
	n.mu.Unlock()
	defer n.forget(c.opaque)
	if err := n.write(ctx, c); err != nil {
		return nil, err
	}
	select {
	case got := <-answer:
		return got, nil
	case <-ctx.Done():
		return nil, n.late(ctx)
	case <-n.ended:
		select {
		case got := <-answer: // it came just before the end
			return got, nil
		default:
			return nil, n.broken()
		}
	}
}

// call is request for callers who want success: another code is an AnswerError.
func (n *conn) call(ctx context.Context, c *command) (*command, error) {
	answer, err := n.request(ctx, c)
	if err != nil {
		return nil, err
	}
	if answer.code != Success {
		return answer, n.refusal(answer)
	}
	return answer, nil
}

func (n *conn) refusal(answer *command) error {
	if answer.code == GoAway {
		n.end(errors.New("the server is going away"))
	}
	return &AnswerError{Addr: n.addr, Code: answer.code, Remark: answer.remark}
}

// oneway sends c, to which no answer comes.
func (n *conn) oneway(ctx context.Context, c *command) error {
	c.flag |= flagOneway
	n.mu.Lock()
	n.opaque++
	c.opaque = n.opaque
	n.mu.Unlock()
	return n.write(ctx, c)
}

func (n *conn) forget(opaque int32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.waiting, opaque)
}

func (n *conn) write(ctx context.Context, c *command) error {
	n.keys.sign(c)
	frame, err := appendFrame(nil, c)
	if err != nil {
		return err
	}
	select {
	case n.writing <- struct{}{}:
		defer func() { <-n.writing }()
	case <-n.ended:
		return n.broken()
	case <-ctx.Done():
		return n.late(ctx)
	}
	_ = n.net.SetWriteDeadline(time.Now().Add(writeWithin)) // Write tells if the connection is gone
	if _, err := n.net.Write(frame); err != nil {
		n.end(err) // perhaps half of it has gone
		return n.broken()
	}
	return nil
}

// read gives answers to whom they belong until the connection ends.
func (n *conn) read() {
	in := bufio.NewReader(n.net)
	for {
		frame, err := readFrame(in)
		if err != nil {
			n.end(err)
			return
		}
		c, err := parseFrame(frame)
		if err != nil {
			n.end(err)
			return
		}
		if !c.isResponse() {
			n.asked(n, c)
			continue
		}
		if c.version > 0 {
			n.version.Store(int32(c.version))
		}
		n.mu.Lock()
		answer, ok := n.waiting[c.opaque]
		delete(n.waiting, c.opaque) // a second answer finds nobody
		n.mu.Unlock()
		if ok {
			answer <- c
		}
	}
}

// end closes the connection; who waits for an answer gets the cause.
func (n *conn) end(cause error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cause != nil {
		return
	}
	n.cause = cause
	close(n.ended)
	_ = n.net.Close() // it is given up anyway
}

func (n *conn) broken() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return &connError{n.addr, n.cause}
}

// late is the error of a request whose time is over.
func (n *conn) late(ctx context.Context) error { return &connError{n.addr, ctx.Err()} }
