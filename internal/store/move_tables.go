package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"

	"modernc.org/sqlite"
)

// movedTable is a table as a move sees it: all databases have it with the same
// columns.
type movedTable struct {
	name    string
	columns []movedColumn
	key     []int // the columns by which its rows are told apart, and ordered
	seeded  bool  // a fresh database has a row in it
}

type movedColumn struct {
	name string
	kind columnKind
}

type columnKind uint8

const (
	wholeNumber columnKind = iota
	byteString
	characters
)

// stays tells whether a move leaves a table alone: it belongs to one database, or
// its rows are worth nothing to another one, where nodes write them anew: who is
// online and where, who mistyped a password, what was pushed in the last minutes.
func stays(table string) bool {
	switch table {
	case "compatibility", "fence", schemaTable, moveProgress:
		return true
	}
	return slices.ContainsFunc([]string{"presence", "person_session", "login_try", "push", "sqlite_"}, func(p string) bool { return strings.HasPrefix(table, p) })
}

// movedTables are read from the schema that SQLite's migrations make, so that a
// new table or column is moved without being named here.
func movedTables(ctx context.Context) (tables []movedTable, err error) {
	db := sql.OpenDB(sqliteConnector{name: ":memory:", driver: &sqlite.Driver{}})
	db.SetMaxOpenConns(1) // each connection would have a memory of its own
	defer db.Close()
	files, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return nil, err
	}
	if err := migrateWith(ctx, db, sqliteDialect{}, files, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	names, err := texts(ctx, db, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if stays(name) {
			continue
		}
		t, err := readMovedTable(ctx, db, name)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", name, err)
		}
		tables = append(tables, t)
	}
	return tables, nil
}

func readMovedTable(ctx context.Context, db *sql.DB, name string) (movedTable, error) {
	t := movedTable{name: name}
	rows, err := db.QueryContext(ctx, "SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid", name)
	if err != nil {
		return t, err
	}
	defer rows.Close()
	ranks := map[int]int{}
	for rows.Next() {
		var c movedColumn
		var declared string
		var rank int
		if err := rows.Scan(&c.name, &declared, &rank); err != nil {
			return t, err
		}
		switch declared {
		case "INTEGER":
			c.kind = wholeNumber
		case "BLOB":
			c.kind = byteString
		case "TEXT":
			c.kind = characters
		default:
			return t, fmt.Errorf("column %s is a %s: a move knows INTEGER, BLOB and TEXT", c.name, declared)
		}
		if rank > 0 {
			ranks[rank] = len(t.columns)
		}
		t.columns = append(t.columns, c)
	}
	if err := rows.Err(); err != nil {
		return t, err
	}
	for i := 1; i <= len(ranks); i++ {
		t.key = append(t.key, ranks[i])
	}
	if len(t.key) == 0 {
		if err := t.keyByIndex(ctx, db); err != nil {
			return t, err
		}
	}
	var count int
	err = db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+name).Scan(&count)
	t.seeded = count > 0
	return t, err
}

// keyByIndex takes the columns of a unique index that leaves no row out.
func (t *movedTable) keyByIndex(ctx context.Context, db *sql.DB) error {
	index, err := texts(ctx, db, `SELECT name FROM pragma_index_list(?) WHERE "unique" = 1 AND partial = 0 ORDER BY name`, t.name)
	if err != nil {
		return err
	}
	if len(index) == 0 {
		return fmt.Errorf("it has no key by which rows are told apart")
	}
	names, err := texts(ctx, db, "SELECT name FROM pragma_index_info(?) ORDER BY seqno", index[0])
	if err != nil {
		return err
	}
	for _, name := range names {
		t.key = append(t.key, slices.IndexFunc(t.columns, func(c movedColumn) bool { return c.name == name }))
	}
	return nil
}

func texts(ctx context.Context, db *sql.DB, query string, args ...any) (out []string, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// selectPage is the query for the next rows behind a key, in the key's order; the
// first page has none behind which it begins.
func (t *movedTable) selectPage(d dialect, first bool, limit int) string {
	quote := d.grammar().quote
	q := func(name string) string { return quote + name + quote }
	var columns, order []string
	for _, c := range t.columns {
		columns = append(columns, q(c.name))
	}
	for _, k := range t.key {
		order = append(order, q(t.columns[k].name))
	}
	where := ""
	if !first {
		where = " WHERE " + behind(d, order)
	}
	return d.worded(fmt.Sprintf("SELECT %s FROM %s%s ORDER BY %s LIMIT %d",
		strings.Join(columns, ", "), q(t.name), where, strings.Join(order, ", "), limit))
}

// behind is the condition for keys after a given one. MySQL does not look a
// comparison of rows up in an index; the others look up only the first column of
// what MySQL gets, and would read a long conversation from its start for each page.
func behind(d dialect, columns []string) string {
	switch {
	case len(columns) == 1:
		return columns[0] + " > ?"
	case d.name() != "mysql":
		return "(" + strings.Join(columns, ", ") + ") > (" + places(len(columns)) + ")"
	}
	return fmt.Sprintf("(%s >= ? AND (%s > ? OR (%s)))", columns[0], columns[0], behind(d, columns[1:]))
}

// behindArgs are the arguments of behind.
func (t *movedTable) behindArgs(d dialect, last movedRow) (args []any) {
	for i, k := range t.key {
		args = append(args, last[k])
		if d.name() == "mysql" && i < len(t.key)-1 {
			args = append(args, last[k])
		}
	}
	return args
}
