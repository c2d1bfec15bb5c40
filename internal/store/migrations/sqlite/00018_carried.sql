-- +goose Up

-- The conversation in which this one went on when its visitor logged in; 0: in none.
ALTER TABLE head ADD COLUMN carried_to INTEGER NOT NULL DEFAULT 0;

-- The same the other way round, for whoever is to be erased with all that went along.
CREATE TABLE carried (
  conversation    INTEGER PRIMARY KEY,
  to_conversation INTEGER NOT NULL
);
CREATE INDEX carried_to ON carried (to_conversation);
