package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// MoveConfig says from where to where everything is carried.
type MoveConfig struct {
	From, To Config
	// Progress, if any, is told how far the move is.
	Progress func(MoveProgress)
	// PageRows is how many rows are carried at once; 0: 500.
	PageRows int
	// BeforeFence, for tests, is called when the source is about to be closed.
	BeforeFence func()
	// End wraps the statement that ends the move; nil: it just runs. Tests make it
	// fail before or after the statement itself.
	End func(end func() error) error
}

// MoveStep is what a move does at the moment.
type MoveStep string

// The steps of a move.
const (
	MoveCopies   MoveStep = "copy"    // the source still takes changes
	MoveCompares MoveStep = "compare" // it takes none any more
	MoveChecks   MoveStep = "check"   // the target is read once more
)

// MoveProgress is how far a move is.
type MoveProgress struct {
	Step  MoveStep
	Table string
	// Done and All are rows of all tables in this step; All is what was there when
	// the step began.
	Done, All int64
}

// MoveReport is what a finished move has seen on both sides.
type MoveReport struct {
	Tables []MovedCount
	// Repaired are the rows that had changed in the source while it was copied.
	Repaired int64
}

// MovedCount is a table's rows and their checksum, the same on both sides.
type MovedCount struct {
	Table    string
	Rows     int64
	Checksum string // SHA-256 over the canonical bytes of all rows, in the order of the key
}

// ErrNotEmpty is the refusal of a target in which there is something already.
var ErrNotEmpty = errors.New("the target is not empty")

// moveProgress is a table of the target while a move into it is under way.
const moveProgress = "move_progress"

// movedEnd is one side of a move.
type movedEnd struct {
	dialect dialect
	db      *sql.DB
	close   func() error
}

// openSource opens a database that is one of Kefu's already: a name that was
// mistyped must not make an empty one.
func openSource(ctx context.Context, cfg Config, log *slog.Logger) (*movedEnd, error) {
	if cfg.URL == "" {
		if _, err := os.Stat(cfg.Path); err != nil {
			return nil, fmt.Errorf("open %s: there is no database: name the URL, the file or the folder of the one that is moved (%w)", cfg.Path, err)
		}
	}
	return openEndIf(ctx, cfg, log, func(end *movedEnd) error {
		var n int
		err := end.db.QueryRowContext(ctx, end.dialect.worded(end.dialect.grammar().tableExists), "compatibility").Scan(&n)
		if err == nil && n == 0 {
			err = errors.New("the database holds nothing of Kefu: name the one that is moved")
		}
		return err
	})
}

func openEnd(ctx context.Context, cfg Config, log *slog.Logger) (*movedEnd, error) {
	return openEndIf(ctx, cfg, log, func(*movedEnd) error { return nil })
}

// openEndIf opens one side of a move and, if good has nothing against it, brings
// its schema up to date.
func openEndIf(ctx context.Context, cfg Config, log *slog.Logger, good func(end *movedEnd) error) (*movedEnd, error) {
	cfg = cfg.withDefaults()
	cfg.Limit = 24 * time.Hour // to count a large table alone takes longer than a node may
	d, err := openDialect(cfg, cfg.URL)
	if err != nil {
		return nil, err
	}
	if err := d.prepare(); err != nil {
		return nil, fmt.Errorf("open %s: %w", d.place(), err)
	}
	pool, err := d.pool(ctx, 2, false)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", d.place(), better(d, err))
	}
	end := &movedEnd{dialect: d, db: pool.DB, close: pool.Close}
	err = good(end)
	if err == nil {
		err = migrate(ctx, end.db, d, log)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", d.place(), better(d, err)), pool.Close())
	}
	return end, nil
}

func better(d dialect, err error) error {
	if said := d.explain(err); said != nil {
		return said
	}
	return err
}

// mover is a move under way.
type mover struct {
	cfg      MoveConfig
	from, to *movedEnd
	tables   []movedTable
	told     MoveProgress
	repaired int64
}

// Move carries everything from one database to an empty one, while nodes serve
// the first: it copies all rows, closes the source to changes, carries over what
// changed meanwhile, and reads the target once more. What was interrupted goes on
// when it is called again. The source stays closed at the end; where the move
// fails it is opened again. Errors: ErrNotEmpty.
func Move(ctx context.Context, cfg MoveConfig, log *slog.Logger) (report MoveReport, err error) {
	if cfg.PageRows == 0 {
		cfg.PageRows = 500
	}
	if cfg.End == nil {
		cfg.End = func(end func() error) error { return end() }
	}
	if cfg.Progress == nil {
		cfg.Progress = func(MoveProgress) {}
	}
	m := &mover{cfg: cfg}
	if m.tables, err = movedTables(ctx); err != nil {
		return report, err
	}
	if m.from, err = openSource(ctx, cfg.From, log); err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, m.from.close()) }()
	if m.to, err = openEnd(ctx, cfg.To, log); err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, m.to.close()) }()
	if err := m.begin(ctx); err != nil {
		return report, err
	}
	if err := m.copyAll(ctx); err != nil {
		return report, err
	}
	return m.finish(ctx)
}

