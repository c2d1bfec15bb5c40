-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- The conversation in which this one went on when its visitor logged in; 0: in none.
-- MySQL 8 has no ADD COLUMN IF NOT EXISTS.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'head' AND column_name = 'carried_to');
SET @change = IF(@missing, 'ALTER TABLE head ADD COLUMN carried_to BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_head FROM @change;
EXECUTE change_head;
DEALLOCATE PREPARE change_head;

-- The same the other way round, for whoever is to be erased with all that went along.
CREATE TABLE IF NOT EXISTS carried (
  conversation    BIGINT PRIMARY KEY,
  to_conversation BIGINT NOT NULL,
  KEY carried_to (to_conversation)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
