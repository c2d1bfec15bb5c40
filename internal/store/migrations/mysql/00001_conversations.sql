-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- Who may still open this database: a program whose newest migration is older
-- than oldest_schema refuses to start.
CREATE TABLE IF NOT EXISTS compatibility (
  id            TINYINT PRIMARY KEY CHECK (id = 1),
  oldest_schema BIGINT  NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
INSERT IGNORE INTO compatibility (id, oldest_schema) VALUES (1, 1);

-- Random keys that belong to this database and are copied with it.
CREATE TABLE IF NOT EXISTS secret (
  name  VARBINARY(64)   PRIMARY KEY,
  value VARBINARY(4096) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- external_id and verified_at wait for identities that a website vouches for.
CREATE TABLE IF NOT EXISTS visitor (
  id          BIGINT        PRIMARY KEY,
  site_id     BIGINT        NOT NULL,
  secret_hash VARBINARY(64) NOT NULL,
  profile     MEDIUMTEXT    NOT NULL,
  external_id VARBINARY(255),
  verified_at BIGINT,
  created_at  BIGINT        NOT NULL,
  UNIQUE KEY visitor_secret (site_id, secret_hash)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS conversation (
  id         BIGINT     PRIMARY KEY,
  uuid       BINARY(16) NOT NULL,
  site_id    BIGINT     NOT NULL,
  visitor_id BIGINT     NOT NULL,
  created_at BIGINT     NOT NULL,
  UNIQUE KEY conversation_uuid (uuid),
  UNIQUE KEY conversation_visitor (visitor_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- The head is rewritten with every append: narrow, and without any further index.
CREATE TABLE IF NOT EXISTS head (
  conversation     BIGINT                                            PRIMARY KEY,
  site_id          BIGINT                                            NOT NULL,
  visitor_id       BIGINT                                            NOT NULL,
  seq              BIGINT                                            NOT NULL,
  public_seq       BIGINT                                            NOT NULL,
  tag              BIGINT                                            NOT NULL,
  public_tag       BIGINT                                            NOT NULL,
  first_seq        BIGINT                                            NOT NULL,
  first_public_seq BIGINT                                            NOT NULL,
  visitor_messages BIGINT                                            NOT NULL,
  agent_messages   BIGINT                                            NOT NULL,
  round            BIGINT                                            NOT NULL,
  state            VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  assignee         BIGINT                                            NOT NULL,
  opened_at        BIGINT                                            NOT NULL,
  resolved_at      BIGINT                                            NOT NULL,
  last_reply_seq   BIGINT                                            NOT NULL,
  replied_to       BIGINT                                            NOT NULL,
  unanswered_since BIGINT                                            NOT NULL,
  waiting_since    BIGINT                                            NOT NULL,
  last_at          BIGINT                                            NOT NULL,
  last_text_seq    BIGINT                                            NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- The list row holds what lists filter and sort by. last_at is cut to the second.
CREATE TABLE IF NOT EXISTS list (
  conversation  BIGINT                                            PRIMARY KEY,
  site_id       BIGINT                                            NOT NULL,
  state         VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  assignee      BIGINT                                            NOT NULL,
  waiting_since BIGINT                                            NOT NULL,
  last_at       BIGINT                                            NOT NULL,
  changed_at    BIGINT                                            NOT NULL,
  KEY list_waiting (site_id, state, waiting_since, conversation),
  KEY list_newest (site_id, state, last_at, conversation),
  KEY list_assignee (assignee, state, site_id),
  KEY list_changed (site_id, changed_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS event (
  conversation     BIGINT                                            NOT NULL,
  seq              BIGINT                                            NOT NULL,
  public_seq       BIGINT                                            NOT NULL,
  public           TINYINT                                           NOT NULL,
  site_id          BIGINT                                            NOT NULL,
  tag              BIGINT                                            NOT NULL,
  kind             VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  v                BIGINT                                            NOT NULL,
  rev              BIGINT                                            NOT NULL,
  by_kind          VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  by_id            BIGINT                                            NOT NULL,
  by_name          TEXT                                              NOT NULL,
  client_id        BINARY(16),
  fingerprint      VARBINARY(16),
  at               BIGINT                                            NOT NULL,
  visitor_messages BIGINT                                            NOT NULL,
  agent_messages   BIGINT                                            NOT NULL,
  body             MEDIUMTEXT                                        NOT NULL,
  PRIMARY KEY (conversation, seq),
  UNIQUE KEY event_client (client_id, by_kind, by_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- What an edit replaced; edit_seq is the event that replaced it.
CREATE TABLE IF NOT EXISTS event_revision (
  conversation BIGINT     NOT NULL,
  seq          BIGINT     NOT NULL,
  rev          BIGINT     NOT NULL,
  site_id      BIGINT     NOT NULL,
  edit_seq     BIGINT     NOT NULL,
  replaced_at  BIGINT     NOT NULL,
  body         MEDIUMTEXT NOT NULL,
  PRIMARY KEY (conversation, seq, rev)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

CREATE TABLE IF NOT EXISTS mark (
  conversation          BIGINT                                            NOT NULL,
  who_kind              VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  who_id                BIGINT                                            NOT NULL,
  site_id               BIGINT                                            NOT NULL,
  received              BIGINT                                            NOT NULL,
  `read`                BIGINT                                            NOT NULL,
  received_public       BIGINT                                            NOT NULL,
  read_public           BIGINT                                            NOT NULL,
  visitor_messages_read BIGINT                                            NOT NULL,
  agent_messages_read   BIGINT                                            NOT NULL,
  PRIMARY KEY (conversation, who_kind, who_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- The rounds of a conversation, the present one included.
CREATE TABLE IF NOT EXISTS round (
  conversation BIGINT NOT NULL,
  number       BIGINT NOT NULL,
  site_id      BIGINT NOT NULL,
  opened_at    BIGINT NOT NULL,
  resolved_at  BIGINT NOT NULL,
  first_seq    BIGINT NOT NULL,
  assignee     BIGINT NOT NULL,
  PRIMARY KEY (conversation, number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
