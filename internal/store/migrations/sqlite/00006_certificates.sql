-- +goose Up

-- What the nodes share about the certificates of HTTPS: the account at the
-- authority, chain and key, who asks for the next one. version rises with each
-- write, so that of several nodes one is first.
CREATE TABLE certificate (
  name    BLOB    PRIMARY KEY,
  value   BLOB    NOT NULL,
  version INTEGER NOT NULL
);
