package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/kefu-chat/kefu/internal/chat"
)

// querier is a pool, a connection or a transaction of database/sql.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// forEach runs a query and calls each for every row.
func forEach(ctx context.Context, q querier, query string, args []any, each func(r scanner) error) (err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	row := make(poolRow, len(columns))
	pointers := make([]any, len(columns))
	for i := range row {
		pointers[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(pointers...); err != nil {
			return err
		}
		if err := each(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// one reads a single row; none is a NotFound refusal about what.
func one(ctx context.Context, q querier, what, query string, args []any, dest ...any) error {
	found := false
	err := forEach(ctx, q, query, args, func(r scanner) error {
		found = true
		return r.Scan(dest...)
	})
	if err == nil && !found {
		return chat.Refuse(chat.NotFound, "there is no such %s", what)
	}
	return err
}

// places is "?, ?, ?" for n values.
func places(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// anys are ids as arguments of a query.
func anys[T ~int64](ids []T) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = int64(id)
	}
	return out
}
