-- +goose Up

-- An address of a site's that is told what happens in its conversations. old_secret
-- signs beside secret until old_until.
CREATE TABLE webhook (
  id           INTEGER PRIMARY KEY,
  site_id      INTEGER NOT NULL,
  name         TEXT NOT NULL,
  url          BLOB NOT NULL,
  types        TEXT NOT NULL,
  state        TEXT NOT NULL,
  secret       BLOB NOT NULL,
  old_secret   BLOB NOT NULL,
  old_until    INTEGER NOT NULL,
  paused_at    INTEGER NOT NULL,
  why          TEXT NOT NULL,
  made_by_kind TEXT NOT NULL,
  made_by_id   INTEGER NOT NULL,
  made_by_name TEXT NOT NULL,
  made_at      INTEGER NOT NULL
);
CREATE INDEX webhook_site ON webhook (site_id, id);

-- What waits for a webhook from a conversation: its events from next_seq to last_seq,
-- which stay where they are. since is about when the first of them happened.
CREATE TABLE webhook_outbox (
  webhook_id   INTEGER NOT NULL,
  conversation INTEGER NOT NULL,
  next_seq     INTEGER NOT NULL,
  last_seq     INTEGER NOT NULL,
  since        INTEGER NOT NULL,
  due_at       INTEGER NOT NULL,
  tries        INTEGER NOT NULL,
  delivery_id  INTEGER NOT NULL,
  PRIMARY KEY (webhook_id, conversation)
) WITHOUT ROWID;
CREATE INDEX webhook_outbox_due ON webhook_outbox (webhook_id, due_at);

-- What was sent to a webhook, and what became of it.
CREATE TABLE webhook_delivery (
  id           INTEGER PRIMARY KEY,
  webhook_id   INTEGER NOT NULL,
  message_id   BLOB NOT NULL,
  conversation INTEGER NOT NULL,
  seq          INTEGER NOT NULL,
  type         TEXT NOT NULL,
  delivered    INTEGER NOT NULL,
  status       INTEGER NOT NULL,
  answer       TEXT NOT NULL,
  why          TEXT NOT NULL,
  took         INTEGER NOT NULL,
  tries        INTEGER NOT NULL,
  at           INTEGER NOT NULL,
  next_at      INTEGER NOT NULL
);
CREATE INDEX webhook_delivery_of ON webhook_delivery (webhook_id, id);
