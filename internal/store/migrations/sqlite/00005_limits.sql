-- +goose Up

-- Wrong passwords, by whose and from where (hashes), until they no longer count.
CREATE TABLE login_try (
  id       BLOB    PRIMARY KEY,
  n        INTEGER NOT NULL,
  until_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX login_try_until ON login_try (until_at);

-- By which connection a person came in last, where a site allows but one: person
-- is an agent (kind 2), or the conversation of a visitor (kind 1).
CREATE TABLE person_session (
  kind       INTEGER NOT NULL,
  person     INTEGER NOT NULL,
  token      BLOB    NOT NULL,
  number     INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (kind, person)
) WITHOUT ROWID;
CREATE INDEX person_session_changed ON person_session (changed_at);
