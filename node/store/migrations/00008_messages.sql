-- The messages in quarantine are found without a search through all; and what
-- patient events say of a patient is remembered.

-- +goose Up
CREATE INDEX messages_quarantine ON messages (id) WHERE problem <> '';
CREATE TABLE patients (
    id         TEXT NOT NULL,
    issuer     TEXT NOT NULL,
    name       TEXT NOT NULL,
    birth_date TEXT NOT NULL,
    sex        TEXT NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (id, issuer, name, birth_date, sex)
);

-- +goose Down
DROP TABLE patients;
DROP INDEX messages_quarantine;
