package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash"
	"strings"
)

// movedRow are a row's values in the order of the table's columns: int64, string,
// []byte, or nil for NULL.
type movedRow []any

// size is about what the row takes in a statement, in bytes.
func (r movedRow) size() (n int) {
	for _, v := range r {
		switch v := v.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		}
		n += 16
	}
	return n
}

// compare orders two rows by the table's key.
func (t *movedTable) compare(a, b movedRow) int {
	for _, k := range t.key {
		order := 0
		switch v := a[k].(type) {
		case int64:
			order = cmp.Compare(v, b[k].(int64))
		case string:
			order = cmp.Compare(v, b[k].(string))
		case []byte:
			order = bytes.Compare(v, b[k].([]byte))
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// sum adds the row to a checksum: each value with its kind and length, so that
// the bytes are the same whatever the database.
func (r movedRow) sum(h hash.Hash) {
	var number [9]byte
	head := func(kind byte, n uint64) {
		number[0] = kind
		binary.BigEndian.PutUint64(number[1:], n)
		_, _ = h.Write(number[:]) // never fails
	}
	for _, v := range r {
		switch v := v.(type) {
		case nil:
			head('0', 0)
		case int64:
			head('n', uint64(v))
		case string:
			head('t', uint64(len(v)))
			_, _ = h.Write([]byte(v)) // never fails
		case []byte:
			head('b', uint64(len(v)))
			_, _ = h.Write(v) // never fails
		}
	}
}

func (r movedRow) equal(other movedRow) bool {
	for i, v := range r {
		switch v := v.(type) {
		case []byte:
			o, ok := other[i].([]byte)
			if !ok || !bytes.Equal(v, o) {
				return false
			}
		default:
			if v != other[i] {
				return false
			}
		}
	}
	return true
}

// page reads the next rows behind last; nil: from the first.
func (t *movedTable) page(ctx context.Context, end *movedEnd, last movedRow, limit int) ([]movedRow, error) {
	var args []any
	if last != nil {
		args = t.behindArgs(end.dialect, last)
	}
	rows, err := end.db.QueryContext(ctx, t.selectPage(end.dialect, last == nil, limit), args...)
	if err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", t.name, end.dialect.place(), err)
	}
	defer rows.Close()
	var out []movedRow
	for rows.Next() {
		row, err := t.scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read %s of %s: %w", t.name, end.dialect.place(), err)
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

func (t *movedTable) scan(rows *sql.Rows) (movedRow, error) {
	dest := make([]any, len(t.columns))
	for i, c := range t.columns {
		switch c.kind {
		case wholeNumber:
			dest[i] = new(wholeValue)
		case byteString:
			dest[i] = new([]byte)
		case characters:
			dest[i] = new(sql.NullString)
		}
	}
	if err := rows.Scan(dest...); err != nil {
		return nil, err
	}
	row := make(movedRow, len(dest))
	for i := range dest {
		switch v := dest[i].(type) {
		case *wholeValue:
			if v.Valid {
				row[i] = v.Int64
			}
		case *sql.NullString:
			if v.Valid {
				row[i] = v.String
			}
		case *[]byte:
			if *v != nil {
				row[i] = *v
			}
		}
	}
	return row, nil
}

// wholeValue reads a number, also where a database has a kind of its own for yes and no.
type wholeValue struct{ sql.NullInt64 }

// Scan implements sql.Scanner.
func (w *wholeValue) Scan(v any) error {
	if yes, ok := v.(bool); ok {
		w.Valid, w.Int64 = true, 0
		if yes {
			w.Int64 = 1
		}
		return nil
	}
	return w.NullInt64.Scan(v)
}

// Bounds of one INSERT: the engines' own are 32766 arguments and 16 MB.
const (
	movedArguments = 16_000
	movedBytes     = 2 << 20
)

// insert writes rows.
func (t *movedTable) insert(ctx context.Context, tx *sql.Tx, d dialect, rows []movedRow) error {
	most := movedArguments / len(t.columns)
	for len(rows) > 0 {
		n, size := 0, 0
		for n < len(rows) && n < most && (n == 0 || size+rows[n].size() <= movedBytes) {
			size += rows[n].size()
			n++
		}
		args := make([]any, 0, n*len(t.columns))
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		if _, err := tx.ExecContext(ctx, t.insertStatement(d, n), args...); err != nil {
			return fmt.Errorf("write %s: %w", t.name, err)
		}
		rows = rows[n:]
	}
	return nil
}

func (t *movedTable) insertStatement(d dialect, n int) string {
	quote := d.grammar().quote
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = quote + c.name + quote
	}
	return d.worded("INSERT INTO " + quote + t.name + quote + " (" + strings.Join(names, ", ") + ") VALUES " + tuples(n, len(names)))
}

// remove deletes the row with the key of r.
func (t *movedTable) remove(ctx context.Context, tx *sql.Tx, d dialect, r movedRow) error {
	quote := d.grammar().quote
	var where []string
	var args []any
	for _, k := range t.key {
		where, args = append(where, quote+t.columns[k].name+quote+" = ?"), append(args, r[k])
	}
	_, err := tx.ExecContext(ctx, d.worded("DELETE FROM "+quote+t.name+quote+" WHERE "+strings.Join(where, " AND ")), args...)
	return err
}
