-- +goose Up

-- Who is online, where no Redis keeps it. None of it is meant to last: a server
-- that crashed may forget it.
CREATE UNLOGGED TABLE presence_node (
  name     BYTEA  PRIMARY KEY,
  until_at BIGINT NOT NULL
);

CREATE UNLOGGED TABLE presence_agent (
  agent_id BIGINT   NOT NULL,
  name     BYTEA    NOT NULL,
  state    SMALLINT NOT NULL,
  PRIMARY KEY (agent_id, name)
);

-- visitors counts those who are here, however many nodes told of them.
CREATE UNLOGGED TABLE presence_site (
  site_id  BIGINT PRIMARY KEY,
  revision BIGINT NOT NULL,
  visitors BIGINT NOT NULL
);

-- came is when the visitor came to the node, since when it came to the first of its nodes.
CREATE UNLOGGED TABLE presence_visitor (
  site_id     BIGINT NOT NULL,
  visitor_key BYTEA  NOT NULL,
  name        BYTEA  NOT NULL,
  came        BIGINT NOT NULL,
  since       BIGINT NOT NULL,
  visitor_id  BIGINT NOT NULL,
  revision    BIGINT NOT NULL,
  data        TEXT   NOT NULL,
  PRIMARY KEY (site_id, visitor_key, name)
) WITH (fillfactor = 70);
CREATE INDEX presence_visitor_since ON presence_visitor (site_id, since, visitor_key);
CREATE INDEX presence_visitor_id ON presence_visitor (site_id, visitor_id);
CREATE INDEX presence_visitor_name ON presence_visitor (name, site_id);

-- Visitors of whom several nodes told, by when that last changed.
CREATE UNLOGGED TABLE presence_shared (
  site_id     BIGINT NOT NULL,
  visitor_key BYTEA  NOT NULL,
  revision    BIGINT NOT NULL,
  PRIMARY KEY (site_id, visitor_key)
);
CREATE INDEX presence_shared_revision ON presence_shared (site_id, revision);
