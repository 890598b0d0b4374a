-- +goose Up
-- 验收: measured boundaries, what each department found, field photos and what
-- has to be put right.

-- 量测: the boundary as measured in the field, what it is worth by screening it
-- again, and what of it can be credited.
CREATE TABLE workflow_inspection (
    county_code   text        NOT NULL,
    year          integer     NOT NULL,
    direction     text        NOT NULL,
    number        text        NOT NULL,
    inspection_id uuid        NOT NULL,
    township_code text        NOT NULL,
    kind          text        NOT NULL CHECK (kind IN ('township', 'county')),
    revision      integer     NOT NULL, -- of the record when it was made
    gross_m2      numeric(18,2) NOT NULL CHECK (gross_m2 > 0),
    net_m2        numeric(18,2) NOT NULL,
    net_paddy_m2  numeric(18,2) NOT NULL,
    grade         integer,
    planned_m2    numeric(18,2) NOT NULL,
    outside_m2    numeric(18,2) NOT NULL, -- of the measured boundary, outside the planned one
    rulebook      text        NOT NULL,
    verdict       text        NOT NULL CHECK (verdict IN ('eligible', 'eligible_after_clip', 'needs_review', 'forbidden', 'unknown')),
    reasons       jsonb       NOT NULL DEFAULT '[]',
    note          text        NOT NULL DEFAULT '',
    by_id         uuid        NOT NULL,
    by_as         text        NOT NULL,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    measured      geometry(MultiPolygon) NOT NULL CHECK (NOT ST_IsEmpty(measured)),
    credited      geometry(MultiPolygon) NOT NULL,
    PRIMARY KEY (county_code, inspection_id),
    FOREIGN KEY (county_code, year, direction, number) REFERENCES workflow_record
);
CREATE INDEX workflow_inspection_record ON workflow_inspection (county_code, year, direction, number, at);

-- 签字: a department's checklist and its name under an inspection. Only added
-- to; the last of a department counts.
CREATE TABLE workflow_signature (
    county_code   text        NOT NULL,
    inspection_id uuid        NOT NULL,
    department    text        NOT NULL CHECK (department IN ('township', 'bureau', 'agriculture', 'forestry', 'water', 'environment')),
    seq           integer     NOT NULL CHECK (seq >= 1),
    township_code text        NOT NULL,
    answers       jsonb       NOT NULL,
    passed        boolean     NOT NULL,
    note          text        NOT NULL DEFAULT '',
    by_id         uuid        NOT NULL,
    by_as         text        NOT NULL,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (county_code, inspection_id, department, seq),
    FOREIGN KEY (county_code, inspection_id) REFERENCES workflow_inspection,
    CHECK (passed OR note <> '')
);

-- 照片: what the photo says of itself, held against the parcel.
CREATE TABLE workflow_photo (
    county_code   text        NOT NULL,
    document_id   uuid        NOT NULL,
    township_code text        NOT NULL,
    longitude     double precision,
    latitude      double precision,
    direction     double precision,
    taken_at      timestamptz,
    distance_m    double precision,
    off_degrees   double precision,
    findings      jsonb       NOT NULL DEFAULT '[]',
    PRIMARY KEY (county_code, document_id),
    FOREIGN KEY (county_code, document_id) REFERENCES workflow_document
);

-- 整改清单: what was asked for with one step of rectification, and its end.
CREATE TABLE workflow_rectification (
    county_code   text        NOT NULL,
    year          integer     NOT NULL,
    direction     text        NOT NULL,
    number        text        NOT NULL,
    seq           integer     NOT NULL, -- of the event that asked for it
    item          integer     NOT NULL CHECK (item >= 1),
    township_code text        NOT NULL,
    what          text        NOT NULL CHECK (what <> ''),
    done_note     text,
    done_as       text,
    done_at       timestamptz,
    PRIMARY KEY (county_code, year, direction, number, seq, item),
    FOREIGN KEY (county_code, year, direction, number, seq) REFERENCES workflow_event,
    CHECK ((done_at IS NULL) = (done_as IS NULL) AND (done_at IS NULL) = (done_note IS NULL))
);

CREATE TRIGGER workflow_append_only BEFORE UPDATE OR DELETE ON workflow_inspection FOR EACH ROW EXECUTE FUNCTION workflow_append_only();
CREATE TRIGGER workflow_append_only BEFORE UPDATE OR DELETE ON workflow_signature FOR EACH ROW EXECUTE FUNCTION workflow_append_only();
CREATE TRIGGER workflow_append_only BEFORE UPDATE OR DELETE ON workflow_photo FOR EACH ROW EXECUTE FUNCTION workflow_append_only();
CREATE TRIGGER workflow_append_only BEFORE DELETE ON workflow_rectification FOR EACH ROW EXECUTE FUNCTION workflow_append_only();
-- an item is done once
CREATE TRIGGER workflow_done_once BEFORE UPDATE ON workflow_rectification FOR EACH ROW
    WHEN (OLD.done_at IS NOT NULL OR (NEW.what, NEW.seq, NEW.item, NEW.number) IS DISTINCT FROM (OLD.what, OLD.seq, OLD.item, OLD.number))
    EXECUTE FUNCTION workflow_append_only();
CREATE TRIGGER workflow_no_truncate BEFORE TRUNCATE ON workflow_inspection EXECUTE FUNCTION workflow_append_only();
CREATE TRIGGER workflow_no_truncate BEFORE TRUNCATE ON workflow_signature EXECUTE FUNCTION workflow_append_only();
CREATE TRIGGER workflow_no_truncate BEFORE TRUNCATE ON workflow_photo EXECUTE FUNCTION workflow_append_only();
CREATE TRIGGER workflow_no_truncate BEFORE TRUNCATE ON workflow_rectification EXECUTE FUNCTION workflow_append_only();

SELECT access_township_rows('workflow_inspection');
SELECT access_township_rows('workflow_signature');
SELECT access_township_rows('workflow_photo');
SELECT access_township_rows('workflow_rectification');
