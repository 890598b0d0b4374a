-- +goose Up
-- 下载任务: a collection that is made into a file by a job, for who asked. What it
-- holds was read as that township sees it ('' is the whole county), and only that
-- township, and who sees all, may fetch it, until expires_at. bytes is what its file
-- takes on the disk; query is what stood behind the question mark.
CREATE TABLE download (
    county_code   text        NOT NULL REFERENCES county,
    download_id   uuid        NOT NULL,
    township_code text        NOT NULL,
    collection    text        NOT NULL,
    query         text        NOT NULL,
    status        text        NOT NULL CHECK (status IN ('queued', 'running', 'done', 'failed')),
    problem       jsonb,
    file_name     text        NOT NULL DEFAULT '',
    plain_name    text        NOT NULL DEFAULT '',
    media         text        NOT NULL DEFAULT '',
    file          text        NOT NULL DEFAULT '', -- below the download's own folder
    features      bigint      NOT NULL DEFAULT 0,
    epsg          integer     NOT NULL DEFAULT 0,
    bytes         bigint      NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz,
    PRIMARY KEY (county_code, download_id),
    CHECK (status <> 'done' OR expires_at IS NOT NULL)
);
-- few rows hold a file; those that once did stay for whoever asks why it is gone
CREATE INDEX download_held ON download (expires_at) WHERE status <> 'failed' AND (bytes > 0 OR status <> 'done');

SELECT access_township_rows('download');

ALTER TABLE job DROP CONSTRAINT job_kind_check;
ALTER TABLE job ADD CONSTRAINT job_kind_check CHECK (kind IN ('load', 'screen', 'plan', 'download'));
-- a township follows its own downloads
CREATE POLICY access_download ON job TO gengheng_township USING (county_code = (SELECT access_county())
    AND kind = 'download' AND EXISTS (SELECT FROM download d WHERE d.county_code = job.county_code AND d.download_id = job.subject));
