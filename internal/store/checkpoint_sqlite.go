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
	db    *DB
	pool  *sql.DB
	rows  atomic.Int64 // written since the last checkpoint
	wake  chan struct{}
	stop  chan struct{}
	ended chan struct{}
}

// checkpointEvery bounds how long written rows stay in the log only.
const checkpointEvery = time.Second

func newCheckpointer(ctx context.Context, db *DB) (*checkpointer, error) {
	pool := openPool(db.cfg, 1, false).DB
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
		if c.rows.Swap(0) == 0 {
			continue
		}
		if err := c.checkpoint(); err != nil {
			c.db.log.Error("checkpoint", "error", err)
		}
	}
}

// checkpoint copies what it can beside the writer. A log that still grew too
// long is emptied while the writer waits: a second pass first, so that little is left.
func (c *checkpointer) checkpoint() error {
	pages, err := c.pass("PASSIVE")
	if err != nil || pages < c.db.cfg.MaxLogPages {
		return err
	}
	if _, err := c.pass("PASSIVE"); err != nil {
		return err
	}
	c.db.writing.Lock()
	defer c.db.writing.Unlock()
	_, err = c.pass("RESTART")
	return err
}

// pass runs one checkpoint and returns the length of the log in pages. A
// reader in the way leaves the rest to the next one.
func (c *checkpointer) pass(mode string) (pages int, err error) {
	var busy, copied int
	if err := c.pool.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &pages, &copied); err != nil {
		return 0, fmt.Errorf("%s: %w", mode, err)
	}
	return pages, nil
}
