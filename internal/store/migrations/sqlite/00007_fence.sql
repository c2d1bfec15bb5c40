-- +goose Up

-- While it is closed the database takes nothing: it is being moved, or has been.
-- Every transaction that writes reads this row before it commits.
CREATE TABLE fence (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  closed INTEGER NOT NULL
);
INSERT INTO fence (id, closed) VALUES (1, 0);
