package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
)

// copyAll is the first pass: every row once, in the order of its key, remembering
// after each page how far it is.
func (m *mover) copyAll(ctx context.Context) error {
	if err := m.step(ctx, MoveCopies, m.from); err != nil {
		return err
	}
	for i := range m.tables {
		if t := &m.tables[i]; !t.seeded { // those are carried by the comparison
			if err := m.copyTable(ctx, t); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *mover) copyTable(ctx context.Context, t *movedTable) error {
	last, done, err := m.reached(ctx, t)
	if err != nil || done {
		return err
	}
	for {
		rows, err := t.page(ctx, m.from, last, m.cfg.PageRows)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			last = rows[len(rows)-1]
		}
		err = m.to.transact(ctx, func(tx *sql.Tx) error {
			if err := t.insert(ctx, tx, m.to.dialect, rows); err != nil {
				return err
			}
			return m.reach(ctx, tx, t, last, len(rows) < m.cfg.PageRows)
		})
		if err != nil {
			return err
		}
		m.progressed(t.name, len(rows))
		if len(rows) < m.cfg.PageRows {
			return nil
		}
	}
}

// transact runs a transaction, and has SQLite's log copied into its file now and then.
func (e *movedEnd) transact(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if e.dialect.name() == "sqlite" {
		_, err = e.db.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
	}
	return err
}

// keyText is a key as the progress remembers it.
type keyText struct {
	Number *int64  `json:"n,omitempty"`
	Text   *string `json:"t,omitempty"`
	Bytes  []byte  `json:"b,omitempty"`
}

func (m *mover) reach(ctx context.Context, tx *sql.Tx, t *movedTable, last movedRow, done bool) error {
	var key []keyText
	if last != nil {
		for _, k := range t.key {
			switch v := last[k].(type) {
			case int64:
				key = append(key, keyText{Number: &v})
			case string:
				key = append(key, keyText{Text: &v})
			case []byte:
				key = append(key, keyText{Bytes: v})
			}
		}
	}
	text, err := json.Marshal(key)
	if err != nil {
		return err
	}
	end := 0
	if done {
		end = 1
	}
	d := m.to.dialect
	if _, err := tx.ExecContext(ctx, d.worded("DELETE FROM "+moveProgress+" WHERE name = ?"), t.name); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, d.worded("INSERT INTO "+moveProgress+" (name, last_key, done) VALUES (?, ?, ?)"), t.name, string(text), end)
	return err
}

// reached is how far an interrupted move was in a table.
func (m *mover) reached(ctx context.Context, t *movedTable) (last movedRow, done bool, err error) {
	var text string
	err = m.to.db.QueryRowContext(ctx, m.to.dialect.worded("SELECT last_key, done FROM "+moveProgress+" WHERE name = ?"), t.name).Scan(&text, &done)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	var key []keyText
	if err := json.Unmarshal([]byte(text), &key); err != nil || len(key) == 0 {
		return nil, done, err
	}
	last = make(movedRow, len(t.columns))
	for i, k := range t.key {
		switch v := key[i]; {
		case v.Number != nil:
			last[k] = *v.Number
		case v.Text != nil:
			last[k] = *v.Text
		default:
			last[k] = v.Bytes
		}
	}
	return last, done, nil
}

// compareAll is the second pass: both sides are read in the order of their keys,
// and where they differ the target is made like the source.
func (m *mover) compareAll(ctx context.Context) ([]MovedCount, error) {
	if err := m.step(ctx, MoveCompares, m.from); err != nil {
		return nil, err
	}
	var out []MovedCount
	for i := range m.tables {
		count, err := m.compareTable(ctx, &m.tables[i])
		if err != nil {
			return nil, err
		}
		out = append(out, count)
	}
	return out, nil
}

