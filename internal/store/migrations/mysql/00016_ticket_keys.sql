-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- The API key by which a ticket was made; 0 for those that are older than this column.
-- MySQL 8 has no ADD COLUMN IF NOT EXISTS.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'ticket' AND column_name = 'api_key');
SET @change = IF(@missing, 'ALTER TABLE ticket ADD COLUMN api_key BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_ticket FROM @change;
EXECUTE change_ticket;
DEALLOCATE PREPARE change_ticket;
