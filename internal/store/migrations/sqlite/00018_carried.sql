-- +goose Up

-- The conversation in which this one went on when its visitor logged in; 0: in none.
ALTER TABLE head ADD COLUMN carried_to INTEGER NOT NULL DEFAULT 0;
