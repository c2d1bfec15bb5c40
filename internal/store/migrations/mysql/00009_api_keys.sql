-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- Application servers' rights of entry. The hash is SHA-256 of 32 random bytes;
-- scopes are names with spaces between. revoked_at is 0 while the key is valid.
CREATE TABLE IF NOT EXISTS api_key (
  id           BIGINT                                             PRIMARY KEY,
  site_id      BIGINT                                             NOT NULL,
  name         TEXT                                               NOT NULL,
  key_hash     VARBINARY(64)                                      NOT NULL,
  scopes       VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  made_by_kind VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  made_by_id   BIGINT                                             NOT NULL,
  made_by_name TEXT                                               NOT NULL,
  made_at      BIGINT                                             NOT NULL,
  last_used_at BIGINT                                             NOT NULL,
  revoked_at   BIGINT                                             NOT NULL,
  UNIQUE KEY api_key_hash (key_hash),
  KEY api_key_site (site_id, revoked_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
