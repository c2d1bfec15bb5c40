-- +goose Up

-- While it is closed the database takes nothing: it is being moved, or has been.
-- Every transaction that writes reads this row before it commits.
CREATE TABLE fence (
  id     SMALLINT PRIMARY KEY CHECK (id = 1),
  closed BIGINT NOT NULL
);
INSERT INTO fence (id, closed) VALUES (1, 0);
