-- +goose Up

-- Who is online, where no Redis keeps it. With SQLite there is one node, which
-- keeps it in memory: these tables are here to be like the other databases'.
CREATE TABLE presence_node (
  name     BLOB    PRIMARY KEY,
  until_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE presence_agent (
  agent_id INTEGER NOT NULL,
  name     BLOB    NOT NULL,
  state    INTEGER NOT NULL,
  PRIMARY KEY (agent_id, name)
) WITHOUT ROWID;

CREATE TABLE presence_site (
  site_id  INTEGER PRIMARY KEY,
  revision INTEGER NOT NULL,
  visitors INTEGER NOT NULL
);

CREATE TABLE presence_visitor (
  site_id     INTEGER NOT NULL,
  visitor_key BLOB    NOT NULL,
  name        BLOB    NOT NULL,
  came        INTEGER NOT NULL,
  since       INTEGER NOT NULL,
  visitor_id  INTEGER NOT NULL,
  revision    INTEGER NOT NULL,
  data        TEXT    NOT NULL,
  PRIMARY KEY (site_id, visitor_key, name)
) WITHOUT ROWID;
CREATE INDEX presence_visitor_since ON presence_visitor (site_id, since, visitor_key);
CREATE INDEX presence_visitor_id ON presence_visitor (site_id, visitor_id);
CREATE INDEX presence_visitor_name ON presence_visitor (name, site_id);

CREATE TABLE presence_shared (
  site_id     INTEGER NOT NULL,
  visitor_key BLOB    NOT NULL,
  revision    INTEGER NOT NULL,
  PRIMARY KEY (site_id, visitor_key)
) WITHOUT ROWID;
CREATE INDEX presence_shared_revision ON presence_shared (site_id, revision);
