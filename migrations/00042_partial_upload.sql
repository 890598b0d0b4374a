-- +goose Up
-- 未传完的文件: uploads that were begun and can be resumed. The content that has
-- arrived lies in the data folder under the upload's id; its length there is the
-- offset. Only who began it, in that capacity, goes on with it. It becomes an upload
-- (of the same id) when all has arrived, and not before; the row stays until it
-- expires, so that a client whose last answer was lost learns that all is there.
CREATE TABLE partial_upload (
    county_code   text        NOT NULL REFERENCES county,
    upload_id     uuid        NOT NULL,
    identity_id   uuid        NOT NULL, -- not a reference: where nobody is asked there is no identity
    township_code text        NOT NULL DEFAULT '',
    file_name     text        NOT NULL CHECK (file_name <> ''),
    size          bigint      NOT NULL CHECK (size > 0),
    sha256        text        NOT NULL DEFAULT '' CHECK (sha256 ~ '^([0-9a-f]{64})?$'),
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    completed_at  timestamptz,
    PRIMARY KEY (county_code, upload_id)
);
CREATE INDEX partial_upload_identity ON partial_upload (county_code, identity_id) WHERE completed_at IS NULL;
