-- When a person gave up a failed case; 0: not.

-- +goose Up
ALTER TABLE cases ADD COLUMN dismissed_at BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE cases DROP COLUMN dismissed_at;
