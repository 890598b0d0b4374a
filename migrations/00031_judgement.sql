-- +goose Up
-- 即时结论: what was judged of a candidate when it was edited, until a screening
-- has read it. declaration is the digest of what was judged (workflow_digest): of
-- another boundary or another statement the row says nothing. It can be computed
-- again at any time, so it is replaced and never referred to.
CREATE TABLE candidate_judgement (
    county_code   text    NOT NULL REFERENCES county,
    year          integer NOT NULL,
    direction     text    NOT NULL CHECK (direction IN ('in', 'out')),
    number        text    NOT NULL,
    township_code text    NOT NULL,
    declaration   text    NOT NULL,
    verdict       text    NOT NULL CHECK (verdict IN ('eligible', 'eligible_after_clip', 'needs_review', 'forbidden', 'unknown')),
    usable_m2     numeric(18,2) NOT NULL,
    net_m2        numeric(18,2) NOT NULL,
    net_paddy_m2  numeric(18,2) NOT NULL,
    slope_class   text,
    quality       numeric(6,3),
    reasons       jsonb   NOT NULL,
    judged_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (county_code, year, direction, number)
);
SELECT access_township_rows('candidate_judgement');

-- 版本: the digest of all that can be edited of a candidate. workflow_digest is of
-- what is reviewed; this is of the village's name and the declared area too.
-- +goose StatementBegin
CREATE FUNCTION candidate_version(c candidate) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(workflow_digest(c) || jsonb_build_array(c.township_name, c.village, c.declared_m2)::text, 'UTF8')), 'hex')
$$;
-- +goose StatementEnd
