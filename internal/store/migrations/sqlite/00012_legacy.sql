-- +goose Up

-- Names of the legacy chat room. hash is the secret_hash of the visitor behind a
-- name; token and node are of the connection that is in under it, empty when it has gone.
CREATE TABLE legacy_name (
  site_id    INTEGER NOT NULL,
  name       BLOB    NOT NULL,
  hash       BLOB    NOT NULL,
  token      BLOB    NOT NULL,
  node       BLOB    NOT NULL,
  changed_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (site_id, name)
) WITHOUT ROWID;
CREATE UNIQUE INDEX legacy_name_hash ON legacy_name (site_id, hash);
CREATE INDEX legacy_name_changed ON legacy_name (site_id, changed_at);
