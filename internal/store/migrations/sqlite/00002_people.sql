-- +goose Up

-- Rises with every change to agents, roles and sites, so that a node sees in
-- one read whether its picture of them is old.
CREATE TABLE people_version (
  id      INTEGER PRIMARY KEY CHECK (id = 1),
  version INTEGER NOT NULL
);
INSERT INTO people_version (id, version) VALUES (1, 1);

CREATE TABLE site (
  id         INTEGER PRIMARY KEY,
  name       TEXT    NOT NULL,
  widget_key BLOB    NOT NULL,
  settings   TEXT    NOT NULL,
  version    INTEGER NOT NULL,
  created_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX site_widget_key ON site (widget_key);

CREATE TABLE agent (
  id            INTEGER PRIMARY KEY,
  email         BLOB    NOT NULL,
  name          TEXT    NOT NULL,
  owner         INTEGER NOT NULL,
  disabled      INTEGER NOT NULL,
  password_hash BLOB    NOT NULL,
  last_seen_at  INTEGER NOT NULL,
  created_at    INTEGER NOT NULL
);
CREATE UNIQUE INDEX agent_email ON agent (email);

CREATE TABLE agent_site (
  agent_id INTEGER NOT NULL,
  site_id  INTEGER NOT NULL,
  role     TEXT    NOT NULL,
  PRIMARY KEY (agent_id, site_id)
) WITHOUT ROWID;

CREATE TABLE login (
  id           INTEGER PRIMARY KEY,
  agent_id     INTEGER NOT NULL,
  token_hash   BLOB    NOT NULL,
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  revoked_at   INTEGER NOT NULL,
  address      TEXT    NOT NULL,
  user_agent   TEXT    NOT NULL
);
CREATE UNIQUE INDEX login_token ON login (token_hash);
CREATE INDEX login_agent ON login (agent_id, expires_at);
CREATE INDEX login_revoked ON login (revoked_at, expires_at);

CREATE TABLE one_use_link (
  id          INTEGER PRIMARY KEY,
  kind        TEXT    NOT NULL,
  agent_id    INTEGER NOT NULL,
  secret_hash BLOB    NOT NULL,
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  used_at     INTEGER NOT NULL
);
CREATE UNIQUE INDEX one_use_link_secret ON one_use_link (secret_hash);
CREATE INDEX one_use_link_agent ON one_use_link (agent_id);

-- Rows are only ever added.
CREATE TABLE audit (
  id       INTEGER PRIMARY KEY,
  at       INTEGER NOT NULL,
  by_kind  TEXT    NOT NULL,
  by_id    INTEGER NOT NULL,
  by_name  TEXT    NOT NULL,
  address  TEXT    NOT NULL,
  what     TEXT    NOT NULL,
  site_id  INTEGER NOT NULL,
  agent_id INTEGER NOT NULL,
  detail   TEXT    NOT NULL
);
CREATE INDEX audit_site ON audit (site_id, id);
