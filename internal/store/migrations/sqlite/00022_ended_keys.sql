-- +goose Up

-- Signing keys all of whose log-ins are void, whether their rows have gone yet or not.
CREATE TABLE ended_signing_key (
  site_id  INTEGER NOT NULL,
  id       INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  PRIMARY KEY (site_id, id)
) WITHOUT ROWID;
CREATE INDEX ended_signing_key_at ON ended_signing_key (ended_at);
CREATE INDEX visitor_login_key ON visitor_login (site_id, signing_key);

-- By which the tickets of somebody who is erased are found.
CREATE INDEX ticket_name ON ticket (site_id, name);
