// Package store remembers in a SQL database what the nouns declare.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Config is how a database is opened. Only Path or URL is required.
type Config struct {
	// Path is the SQLite file; it is made if it does not exist.
	Path string
	// URL is a server's database, instead of Path: mysql://USER:PASSWORD@HOST:PORT/NAME
	// or postgres://USER:PASSWORD@HOST:PORT/NAME, with the driver's settings after "?".
	URL string
	// ReplicaURL is a replica of it, of the same kind, that answers what may be a little old.
	ReplicaURL string
	// Synchronous is SQLite's setting: full (the default), extra, normal or off. A
	// PostgreSQL server is asked for synchronous_commit off by normal and off.
	Synchronous string
	// Relaxed allows what may lose acknowledged messages at a power cut.
	Relaxed bool

	// Readers is the number of connections that read conversations; 0: 4. A server gets
	// half as many, at least four, for everything else.
	Readers int
	// Committers is the number of connections that commit conversations, where the
	// database is a server; 0: 2. SQLite has one.
	Committers int
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

	// Now is a clock in place of the database's; nil: the database's own. SQLite has
	// none but this process's.
	Now func() time.Time
	// Took, if any, is told how long something took, and for how many: "commit" for
	// each committed group with its changes and marks, else the kind of a read. It
	// must not block.
	Took func(what string, took time.Duration, n int)
	// Committed is told of each group after its commit and after the Done of its
	// changes, in commit order: what was appended, without repeats. Marked is told
	// of the marks that moved. Neither may block for long: the next groups wait.
	// Several committers call at once, but about one conversation only one of them,
	// unless it is carried to another: its end may be told by the other's.
	Committed func([]chat.Changed)
	Marked    func([]chat.Mark)
	// Commit wraps the commit of a group; nil: it just commits. Tests make it fail
	// before or after the commit itself.
	Commit func(commit func() error) error
}

func (c Config) withDefaults() Config {
	setDefault(&c.Synchronous, "full")
	setDefault(&c.Readers, 4)
	setDefault(&c.Committers, 2)
	setDefault(&c.Queue, 4096)
	setDefault(&c.QueueBytes, 64<<20)
	setDefault(&c.Group, 256)
	setDefault(&c.MarkWait, 10*time.Millisecond)
	setDefault(&c.CachedHeads, 8192)
	setDefault(&c.Limit, 5*time.Second)
	setDefault(&c.CheckpointAfter, 16384)
	setDefault(&c.MaxLogPages, 32768)
	if c.URL == "" {
		c.Committers = 1
		if c.Now == nil {
			c.Now = time.Now
		}
	}
	if c.Took == nil {
		c.Took = func(string, time.Duration, int) {}
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
	cfg     Config
	log     *slog.Logger
	dialect dialect
	// read and write are for what is not a conversation; SQLite's write is a single
	// connection. readers are for conversations, replica for old pages of them; nil:
	// there is none.
	read, write *bun.DB
	readers     *readers
	replica     *replica
	// writing is held by whoever writes a file: the committer for a group, Update,
	// the checkpointer when the log must not grow. A server does without.
	writing     sync.Locker
	queue       *queue
	committers  []*committer
	checkpoints *checkpointer // of a file; nil for a server
	counted     counters
	wished      atomic.Pointer[wishes] // of webhooks
	closing     sync.Once
}

var _ chat.Store = (*DB)(nil)

// Open opens or makes the database, brings its schema up to date and starts
// the committers. Close ends what it started. Its error says what is wrong with
// the database, without its password.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*DB, error) {
	cfg = cfg.withDefaults()
	d, err := openDialect(cfg, cfg.URL)
	if err != nil {
		return nil, err
	}
	db := &DB{cfg: cfg, log: log, dialect: d, writing: &sync.Mutex{}}
	if d.shared() {
		db.writing = unlocked{}
	}
	if err := db.open(ctx); err != nil {
		if sentence := d.explain(err); sentence != nil {
			err = sentence
		}
		return nil, errors.Join(fmt.Errorf("open database %s: %w", d.place(), err), db.closePools())
	}
	return db, nil
}

