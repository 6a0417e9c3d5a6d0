-- A peer that was away for long may still refuse as often as any other.

-- +goose Up
ALTER TABLE deliveries ADD COLUMN refusals BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE deliveries DROP COLUMN refusals;
