package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// hot is a connection without database/sql on top of it, with its statements
// prepared once: on the path of each message, that layer costs more than the
// engine. It is used by one goroutine at a time.
type hot struct {
	conn  driver.Conn
	stmts map[string]driver.Stmt
	args  []driver.NamedValue
	row   []driver.Value
	// until is when the transaction is cut; ctx, if any, cancels what is read.
	until time.Time
	ctx   context.Context
}

func newHot(conn driver.Conn) *hot {
	return &hot{conn: conn, stmts: map[string]driver.Stmt{}}
}

var errCut = errors.New("the transaction took too long and was cut")

func (h *hot) arg(v driver.Value) {
	h.args = append(h.args, driver.NamedValue{Ordinal: len(h.args) + 1, Value: v})
}

func (h *hot) ints(values ...int64) {
	for _, v := range values {
		h.arg(v)
	}
}

// blob binds bytes, or NULL for none.
func (h *hot) blob(b []byte) {
	if len(b) == 0 {
		h.arg(nil)
		return
	}
	h.arg(b)
}

func (h *hot) prepare(query string) (driver.Stmt, error) {
	if !h.until.IsZero() && time.Now().After(h.until) {
		return nil, errCut
	}
	if h.ctx != nil && h.ctx.Err() != nil {
		return nil, h.ctx.Err()
	}
	if s, ok := h.stmts[query]; ok {
		return s, nil
	}
	if len(h.stmts) >= maxStatements {
		if err := h.forget(); err != nil {
			return nil, err
		}
	}
	s, err := h.conn.Prepare(query)
	if err != nil {
		return nil, fmt.Errorf("prepare %.60q: %w", query, err)
	}
	h.stmts[query] = s
	return s, nil
}

// exec runs a statement with the arguments gathered since the last one.
func (h *hot) exec(query string) error {
	defer func() { clear(h.args); h.args = h.args[:0] }()
	s, err := h.prepare(query)
	if err != nil {
		return err
	}
	if _, err := s.(driver.StmtExecContext).ExecContext(context.Background(), h.args); err != nil {
		return fmt.Errorf("%.60q: %w", query, err)
	}
	return nil
}

// query runs a statement with the arguments gathered and calls each for every row.
func (h *hot) query(query string, each func(r scanner) error) (err error) {
	defer func() { clear(h.args); h.args = h.args[:0] }()
	s, err := h.prepare(query)
	if err != nil {
		return err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), h.args)
	if err != nil {
		return fmt.Errorf("%.60q: %w", query, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if n := len(rows.Columns()); n > len(h.row) {
		h.row = make([]driver.Value, n)
	}
	row := hotRow(h.row[:len(rows.Columns())])
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

// begin starts a transaction that is cut after limit.
func (h *hot) begin(limit time.Duration) error {
	h.until = time.Now().Add(limit)
	return h.exec(beginWrite)
}

// commit and rollback are not cut: they end the transaction.
func (h *hot) commit() error {
	h.until = time.Time{}
	return h.exec("COMMIT")
}

func (h *hot) rollback() error {
	h.until = time.Time{}
	return h.exec("ROLLBACK")
}

// maxStatements bounds the prepared statements of a connection: lists of many
// lengths make many texts.
const maxStatements = 256

func (h *hot) forget() error {
	var errs []error
	for _, s := range h.stmts {
		errs = append(errs, s.Close())
	}
	clear(h.stmts)
	return errors.Join(errs...)
}

func (h *hot) close() error { return errors.Join(h.forget(), h.conn.Close()) }

// multi is an insert of many rows, as statements of a few sizes, so that each
// is prepared once.
type multi struct {
	columns []string
	head    string
	tail    string
	sql     map[int]string
}

func newMulti(into string, columns []string, tail string) *multi {
	return &multi{columns: columns, head: into + " (" + strings.Join(columns, ", ") + ") VALUES ", tail: tail, sql: map[int]string{}}
}

// largestChunk bounds the rows of one statement.
const largestChunk = 64

// chunk is the largest size of statement that n rows or keys fill.
func chunk(n int) int {
	size := largestChunk
	for size > n {
		size /= 2
	}
	return size
}

// insert writes n rows; bind binds the columns of row i.
func (m *multi) insert(h *hot, n int, bind func(i int)) error {
	for i := 0; i < n; {
		size := chunk(n - i)
		for range size {
			bind(i)
			i++
		}
		if err := h.exec(m.statement(size)); err != nil {
			return err
		}
	}
	return nil
}

func (m *multi) statement(size int) string {
	s, ok := m.sql[size]
	if !ok {
		s = m.head + tuples(size, len(m.columns)) + m.tail
		m.sql[size] = s
	}
	return s
}

// tuples is "(?, ?), (?, ?)" for rows of width columns.
func tuples(rows, width int) string {
	tuple := "(" + strings.Repeat("?, ", width-1) + "?)"
	return strings.Repeat(tuple+", ", rows-1) + tuple
}

// places is "?, ?, ?" for n values.
func places(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }
