-- +goose Up

-- While it is closed the database takes nothing: it is being moved, or has been.
-- Every transaction that writes reads this row before it commits.
CREATE TABLE IF NOT EXISTS fence (
  id     TINYINT PRIMARY KEY CHECK (id = 1),
  closed BIGINT  NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
INSERT IGNORE INTO fence (id, closed) VALUES (1, 0);
