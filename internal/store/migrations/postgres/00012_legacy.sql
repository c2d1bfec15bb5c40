-- +goose Up

-- Names of the legacy chat room. hash is the secret_hash of the visitor behind a
-- name; token and node are of the connection that is in under it, empty when it has gone.
CREATE TABLE legacy_name (
  site_id    BIGINT NOT NULL,
  name       BYTEA  NOT NULL,
  hash       BYTEA  NOT NULL,
  token      BYTEA  NOT NULL,
  node       BYTEA  NOT NULL,
  changed_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (site_id, name)
);
CREATE UNIQUE INDEX legacy_name_hash ON legacy_name (site_id, hash);
CREATE INDEX legacy_name_changed ON legacy_name (site_id, changed_at);
