package store

import (
	"context"
	"database/sql"
	"errors"
)

// Words are all texts and bytes of all tables that a move carries, for tests of what
// must not be in them.
func (db *DB) Words(ctx context.Context) (map[string][]string, error) {
	tables, err := movedTables(ctx)
	if err != nil {
		return nil, err
	}
	words := map[string][]string{}
	for i := range tables {
		name := tables[i].name
		if words[name], err = db.wordsOf(ctx, name); err != nil {
			return nil, err
		}
	}
	return words, nil
}

func (db *DB) wordsOf(ctx context.Context, table string) (words []string, err error) {
	quote := db.dialect.grammar().quote
	rows, err := db.read.QueryContext(ctx, "SELECT * FROM "+quote+table+quote)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	row, dest := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range row {
		dest[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		for _, value := range row {
			words = append(words, string(value))
		}
	}
	return words, rows.Err()
}
