-- The sequence up to which records of the journal have taken effect, changed
-- in the transaction of the effect.

-- +goose Up
CREATE TABLE journal_position (
    name      TEXT PRIMARY KEY, -- messages
    processed BIGINT NOT NULL
);

-- +goose Down
DROP TABLE journal_position;
