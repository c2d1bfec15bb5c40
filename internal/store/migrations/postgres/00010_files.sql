-- +goose Up

-- A file from the beginning of its upload. owner is who uploads; conversation, seq
-- and public are those of the event that has it, 0 before. delete_at is when it is
-- deleted, 0 for never; previews are those that were made; attempt is which of the
-- attempts to complete it was the one, as in the name of its bytes.
CREATE TABLE file (
  id           BIGINT   PRIMARY KEY,
  site_id      BIGINT   NOT NULL,
  owner        BYTEA    NOT NULL,
  state        TEXT     NOT NULL,
  name         TEXT     NOT NULL,
  type         TEXT     NOT NULL,
  size         BIGINT   NOT NULL,
  width        BIGINT   NOT NULL,
  height       BIGINT   NOT NULL,
  previews     BIGINT   NOT NULL,
  attempt      BIGINT   NOT NULL,
  conversation BIGINT   NOT NULL,
  seq          BIGINT   NOT NULL,
  public       SMALLINT NOT NULL,
  created_at   BIGINT   NOT NULL,
  delete_at    BIGINT   NOT NULL
);
CREATE INDEX file_event ON file (conversation, seq);
CREATE INDEX file_due ON file (delete_at) WHERE delete_at > 0;
CREATE INDEX file_owner ON file (owner, state);

-- The parts of an upload that are there, counted from 1.
CREATE TABLE file_part (
  file_id BIGINT NOT NULL,
  number  BIGINT NOT NULL,
  PRIMARY KEY (file_id, number)
);

-- The bytes of the files of a site by owner, and of all of them by '*'.
CREATE TABLE file_use (
  site_id BIGINT NOT NULL,
  owner   BYTEA  NOT NULL,
  bytes   BIGINT NOT NULL,
  PRIMARY KEY (site_id, owner)
);

-- The file that is an agent's portrait.
CREATE TABLE portrait (
  agent_id BIGINT PRIMARY KEY,
  file_id  BIGINT NOT NULL
);
