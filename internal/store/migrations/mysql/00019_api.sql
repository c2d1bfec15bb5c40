-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- What application servers asked for, by the Idempotency-Key of each request: fingerprint
-- is of method, path and body. While the first one is under way status is 0, lease says
-- whose it is, and until_at when it is nobody's any more; then it is when it is forgotten.
CREATE TABLE IF NOT EXISTS api_request (
  api_key     BIGINT        NOT NULL,
  name        VARBINARY(32) NOT NULL,
  fingerprint VARBINARY(32) NOT NULL,
  lease       BIGINT        NOT NULL,
  status      INT           NOT NULL,
  body        MEDIUMBLOB    NOT NULL,
  until_at    BIGINT        NOT NULL,
  PRIMARY KEY (api_key, name),
  KEY api_request_until (until_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- email is what the visitor's page said, and told what the site's application servers
-- did, with its e-mail address beside it: both only to be found by.
-- MySQL 8 has no ADD COLUMN IF NOT EXISTS.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'visitor' AND column_name = 'told_email');
SET @change = IF(@missing, 'ALTER TABLE visitor ADD COLUMN email VARBINARY(320), ADD COLUMN told MEDIUMTEXT, ADD COLUMN told_email VARBINARY(320), ADD KEY visitor_newest (site_id, id), ADD KEY visitor_email (site_id, email), ADD KEY visitor_told_email (site_id, told_email)', 'DO 0');
PREPARE change_visitor FROM @change;
EXECUTE change_visitor;
DEALLOCATE PREPARE change_visitor;
UPDATE visitor SET email = LEFT(LOWER(TRIM(JSON_UNQUOTE(JSON_EXTRACT(profile, '$.email')))), 320)
  WHERE email IS NULL AND JSON_EXTRACT(profile, '$.email') IS NOT NULL;
