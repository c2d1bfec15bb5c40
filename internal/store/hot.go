package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
	"time"
)

// hot is a connection on the path of each message, with the arguments of the
// next statement. It is used by one goroutine at a time.
type hot struct {
	link link
	args []driver.NamedValue
	// until is when the transaction is cut; ctx, if any, cancels what is read.
	until time.Time
	ctx   context.Context
	// rows counts what was read since the last begin or once.
	rows int
	// spoilt tells that a transaction could not be ended.
	spoilt bool
}

func newHot(l link) *hot { return &hot{link: l} }

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

// later runs a statement with the arguments gathered since the last one, at the
// latest when the next query, flush or commit does.
func (h *hot) later(query string, each func(r scanner) error) error {
	defer func() { clear(h.args); h.args = h.args[:0] }()
	if !h.until.IsZero() && time.Now().After(h.until) {
		return errCut
	}
	if h.ctx != nil && h.ctx.Err() != nil {
		return h.ctx.Err()
	}
	if each == nil {
		return h.link.later(query, h.args, nil)
	}
	return h.link.later(query, h.args, func(r scanner) error {
		h.rows++
		return each(r)
	})
}

// exec is later for a statement without rows.
func (h *hot) exec(query string) error { return h.later(query, nil) }

// query runs a statement and calls each for every row.
func (h *hot) query(query string, each func(r scanner) error) error {
	if err := h.later(query, each); err != nil {
		return err
	}
	return h.link.flush()
}

func (h *hot) flush() error { return h.link.flush() }

// begin starts a transaction that is cut after limit; 0: that is not.
func (h *hot) begin(limit time.Duration) error {
	h.rows, h.until = 0, time.Time{}
	if limit > 0 {
		h.until = time.Now().Add(limit)
	}
	h.link.deadline(h.until)
	return h.link.begin()
}

// commit ends the transaction, if it has not taken too long; from then on it is not
// cut. Its error is an errUnmade where certainly nothing was kept.
func (h *hot) commit() error {
	if !h.until.IsZero() && time.Now().After(h.until) {
		return errUnmade{errCut}
	}
	h.until = time.Time{}
	h.link.deadline(h.until)
	return h.link.commit()
}

func (h *hot) rollback() error {
	h.until = time.Time{}
	h.link.deadline(h.until)
	err := h.link.rollback()
	h.spoilt = h.spoilt || err != nil
	return err
}

func (h *hot) close() error { return h.link.close() }

// multi is an insert of many rows, as statements of a few sizes, so that each
// is prepared once.
type multi struct {
	most    int // rows of one statement
	columns []string
	head    string
	tail    string
	sql     map[int]string
}

// newMulti inserts into a table; where key is there already, it updates set.
func newMulti(g *grammar, table string, columns []string, key string, set []string) *multi {
	m := &multi{most: fileChunk, columns: columns, head: "INSERT INTO " + table + " (" + g.names(columns) + ") VALUES ", sql: map[int]string{}}
	if key != "" {
		m.tail = g.upsert(key, set)
	}
	return m
}

// names are quoted columns.
func (g *grammar) names(columns []string) string {
	return g.quote + strings.Join(columns, g.quote+", "+g.quote) + g.quote
}

// others are the columns that are not in key.
func others(columns []string, key string) []string {
	in := strings.Split(key, ", ")
	return slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return slices.Contains(in, c) })
}

// chunk is the largest size of statement, a power of two up to most, that n rows
// or keys fill.
func chunk(n, most int) int {
	for most > n {
		most /= 2
	}
	return most
}

// roundUp is the next power of two.
func roundUp(n int) int {
	size := 1
	for size < n {
		size *= 2
	}
	return size
}

// insert writes n rows; bind binds the columns of row i.
func (m *multi) insert(h *hot, n int, bind func(i int)) error {
	for i := 0; i < n; {
		size := chunk(n-i, m.most)
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
