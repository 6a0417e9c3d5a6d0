-- Storage commitment: what this node asked of others, and what others asked.

-- +goose Up
CREATE TABLE commitments (
    transaction_uid TEXT PRIMARY KEY,
    delivery_id     BIGINT NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    at              BIGINT NOT NULL
);
CREATE INDEX commitments_delivery ON commitments (delivery_id);

CREATE TABLE owed_results (
    owed_key TEXT PRIMARY KEY,
    result   TEXT NOT NULL -- JSON
);

-- What an ORU says that its Structured Report is called.
ALTER TABLE deliveries ADD COLUMN names TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE deliveries DROP COLUMN names;
DROP TABLE owed_results;
DROP TABLE commitments;
