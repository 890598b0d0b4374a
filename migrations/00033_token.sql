-- +goose Up
-- 短期令牌: what a program of Esri's kind carries instead of a key, in addresses
-- too, so that it lasts an hour or two and opens the FeatureServer only. The token
-- itself is not kept. prefix is of the key that it was given for, and ends it;
-- capacity is the role that it acts in; referer and address, where not empty, hold
-- it to who asked for it.
CREATE TABLE access_token (
    county_code text        NOT NULL,
    sha256      bytea       NOT NULL,
    identity_id uuid        NOT NULL,
    prefix      text        NOT NULL DEFAULT '',
    capacity    text        NOT NULL DEFAULT '',
    referer     text        NOT NULL DEFAULT '',
    address     text        NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (county_code, sha256),
    FOREIGN KEY (county_code, identity_id) REFERENCES identity ON DELETE CASCADE
);
CREATE INDEX access_token_sha256 ON access_token (sha256);