// compareTable goes through the source page by page, each against the rows that
// the target has up to the same key.
func (m *mover) compareTable(ctx context.Context, t *movedTable) (MovedCount, error) {
	sum := sha256.New()
	count := MovedCount{Table: t.name}
	theirs := &stream{t: t, end: m.to, rows: m.cfg.PageRows}
	var last movedRow
	for {
		page, err := t.page(ctx, m.from, last, m.cfg.PageRows)
		if err != nil {
			return count, err
		}
		var change difference
		for _, row := range page {
			row.sum(sum)
			if err := theirs.until(ctx, row, &change); err != nil {
				return count, err
			}
		}
		ended := len(page) < m.cfg.PageRows
		if ended {
			if err := theirs.rest(ctx, &change); err != nil {
				return count, err
			}
		} else {
			last = page[len(page)-1]
		}
		if err := m.apply(ctx, t, change); err != nil {
			return count, err
		}
		count.Rows += int64(len(page))
		m.progressed(t.name, len(page))
		if ended {
			count.Checksum = hexOf(sum)
			return count, nil
		}
	}
}

func hexOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// difference is what makes a stretch of the target like the source.
type difference struct{ gone, fresh []movedRow }

func (m *mover) apply(ctx context.Context, t *movedTable, d difference) error {
	if len(d.gone)+len(d.fresh) == 0 {
		return nil
	}
	m.repaired += int64(max(len(d.gone), len(d.fresh)))
	return m.to.transact(ctx, func(tx *sql.Tx) error {
		for _, row := range d.gone {
			if err := t.remove(ctx, tx, m.to.dialect, row); err != nil {
				return err
			}
		}
		return t.insert(ctx, tx, m.to.dialect, d.fresh)
	})
}

// stream are the rows of one side in the order of their key.
type stream struct {
	t     *movedTable
	end   *movedEnd
	rows  int
	page  []movedRow
	last  movedRow
	ended bool
}

func (s *stream) next(ctx context.Context) (movedRow, error) {
	if len(s.page) == 0 && !s.ended {
		page, err := s.t.page(ctx, s.end, s.last, s.rows)
		if err != nil {
			return nil, err
		}
		s.page, s.ended = page, len(page) < s.rows
		if len(page) > 0 {
			s.last = page[len(page)-1]
		}
	}
	if len(s.page) == 0 {
		return nil, nil
	}
	return s.page[0], nil
}

// until takes the rows up to the key of want, and notes what is different.
func (s *stream) until(ctx context.Context, want movedRow, d *difference) error {
	for {
		row, err := s.next(ctx)
		if err != nil {
			return err
		}
		order := 1
		if row != nil {
			order = s.t.compare(row, want)
		}
		switch {
		case order < 0:
			d.gone = append(d.gone, row)
			s.page = s.page[1:]
			continue
		case order > 0:
			d.fresh = append(d.fresh, want)
			return nil
		}
		s.page = s.page[1:]
		if !row.equal(want) {
			d.gone, d.fresh = append(d.gone, row), append(d.fresh, want)
		}
		return nil
	}
}

// rest are the rows that the other side does not have.
func (s *stream) rest(ctx context.Context, d *difference) error {
	for {
		row, err := s.next(ctx)
		if err != nil || row == nil {
			return err
		}
		d.gone = append(d.gone, row)
		s.page = s.page[1:]
	}
}

// check reads the target once more, and holds it to what the source was.
func (m *mover) check(ctx context.Context, want []MovedCount) error {
	if err := m.step(ctx, MoveChecks, m.to); err != nil {
		return err
	}
	for i := range m.tables {
		t := &m.tables[i]
		sum := sha256.New()
		var rows int64
		s := &stream{t: t, end: m.to, rows: m.cfg.PageRows}
		for {
			row, err := s.next(ctx)
			if err != nil {
				return err
			}
			if row == nil {
				break
			}
			row.sum(sum)
			s.page = s.page[1:]
			if rows++; rows%int64(m.cfg.PageRows) == 0 {
				m.progressed(t.name, m.cfg.PageRows)
			}
		}
		if rows != want[i].Rows || hexOf(sum) != want[i].Checksum {
			return fmt.Errorf("%s has %d rows with checksum %s in the source, and %d with %s in the target: somebody else writes into the target; try again with an empty one",
				t.name, want[i].Rows, want[i].Checksum[:16], rows, hexOf(sum)[:16])
		}
	}
	return nil
}
