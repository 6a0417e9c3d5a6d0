-- What modalities, managers and archives say that studies hold: performed
-- procedure steps, availability notifications and answers to queries.

-- +goose Up
CREATE TABLE announcements (
    source   TEXT NOT NULL,   -- mpps, ian, query
    uid      TEXT NOT NULL,
    sender   TEXT NOT NULL,
    status   TEXT NOT NULL,
    promised BIGINT NOT NULL, -- instances
    pulls    BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (source, uid)
);
CREATE INDEX announcements_at ON announcements (at);

CREATE TABLE announced_keys (
    source TEXT NOT NULL,
    uid    TEXT NOT NULL,
    kind   TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (kind, value, source, uid),
    FOREIGN KEY (source, uid) REFERENCES announcements (source, uid) ON DELETE CASCADE
);
CREATE INDEX announced_keys_of ON announced_keys (source, uid);

CREATE TABLE announced_instances (
    source        TEXT NOT NULL,
    uid           TEXT NOT NULL,
    sop_uid       TEXT NOT NULL,
    series_uid    TEXT NOT NULL,
    sop_class_uid TEXT NOT NULL,
    PRIMARY KEY (source, uid, sop_uid),
    FOREIGN KEY (source, uid) REFERENCES announcements (source, uid) ON DELETE CASCADE
);

-- +goose Down
DROP TABLE announced_instances;
DROP TABLE announced_keys;
DROP TABLE announcements;
