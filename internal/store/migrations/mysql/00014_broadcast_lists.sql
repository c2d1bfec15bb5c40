-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- For whom a broadcast is that is for a list of visitors: their ids in ascending order, in
-- parts, each packed as varints of the distance from one to the next.
CREATE TABLE IF NOT EXISTS broadcast_list (
  broadcast_id BIGINT NOT NULL,
  part         BIGINT NOT NULL,
  ids          BLOB   NOT NULL,
  PRIMARY KEY (broadcast_id, part)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
