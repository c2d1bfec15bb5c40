package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// MakeTemporary makes an empty database with a name of its own on the server of
// address, as that address' user, and gives its address and how to drop it. It is
// what a bench fills. Errors: the user may not make databases; SQLite has no server.
func MakeTemporary(ctx context.Context, address string) (made string, drop func(context.Context) error, err error) {
	d, err := openDialect(Config{URL: address}.withDefaults(), address)
	if err != nil {
		return "", nil, err
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" {
		return "", nil, errors.New("make a database: SQLite has no server: name a MySQL's or a PostgreSQL's URL")
	}
	name := "kefu_temporary_" + strings.ToLower(rand.Text()[:12])
	on := func(ctx context.Context, statement string) error {
		pool, err := d.pool(ctx, 1, false)
		if err != nil {
			return err
		}
		_, err = pool.ExecContext(ctx, statement)
		if err = errors.Join(err, pool.Close()); err != nil {
			return fmt.Errorf("%s, as the user of %s: %w", statement, d.place(), err)
		}
		return nil
	}
	create := "CREATE DATABASE " + name
	if u.Scheme == "mysql" || u.Scheme == "mariadb" {
		create += " CHARACTER SET utf8mb4"
	}
	if err := on(ctx, create); err != nil {
		return "", nil, err
	}
	u.Path = "/" + name
	return u.String(), func(ctx context.Context) error { return on(ctx, "DROP DATABASE "+name) }, nil
}
