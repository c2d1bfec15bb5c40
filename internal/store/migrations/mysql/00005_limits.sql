-- +goose Up

-- Wrong passwords, by whose and from where (hashes), until they no longer count.
CREATE TABLE IF NOT EXISTS login_try (
  id       VARBINARY(16) PRIMARY KEY,
  n        BIGINT        NOT NULL,
  until_at BIGINT        NOT NULL,
  KEY login_try_until (until_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- By which connection a person came in last, where a site allows but one: person
-- is an agent (kind 2), or the conversation of a visitor (kind 1).
CREATE TABLE IF NOT EXISTS person_session (
  kind       SMALLINT      NOT NULL,
  person     BIGINT        NOT NULL,
  token      VARBINARY(64) NOT NULL,
  number     BIGINT        NOT NULL,
  changed_at BIGINT        NOT NULL,
  PRIMARY KEY (kind, person),
  KEY person_session_changed (changed_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
