-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- The pictures that websites name for their visitors: wanted is the address in the last
-- token, fetched the one of which file_id was made, and file_id 0 where none was yet.
CREATE TABLE IF NOT EXISTS visitor_portrait (
  visitor_id BIGINT          PRIMARY KEY,
  wanted     VARBINARY(2048) NOT NULL,
  fetched    VARBINARY(2048) NOT NULL,
  file_id    BIGINT          NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- The e-mail address that its website vouches for, only to find the visitor by.
-- MySQL 8 has no ADD COLUMN IF NOT EXISTS.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'visitor' AND column_name = 'vouched_email');
SET @change = IF(@missing, 'ALTER TABLE visitor ADD COLUMN vouched_email VARBINARY(320), ADD KEY visitor_vouched_email (site_id, vouched_email)', 'DO 0');
PREPARE change_visitor FROM @change;
EXECUTE change_visitor;
DEALLOCATE PREPARE change_visitor;
UPDATE visitor SET vouched_email = LEFT(LOWER(TRIM(JSON_UNQUOTE(JSON_EXTRACT(vouched, '$.email')))), 320)
  WHERE vouched_email IS NULL AND JSON_EXTRACT(vouched, '$.email') IS NOT NULL;
