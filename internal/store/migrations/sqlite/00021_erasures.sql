-- +goose Up

-- Visitors of whom everything was removed on somebody's wish: by a hash of who it was,
-- with numbers of what went. There is nothing of the person in it.
CREATE TABLE erasure (
  id      INTEGER PRIMARY KEY,
  hash    BLOB    NOT NULL,
  site_id INTEGER NOT NULL,
  by_kind TEXT    NOT NULL,
  by_id   INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  removed TEXT    NOT NULL
);
CREATE UNIQUE INDEX erasure_hash ON erasure (hash);
CREATE INDEX erasure_at ON erasure (at);

-- By which retention finds the rounds that are old.
CREATE INDEX round_resolved ON round (site_id, resolved_at, conversation, number);
