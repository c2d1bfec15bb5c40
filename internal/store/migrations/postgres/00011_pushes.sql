-- +goose Up

-- The position of a site's newest push. It follows the database's clock where it
-- can, so that a copy that lost some does not give their positions away again.
CREATE TABLE push_site (
  site_id  BIGINT PRIMARY KEY,
  position BIGINT NOT NULL
);

-- Pushes by id, for some minutes. ids are those that it goes to, each behind its
-- length (two bytes); empty: all. request and fingerprint make a repetition harmless.
CREATE TABLE push (
  site_id     BIGINT NOT NULL,
  position    BIGINT NOT NULL,
  request     BYTEA  NOT NULL,
  fingerprint BYTEA  NOT NULL,
  at          BIGINT NOT NULL,
  ids         BYTEA  NOT NULL,
  payload     BYTEA  NOT NULL,
  PRIMARY KEY (site_id, position)
);
CREATE UNIQUE INDEX push_request ON push (site_id, request);
CREATE INDEX push_at ON push (at);

-- Rights of entry for pages that cannot log in, by the hash of what they show. Of
-- door: push or chat. A ticket works once; reusable ones are for cookies.
CREATE TABLE ticket (
  hash       BYTEA  PRIMARY KEY,
  site_id    BIGINT NOT NULL,
  door       TEXT   NOT NULL,
  name       BYTEA  NOT NULL,
  reusable   BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX ticket_expires ON ticket (expires_at);
