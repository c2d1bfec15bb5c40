-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- Work for later, which any node claims when its time has come. due_at is when the
-- row concerns somebody next: run_at; the end of the lease of who holds it; when it
-- is removed, after it was given up. lease is a random number, 0 while nobody has it.
CREATE TABLE IF NOT EXISTS job (
  kind        VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  job_key     VARBINARY(200)                                    NOT NULL,
  run_at      BIGINT                                            NOT NULL,
  due_at      BIGINT                                            NOT NULL,
  payload     MEDIUMTEXT                                        NOT NULL,
  attempts    BIGINT                                            NOT NULL,
  version     BIGINT                                            NOT NULL,
  lease       BIGINT                                            NOT NULL,
  given_up_at BIGINT                                            NOT NULL,
  last_error  MEDIUMTEXT                                        NOT NULL,
  PRIMARY KEY (kind, job_key),
  KEY job_due (kind, due_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
