-- +goose Up

-- Visitors of whom everything was removed on somebody's wish: by a hash of who it was,
-- with numbers of what went. There is nothing of the person in it.
CREATE TABLE erasure (
  id      BIGINT           PRIMARY KEY,
  hash    BYTEA            NOT NULL,
  site_id BIGINT           NOT NULL,
  by_kind TEXT COLLATE "C" NOT NULL,
  by_id   BIGINT           NOT NULL,
  at      BIGINT           NOT NULL,
  removed TEXT             NOT NULL
);
CREATE UNIQUE INDEX erasure_hash ON erasure (hash);
CREATE INDEX erasure_at ON erasure (at);

-- By which retention finds the rounds that are old.
CREATE INDEX round_resolved ON round (site_id, resolved_at, conversation, number);
