-- +goose Up

-- A file from the beginning of its upload. owner is who uploads; conversation, seq
-- and public are those of the event that has it, 0 before. delete_at is when it is
-- deleted, 0 for never; previews are those that were made; attempt is which of the
-- attempts to complete it was the one, as in the name of its bytes.
CREATE TABLE file (
  id           INTEGER PRIMARY KEY,
  site_id      INTEGER NOT NULL,
  owner        BLOB    NOT NULL,
  state        TEXT    NOT NULL,
  name         TEXT    NOT NULL,
  type         TEXT    NOT NULL,
  size         INTEGER NOT NULL,
  width        INTEGER NOT NULL,
  height       INTEGER NOT NULL,
  previews     INTEGER NOT NULL,
  attempt      INTEGER NOT NULL,
  conversation INTEGER NOT NULL,
  seq          INTEGER NOT NULL,
  public       INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  delete_at    INTEGER NOT NULL
);
CREATE INDEX file_event ON file (conversation, seq);
CREATE INDEX file_due ON file (delete_at) WHERE delete_at > 0;
CREATE INDEX file_owner ON file (owner, state);

-- The parts of an upload that are there, counted from 1.
CREATE TABLE file_part (
  file_id INTEGER NOT NULL,
  number  INTEGER NOT NULL,
  PRIMARY KEY (file_id, number)
);

-- The bytes of the files of a site by owner, and of all of them by '*'.
CREATE TABLE file_use (
  site_id INTEGER NOT NULL,
  owner   BLOB    NOT NULL,
  bytes   INTEGER NOT NULL,
  PRIMARY KEY (site_id, owner)
);

-- The file that is an agent's portrait.
CREATE TABLE portrait (
  agent_id INTEGER PRIMARY KEY,
  file_id  INTEGER NOT NULL
);
