-- +goose Up

-- The API key by which a ticket was made; 0 for those that are older than this column.
ALTER TABLE ticket ADD COLUMN api_key BIGINT NOT NULL DEFAULT 0;
