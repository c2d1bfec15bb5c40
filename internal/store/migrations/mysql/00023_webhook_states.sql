-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- Since when a webhook is in its state; up to which conversation what waits for it was
-- looked at while it is resumed; how many events retention removed before they were sent.
-- MySQL 8 has no ADD COLUMN IF NOT EXISTS.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'webhook' AND column_name = 'lost_at');
SET @change = IF(@missing, 'ALTER TABLE webhook ADD COLUMN state_at BIGINT NOT NULL DEFAULT 0, ADD COLUMN resumed_to BIGINT NOT NULL DEFAULT 0, ADD COLUMN lost BIGINT NOT NULL DEFAULT 0, ADD COLUMN lost_at BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_webhook FROM @change;
EXECUTE change_webhook;
DEALLOCATE PREPARE change_webhook;
UPDATE webhook SET state_at = CASE WHEN paused_at > 0 THEN paused_at ELSE made_at END WHERE state_at = 0;
