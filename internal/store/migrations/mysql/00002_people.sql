-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- Rises with every change to agents, roles and sites, so that a node sees in
-- one read whether its picture of them is old.
CREATE TABLE IF NOT EXISTS people_version (
  id      TINYINT PRIMARY KEY CHECK (id = 1),
  version BIGINT  NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
INSERT IGNORE INTO people_version (id, version) VALUES (1, 1);

CREATE TABLE IF NOT EXISTS site (
  id         BIGINT        PRIMARY KEY,
  name       TEXT          NOT NULL,
  widget_key VARBINARY(64) NOT NULL,
  settings   MEDIUMTEXT    NOT NULL,
  version    BIGINT        NOT NULL,
  created_at BIGINT        NOT NULL,
  UNIQUE KEY site_widget_key (widget_key)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS agent (
  id            BIGINT         PRIMARY KEY,
  email         VARBINARY(320) NOT NULL,
  name          TEXT           NOT NULL,
  owner         TINYINT        NOT NULL,
  disabled      TINYINT        NOT NULL,
  password_hash VARBINARY(512) NOT NULL,
  last_seen_at  BIGINT         NOT NULL,
  created_at    BIGINT         NOT NULL,
  UNIQUE KEY agent_email (email)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS agent_site (
  agent_id BIGINT                                            NOT NULL,
  site_id  BIGINT                                            NOT NULL,
  role     VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (agent_id, site_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS login (
  id           BIGINT        PRIMARY KEY,
  agent_id     BIGINT        NOT NULL,
  token_hash   VARBINARY(64) NOT NULL,
  created_at   BIGINT        NOT NULL,
  last_used_at BIGINT        NOT NULL,
  expires_at   BIGINT        NOT NULL,
  revoked_at   BIGINT        NOT NULL,
  address      TEXT          NOT NULL,
  user_agent   TEXT          NOT NULL,
  UNIQUE KEY login_token (token_hash),
  KEY login_agent (agent_id, expires_at),
  KEY login_revoked (revoked_at, expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS one_use_link (
  id          BIGINT                                            PRIMARY KEY,
  kind        VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  agent_id    BIGINT                                            NOT NULL,
  secret_hash VARBINARY(64)                                     NOT NULL,
  created_at  BIGINT                                            NOT NULL,
  expires_at  BIGINT                                            NOT NULL,
  used_at     BIGINT                                            NOT NULL,
  UNIQUE KEY one_use_link_secret (secret_hash),
  KEY one_use_link_agent (agent_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- Rows are only ever added.
CREATE TABLE IF NOT EXISTS audit (
  id       BIGINT                                            PRIMARY KEY,
  at       BIGINT                                            NOT NULL,
  by_kind  VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  by_id    BIGINT                                            NOT NULL,
  by_name  TEXT                                              NOT NULL,
  address  TEXT                                              NOT NULL,
  what     VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  site_id  BIGINT                                            NOT NULL,
  agent_id BIGINT                                            NOT NULL,
  detail   MEDIUMTEXT                                        NOT NULL,
  KEY audit_site (site_id, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
