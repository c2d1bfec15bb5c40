-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- By which a website signs its tokens; at most two of a site, in the places 1 and 2.
-- The secret is as it stands: what is signed with it cannot be checked by a hash.
CREATE TABLE IF NOT EXISTS signing_key (
  site_id      BIGINT                                             NOT NULL,
  place        BIGINT                                             NOT NULL,
  id           BIGINT                                             NOT NULL,
  secret       VARBINARY(255)                                     NOT NULL,
  made_by_kind VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  made_by_id   BIGINT                                             NOT NULL,
  made_by_name TEXT                                               NOT NULL,
  made_at      BIGINT                                             NOT NULL,
  last_used_at BIGINT                                             NOT NULL,
  PRIMARY KEY (site_id, place)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- Verified visitors' rights of entry. ended_at is 0 while one is valid.
CREATE TABLE IF NOT EXISTS visitor_login (
  id           BIGINT        PRIMARY KEY,
  site_id      BIGINT        NOT NULL,
  visitor_id   BIGINT        NOT NULL,
  token_hash   VARBINARY(64) NOT NULL,
  signing_key  BIGINT        NOT NULL,
  made_at      BIGINT        NOT NULL,
  last_used_at BIGINT        NOT NULL,
  ended_at     BIGINT        NOT NULL,
  UNIQUE KEY visitor_login_token (token_hash),
  KEY visitor_login_visitor (visitor_id, last_used_at),
  KEY visitor_login_used (last_used_at),
  KEY visitor_login_ended (ended_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- The tokens that were exchanged, until they would be refused for their age.
CREATE TABLE IF NOT EXISTS visitor_token (
  site_id       BIGINT         NOT NULL,
  jti           VARBINARY(255) NOT NULL,
  exchange_hash VARBINARY(64)  NOT NULL,
  login_id      BIGINT         NOT NULL,
  expires_at    BIGINT         NOT NULL,
  PRIMARY KEY (site_id, jti),
  KEY visitor_token_expires (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- What its website says of a verified visitor. external_id is the person's id there.
-- MySQL 8 has no ADD COLUMN IF NOT EXISTS.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'visitor' AND column_name = 'vouched');
SET @change = IF(@missing, 'ALTER TABLE visitor
  ADD COLUMN vouched MEDIUMTEXT,
  ADD UNIQUE KEY visitor_external (site_id, external_id)', 'DO 0');
PREPARE change_visitor FROM @change;
EXECUTE change_visitor;
DEALLOCATE PREPARE change_visitor;

-- The log-in by which a verified visitor made a ticket for itself; 0: it was another's.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'ticket' AND column_name = 'login_id');
SET @change = IF(@missing, 'ALTER TABLE ticket ADD COLUMN login_id BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_ticket FROM @change;
EXECUTE change_ticket;
DEALLOCATE PREPARE change_ticket;
