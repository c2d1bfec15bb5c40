-- +goose Up

-- A word to many visitors of a site. What is sent of it to whom stands nowhere but in
-- the visitors' own rows; the counts are sums.
CREATE TABLE broadcast (
  id              BIGINT PRIMARY KEY,
  site_id         BIGINT NOT NULL,
  body            TEXT    NOT NULL,
  shown_as        TEXT    NOT NULL,
  audience        TEXT    NOT NULL,
  state           TEXT    NOT NULL,
  waves           BIGINT NOT NULL,
  wave_seconds    BIGINT NOT NULL,
  wave            BIGINT NOT NULL,
  number          BIGINT NOT NULL,
  expected        BIGINT NOT NULL,
  created_at      BIGINT NOT NULL,
  scheduled_at    BIGINT NOT NULL,
  published_at    BIGINT NOT NULL,
  withdrawn_at    BIGINT NOT NULL,
  expires_at      BIGINT NOT NULL,
  by_kind         TEXT    NOT NULL,
  by_id           BIGINT NOT NULL,
  by_name         TEXT    NOT NULL,
  version         BIGINT NOT NULL,
  delivered_count BIGINT NOT NULL,
  read_count      BIGINT NOT NULL
);
CREATE INDEX broadcast_site ON broadcast (site_id, id);

-- The last entry of each site's log.
CREATE TABLE broadcast_head (
  site_id BIGINT PRIMARY KEY,
  number  BIGINT NOT NULL,
  tag     BIGINT NOT NULL
);

-- What became of a site's broadcasts: a wave went out, or (0) it was withdrawn.
CREATE TABLE broadcast_entry (
  site_id      BIGINT NOT NULL,
  number       BIGINT NOT NULL,
  tag          BIGINT NOT NULL,
  broadcast_id BIGINT NOT NULL,
  wave         BIGINT NOT NULL,
  at           BIGINT NOT NULL,
  PRIMARY KEY (site_id, number)
);

-- How far a visitor has come in its site's log, by which entries broadcasts came to it,
-- and whether it wants none.
ALTER TABLE visitor
  ADD COLUMN broadcast_received BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN broadcast_read BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN broadcast_seen BYTEA,
  ADD COLUMN broadcast_off BIGINT NOT NULL DEFAULT 0;
