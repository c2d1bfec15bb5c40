-- +goose Up

-- For whom a broadcast is that is for a list of visitors: their ids in ascending order, in
-- parts, each packed as varints of the distance from one to the next.
CREATE TABLE broadcast_list (
  broadcast_id BIGINT NOT NULL,
  part         BIGINT NOT NULL,
  ids          BYTEA  NOT NULL,
  PRIMARY KEY (broadcast_id, part)
);

-- For how many a broadcast is: those who do not want none.
CREATE INDEX visitor_broadcast_off ON visitor (site_id, broadcast_off);
