-- The fingerprint of a judged report's text, to find it under another patient.

-- +goose Up
ALTER TABLE cases ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
CREATE INDEX cases_fingerprint ON cases (fingerprint) WHERE fingerprint <> '';
