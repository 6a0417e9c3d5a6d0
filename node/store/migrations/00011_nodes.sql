-- Several nodes with one index.

-- +goose Up
ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT ''; -- the node that holds the lease

-- The one node that keeps the objects: its data directory holds their files.
CREATE TABLE object_holder (
    one  SMALLINT PRIMARY KEY, -- 1
    node TEXT NOT NULL
);

-- +goose Down
DROP TABLE object_holder;
ALTER TABLE jobs DROP COLUMN owner;
