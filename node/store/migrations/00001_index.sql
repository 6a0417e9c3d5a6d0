-- The queries of package store run on SQLite and PostgreSQL. Of this file
-- PostgreSQL needs other words for the identity columns and for BLOB only.
-- Times are milliseconds since 1970, 0 for none.

-- +goose Up
CREATE TABLE objects (
    path            TEXT PRIMARY KEY,
    sop_uid         TEXT NOT NULL,
    sop_class_uid   TEXT NOT NULL,
    transfer_syntax TEXT NOT NULL,
    size            BIGINT NOT NULL,
    caller          TEXT NOT NULL,
    aside           SMALLINT NOT NULL,
    received_at     BIGINT NOT NULL,
    study_uid       TEXT NOT NULL,
    series_number   BIGINT NOT NULL,
    instance_number BIGINT NOT NULL,
    header          TEXT NOT NULL
);
CREATE UNIQUE INDEX objects_sop_uid ON objects (sop_uid) WHERE aside = 0;
CREATE INDEX objects_study ON objects (study_uid, series_number, instance_number);

-- Folders of which every object is in the index: a start need not look there.
CREATE TABLE sealed_folders (
    name TEXT PRIMARY KEY
);

CREATE TABLE studies (
    uid              TEXT PRIMARY KEY,
    accession        TEXT NOT NULL,
    accession_issuer TEXT NOT NULL,
    placer           TEXT NOT NULL,
    filler           TEXT NOT NULL,
    modality         TEXT NOT NULL,
    objects          BIGINT NOT NULL,
    last_object_at   BIGINT NOT NULL,
    patient          TEXT NOT NULL
);
CREATE INDEX studies_accession ON studies (accession);
CREATE INDEX studies_placer ON studies (placer);
CREATE INDEX studies_filler ON studies (filler);

CREATE TABLE messages (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    digest      BLOB NOT NULL UNIQUE, -- SHA-256 of raw
    peer        TEXT NOT NULL,
    control_id  TEXT NOT NULL,
    problem     TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    raw         BLOB NOT NULL
);

CREATE TABLE cases (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    revision   BIGINT NOT NULL,
    state      TEXT NOT NULL,
    reason     TEXT NOT NULL,
    study_uid  TEXT NOT NULL,
    report_key TEXT NOT NULL,
    accession  TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    modality   TEXT NOT NULL,
    pack       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    report     TEXT NOT NULL, -- JSON, as are the next two
    statements TEXT NOT NULL,
    flags      TEXT NOT NULL
);
CREATE INDEX cases_study ON cases (study_uid, id);
CREATE INDEX cases_report ON cases (report_key, id);
CREATE INDEX cases_accession ON cases (accession, id);
CREATE INDEX cases_patient ON cases (patient_id, id);
CREATE INDEX cases_state ON cases (state, id);

-- Counting a million rows takes too long for a page or a scrape.
CREATE TABLE case_counts (
    state TEXT PRIMARY KEY,
    n     BIGINT NOT NULL
);

-- The keys by which a case that has no images waits for its study.
CREATE TABLE case_keys (
    case_id BIGINT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    kind    TEXT NOT NULL,
    value   TEXT NOT NULL,
    issuer  TEXT NOT NULL,
    PRIMARY KEY (kind, value, case_id)
);
CREATE INDEX case_keys_case ON case_keys (case_id);

CREATE TABLE case_events (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id BIGINT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    at      BIGINT NOT NULL,
    event   TEXT NOT NULL
);
CREATE INDEX case_events_case ON case_events (case_id, id);

CREATE TABLE jobs (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    queue    TEXT NOT NULL,
    job_key  TEXT NOT NULL,
    case_id  BIGINT NOT NULL,
    run_at   BIGINT NOT NULL,
    due_at   BIGINT NOT NULL,             -- run_at, or the end of the lease
    leased   SMALLINT NOT NULL DEFAULT 0,
    moved    SMALLINT NOT NULL DEFAULT 0, -- asked for again while leased
    attempts BIGINT NOT NULL DEFAULT 0,
    UNIQUE (queue, job_key)
);
CREATE INDEX jobs_due ON jobs (queue, due_at, id);
CREATE INDEX jobs_order ON jobs (queue, id);

CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id     BIGINT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    destination TEXT NOT NULL,
    kind        TEXT NOT NULL,
    uid         TEXT NOT NULL,
    state       TEXT NOT NULL,
    attempts    BIGINT NOT NULL,
    detail      TEXT NOT NULL,
    at          BIGINT NOT NULL,
    payload     BLOB NOT NULL
);
CREATE INDEX deliveries_case ON deliveries (case_id, id);

-- +goose Down
DROP TABLE deliveries;
DROP TABLE jobs;
DROP TABLE case_events;
DROP TABLE case_keys;
DROP TABLE case_counts;
DROP TABLE cases;
DROP TABLE messages;
DROP TABLE studies;
DROP TABLE sealed_folders;
DROP TABLE objects;
