-- Tables that each report writes to get no b-tree that they can do without:
-- case_keys is its own index, and a row number that was in use and is no more
-- may come again where nothing refers to it. A clause that PostgreSQL lacks is
-- taken out for it.

-- +goose Up
CREATE TABLE new_case_keys (
    case_id BIGINT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    kind    TEXT NOT NULL,
    value   TEXT NOT NULL,
    issuer  TEXT NOT NULL,
    PRIMARY KEY (kind, value, case_id)
) WITHOUT ROWID;
INSERT INTO new_case_keys SELECT case_id, kind, value, issuer FROM case_keys;
DROP TABLE case_keys;
ALTER TABLE new_case_keys RENAME TO case_keys;
CREATE INDEX case_keys_case ON case_keys (case_id);

CREATE TABLE new_case_events (
    id      INTEGER PRIMARY KEY,
    case_id BIGINT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    at      BIGINT NOT NULL,
    event   TEXT NOT NULL
);
INSERT INTO new_case_events (case_id, at, event) SELECT case_id, at, event FROM case_events ORDER BY id;
DROP TABLE case_events;
ALTER TABLE new_case_events RENAME TO case_events;
CREATE INDEX case_events_case ON case_events (case_id, id);
