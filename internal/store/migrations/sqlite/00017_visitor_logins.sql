-- +goose Up

-- By which a website signs its tokens; at most two of a site, in the places 1 and 2.
-- The secret is as it stands: what is signed with it cannot be checked by a hash.
CREATE TABLE signing_key (
  site_id      INTEGER NOT NULL,
  place        INTEGER NOT NULL,
  id           INTEGER NOT NULL,
  secret       BLOB    NOT NULL,
  made_by_kind TEXT    NOT NULL,
  made_by_id   INTEGER NOT NULL,
  made_by_name TEXT    NOT NULL,
  made_at      INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  PRIMARY KEY (site_id, place)
) WITHOUT ROWID;

-- Verified visitors' rights of entry. ended_at is 0 while one is valid.
CREATE TABLE visitor_login (
  id           INTEGER PRIMARY KEY,
  site_id      INTEGER NOT NULL,
  visitor_id   INTEGER NOT NULL,
  token_hash   BLOB    NOT NULL,
  signing_key  INTEGER NOT NULL,
  made_at      INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  ended_at     INTEGER NOT NULL
);
CREATE UNIQUE INDEX visitor_login_token ON visitor_login (token_hash);
CREATE INDEX visitor_login_visitor ON visitor_login (visitor_id, last_used_at);
CREATE INDEX visitor_login_used ON visitor_login (last_used_at);
CREATE INDEX visitor_login_ended ON visitor_login (ended_at) WHERE ended_at > 0;

-- The tokens that were exchanged, until they would be refused for their age.
CREATE TABLE visitor_token (
  site_id       INTEGER NOT NULL,
  jti           BLOB    NOT NULL,
  exchange_hash BLOB    NOT NULL,
  login_id      INTEGER NOT NULL,
  expires_at    INTEGER NOT NULL,
  PRIMARY KEY (site_id, jti)
) WITHOUT ROWID;
CREATE INDEX visitor_token_expires ON visitor_token (expires_at);

-- What its website says of a verified visitor. external_id is the person's id there.
ALTER TABLE visitor ADD COLUMN vouched TEXT;
CREATE UNIQUE INDEX visitor_external ON visitor (site_id, external_id) WHERE external_id IS NOT NULL;

-- The log-in by which a verified visitor made a ticket for itself; 0: it was another's.
ALTER TABLE ticket ADD COLUMN login_id INTEGER NOT NULL DEFAULT 0;
