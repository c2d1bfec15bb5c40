-- +goose Up

-- Work for later, which any node claims when its time has come. due_at is when the
-- row concerns somebody next: run_at; the end of the lease of who holds it; when it
-- is removed, after it was given up. lease is a random number, 0 while nobody has it.
CREATE TABLE job (
  kind        TEXT COLLATE "C" NOT NULL,
  job_key     BYTEA            NOT NULL,
  run_at      BIGINT           NOT NULL,
  due_at      BIGINT           NOT NULL,
  payload     TEXT             NOT NULL,
  attempts    BIGINT           NOT NULL,
  version     BIGINT           NOT NULL,
  lease       BIGINT           NOT NULL,
  given_up_at BIGINT           NOT NULL,
  last_error  TEXT             NOT NULL,
  PRIMARY KEY (kind, job_key)
);
CREATE INDEX job_due ON job (kind, due_at);
