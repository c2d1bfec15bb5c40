-- +goose Up

-- A file from the beginning of its upload. owner is who uploads; conversation, seq
-- and public are those of the event that has it, 0 before. delete_at is when it is
-- deleted, 0 for never; previews are those that were made; attempt is which of the
-- attempts to complete it was the one, as in the name of its bytes.
CREATE TABLE IF NOT EXISTS file (
  id           BIGINT                                             PRIMARY KEY,
  site_id      BIGINT                                             NOT NULL,
  owner        VARBINARY(64)                                      NOT NULL,
  state        VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin  NOT NULL,
  name         VARCHAR(255)                                       NOT NULL,
  type         VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  size         BIGINT                                             NOT NULL,
  width        BIGINT                                             NOT NULL,
  height       BIGINT                                             NOT NULL,
  previews     BIGINT                                             NOT NULL,
  attempt      BIGINT                                             NOT NULL,
  conversation BIGINT                                             NOT NULL,
  seq          BIGINT                                             NOT NULL,
  public       TINYINT                                            NOT NULL,
  created_at   BIGINT                                             NOT NULL,
  delete_at    BIGINT                                             NOT NULL,
  KEY file_event (conversation, seq),
  KEY file_due (delete_at),
  KEY file_owner (owner, state)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- The parts of an upload that are there, counted from 1.
CREATE TABLE IF NOT EXISTS file_part (
  file_id BIGINT NOT NULL,
  number  BIGINT NOT NULL,
  PRIMARY KEY (file_id, number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- The bytes of the files of a site by owner, and of all of them by '*'.
CREATE TABLE IF NOT EXISTS file_use (
  site_id BIGINT        NOT NULL,
  owner   VARBINARY(64) NOT NULL,
  bytes   BIGINT        NOT NULL,
  PRIMARY KEY (site_id, owner)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- The file that is an agent's portrait.
CREATE TABLE IF NOT EXISTS portrait (
  agent_id BIGINT PRIMARY KEY,
  file_id  BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
