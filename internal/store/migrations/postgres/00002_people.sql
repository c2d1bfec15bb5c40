-- +goose Up

-- Rises with every change to agents, roles and sites, so that a node sees in
-- one read whether its picture of them is old.
CREATE TABLE people_version (
  id      SMALLINT PRIMARY KEY CHECK (id = 1),
  version BIGINT   NOT NULL
);
INSERT INTO people_version (id, version) VALUES (1, 1);

CREATE TABLE site (
  id         BIGINT PRIMARY KEY,
  name       TEXT   NOT NULL,
  widget_key BYTEA  NOT NULL,
  settings   TEXT   NOT NULL,
  version    BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX site_widget_key ON site (widget_key);

CREATE TABLE agent (
  id            BIGINT  PRIMARY KEY,
  email         BYTEA   NOT NULL,
  name          TEXT    NOT NULL,
  owner         BOOLEAN NOT NULL,
  disabled      BOOLEAN NOT NULL,
  password_hash BYTEA   NOT NULL,
  last_seen_at  BIGINT  NOT NULL,
  created_at    BIGINT  NOT NULL
);
CREATE UNIQUE INDEX agent_email ON agent (email);

CREATE TABLE agent_site (
  agent_id BIGINT           NOT NULL,
  site_id  BIGINT           NOT NULL,
  role     TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (agent_id, site_id)
);

CREATE TABLE login (
  id           BIGINT PRIMARY KEY,
  agent_id     BIGINT NOT NULL,
  token_hash   BYTEA  NOT NULL,
  created_at   BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL,
  revoked_at   BIGINT NOT NULL,
  address      TEXT   NOT NULL,
  user_agent   TEXT   NOT NULL
);
CREATE UNIQUE INDEX login_token ON login (token_hash);
CREATE INDEX login_agent ON login (agent_id, expires_at);
CREATE INDEX login_revoked ON login (revoked_at, expires_at);

CREATE TABLE one_use_link (
  id          BIGINT           PRIMARY KEY,
  kind        TEXT COLLATE "C" NOT NULL,
  agent_id    BIGINT           NOT NULL,
  secret_hash BYTEA            NOT NULL,
  created_at  BIGINT           NOT NULL,
  expires_at  BIGINT           NOT NULL,
  used_at     BIGINT           NOT NULL
);
CREATE UNIQUE INDEX one_use_link_secret ON one_use_link (secret_hash);
CREATE INDEX one_use_link_agent ON one_use_link (agent_id);

-- Rows are only ever added.
CREATE TABLE audit (
  id       BIGINT           PRIMARY KEY,
  at       BIGINT           NOT NULL,
  by_kind  TEXT COLLATE "C" NOT NULL,
  by_id    BIGINT           NOT NULL,
  by_name  TEXT             NOT NULL,
  address  TEXT             NOT NULL,
  what     TEXT COLLATE "C" NOT NULL,
  site_id  BIGINT           NOT NULL,
  agent_id BIGINT           NOT NULL,
  detail   TEXT             NOT NULL
);
CREATE INDEX audit_site ON audit (site_id, id);
