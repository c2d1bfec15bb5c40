package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"time"
)

// checkpointer copies the write-ahead log into the database, on a connection
// of its own, so that no commit waits for it.
type checkpointer struct {
	db   *DB
	pool *sql.DB
	rows atomic.Int64 // written since the last checkpoint
	// erased tells that the log still has what is to be nowhere any more.
	erased atomic.Bool
	wake   chan struct{}
	stop   chan struct{}
	ended  chan struct{}
}

// checkpointEvery bounds how long written rows stay in the log only.
const checkpointEvery = time.Second

func newCheckpointer(ctx context.Context, db *DB) (*checkpointer, error) {
	opened, err := db.dialect.pool(ctx, 1, false)
	if err != nil {
		return nil, err
	}
	pool := opened.DB
	if err := pool.PingContext(ctx); err != nil {
		_ = pool.Close()
		return nil, err
	}
	c := &checkpointer{db: db, pool: pool, wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	go c.run()
	return c, nil
}

// written counts rows; enough of them wake the checkpointer.
func (c *checkpointer) written(rows int) {
	if rows > 0 && c.rows.Add(int64(rows)) >= int64(c.db.cfg.CheckpointAfter) {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// forget has the log cut off soon: what was erased stands in it until others write there.
func (c *checkpointer) forget() { c.erased.Store(true) }

func (c *checkpointer) close() {
	close(c.stop)
	<-c.ended
	if err := c.pool.Close(); err != nil {
		c.db.log.Warn("close the checkpointer's connection", "error", err)
	}
}

func (c *checkpointer) run() {
	defer close(c.ended)
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-c.wake:
		case <-tick.C:
		}
		if c.rows.Swap(0) == 0 && !c.erased.Load() {
			continue
		}
		if err := c.checkpoint(); err != nil {
			c.db.log.Error("checkpoint", "error", err)
		}
	}
}

// readersWait is how long, in ms, the writer stands still for readers who are in
// the way of a log that must be emptied.
const readersWait = "100"

// checkpoint copies what it can beside the writer. A log that still grew too
// long is emptied while the writer waits: a second pass first, so that little is
// left. Where somebody reads for long (a backup), that would achieve nothing:
// the log grows until they are done, and has what was erased.
func (c *checkpointer) checkpoint() error {
	erased := c.erased.Load()
	pages, _, err := c.pass("PASSIVE")
	if err != nil || pages < c.db.cfg.MaxLogPages && !erased {
		return err
	}
	pages, copied, err := c.pass("PASSIVE")
	if err != nil || pages-copied > c.db.cfg.MaxLogPages/2 {
		return err
	}
	if _, err := c.pool.ExecContext(context.Background(), "PRAGMA busy_timeout = "+readersWait); err != nil {
		return err
	}
	c.db.writing.Lock()
	defer c.db.writing.Unlock()
	if !erased {
		_, _, err = c.pass("RESTART")
		return err
	}
	pages, _, err = c.pass("TRUNCATE")
	if err == nil && pages == 0 { // else a reader is in the way: at the next tick again
		c.erased.Store(false)
	}
	return err
}

// pass runs one checkpoint and returns the length of the log in pages, and how
// many are copied. A reader in the way leaves the rest to the next one.
func (c *checkpointer) pass(mode string) (pages, copied int, err error) {
	var busy int
	if err := c.pool.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &pages, &copied); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", mode, err)
	}
	return pages, copied, nil
}
