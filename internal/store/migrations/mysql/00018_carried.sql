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
