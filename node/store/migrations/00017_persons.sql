-- Who did what a person did to a case.

-- +goose Up
ALTER TABLE case_events ADD COLUMN person TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE case_events DROP COLUMN person;
