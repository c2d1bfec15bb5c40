-- +goose Up

-- A word to many visitors of a site. What is sent of it to whom stands nowhere but in
-- the visitors' own rows; the counts are sums.
CREATE TABLE broadcast (
  id              INTEGER PRIMARY KEY,
  site_id         INTEGER NOT NULL,
  body            TEXT    NOT NULL,
  shown_as        TEXT    NOT NULL,
  audience        TEXT    NOT NULL,
  state           TEXT    NOT NULL,
  waves           INTEGER NOT NULL,
  wave_seconds    INTEGER NOT NULL,
  wave            INTEGER NOT NULL,
  number          INTEGER NOT NULL,
  expected        INTEGER NOT NULL,
  created_at      INTEGER NOT NULL,
  scheduled_at    INTEGER NOT NULL,
  published_at    INTEGER NOT NULL,
  withdrawn_at    INTEGER NOT NULL,
  expires_at      INTEGER NOT NULL,
  by_kind         TEXT    NOT NULL,
  by_id           INTEGER NOT NULL,
  by_name         TEXT    NOT NULL,
  version         INTEGER NOT NULL,
  delivered_count INTEGER NOT NULL,
  read_count      INTEGER NOT NULL
);
CREATE INDEX broadcast_site ON broadcast (site_id, id);

-- The last entry of each site's log.
CREATE TABLE broadcast_head (
  site_id INTEGER PRIMARY KEY,
  number  INTEGER NOT NULL,
  tag     INTEGER NOT NULL
);

-- What became of a site's broadcasts: a wave went out, or (0) it was withdrawn.
CREATE TABLE broadcast_entry (
  site_id      INTEGER NOT NULL,
  number       INTEGER NOT NULL,
  tag          INTEGER NOT NULL,
  broadcast_id INTEGER NOT NULL,
  wave         INTEGER NOT NULL,
  at           INTEGER NOT NULL,
  PRIMARY KEY (site_id, number)
) WITHOUT ROWID;

-- How far a visitor has come in its site's log, by which entries broadcasts came to it,
-- and whether it wants none.
ALTER TABLE visitor ADD COLUMN broadcast_received INTEGER NOT NULL DEFAULT 0;
ALTER TABLE visitor ADD COLUMN broadcast_read INTEGER NOT NULL DEFAULT 0;
ALTER TABLE visitor ADD COLUMN broadcast_seen BLOB;
ALTER TABLE visitor ADD COLUMN broadcast_off INTEGER NOT NULL DEFAULT 0;
