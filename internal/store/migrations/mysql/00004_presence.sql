-- +goose Up

-- Who is online, where no Redis keeps it. None of it is meant to last.
CREATE TABLE IF NOT EXISTS presence_node (
  name     VARBINARY(64) PRIMARY KEY,
  until_at BIGINT        NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS presence_agent (
  agent_id BIGINT        NOT NULL,
  name     VARBINARY(64) NOT NULL,
  state    SMALLINT      NOT NULL,
  PRIMARY KEY (agent_id, name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- visitors counts those who are here, however many nodes told of them.
CREATE TABLE IF NOT EXISTS presence_site (
  site_id  BIGINT PRIMARY KEY,
  revision BIGINT NOT NULL,
  visitors BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- came is when the visitor came to the node, since when it came to the first of its nodes.
CREATE TABLE IF NOT EXISTS presence_visitor (
  site_id     BIGINT        NOT NULL,
  visitor_key VARBINARY(16) NOT NULL,
  name        VARBINARY(64) NOT NULL,
  came        BIGINT        NOT NULL,
  since       BIGINT        NOT NULL,
  visitor_id  BIGINT        NOT NULL,
  revision    BIGINT        NOT NULL,
  data        MEDIUMTEXT    NOT NULL,
  PRIMARY KEY (site_id, visitor_key, name),
  KEY presence_visitor_since (site_id, since, visitor_key),
  KEY presence_visitor_id (site_id, visitor_id),
  KEY presence_visitor_name (name, site_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- Visitors of whom several nodes told, by when that last changed.
CREATE TABLE IF NOT EXISTS presence_shared (
  site_id     BIGINT        NOT NULL,
  visitor_key VARBINARY(16) NOT NULL,
  revision    BIGINT        NOT NULL,
  PRIMARY KEY (site_id, visitor_key),
  KEY presence_shared_revision (site_id, revision)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
