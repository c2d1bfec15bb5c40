-- +goose Up

-- Since when a webhook is in its state; up to which conversation what waits for it was
-- looked at while it is resumed; how many events retention removed before they were sent.
ALTER TABLE webhook ADD COLUMN state_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhook ADD COLUMN resumed_to INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhook ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhook ADD COLUMN lost_at INTEGER NOT NULL DEFAULT 0;
UPDATE webhook SET state_at = CASE WHEN paused_at > 0 THEN paused_at ELSE made_at END;
