-- +goose Up

-- The file that is a site's logo.
CREATE TABLE logo (
  site_id BIGINT PRIMARY KEY,
  file_id BIGINT NOT NULL
);
