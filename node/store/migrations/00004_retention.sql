-- Retention: what was removed, and what finds the oldest.

-- +goose Up

-- Files whose objects are no longer in the index and that are still to be
-- deleted. Without this a start would take them for new objects.
CREATE TABLE removals (
    path TEXT PRIMARY KEY
);

-- Cases whose images were removed, with one of the objects for what may still
-- have to be said about them, such as a withdrawal.
CREATE TABLE removed_images (
    case_id BIGINT PRIMARY KEY REFERENCES cases (id) ON DELETE CASCADE,
    object  TEXT NOT NULL -- JSON
);

CREATE INDEX studies_last_object ON studies (last_object_at);
CREATE INDEX messages_received ON messages (received_at) WHERE problem = '' AND length(raw) > 0;

-- +goose Down
DROP INDEX messages_received;
DROP INDEX studies_last_object;
DROP TABLE removed_images;
DROP TABLE removals;
