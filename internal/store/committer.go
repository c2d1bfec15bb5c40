package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// item is what waits for a group: one of the three.
type item struct {
	change *chat.Change
	mark   *chat.MarkChange
	// task runs between groups, on the committer's connection, without any head cached.
	task *task
}

// task is work on conversations that is no append.
type task struct {
	ctx  context.Context
	run  func(h *hot) error
	done chan error
}

// committer owns the connection that writes conversations. One goroutine takes
// groups off the queue and commits them, another tells of them.
type committer struct {
	db    *DB
	h     *hot // nil after a failure, until the next group opens another
	heads *headCache
	print *fingerprinter
	sql   *statements
	said  *announcer

	mu     sync.RWMutex // guards queue against being closed under a sender
	closed bool
	queue  chan item
	bytes  atomic.Int64 // of the commands in the queue
	ended  chan struct{}
}

func newCommitter(db *DB, key []byte) *committer {
	c := &committer{
		db: db, heads: newHeadCache(db.cfg.CachedHeads), print: newFingerprinter(key), sql: newStatements(),
		said: newAnnouncer(db.cfg.Committed, db.cfg.Marked), queue: make(chan item, db.cfg.Queue), ended: make(chan struct{}),
	}
	go c.run()
	return c
}

// put queues an item or tells why not, at once.
func (c *committer) put(it item) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return chat.Refuse(chat.Busy, "the database is closing: repeat it later")
	}
	if c.bytes.Add(it.size()) > int64(c.db.cfg.QueueBytes) {
		c.bytes.Add(-it.size())
		return chat.Refuse(chat.Busy, "%d bytes of changes wait already: repeat it later", c.db.cfg.QueueBytes)
	}
	select {
	case c.queue <- it:
		return nil
	default:
		c.bytes.Add(-it.size())
		return chat.Refuse(chat.Busy, "%d changes wait already: repeat it later", cap(c.queue))
	}
}

func (it item) size() int64 {
	if it.change == nil {
		return 0
	}
	return int64(len(it.change.Fingerprint))
}

// Change implements chat.Store.
func (db *DB) Change(c *chat.Change) {
	if err := db.committer.put(item{change: c}); err != nil && c.Done != nil {
		c.Done(chat.Changed{Answer: -1}, err)
	}
}

// Mark implements chat.Store.
func (db *DB) Mark(m *chat.MarkChange) {
	if err := db.committer.put(item{mark: m}); err != nil && m.Done != nil {
		m.Done(chat.Mark{}, false, err)
	}
}

// do runs a task between groups and waits for it.
func (c *committer) do(ctx context.Context, run func(h *hot) error) error {
	t := &task{ctx: ctx, run: run, done: make(chan error, 1)}
	if err := c.put(item{task: t}); err != nil {
		return err
	}
	return <-t.done
}

func (c *committer) close() {
	c.mu.Lock()
	c.closed = true
	close(c.queue)
	c.mu.Unlock()
	<-c.ended
	c.said.close()
}

func (c *committer) run() {
	defer close(c.ended)
	defer c.drop()
	batch := make([]item, 0, c.db.cfg.Group)
	for it := range c.queue {
		c.bytes.Add(-it.size())
		batch = append(batch[:0], it)
		var after *task
		if it.task != nil {
			batch, after = batch[:0], it.task
		}
		var late *time.Timer // while there are only marks, a change is awaited
		if it.mark != nil {
			late = time.NewTimer(c.db.cfg.MarkWait)
		}
		for after == nil && len(batch) < cap(batch) {
			next, ok := c.next(late)
			if !ok {
				break
			}
			if next.mark == nil {
				late = nil
			}
			if next.task != nil {
				after = next.task
				break
			}
			batch = append(batch, next)
		}
		if len(batch) > 0 {
			c.commit(batch)
		}
		if after != nil {
			c.work(after)
		}
	}
}

