-- +goose Up

-- The pictures that websites name for their visitors: wanted is the address in the last
-- token, fetched the one of which file_id was made, and file_id 0 where none was yet.
CREATE TABLE visitor_portrait (
  visitor_id BIGINT PRIMARY KEY,
  wanted     BYTEA  NOT NULL,
  fetched    BYTEA  NOT NULL,
  file_id    BIGINT NOT NULL
);

-- The e-mail address that its website vouches for, only to find the visitor by.
ALTER TABLE visitor ADD COLUMN vouched_email BYTEA;
CREATE INDEX visitor_vouched_email ON visitor (site_id, vouched_email) WHERE vouched_email IS NOT NULL;
UPDATE visitor SET vouched_email = convert_to(lower(trim(vouched::json ->> 'email')), 'UTF8') WHERE vouched::json ->> 'email' IS NOT NULL;
