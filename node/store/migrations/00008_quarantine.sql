-- The messages in quarantine are found without a search through all.

-- +goose Up
CREATE INDEX messages_quarantine ON messages (id) WHERE problem <> '';

-- +goose Down
DROP INDEX messages_quarantine;
