package app

import (
	"context"
	"log/slog"
	"path/filepath"

	"github.com/kefu-chat/kefu/internal/store"
)

// store is how the configured database is opened: a server's, or the file in the data folder.
func (c Config) store() store.Config {
	d := c.Database
	cfg := store.Config{Synchronous: d.Synchronous, Relaxed: d.Relaxed}
	if d.URL == "" {
		cfg.Path = filepath.Join(c.Data, store.DatabaseFile)
		return cfg
	}
	cfg.URL, cfg.ReplicaURL, cfg.Readers, cfg.Committers = d.URL, d.ReplicaURL, d.Connections, d.Committers
	return cfg
}

// openStore opens the configured database. Errors: *UsageError for settings that contradict one another.
func openStore(ctx context.Context, c Config, cfg store.Config, log *slog.Logger) (*store.DB, error) {
	if err := c.checkDatabase(); err != nil {
		return nil, err
	}
	return store.Open(ctx, cfg, log)
}

func (c Config) checkDatabase() error {
	d := c.Database
	switch {
	case !d.Relaxed && (d.Synchronous == "normal" || d.Synchronous == "off"):
		return usage("database.synchronous is %q: acknowledged messages could be lost at a power cut; "+
			"use full, or set database.relaxed if losing some is acceptable", d.Synchronous)
	case d.URL == "" && d.ReplicaURL != "":
		return usage("database.replica_url is set, but database.url is not: SQLite has no replica; set database.url, or leave the replica out")
	case d.URL == "" && c.Redis.URL != "":
		return usage("redis.url is set, but the database is SQLite, which serves one node: set database.url to a MySQL or PostgreSQL, or leave redis.url out")
	case d.URL == "" && c.Bus.Kind != "memory":
		return usage("bus.kind is %q, but the database is SQLite, which serves one node: set database.url to a MySQL or PostgreSQL, or leave bus.kind out", c.Bus.Kind)
	}
	return nil
}