// unlocked is a lock that nobody needs.
type unlocked struct{}

func (unlocked) Lock()   {}
func (unlocked) Unlock() {}

func (db *DB) open(ctx context.Context) (err error) {
	if err := db.dialect.prepare(); err != nil {
		return err
	}
	writers, readers := 1, db.cfg.Readers
	if db.dialect.shared() {
		writers = max(2, db.cfg.Readers/4)
		readers = writers
	}
	if db.write, err = db.dialect.pool(ctx, writers, false); err != nil {
		return err
	}
	if err := db.dialect.durable(ctx, db.write.DB, db.log); err != nil {
		return err
	}
	if err := db.migrate(ctx); err != nil {
		return err
	}
	key, err := fingerprintKey(ctx, db.write.DB, db.dialect)
	if err != nil {
		return err
	}
	if db.read, err = db.dialect.pool(ctx, readers, true); err != nil {
		return err
	}
	if db.replica, err = newReplica(db); err != nil {
		return err
	}
	db.readers = newReaders(db.cfg.Readers, db.dialect, db.cfg.Took)
	if !db.dialect.shared() {
		if db.checkpoints, err = newCheckpointer(ctx, db); err != nil {
			return err
		}
	}
	if err := db.RefreshWishes(ctx); err != nil {
		return err
	}
	db.queue = &queue{cfg: db.cfg}
	for i := range db.cfg.Committers {
		db.committers = append(db.committers, newCommitter(db, i, key))
	}
	return nil
}

// migrate brings the schema up to date, on a connection that may take its time.
func (db *DB) migrate(ctx context.Context) error {
	cfg := db.cfg
	cfg.Limit = 24 * time.Hour
	patient, err := openDialect(cfg, cfg.URL)
	if err != nil {
		return err
	}
	pool, err := patient.pool(ctx, 1, false)
	if err != nil {
		return err
	}
	err = migrate(ctx, pool.DB, patient, db.log)
	if err == nil {
		err = mayServe(ctx, pool.DB, patient)
	}
	return errors.Join(err, pool.Close())
}

// Update runs a short transaction of its own, outside of the commit groups:
// for what is not a conversation. It is cut after Config.Limit. do runs again
// when other transactions were in its way.
func (db *DB) Update(ctx context.Context, do func(ctx context.Context, tx bun.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, db.cfg.Limit)
	defer cancel()
	db.writing.Lock()
	defer db.writing.Unlock()
	for try := 1; ; try++ {
		err := db.write.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			if err := openFence(ctx, tx, db.dialect); err != nil {
				return err
			}
			return do(ctx, tx)
		})
		if err == nil || try == tries || db.dialect.failure(err) != contended {
			return err
		}
		db.counted.retries.Add(1)
	}
}

// Ping tells whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.read.PingContext(ctx) }

// Close waits until all that was queued is committed and told, and closes the database.
func (db *DB) Close() error {
	var err error
	db.closing.Do(func() {
		for _, c := range db.committers {
			c.shut()
		}
		for _, c := range db.committers {
			c.await()
		}
		if db.checkpoints != nil {
			db.checkpoints.close()
		}
		err = db.closePools()
	})
	return err
}

func (db *DB) closePools() error {
	var errs []error
	if db.replica != nil {
		errs = append(errs, db.replica.close())
	}
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

// clock is what a statement asks for the database's time; "" where this process knows it.
func (db *DB) clock() string {
	if db.cfg.Now != nil {
		return ""
	}
	return db.dialect.grammar().clock
}

// now is the time of who has no clock of its own.
func (db *DB) now() chat.Millis { return chat.At(db.cfg.Now()) }

// time is the database's present time.
func (db *DB) time(ctx context.Context) (now chat.Millis, err error) {
	clock := db.clock()
	if clock == "" {
		return db.now(), nil
	}
	err = db.reading(ctx).NewRaw("SELECT "+clock).Scan(ctx, &now)
	return now, err
}
