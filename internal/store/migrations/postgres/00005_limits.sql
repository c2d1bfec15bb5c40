-- +goose Up

-- Wrong passwords, by whose and from where (hashes), until they no longer count.
CREATE TABLE login_try (
  id       BYTEA  PRIMARY KEY,
  n        BIGINT NOT NULL,
  until_at BIGINT NOT NULL
);
CREATE INDEX login_try_until ON login_try (until_at);

-- By which connection a person came in last, where a site allows but one: person
-- is an agent (kind 2), or the conversation of a visitor (kind 1).
CREATE TABLE person_session (
  kind       SMALLINT NOT NULL,
  person     BIGINT   NOT NULL,
  token      BYTEA    NOT NULL,
  number     BIGINT   NOT NULL,
  changed_at BIGINT   NOT NULL,
  PRIMARY KEY (kind, person)
);
CREATE INDEX person_session_changed ON person_session (changed_at);
