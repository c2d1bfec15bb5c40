-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- Names of the legacy chat room. hash is the secret_hash of the visitor behind a
-- name; token and node are of the connection that is in under it, empty when it has gone.
CREATE TABLE IF NOT EXISTS legacy_name (
  site_id    BIGINT         NOT NULL,
  name       VARBINARY(255) NOT NULL,
  hash       VARBINARY(32)  NOT NULL,
  token      VARBINARY(64)  NOT NULL,
  node       VARBINARY(64)  NOT NULL,
  changed_at BIGINT         NOT NULL,
  created_at BIGINT         NOT NULL,
  PRIMARY KEY (site_id, name),
  UNIQUE KEY legacy_name_hash (site_id, hash),
  KEY legacy_name_changed (site_id, changed_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
