-- What a person decides and says, and what orders and patient events tell the
-- join. PostgreSQL needs other words for the identity columns only.

-- +goose Up
ALTER TABLE studies ADD COLUMN procedure_id TEXT NOT NULL DEFAULT '';
ALTER TABLE studies ADD COLUMN patient_id TEXT NOT NULL DEFAULT '';
ALTER TABLE studies ADD COLUMN study_date TEXT NOT NULL DEFAULT '';
CREATE INDEX studies_patient ON studies (patient_id, study_date);

ALTER TABLE cases ADD COLUMN candidates TEXT NOT NULL DEFAULT 'null'; -- JSON

CREATE INDEX deliveries_state ON deliveries (state, id);

-- A destination that is paused; its results wait in order.
CREATE TABLE paused_destinations (
    name TEXT PRIMARY KEY,
    at   BIGINT NOT NULL
);

CREATE TABLE feedback (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id   BIGINT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    statement BIGINT NOT NULL, -- 0: the whole report
    rule      TEXT NOT NULL,   -- of a flag; '': the verdict
    opinion   TEXT NOT NULL,
    author    TEXT NOT NULL,
    note      TEXT NOT NULL,
    at        BIGINT NOT NULL
);
CREATE INDEX feedback_case ON feedback (case_id, id);

-- Orders (ORM, OMI, OMG): the keys that belong together.
CREATE TABLE orders (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    placer           TEXT NOT NULL,
    filler           TEXT NOT NULL,
    accession        TEXT NOT NULL,
    accession_issuer TEXT NOT NULL,
    study_uid        TEXT NOT NULL,
    procedure_id     TEXT NOT NULL,
    at               BIGINT NOT NULL
);
CREATE INDEX orders_placer ON orders (placer);
CREATE INDEX orders_filler ON orders (filler);

-- Merged patients (ADT^A40 and its like): prior is now current.
CREATE TABLE patient_merges (
    prior   TEXT NOT NULL,
    issuer  TEXT NOT NULL,
    current TEXT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (prior, issuer)
);
