-- +goose Up

-- An address of a site's that is told what happens in its conversations. old_secret
-- signs beside secret until old_until.
CREATE TABLE webhook (
  id           BIGINT PRIMARY KEY,
  site_id      BIGINT NOT NULL,
  name         TEXT NOT NULL,
  url          BYTEA NOT NULL,
  types        TEXT NOT NULL,
  state        TEXT NOT NULL,
  secret       BYTEA NOT NULL,
  old_secret   BYTEA NOT NULL,
  old_until    BIGINT NOT NULL,
  paused_at    BIGINT NOT NULL,
  why          TEXT NOT NULL,
  made_by_kind TEXT NOT NULL,
  made_by_id   BIGINT NOT NULL,
  made_by_name TEXT NOT NULL,
  made_at      BIGINT NOT NULL
);
CREATE INDEX webhook_site ON webhook (site_id, id);

-- What waits for a webhook from a conversation: its events from next_seq to last_seq,
-- which stay where they are. since is about when the first of them happened.
CREATE TABLE webhook_outbox (
  webhook_id   BIGINT NOT NULL,
  conversation BIGINT NOT NULL,
  next_seq     BIGINT NOT NULL,
  last_seq     BIGINT NOT NULL,
  since        BIGINT NOT NULL,
  due_at       BIGINT NOT NULL,
  tries        BIGINT NOT NULL,
  delivery_id  BIGINT NOT NULL,
  PRIMARY KEY (webhook_id, conversation)
);
CREATE INDEX webhook_outbox_due ON webhook_outbox (webhook_id, due_at);

-- What was sent to a webhook, and what became of it.
CREATE TABLE webhook_delivery (
  id           BIGINT PRIMARY KEY,
  webhook_id   BIGINT NOT NULL,
  message_id   BYTEA NOT NULL,
  conversation BIGINT NOT NULL,
  seq          BIGINT NOT NULL,
  type         TEXT NOT NULL,
  delivered    BIGINT NOT NULL,
  status       BIGINT NOT NULL,
  answer       TEXT NOT NULL,
  why          TEXT NOT NULL,
  took         BIGINT NOT NULL,
  tries        BIGINT NOT NULL,
  at           BIGINT NOT NULL,
  next_at      BIGINT NOT NULL
);
CREATE INDEX webhook_delivery_of ON webhook_delivery (webhook_id, id);
