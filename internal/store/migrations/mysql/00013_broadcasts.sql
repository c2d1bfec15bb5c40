-- +goose Up

-- This engine commits each statement by itself: one that was done before a start
-- died is passed over by the next.

-- A word to many visitors of a site. What is sent of it to whom stands nowhere but in
-- the visitors' own rows; the counts are sums.
CREATE TABLE IF NOT EXISTS broadcast (
  id              BIGINT PRIMARY KEY,
  site_id         BIGINT NOT NULL,
  body            MEDIUMTEXT NOT NULL,
  shown_as        VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  audience        MEDIUMTEXT NOT NULL,
  state           VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  waves           BIGINT NOT NULL,
  wave_seconds    BIGINT NOT NULL,
  wave            BIGINT NOT NULL,
  number          BIGINT NOT NULL,
  expected        BIGINT NOT NULL,
  created_at      BIGINT NOT NULL,
  scheduled_at    BIGINT NOT NULL,
  published_at    BIGINT NOT NULL,
  withdrawn_at    BIGINT NOT NULL,
  expires_at      BIGINT NOT NULL,
  by_kind         VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  by_id           BIGINT NOT NULL,
  by_name         TEXT    NOT NULL,
  version         BIGINT NOT NULL,
  delivered_count BIGINT NOT NULL,
  read_count      BIGINT NOT NULL,
  KEY broadcast_site (site_id, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- The last entry of each site's log.
CREATE TABLE IF NOT EXISTS broadcast_head (
  site_id BIGINT PRIMARY KEY,
  number  BIGINT NOT NULL,
  tag     BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- What became of a site's broadcasts: a wave went out, or (0) it was withdrawn.
CREATE TABLE IF NOT EXISTS broadcast_entry (
  site_id      BIGINT NOT NULL,
  number       BIGINT NOT NULL,
  tag          BIGINT NOT NULL,
  broadcast_id BIGINT NOT NULL,
  wave         BIGINT NOT NULL,
  at           BIGINT NOT NULL,
  PRIMARY KEY (site_id, number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- How far a visitor has come in its site's log, by which entries broadcasts came to it,
-- and whether it wants none.
-- MySQL 8 has no ADD COLUMN IF NOT EXISTS.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'visitor' AND column_name = 'broadcast_received');
SET @change = IF(@missing, 'ALTER TABLE visitor
  ADD COLUMN broadcast_received BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN broadcast_read BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN broadcast_seen VARBINARY(1024),
  ADD COLUMN broadcast_off BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_visitor FROM @change;
EXECUTE change_visitor;
DEALLOCATE PREPARE change_visitor;
