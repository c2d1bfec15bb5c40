-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- An address of a site's that is told what happens in its conversations. old_secret
-- signs beside secret until old_until.
CREATE TABLE IF NOT EXISTS webhook (
  id           BIGINT PRIMARY KEY,
  site_id      BIGINT NOT NULL,
  name         MEDIUMTEXT NOT NULL,
  url          VARBINARY(2048) NOT NULL,
  types        MEDIUMTEXT NOT NULL,
  state        VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  secret       VARBINARY(255) NOT NULL,
  old_secret   VARBINARY(255) NOT NULL,
  old_until    BIGINT NOT NULL,
  paused_at    BIGINT NOT NULL,
  why          MEDIUMTEXT NOT NULL,
  made_by_kind VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  made_by_id   BIGINT NOT NULL,
  made_by_name MEDIUMTEXT NOT NULL,
  made_at      BIGINT NOT NULL,
  KEY webhook_site (site_id, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- What waits for a webhook from a conversation: its events from next_seq to last_seq,
-- which stay where they are. since is about when the first of them happened.
CREATE TABLE IF NOT EXISTS webhook_outbox (
  webhook_id   BIGINT NOT NULL,
  conversation BIGINT NOT NULL,
  next_seq     BIGINT NOT NULL,
  last_seq     BIGINT NOT NULL,
  since        BIGINT NOT NULL,
  due_at       BIGINT NOT NULL,
  tries        BIGINT NOT NULL,
  delivery_id  BIGINT NOT NULL,
  PRIMARY KEY (webhook_id, conversation),
  KEY webhook_outbox_due (webhook_id, due_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- What was sent to a webhook, and what became of it.
CREATE TABLE IF NOT EXISTS webhook_delivery (
  id           BIGINT PRIMARY KEY,
  webhook_id   BIGINT NOT NULL,
  message_id   VARBINARY(100) NOT NULL,
  conversation BIGINT NOT NULL,
  seq          BIGINT NOT NULL,
  type         VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  delivered    BIGINT NOT NULL,
  status       BIGINT NOT NULL,
  answer       MEDIUMTEXT NOT NULL,
  why          MEDIUMTEXT NOT NULL,
  took         BIGINT NOT NULL,
  tries        BIGINT NOT NULL,
  at           BIGINT NOT NULL,
  next_at      BIGINT NOT NULL,
  KEY webhook_delivery_of (webhook_id, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
