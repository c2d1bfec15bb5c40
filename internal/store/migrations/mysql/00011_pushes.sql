-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- The position of a site's newest push. It follows the database's clock where it
-- can, so that a copy that lost some does not give their positions away again.
CREATE TABLE IF NOT EXISTS push_site (
  site_id  BIGINT PRIMARY KEY,
  position BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- Pushes by id, for some minutes. ids are those that it goes to, each behind its
-- length (two bytes); empty: all. request and fingerprint make a repetition harmless.
CREATE TABLE IF NOT EXISTS push (
  site_id     BIGINT         NOT NULL,
  position    BIGINT         NOT NULL,
  request     VARBINARY(200) NOT NULL,
  fingerprint VARBINARY(32)  NOT NULL,
  at          BIGINT         NOT NULL,
  ids         MEDIUMBLOB     NOT NULL,
  payload     MEDIUMBLOB     NOT NULL,
  PRIMARY KEY (site_id, position),
  UNIQUE KEY push_request (site_id, request),
  KEY push_at (at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- Rights of entry for pages that cannot log in, by the hash of what they show. Of
-- door: push or chat. A ticket works once; reusable ones are for cookies.
CREATE TABLE IF NOT EXISTS ticket (
  hash       VARBINARY(32)  PRIMARY KEY,
  site_id    BIGINT         NOT NULL,
  door       VARCHAR(16)    NOT NULL,
  name       VARBINARY(255) NOT NULL,
  reusable   BIGINT         NOT NULL,
  expires_at BIGINT         NOT NULL,
  KEY ticket_expires (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
