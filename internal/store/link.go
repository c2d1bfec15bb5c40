package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"time"
)

// link is a connection of the hot path: statements without database/sql on top
// of them, prepared once. It is used by one goroutine at a time.
type link interface {
	// later runs a statement now, or together with others at the next flush; each,
	// if any, gets its rows then. The arguments are used at once.
	later(query string, args []driver.NamedValue, each func(r scanner) error) error
	// flush waits for what was run later, and tells of the first error.
	flush() error
	begin() error
	// commit ends the transaction. Its error is an errUnmade where the engine said
	// that nothing was kept; else nobody knows.
	commit() error
	rollback() error
	// deadline is when an answer is awaited no more; zero: the link's own limit.
	deadline(t time.Time)
	close() error
}

// errUnmade is a commit that certainly did not happen.
type errUnmade struct{ cause error }

func (e errUnmade) Error() string { return "not committed: " + e.cause.Error() }
func (e errUnmade) Unwrap() error { return e.cause }

// driverLink is a link over a database/sql driver's connection: it runs everything at once.
type driverLink struct {
	conn  driver.Conn
	stmts map[string]driver.Stmt
	most  int // statements that stay prepared
	row   []driver.Value
	// beginning is the statement that begins a transaction; "" where all are in one.
	beginning string
	// unmade tells whether a commit's error means that nothing was kept.
	unmade func(err error) bool
}

// committerStatements stay prepared on a committer's connection: some twenty kinds,
// most of them in each of the sizes of a chunk.
const committerStatements = 256

func newDriverLink(conn driver.Conn, beginning string, most int) *driverLink {
	return &driverLink{conn: conn, stmts: map[string]driver.Stmt{}, most: most, beginning: beginning, unmade: func(error) bool { return false }}
}

func (l *driverLink) later(query string, args []driver.NamedValue, each func(r scanner) error) error {
	s, err := l.prepare(query)
	if err != nil {
		return err
	}
	if each == nil {
		if _, err := s.(driver.StmtExecContext).ExecContext(context.Background(), args); err != nil {
			return fmt.Errorf("%.60q: %w", query, err)
		}
		return nil
	}
	return l.query(s, query, args, each)
}

func (l *driverLink) query(s driver.Stmt, query string, args []driver.NamedValue, each func(r scanner) error) (err error) {
	rows, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), args)
	if err != nil {
		return fmt.Errorf("%.60q: %w", query, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if n := len(rows.Columns()); n > len(l.row) {
		l.row = make([]driver.Value, n)
	}
	row := hotRow(l.row[:len(rows.Columns())])
	for {
		switch err := rows.Next(row); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%.60q: %w", query, err)
		}
		if err := each(row); err != nil {
			return err
		}
	}
}

func (l *driverLink) prepare(query string) (driver.Stmt, error) {
	if s, ok := l.stmts[query]; ok {
		return s, nil
	}
	if len(l.stmts) >= l.most {
		if err := l.forget(); err != nil {
			return nil, err
		}
	}
	s, err := l.conn.Prepare(query)
	if err != nil {
		return nil, fmt.Errorf("prepare %.60q: %w", query, err)
	}
	l.stmts[query] = s
	return s, nil
}

func (l *driverLink) flush() error         { return nil }
func (l *driverLink) deadline(t time.Time) {}

func (l *driverLink) begin() error {
	if l.beginning == "" {
		return nil
	}
	return l.later(l.beginning, nil, nil)
}

func (l *driverLink) commit() error {
	err := l.later("COMMIT", nil, nil)
	if err != nil && l.unmade(err) {
		return errUnmade{err}
	}
	return err
}

func (l *driverLink) rollback() error { return l.later("ROLLBACK", nil, nil) }

func (l *driverLink) forget() error {
	var errs []error
	for _, s := range l.stmts {
		errs = append(errs, s.Close())
	}
	clear(l.stmts)
	return errors.Join(errs...)
}

func (l *driverLink) close() error { return errors.Join(l.forget(), l.conn.Close()) }

// errLost is a connection that is gone.
type errLost struct{ cause error }

func (e errLost) Error() string { return "the connection to the database is lost: " + e.cause.Error() }
func (e errLost) Unwrap() error { return e.cause }
