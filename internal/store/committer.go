package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// item is what waits for a group: one of the four.
type item struct {
	change *chat.Change
	mark   *chat.MarkChange
	carry  *chat.Carry // a group of its own
	// task runs between groups, on the committer's connection, without any head cached.
	task *task
}

// task is work on conversations that is no append.
type task struct {
	ctx  context.Context
	on   chat.ConversationID // whose head alone it changes; 0: it may be any
	run  func(h *hot) error
	done chan error
}

// committer owns a connection that writes conversations: those of its share. One
// goroutine takes groups off its lane and commits them, another tells of them.
type committer struct {
	db    *DB
	share int
	h     *hot // nil after a failure, until the next group opens another
	heads *headCache
	print *fingerprinter
	sql   *statements
	said  *announcer

	mu     sync.RWMutex // guards lane against being closed under a sender
	closed bool
	lane   chan item
	ended  chan struct{}
}

func newCommitter(db *DB, share int, key []byte) *committer {
	c := &committer{
		db: db, share: share, heads: newHeadCache(db.cfg.CachedHeads / db.cfg.Committers), print: newFingerprinter(key), sql: newStatements(db),
		said: newAnnouncer(db.cfg.Committed, db.cfg.Marked), lane: make(chan item, db.cfg.Queue), ended: make(chan struct{}),
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
	if err := c.db.queue.enter(it); err != nil {
		return err
	}
	c.lane <- it // it has room for all that the queue lets in
	return nil
}

// Change implements chat.Store.
func (db *DB) Change(c *chat.Change) {
	if err := db.committerFor(c).put(item{change: c}); err != nil && c.Done != nil {
		c.Done(chat.Changed{Answer: -1}, err)
	}
}

// Mark implements chat.Store.
func (db *DB) Mark(m *chat.MarkChange) {
	if err := db.committerOf(m.Conversation).put(item{mark: m}); err != nil && m.Done != nil {
		m.Done(chat.Mark{}, false, err)
	}
}

// do runs a task between groups and waits for it.
func (c *committer) do(ctx context.Context, run func(h *hot) error) error {
	return c.doOn(ctx, 0, run)
}

// doOn is do for a task that changes one conversation only.
func (c *committer) doOn(ctx context.Context, id chat.ConversationID, run func(h *hot) error) error {
	t := &task{ctx: ctx, on: id, run: run, done: make(chan error, 1)}
	if err := c.put(item{task: t}); err != nil {
		return err
	}
	return <-t.done
}

// shut takes nothing more; await waits for what was taken.
func (c *committer) shut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	close(c.lane)
}

func (c *committer) await() {
	<-c.ended
	c.said.close()
}

func (c *committer) run() {
	defer close(c.ended)
	defer c.drop()
	batch := make([]item, 0, c.db.cfg.Group)
	for it := range c.lane {
		c.db.queue.leave(it)
		batch = append(batch[:0], it)
		var after *item
		if it.alone() {
			batch, after = batch[:0], &it
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
			if next.alone() {
				after = &next
				break
			}
			batch = append(batch, next)
		}
		if len(batch) > 0 {
			c.commit(batch)
		}
		switch {
		case after == nil:
		case after.task != nil:
			c.work(after.task)
		default:
			c.commit([]item{*after})
		}
	}
}

// alone tells whether it shares its transaction with no other.
func (it item) alone() bool { return it.task != nil || it.carry != nil }

// next takes what is queued already; a lone change waits for nobody. With late
// it waits until then: marks alone are not worth a commit of their own.
func (c *committer) next(late *time.Timer) (it item, ok bool) {
	if late == nil {
		select {
		case it, ok = <-c.lane:
		default:
		}
	} else {
		select {
		case it, ok = <-c.lane:
		case <-late.C:
		}
	}
	if ok {
		c.db.queue.leave(it)
	}
	return it, ok
}

// errUnknown is a commit of which nobody knows whether it happened.
type errUnknown struct{ cause error }

func (e errUnknown) Error() string { return "commit: " + e.cause.Error() }
func (e errUnknown) Unwrap() error { return e.cause }

// tries bounds how often a transaction is run again that others were in the way of.
const tries = 4

// commit decides and commits a group. One that others were in the way of is run
// again. One that fails before its commit is retried one by one, so that what was
// wrong harms only itself.
func (c *committer) commit(batch []item) {
	g, err := c.try(batch)
	for try := 1; err != nil && try < tries && c.mayTryAgain(g, err); try++ {
		c.db.counted.retries.Add(1)
		c.undo(err)
		g, err = c.try(batch)
	}
	if err == nil {
		return
	}
	c.undo(err)
	var unknown errUnknown
	begun := g != nil // else the engine let nobody in, and would not let each alone
	if begun && !errors.As(err, &unknown) && len(batch) > 1 {
		c.db.log.Warn("a group failed and is retried one by one", "changes", len(batch), "error", err)
		for _, it := range batch {
			c.commit([]item{it})
		}
		return
	}
	c.db.counted.failures.Add(1)
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

// mayTryAgain tells whether nothing was kept, for a reason that may have passed.
func (c *committer) mayTryAgain(g *group, err error) bool {
	var unknown errUnknown
	if g == nil || g.told || errors.As(err, &unknown) {
		return false
	}
	return errors.Is(err, errNoHead) || c.db.dialect.failure(err) != broken
}

// try runs one transaction over the batch and tells of it when it is committed.
// The group is nil if no transaction began.
func (c *committer) try(batch []item) (*group, error) {
	began := time.Now()
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
		return g, err
	}
	c.db.counted.groups.Add(1)
	c.db.cfg.Took("commit", time.Since(began), len(batch))
	g.remember()
	if !g.told {
		c.said.tell(g.outcomes)
	}
	g.handOver()
	if c.db.checkpoints != nil {
		c.db.checkpoints.written(g.rows)
	}
	return g, nil
}

// end commits. Its error is an errUnknown unless certainly nothing was kept.
func (c *committer) end(g *group) error {
	if publishEarly() {
		g.told = true
		c.said.tell(g.outcomes)
	}
	err := c.db.cfg.Commit(c.h.commit)
	var unmade errUnmade
	if err != nil && !errors.As(err, &unmade) {
		return errUnknown{err}
	}
	return err
}

// work runs a task in a transaction of its own.
func (c *committer) work(t *task) {
	err := t.ctx.Err()
	for try := 1; err == nil; try++ {
		if err = c.transact(t.run); err == nil {
			break
		}
		c.undo(err)
		if try == tries || c.db.dialect.failure(err) == broken {
			break
		}
		err = t.ctx.Err()
	}
	if t.on == 0 {
		c.heads.clear()
	} else {
		c.heads.forget(t.on)
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
	if closed, err := fenced(c.h, c.db.dialect); err != nil || closed {
		return errors.Join(err, errFenced())
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
	l, err := c.db.dialect.writer()
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	c.h = newHot(l)
	return nil
}

// undo ends a transaction that failed. The connection is kept if it is certainly sound.
func (c *committer) undo(err error) {
	c.heads.clear()
	if kind := c.db.dialect.failure(err); c.h != nil && (kind == contended || kind == duplicate) && c.h.rollback() == nil {
		return
	}
	c.drop()
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