// finish carries over what changed while the tables were copied. From its first
// step on the source takes nothing any more.
func (m *mover) finish(ctx context.Context) (report MoveReport, err error) {
	if m.cfg.BeforeFence != nil {
		m.cfg.BeforeFence()
	}
	defer func() {
		if err != nil && !errors.Is(err, errEndUnknown) { // nobody must be left with two databases that take nothing
			open, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			err = errors.Join(err, m.from.setFence(open, false))
		}
	}()
	if err := m.closeSource(ctx); err != nil {
		return report, err
	}
	sums, err := m.compareAll(ctx)
	if err != nil {
		return report, err
	}
	if err := m.check(ctx, sums); err != nil {
		return report, err
	}
	if err := m.end(ctx); err != nil {
		return report, err
	}
	return MoveReport{Tables: sums, Repaired: m.repaired}, nil
}

// end lets the target be used. Where the answer to that is lost, it asks again what
// became of it: were the source opened again, both would take changes.
func (m *mover) end(ctx context.Context) error {
	const patience = 30 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err := m.cfg.End(func() error {
		_, err := m.to.db.ExecContext(ctx, "DROP TABLE "+moveProgress)
		return err
	})
	if err == nil {
		return nil
	}
	under, unknown := m.to.moving(ctx)
	switch {
	case unknown != nil:
		return errors.Join(errEndUnknown, err)
	case under:
		return fmt.Errorf("end the move: %w", err)
	}
	return nil
}

// errEndUnknown is a move of which nobody knows whether it ended.
var errEndUnknown = errors.New("the new database was lost in the last step of the move, and the old one stays closed: " +
	"start the nodes with the new one; if it says that the move has not ended, run the same command again")

// fencePatience is how long a move waits for the transactions that are under way:
// nodes that write wait with it.
const fencePatience = time.Minute

func (m *mover) closeSource(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, fencePatience)
	defer cancel()
	if err := m.from.setFence(limited, true); err != nil {
		return fmt.Errorf("close the source: %w", err)
	}
	return nil
}

// begin refuses a target that is not empty, unless this source's own move was
// interrupted there.
func (m *mover) begin(ctx context.Context) error {
	source, err := m.from.identity(ctx)
	if err != nil {
		return err
	}
	under, err := m.to.moving(ctx)
	if err != nil {
		return err
	}
	if under {
		var of string
		err := m.to.db.QueryRowContext(ctx, "SELECT last_key FROM "+moveProgress+" WHERE name = ''").Scan(&of)
		if err != nil {
			return fmt.Errorf("read how far the move was: %w", err)
		}
		if of != source {
			return fmt.Errorf("%w: a move from another database into %s was interrupted; finish that one, or name an empty database", ErrNotEmpty, m.to.dialect.place())
		}
		return nil
	}
	for i := range m.tables {
		n, err := m.to.count(ctx, m.tables[i].name)
		if err != nil {
			return err
		}
		if n > 0 && !m.tables[i].seeded {
			return fmt.Errorf("%w: %s has %d rows in %s; name a database in which nothing is", ErrNotEmpty, m.to.dialect.place(), n, m.tables[i].name)
		}
	}
	kind := map[string]string{"mysql": "VARBINARY(64)"}[m.to.dialect.name()]
	if kind == "" {
		kind = "TEXT"
	}
	if _, err := m.to.db.ExecContext(ctx, "CREATE TABLE "+moveProgress+" (name "+kind+" PRIMARY KEY, last_key TEXT NOT NULL, done INTEGER NOT NULL)"); err != nil {
		return fmt.Errorf("begin the move: %w", err)
	}
	_, err = m.to.db.ExecContext(ctx, m.to.dialect.worded("INSERT INTO "+moveProgress+" (name, last_key, done) VALUES ('', ?, 0)"), source)
	return err
}

// identity tells databases apart: by the hash of the key that each makes for itself.
func (e *movedEnd) identity(ctx context.Context) (string, error) {
	key, err := fingerprintKey(ctx, e.db, e.dialect)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append([]byte("move of "), key...))
	return hex.EncodeToString(sum[:16]), nil
}

// moving tells whether a move into this database has begun and not ended.
func (e *movedEnd) moving(ctx context.Context) (bool, error) { return isMoving(ctx, e.db, e.dialect) }

func isMoving(ctx context.Context, db *sql.DB, d dialect) (bool, error) {
	var n int
	err := db.QueryRowContext(ctx, d.worded(d.grammar().tableExists), moveProgress).Scan(&n)
	return n > 0, err
}

func (e *movedEnd) count(ctx context.Context, table string) (n int64, err error) {
	quote := e.dialect.grammar().quote
	err = e.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+quote+table+quote).Scan(&n)
	return n, err
}

func (m *mover) step(ctx context.Context, step MoveStep, end *movedEnd) error {
	m.told = MoveProgress{Step: step}
	for i := range m.tables {
		n, err := end.count(ctx, m.tables[i].name)
		if err != nil {
			return err
		}
		m.told.All += n
	}
	m.cfg.Progress(m.told)
	return nil
}

func (m *mover) progressed(table string, rows int) {
	m.told.Table = table
	m.told.Done += int64(rows)
	m.told.All = max(m.told.All, m.told.Done)
	m.cfg.Progress(m.told)
}
