-- +goose Up

-- Work for later, which any node claims when its time has come. due_at is when the
-- row concerns somebody next: run_at; the end of the lease of who holds it; when it
-- is removed, after it was given up. lease is a random number, 0 while nobody has it.
CREATE TABLE job (
  kind        TEXT    NOT NULL,
  job_key     BLOB    NOT NULL,
  run_at      INTEGER NOT NULL,
  due_at      INTEGER NOT NULL,
  payload     TEXT    NOT NULL,
  attempts    INTEGER NOT NULL,
  version     INTEGER NOT NULL,
  lease       INTEGER NOT NULL,
  given_up_at INTEGER NOT NULL,
  last_error  TEXT    NOT NULL,
  PRIMARY KEY (kind, job_key)
);
CREATE INDEX job_due ON job (kind, due_at);
