-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- Visitors of whom everything was removed on somebody's wish: by a hash of who it was,
-- with numbers of what went. There is nothing of the person in it.
CREATE TABLE IF NOT EXISTS erasure (
  id      BIGINT                                             PRIMARY KEY,
  hash    VARBINARY(64)                                      NOT NULL,
  site_id BIGINT                                             NOT NULL,
  by_kind VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  by_id   BIGINT                                             NOT NULL,
  at      BIGINT                                             NOT NULL,
  removed TEXT                                               NOT NULL,
  UNIQUE KEY erasure_hash (hash),
  KEY erasure_at (at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- By which retention finds the rounds that are old.
-- MySQL 8 has no ADD KEY IF NOT EXISTS.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'round' AND index_name = 'round_resolved');
SET @change = IF(@missing, 'ALTER TABLE round ADD KEY round_resolved (site_id, resolved_at, conversation, number)', 'DO 0');
PREPARE change_round FROM @change;
EXECUTE change_round;
DEALLOCATE PREPARE change_round;
