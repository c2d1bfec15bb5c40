-- +goose Up

-- Who may still open this database: a program whose newest migration is older
-- than oldest_schema refuses to start.
CREATE TABLE compatibility (
  id            SMALLINT PRIMARY KEY CHECK (id = 1),
  oldest_schema BIGINT   NOT NULL
);
INSERT INTO compatibility (id, oldest_schema) VALUES (1, 1);

-- Random keys that belong to this database and are copied with it.
CREATE TABLE secret (
  name  BYTEA PRIMARY KEY,
  value BYTEA NOT NULL
);

-- external_id and verified_at wait for identities that a website vouches for.
CREATE TABLE visitor (
  id          BIGINT PRIMARY KEY,
  site_id     BIGINT NOT NULL,
  secret_hash BYTEA  NOT NULL,
  profile     TEXT   NOT NULL,
  external_id BYTEA,
  verified_at BIGINT,
  created_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX visitor_secret ON visitor (site_id, secret_hash);

CREATE TABLE conversation (
  id         BIGINT PRIMARY KEY,
  uuid       BYTEA  NOT NULL,
  site_id    BIGINT NOT NULL,
  visitor_id BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX conversation_uuid ON conversation (uuid);
CREATE UNIQUE INDEX conversation_visitor ON conversation (visitor_id);

-- The head is rewritten with every append: narrow, without any further index, and
-- with room in its pages for the next version.
CREATE TABLE head (
  conversation     BIGINT           PRIMARY KEY,
  site_id          BIGINT           NOT NULL,
  visitor_id       BIGINT           NOT NULL,
  seq              BIGINT           NOT NULL,
  public_seq       BIGINT           NOT NULL,
  tag              BIGINT           NOT NULL,
  public_tag       BIGINT           NOT NULL,
  first_seq        BIGINT           NOT NULL,
  first_public_seq BIGINT           NOT NULL,
  visitor_messages BIGINT           NOT NULL,
  agent_messages   BIGINT           NOT NULL,
  round            BIGINT           NOT NULL,
  state            TEXT COLLATE "C" NOT NULL,
  assignee         BIGINT           NOT NULL,
  opened_at        BIGINT           NOT NULL,
  resolved_at      BIGINT           NOT NULL,
  last_reply_seq   BIGINT           NOT NULL,
  replied_to       BIGINT           NOT NULL,
  unanswered_since BIGINT           NOT NULL,
  waiting_since    BIGINT           NOT NULL,
  last_at          BIGINT           NOT NULL,
  last_text_seq    BIGINT           NOT NULL
) WITH (fillfactor = 50);

-- The list row holds what lists filter and sort by. last_at is cut to the second.
CREATE TABLE list (
  conversation  BIGINT           PRIMARY KEY,
  site_id       BIGINT           NOT NULL,
  state         TEXT COLLATE "C" NOT NULL,
  assignee      BIGINT           NOT NULL,
  waiting_since BIGINT           NOT NULL,
  last_at       BIGINT           NOT NULL,
  changed_at    BIGINT           NOT NULL
);
CREATE INDEX list_waiting ON list (site_id, state, waiting_since, conversation);
CREATE INDEX list_newest ON list (site_id, state, last_at, conversation);
CREATE INDEX list_assignee ON list (assignee, state, site_id);
CREATE INDEX list_changed ON list (site_id, changed_at);

CREATE TABLE event (
  conversation     BIGINT           NOT NULL,
  seq              BIGINT           NOT NULL,
  public_seq       BIGINT           NOT NULL,
  public           SMALLINT         NOT NULL,
  site_id          BIGINT           NOT NULL,
  tag              BIGINT           NOT NULL,
  kind             TEXT COLLATE "C" NOT NULL,
  v                BIGINT           NOT NULL,
  rev              BIGINT           NOT NULL,
  by_kind          TEXT COLLATE "C" NOT NULL,
  by_id            BIGINT           NOT NULL,
  by_name          TEXT             NOT NULL,
  client_id        BYTEA,
  fingerprint      BYTEA,
  at               BIGINT           NOT NULL,
  visitor_messages BIGINT           NOT NULL,
  agent_messages   BIGINT           NOT NULL,
  body             TEXT             NOT NULL
);
CREATE UNIQUE INDEX event_seq ON event (conversation, seq);
CREATE UNIQUE INDEX event_client ON event (client_id, by_kind, by_id) WHERE client_id IS NOT NULL;

-- What an edit replaced; edit_seq is the event that replaced it.
CREATE TABLE event_revision (
  conversation BIGINT NOT NULL,
  seq          BIGINT NOT NULL,
  rev          BIGINT NOT NULL,
  site_id      BIGINT NOT NULL,
  edit_seq     BIGINT NOT NULL,
  replaced_at  BIGINT NOT NULL,
  body         TEXT   NOT NULL,
  PRIMARY KEY (conversation, seq, rev)
);

CREATE TABLE mark (
  conversation          BIGINT           NOT NULL,
  who_kind              TEXT COLLATE "C" NOT NULL,
  who_id                BIGINT           NOT NULL,
  site_id               BIGINT           NOT NULL,
  received              BIGINT           NOT NULL,
  read                  BIGINT           NOT NULL,
  received_public       BIGINT           NOT NULL,
  read_public           BIGINT           NOT NULL,
  visitor_messages_read BIGINT           NOT NULL,
  agent_messages_read   BIGINT           NOT NULL,
  PRIMARY KEY (conversation, who_kind, who_id)
);

-- The rounds of a conversation, the present one included.
CREATE TABLE round (
  conversation BIGINT NOT NULL,
  number       BIGINT NOT NULL,
  site_id      BIGINT NOT NULL,
  opened_at    BIGINT NOT NULL,
  resolved_at  BIGINT NOT NULL,
  first_seq    BIGINT NOT NULL,
  assignee     BIGINT NOT NULL,
  PRIMARY KEY (conversation, number)
);
