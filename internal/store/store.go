// Package store remembers in a SQL database what the nouns declare.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Config is how a database is opened. Only Path is required.
type Config struct {
	// Path is the SQLite file; it is made if it does not exist.
	Path string
	// Synchronous is SQLite's setting: full (the default), extra, normal or off.
	Synchronous string
	// Relaxed allows a Synchronous that may lose acknowledged messages at a power cut.
	Relaxed bool

	// Readers is the number of reading connections; 0: 4.
	Readers int
	// Queue bounds how many changes and marks wait for a group, QueueBytes their
	// commands' bytes together; 0: 4096 and 64 MiB.
	Queue, QueueBytes int
	// Group bounds how many of them commit together; 0: 256.
	Group int
	// MarkWait is how long marks wait for a change to be committed with; 0: 10 ms.
	MarkWait time.Duration
	// CachedHeads bounds how many heads the committer remembers; 0: 8192.
	CachedHeads int
	// Limit is after how long a transaction is cut; 0: 5 s.
	Limit time.Duration
	// CheckpointAfter is how many rows are written before the log is copied into
	// the database; 0: 16384. MaxLogPages is when the writer is made to wait for
	// that, so that the log stays bounded; 0: 32768 (128 MiB).
	CheckpointAfter, MaxLogPages int

	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Committed is told of each group after its commit and after the Done of its
	// changes, in commit order: what was appended, without repeats. Marked is told
	// of the marks that moved. Neither may block for long: the next groups wait.
	Committed func([]chat.Changed)
	Marked    func([]chat.Mark)
	// Commit wraps the commit of a group; nil: it just commits. Tests make it fail
	// before or after the commit itself.
	Commit func(commit func() error) error
}

func (c Config) withDefaults() Config {
	setDefault(&c.Synchronous, "full")
	setDefault(&c.Readers, 4)
	setDefault(&c.Queue, 4096)
	setDefault(&c.QueueBytes, 64<<20)
	setDefault(&c.Group, 256)
	setDefault(&c.MarkWait, 10*time.Millisecond)
	setDefault(&c.CachedHeads, 8192)
	setDefault(&c.Limit, 5*time.Second)
	setDefault(&c.CheckpointAfter, 16384)
	setDefault(&c.MaxLogPages, 32768)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Committed == nil {
		c.Committed = func([]chat.Changed) {}
	}
	if c.Marked == nil {
		c.Marked = func([]chat.Mark) {}
	}
	if c.Commit == nil {
		c.Commit = func(commit func() error) error { return commit() }
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// DB is an open database. It implements chat.Store.
type DB struct {
	cfg Config
	log *slog.Logger
	// read and write are for what is not a conversation; write is a single
	// connection. readers are for conversations.
	read, write *bun.DB
	readers     *readers
	// writing is held by whoever writes: the committer for a group, Update, the
	// checkpointer when the log must not grow.
	writing     sync.Mutex
	committer   *committer
	checkpoints *checkpointer
	closing     sync.Once
}

var _ chat.Store = (*DB)(nil)

// Open opens or makes the database, brings its schema up to date and starts
// the committer. Close ends what it started.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*DB, error) {
	cfg = cfg.withDefaults()
	if err := checkDurability(cfg); err != nil {
		return nil, err
	}
	db := &DB{cfg: cfg, log: log}
	if err := db.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", cfg.Path, err), db.closePools())
	}
	return db, nil
}

func (db *DB) open(ctx context.Context) error {
	if err := makePrivate(db.cfg.Path); err != nil {
		return err
	}
	db.write = openPool(db.cfg, 1, false)
	if err := verifyPragmas(ctx, db.write.DB, db.cfg); err != nil {
		return err
	}
	if err := migrate(ctx, db.write.DB, db.log); err != nil {
		return err
	}
	key, err := fingerprintKey(ctx, db.write.DB)
	if err != nil {
		return err
	}
	db.read = openPool(db.cfg, db.cfg.Readers, true)
	db.readers = newReaders(db.cfg)
	checkpoints, err := newCheckpointer(ctx, db)
	if err != nil {
		return err
	}
	db.checkpoints = checkpoints
	db.committer = newCommitter(db, key)
	return nil
}

// Update runs a short transaction of its own, outside of the commit groups:
// for what is not a conversation. It is cut after Config.Limit.
func (db *DB) Update(ctx context.Context, do func(ctx context.Context, tx bun.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, db.cfg.Limit)
	defer cancel()
	db.writing.Lock()
	defer db.writing.Unlock()
	return db.write.RunInTx(ctx, nil, do)
}

// Close waits until all that was queued is committed and told, and closes the database.
func (db *DB) Close() error {
	var err error
	db.closing.Do(func() {
		db.committer.close()
		db.checkpoints.close()
		err = db.closePools()
	})
	return err
}

func (db *DB) closePools() error {
	var errs []error
	if db.readers != nil {
		errs = append(errs, db.readers.close())
	}
	for _, pool := range []*bun.DB{db.read, db.write} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	return errors.Join(errs...)
}

// now is the database's clock. SQLite has none but this process's.
func (db *DB) now() chat.Millis { return chat.At(db.cfg.Now()) }
