-- +goose Up

-- What application servers asked for, by the Idempotency-Key of each request: fingerprint
-- is of method, path and body. While the first one is under way status is 0, lease says
-- whose it is, and until_at when it is nobody's any more; then it is when it is forgotten.
CREATE TABLE api_request (
  api_key     INTEGER NOT NULL,
  name        BLOB    NOT NULL,
  fingerprint BLOB    NOT NULL,
  lease       INTEGER NOT NULL,
  status      INTEGER NOT NULL,
  body        BLOB    NOT NULL,
  until_at    INTEGER NOT NULL,
  PRIMARY KEY (api_key, name)
) WITHOUT ROWID;
CREATE INDEX api_request_until ON api_request (until_at);

-- email is what the visitor's page said, and told what the site's application servers
-- did, with its e-mail address beside it: both only to be found by.
ALTER TABLE visitor ADD COLUMN email BLOB;
ALTER TABLE visitor ADD COLUMN told TEXT;
ALTER TABLE visitor ADD COLUMN told_email BLOB;
-- The condition keeps planners from taking it for a look-up by the secret.
CREATE INDEX visitor_newest ON visitor (site_id, id) WHERE id > 0;
CREATE INDEX visitor_email ON visitor (site_id, email) WHERE email IS NOT NULL;
CREATE INDEX visitor_told_email ON visitor (site_id, told_email) WHERE told_email IS NOT NULL;
UPDATE visitor SET email = CAST(lower(trim(json_extract(profile, '$.email'))) AS BLOB) WHERE json_extract(profile, '$.email') IS NOT NULL;
