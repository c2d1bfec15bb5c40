package rocketmq

import (
	"context"
	"errors"
	"sync"
	"time"
)

// nameServers asks one name server after the other until one answers, and stays
// with that one.
type nameServers struct {
	pool   *pool
	within time.Duration // for each of them

	mu    sync.Mutex
	addrs []string
	first int // the one that answered last
}

// ask sends what make makes. An answer that refuses is an answer: the others are not asked.
func (n *nameServers) ask(ctx context.Context, newRequest func() *command) (*command, error) {
	n.mu.Lock()
	first := n.first
	n.mu.Unlock()
	var failed []error
	for i := range n.addrs {
		at := (first + i) % len(n.addrs)
		answer, err := n.askOne(ctx, n.addrs[at], newRequest())
		var refused *AnswerError
		if err == nil || errors.As(err, &refused) {
			n.mu.Lock()
			n.first = at
			n.mu.Unlock()
			return answer, err
		}
		failed = append(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(failed...)
}

func (n *nameServers) askOne(ctx context.Context, addr string, c *command) (*command, error) {
	asking, cancel := context.WithTimeout(ctx, n.within)
	defer cancel()
	conn, err := n.pool.get(asking, addr)
	if err != nil {
		return nil, err
	}
	answer, err := conn.call(asking, c)
	if asking.Err() != nil && ctx.Err() == nil { // whoever has no more patience leaves it to the others
		conn.end(asking.Err()) // it does not answer: the next one has to be a new connection
	}
	return answer, err
}
