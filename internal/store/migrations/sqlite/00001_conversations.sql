-- +goose Up

-- Who may still open this database: a program whose newest migration is older
-- than oldest_schema refuses to start.
CREATE TABLE compatibility (
  id            INTEGER PRIMARY KEY CHECK (id = 1),
  oldest_schema INTEGER NOT NULL
);
INSERT INTO compatibility (id, oldest_schema) VALUES (1, 1);

-- Random keys that belong to this database and are copied with it.
CREATE TABLE secret (
  name  BLOB PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID;

-- external_id and verified_at wait for identities that a website vouches for.
CREATE TABLE visitor (
  id          INTEGER PRIMARY KEY,
  site_id     INTEGER NOT NULL,
  secret_hash BLOB    NOT NULL,
  profile     TEXT    NOT NULL,
  external_id BLOB,
  verified_at INTEGER,
  created_at  INTEGER NOT NULL
);
CREATE UNIQUE INDEX visitor_secret ON visitor (site_id, secret_hash);

CREATE TABLE conversation (
  id         INTEGER PRIMARY KEY,
  uuid       BLOB    NOT NULL,
  site_id    INTEGER NOT NULL,
  visitor_id INTEGER NOT NULL,
  created_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX conversation_uuid ON conversation (uuid);
CREATE UNIQUE INDEX conversation_visitor ON conversation (visitor_id);

-- The head is rewritten with every append: narrow, and without any further index.
CREATE TABLE head (
  conversation     INTEGER PRIMARY KEY,
  site_id          INTEGER NOT NULL,
  visitor_id       INTEGER NOT NULL,
  seq              INTEGER NOT NULL,
  public_seq       INTEGER NOT NULL,
  tag              INTEGER NOT NULL,
  public_tag       INTEGER NOT NULL,
  first_seq        INTEGER NOT NULL,
  first_public_seq INTEGER NOT NULL,
  visitor_messages INTEGER NOT NULL,
  agent_messages   INTEGER NOT NULL,
  round            INTEGER NOT NULL,
  state            TEXT    NOT NULL,
  assignee         INTEGER NOT NULL,
  opened_at        INTEGER NOT NULL,
  resolved_at      INTEGER NOT NULL,
  last_reply_seq   INTEGER NOT NULL,
  replied_to       INTEGER NOT NULL,
  unanswered_since INTEGER NOT NULL,
  waiting_since    INTEGER NOT NULL,
  last_at          INTEGER NOT NULL,
  last_text_seq    INTEGER NOT NULL
);

-- The list row holds what lists filter and sort by. last_at is cut to the second.
CREATE TABLE list (
  conversation  INTEGER PRIMARY KEY,
  site_id       INTEGER NOT NULL,
  state         TEXT    NOT NULL,
  assignee      INTEGER NOT NULL,
  waiting_since INTEGER NOT NULL,
  last_at       INTEGER NOT NULL,
  changed_at    INTEGER NOT NULL
);
CREATE INDEX list_waiting ON list (site_id, state, waiting_since, conversation);
CREATE INDEX list_newest ON list (site_id, state, last_at, conversation);
CREATE INDEX list_assignee ON list (assignee, state, site_id);
CREATE INDEX list_changed ON list (site_id, changed_at);

CREATE TABLE event (
  conversation     INTEGER NOT NULL,
  seq              INTEGER NOT NULL,
  public_seq       INTEGER NOT NULL,
  public           INTEGER NOT NULL,
  site_id          INTEGER NOT NULL,
  tag              INTEGER NOT NULL,
  kind             TEXT    NOT NULL,
  v                INTEGER NOT NULL,
  rev              INTEGER NOT NULL,
  by_kind          TEXT    NOT NULL,
  by_id            INTEGER NOT NULL,
  by_name          TEXT    NOT NULL,
  client_id        BLOB,
  fingerprint      BLOB,
  at               INTEGER NOT NULL,
  visitor_messages INTEGER NOT NULL,
  agent_messages   INTEGER NOT NULL,
  body             TEXT    NOT NULL
);
CREATE UNIQUE INDEX event_seq ON event (conversation, seq);
CREATE UNIQUE INDEX event_client ON event (client_id, by_kind, by_id) WHERE client_id IS NOT NULL;

-- What an edit replaced; edit_seq is the event that replaced it.
CREATE TABLE event_revision (
  conversation INTEGER NOT NULL,
  seq          INTEGER NOT NULL,
  rev          INTEGER NOT NULL,
  site_id      INTEGER NOT NULL,
  edit_seq     INTEGER NOT NULL,
  replaced_at  INTEGER NOT NULL,
  body         TEXT    NOT NULL,
  PRIMARY KEY (conversation, seq, rev)
) WITHOUT ROWID;

CREATE TABLE mark (
  conversation          INTEGER NOT NULL,
  who_kind              TEXT    NOT NULL,
  who_id                INTEGER NOT NULL,
  site_id               INTEGER NOT NULL,
  received              INTEGER NOT NULL,
  read                  INTEGER NOT NULL,
  received_public       INTEGER NOT NULL,
  read_public           INTEGER NOT NULL,
  visitor_messages_read INTEGER NOT NULL,
  agent_messages_read   INTEGER NOT NULL,
  PRIMARY KEY (conversation, who_kind, who_id)
) WITHOUT ROWID;

-- The rounds of a conversation, the present one included.
CREATE TABLE round (
  conversation INTEGER NOT NULL,
  number       INTEGER NOT NULL,
  site_id      INTEGER NOT NULL,
  opened_at    INTEGER NOT NULL,
  resolved_at  INTEGER NOT NULL,
  first_seq    INTEGER NOT NULL,
  assignee     INTEGER NOT NULL,
  PRIMARY KEY (conversation, number)
) WITHOUT ROWID;
