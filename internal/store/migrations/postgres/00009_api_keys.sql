-- +goose Up

-- Application servers' rights of entry. The hash is SHA-256 of 32 random bytes;
-- scopes are names with spaces between. revoked_at is 0 while the key is valid.
CREATE TABLE api_key (
  id           BIGINT           PRIMARY KEY,
  site_id      BIGINT           NOT NULL,
  name         TEXT             NOT NULL,
  key_hash     BYTEA            NOT NULL,
  scopes       TEXT COLLATE "C" NOT NULL,
  made_by_kind TEXT COLLATE "C" NOT NULL,
  made_by_id   BIGINT           NOT NULL,
  made_by_name TEXT             NOT NULL,
  made_at      BIGINT           NOT NULL,
  last_used_at BIGINT           NOT NULL,
  revoked_at   BIGINT           NOT NULL
);
CREATE UNIQUE INDEX api_key_hash ON api_key (key_hash);
CREATE INDEX api_key_site ON api_key (site_id, revoked_at);