// next takes what is queued already; a lone change waits for nobody. With late
// it waits until then: marks alone are not worth a commit of their own.
func (c *committer) next(late *time.Timer) (it item, ok bool) {
	if late == nil {
		select {
		case it, ok = <-c.queue:
		default:
		}
	} else {
		select {
		case it, ok = <-c.queue:
		case <-late.C:
		}
	}
	if ok {
		c.bytes.Add(-it.size())
	}
	return it, ok
}

// errUnknown is a commit of which nobody knows whether it happened.
type errUnknown struct{ cause error }

func (e errUnknown) Error() string { return "commit: " + e.cause.Error() }
func (e errUnknown) Unwrap() error { return e.cause }

// commit decides and commits a group. One that fails before its commit is
// retried one by one, so that what was wrong harms only itself.
func (c *committer) commit(batch []item) {
	g, err := c.try(batch)
	if err == nil {
		return
	}
	c.drop()
	var unknown errUnknown
	begun := g != nil // else the engine let nobody in, and would not let each alone
	if begun && !errors.As(err, &unknown) && len(batch) > 1 {
		c.db.log.Warn("a group failed and is retried one by one", "changes", len(batch), "error", err)
		for _, it := range batch {
			c.commit([]item{it})
		}
		return
	}
	c.db.log.Error("a group failed", "changes", len(batch), "error", err)
	if g != nil && g.told {
		return
	}
	if errors.As(err, &unknown) {
		err = chat.Refuse(chat.Unknown, "the database did not say whether it was kept: repeat it with the same client_id")
	}
	outcomes := make([]outcome, len(batch))
	for i, it := range batch {
		outcomes[i] = outcome{item: it, changed: chat.Changed{Answer: -1}, err: err}
	}
	c.said.tell(outcomes)
}

// try runs one transaction over the batch and tells of it when it is committed.
func (c *committer) try(batch []item) (*group, error) {
	c.db.writing.Lock()
	defer c.db.writing.Unlock()
	if err := c.connect(); err != nil {
		return nil, err
	}
	if err := c.h.begin(c.db.cfg.Limit); err != nil {
		return nil, err
	}
	g := newGroup(c, batch)
	if err := g.run(); err != nil {
		return g, err
	}
	if !g.wrote {
		if err := c.h.rollback(); err != nil {
			return g, err
		}
	} else if err := c.end(g); err != nil {
		return g, errUnknown{err}
	}
	g.remember()
	if !g.told {
		c.said.tell(g.outcomes)
	}
	c.db.checkpoints.written(g.rows)
	return g, nil
}

func (c *committer) end(g *group) error {
	if publishEarly() {
		g.told = true
		c.said.tell(g.outcomes)
	}
	return c.db.cfg.Commit(c.h.commit)
}

// work runs a task in a transaction of its own.
func (c *committer) work(t *task) {
	err := t.ctx.Err()
	if err == nil {
		err = c.transact(t.run)
	}
	c.heads.clear()
	if err != nil {
		c.drop()
	}
	t.done <- err
}

func (c *committer) transact(run func(h *hot) error) error {
	c.db.writing.Lock()
	defer c.db.writing.Unlock()
	if err := c.connect(); err != nil {
		return err
	}
	if err := c.h.begin(c.db.cfg.Limit); err != nil {
		return err
	}
	if err := run(c.h); err != nil {
		return err
	}
	return c.h.commit()
}

func (c *committer) connect() error {
	if c.h != nil {
		return nil
	}
	h, err := openHot(c.db.cfg)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	c.h = h
	return nil
}

// drop forgets connection and heads: after a failure the truth is in the
// database. Closing rolls back what is open.
func (c *committer) drop() {
	c.heads.clear()
	if c.h == nil {
		return
	}
	if err := c.h.close(); err != nil {
		c.db.log.Warn("close the committer's connection", "error", err)
	}
	c.h = nil
}
