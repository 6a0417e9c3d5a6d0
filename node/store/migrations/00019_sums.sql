-- What the teaching page adds up, without reading the cases.

-- +goose Up
CREATE TABLE case_sums (
    case_id      BIGINT PRIMARY KEY REFERENCES cases (id) ON DELETE CASCADE,
    author       TEXT NOT NULL,
    week         BIGINT NOT NULL, -- its Monday
    statements   BIGINT NOT NULL,
    contradicted BIGINT NOT NULL,
    open         BIGINT NOT NULL,
    vague        BIGINT NOT NULL,
    flags        BIGINT NOT NULL
);

-- +goose Down
DROP TABLE case_sums;
