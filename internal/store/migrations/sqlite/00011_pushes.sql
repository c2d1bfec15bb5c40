-- +goose Up

-- The position of a site's newest push. It follows the database's clock where it
-- can, so that a copy that lost some does not give their positions away again.
CREATE TABLE push_site (
  site_id  INTEGER PRIMARY KEY,
  position INTEGER NOT NULL
);

-- Pushes by id, for some minutes. ids are those that it goes to, each behind its
-- length (two bytes); empty: all. request and fingerprint make a repetition harmless.
CREATE TABLE push (
  site_id     INTEGER NOT NULL,
  position    INTEGER NOT NULL,
  request     BLOB    NOT NULL,
  fingerprint BLOB    NOT NULL,
  at          INTEGER NOT NULL,
  ids         BLOB    NOT NULL,
  payload     BLOB    NOT NULL,
  PRIMARY KEY (site_id, position)
) WITHOUT ROWID;
CREATE UNIQUE INDEX push_request ON push (site_id, request);
CREATE INDEX push_at ON push (at);

-- Rights of entry for pages that cannot log in, by the hash of what they show. Of
-- door: push or chat. A ticket works once; reusable ones are for cookies.
CREATE TABLE ticket (
  hash       BLOB    PRIMARY KEY,
  site_id    INTEGER NOT NULL,
  door       TEXT    NOT NULL,
  name       BLOB    NOT NULL,
  reusable   INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX ticket_expires ON ticket (expires_at);
