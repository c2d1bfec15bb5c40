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

-- For how many a broadcast is: those who do not want none.
-- MySQL 8 has no ADD KEY IF NOT EXISTS.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'visitor' AND index_name = 'visitor_broadcast_off');
SET @change = IF(@missing, 'ALTER TABLE visitor ADD KEY visitor_broadcast_off (site_id, broadcast_off)', 'DO 0');
PREPARE change_visitor FROM @change;
EXECUTE change_visitor;
DEALLOCATE PREPARE change_visitor;
