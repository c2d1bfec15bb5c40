-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- What the nodes share about the certificates of HTTPS: the account at the
-- authority, chain and key, who asks for the next one. version rises with each
-- write, so that of several nodes one is first.
CREATE TABLE IF NOT EXISTS certificate (
  name    VARBINARY(255) PRIMARY KEY,
  value   MEDIUMBLOB     NOT NULL,
  version BIGINT         NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
