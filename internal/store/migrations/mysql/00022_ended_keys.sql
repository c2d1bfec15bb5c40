-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- Signing keys all of whose log-ins are void, whether their rows have gone yet or not.
CREATE TABLE IF NOT EXISTS ended_signing_key (
  site_id  BIGINT NOT NULL,
  id       BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  PRIMARY KEY (site_id, id),
  KEY ended_signing_key_at (ended_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- MySQL 8 has no ADD KEY IF NOT EXISTS.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'visitor_login' AND index_name = 'visitor_login_key');
SET @change = IF(@missing, 'ALTER TABLE visitor_login ADD KEY visitor_login_key (site_id, signing_key)', 'DO 0');
PREPARE change_logins FROM @change;
EXECUTE change_logins;
DEALLOCATE PREPARE change_logins;

-- By which the tickets of somebody who is erased are found.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'ticket' AND index_name = 'ticket_name');
SET @change = IF(@missing, 'ALTER TABLE ticket ADD KEY ticket_name (site_id, name)', 'DO 0');
PREPARE change_tickets FROM @change;
EXECUTE change_tickets;
DEALLOCATE PREPARE change_tickets;
