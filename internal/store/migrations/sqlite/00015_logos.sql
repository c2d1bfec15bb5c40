-- +goose Up

-- The file that is a site's logo.
CREATE TABLE logo (
  site_id INTEGER PRIMARY KEY,
  file_id INTEGER NOT NULL
);
