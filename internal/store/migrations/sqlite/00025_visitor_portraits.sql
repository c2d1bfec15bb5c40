-- +goose Up

-- The pictures that websites name for their visitors: wanted is the address in the last
-- token, fetched the one of which file_id was made, and file_id 0 where none was yet.
CREATE TABLE visitor_portrait (
  visitor_id INTEGER PRIMARY KEY,
  wanted     BLOB    NOT NULL,
  fetched    BLOB    NOT NULL,
  file_id    INTEGER NOT NULL
);

-- The e-mail address that its website vouches for, only to find the visitor by.
ALTER TABLE visitor ADD COLUMN vouched_email BLOB;
CREATE INDEX visitor_vouched_email ON visitor (site_id, vouched_email) WHERE vouched_email IS NOT NULL;
UPDATE visitor SET vouched_email = CAST(lower(trim(json_extract(vouched, '$.email'))) AS BLOB) WHERE json_extract(vouched, '$.email') IS NOT NULL;
