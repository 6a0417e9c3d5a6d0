-- What the budgets of false alerts were spent on: one row for each judged
-- report and destination with a budget.

-- +goose Up
CREATE TABLE alerts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id     BIGINT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    destination TEXT NOT NULL,
    at          BIGINT NOT NULL,
    flagged     SMALLINT NOT NULL, -- 0: flags is empty
    flags       TEXT NOT NULL      -- JSON
);
CREATE INDEX alerts_destination ON alerts (destination, id);
CREATE INDEX alerts_flagged ON alerts (destination, flagged, id);
CREATE INDEX alerts_case ON alerts (case_id);

-- +goose Down
DROP TABLE alerts;
