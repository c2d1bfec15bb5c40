package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/kefu-chat/kefu/internal/store"
)

// place is where temporary databases go: a folder, or the server of a URL.
type place struct {
	folder   string
	database string // URL; empty: SQLite in the folder
}

// kind names the database for a report.
func (p place) kind() string {
	if u, err := url.Parse(p.database); err == nil && p.database != "" {
		return u.Scheme
	}
	return "sqlite"
}

// dropWithin bounds the tidying up, also after an interrupt.
const dropWithin = 30 * time.Second

// temporary is a folder and, on a server, databases that are gone after close.
type temporary struct {
	place
	dir   string
	drops []func(context.Context) error
}

func (p place) temporary() (*temporary, error) {
	dir, err := os.MkdirTemp(p.folder, "kefu-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	return &temporary{place: p, dir: dir}, nil
}

// make gives a new empty database: the path of a file, or a URL.
func (t *temporary) make(ctx context.Context, name string) (string, error) {
	if t.database == "" {
		return filepath.Join(t.dir, name+".db"), nil
	}
	made, drop, err := store.MakeTemporary(ctx, t.database)
	if err == nil {
		t.drops = append(t.drops, drop)
	}
	return made, err
}

func (t *temporary) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), dropWithin)
	defer cancel()
	var errs []error
	for _, drop := range t.drops {
		errs = append(errs, drop(ctx))
	}
	return errors.Join(append(errs, os.RemoveAll(t.dir))...)
}
