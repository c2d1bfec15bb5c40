-- +goose Up

-- The file that is a site's logo.
CREATE TABLE IF NOT EXISTS logo (
  site_id BIGINT PRIMARY KEY,
  file_id BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
