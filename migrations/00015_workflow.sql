-- +goose Up
-- 年度工作流程: from the township's declaration to the year's carry-over, one
-- record for each parcel, and what a county decides for its year.

-- 年度设置: deadlines (PRC-1, PRC-2, PRC-6), which departments review and which
-- sign acceptances (PRC-5), for which purposes a 转出 needs an approval, and
-- which kinds of applicant need a contract.
CREATE TABLE county_year (
    county_code       text    NOT NULL REFERENCES county,
    year              integer NOT NULL CHECK (year BETWEEN 2009 AND 2100),
    declare_by        date    NOT NULL,
    plan_by           date    NOT NULL,
    survey_date       date    NOT NULL,
    reviewers         text[]  NOT NULL,
    acceptors         text[]  NOT NULL,
    approval_purposes text[]  NOT NULL,
    contract_actors   text[]  NOT NULL,
    PRIMARY KEY (county_code, year),
    CHECK (declare_by <= plan_by AND plan_by <= survey_date),
    CHECK (reviewers <@ ARRAY['bureau', 'agriculture', 'forestry', 'water', 'environment']),
    CHECK (acceptors <@ ARRAY['bureau', 'agriculture', 'forestry', 'water', 'environment'])
);

-- 地块流程: where a parcel of a year stands. exempt is why an outflow is not
-- balanced. declaration is the digest of what was submitted, so that a verdict
-- on another boundary cannot stand in for it. revision counts the events.
CREATE TABLE workflow_record (
    county_code   text        NOT NULL,
    year          integer     NOT NULL,
    direction     text        NOT NULL CHECK (direction IN ('in', 'out')),
    number        text        NOT NULL CHECK (number <> ''),
    township_code text        NOT NULL CHECK (township_code ~ '^[0-9]{9}$' AND left(township_code, 6) = county_code),
    exempt        text        NOT NULL DEFAULT '' CHECK (exempt IN ('', 'ecological', 'disaster', 'flooding')),
    state         text        NOT NULL,
    revision      integer     NOT NULL CHECK (revision >= 1),
    round         integer     NOT NULL DEFAULT 0,
    applicant_id  uuid        NOT NULL,
    applicant     text        NOT NULL,
    submitted_by  uuid,
    purpose       text        NOT NULL DEFAULT '',
    actor         text        NOT NULL DEFAULT '',
    dataset_id    uuid        NOT NULL,
    declaration   text        NOT NULL,
    run_id        uuid,
    verdict       text        NOT NULL DEFAULT '',
    net_m2        numeric(18,2) NOT NULL DEFAULT 0,
    net_paddy_m2  numeric(18,2) NOT NULL DEFAULT 0,
    late          boolean     NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (county_code, year, direction, number),
    FOREIGN KEY (county_code, year) REFERENCES county_year,
    FOREIGN KEY (county_code, dataset_id) REFERENCES dataset,
    FOREIGN KEY (county_code, run_id) REFERENCES screening_run,
    CHECK (exempt = '' OR direction = 'out'),
    CHECK ((verdict = '') = (run_id IS NULL))
);
CREATE INDEX workflow_record_state ON workflow_record (county_code, year, state);

-- 流程事件: every step, only added to. seq is the record's revision after it.
CREATE TABLE workflow_event (
    county_code    text        NOT NULL,
    year           integer     NOT NULL,
    direction      text        NOT NULL,
    number         text        NOT NULL,
    seq            integer     NOT NULL CHECK (seq >= 1),
    event_id       uuid        NOT NULL UNIQUE,
    township_code  text        NOT NULL,
    action         text        NOT NULL CHECK (action <> ''),
    from_state     text        NOT NULL,
    to_state       text        NOT NULL,
    actor_id       uuid        NOT NULL,
    actor_name     text        NOT NULL,
    actor_role     text        NOT NULL,
    actor_township text        NOT NULL,
    at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason         text        NOT NULL,
    late           boolean     NOT NULL,
    documents      uuid[]      NOT NULL DEFAULT '{}',
    data           jsonb,
    PRIMARY KEY (county_code, year, direction, number, seq),
    FOREIGN KEY (county_code, year, direction, number) REFERENCES workflow_record
);

-- 要件: the bytes lie in the data folder under their SHA-256, as uploads do.
CREATE TABLE workflow_document (
    county_code   text        NOT NULL,
    year          integer     NOT NULL,
    direction     text        NOT NULL,
    number        text        NOT NULL,
    document_id   uuid        NOT NULL,
    township_code text        NOT NULL,
    kind          text        NOT NULL CHECK (kind <> ''),
    purpose       text        NOT NULL DEFAULT '',
    reference     text        NOT NULL DEFAULT '',
    file_name     text        NOT NULL CHECK (file_name <> ''),
    size          bigint      NOT NULL CHECK (size > 0),
    sha256        text        NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    by_id         uuid        NOT NULL,
    by_as         text        NOT NULL,
    revision      integer     NOT NULL, -- of the record when it came
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (county_code, document_id),
    FOREIGN KEY (county_code, year, direction, number) REFERENCES workflow_record
);
CREATE INDEX workflow_document_record ON workflow_document (county_code, year, direction, number);

-- 部门意见: only added to; the last of a department in a round is its opinion.
CREATE TABLE workflow_opinion (
    county_code   text        NOT NULL,
    year          integer     NOT NULL,
    direction     text        NOT NULL,
    number        text        NOT NULL,
    round         integer     NOT NULL CHECK (round >= 1),
    department    text        NOT NULL CHECK (department IN ('bureau', 'agriculture', 'forestry', 'water', 'environment')),
    seq           integer     NOT NULL CHECK (seq >= 1),
    township_code text        NOT NULL,
    opinion       text        NOT NULL CHECK (opinion IN ('agree', 'agree_with_conditions', 'disagree')),
    conditions    text        NOT NULL DEFAULT '',
    reasons       text        NOT NULL DEFAULT '',
    by_id         uuid        NOT NULL,
    by_as         text        NOT NULL,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (county_code, year, direction, number, round, department, seq),
    FOREIGN KEY (county_code, year, direction, number) REFERENCES workflow_record,
    CHECK (opinion <> 'agree_with_conditions' OR conditions <> ''),
    CHECK (opinion <> 'disagree' OR reasons <> '')
);

-- +goose StatementBegin
CREATE FUNCTION workflow_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '流程记录只增不改 · the workflow is only added to (% on %)', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER workflow_append_only BEFORE UPDATE OR DELETE ON workflow_event FOR EACH ROW EXECUTE FUNCTION workflow_append_only();
CREATE TRIGGER workflow_append_only BEFORE UPDATE OR DELETE ON workflow_document FOR EACH ROW EXECUTE FUNCTION workflow_append_only();
CREATE TRIGGER workflow_append_only BEFORE UPDATE OR DELETE ON workflow_opinion FOR EACH ROW EXECUTE FUNCTION workflow_append_only();
CREATE TRIGGER workflow_append_only BEFORE DELETE ON workflow_record FOR EACH ROW EXECUTE FUNCTION workflow_append_only();
CREATE TRIGGER workflow_no_truncate BEFORE TRUNCATE ON workflow_event EXECUTE FUNCTION workflow_append_only();
CREATE TRIGGER workflow_no_truncate BEFORE TRUNCATE ON workflow_document EXECUTE FUNCTION workflow_append_only();
CREATE TRIGGER workflow_no_truncate BEFORE TRUNCATE ON workflow_opinion EXECUTE FUNCTION workflow_append_only();
CREATE TRIGGER workflow_no_truncate BEFORE TRUNCATE ON workflow_record EXECUTE FUNCTION workflow_append_only();

-- An event follows the one before it.
-- +goose StatementBegin
CREATE FUNCTION workflow_event_follows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last_seq integer := 0;
    last_state text := '';
BEGIN
    SELECT e.seq, e.to_state INTO last_seq, last_state FROM workflow_event e
    WHERE (e.county_code, e.year, e.direction, e.number) = (NEW.county_code, NEW.year, NEW.direction, NEW.number)
    ORDER BY e.seq DESC LIMIT 1;
    IF NEW.seq <> coalesce(last_seq, 0) + 1 OR NEW.from_state <> coalesce(last_state, '') THEN
        RAISE EXCEPTION '流程事件不衔接 · the event does not follow the one before' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER workflow_event_follows BEFORE INSERT ON workflow_event FOR EACH ROW EXECUTE FUNCTION workflow_event_follows();

-- A record goes one revision at a time and keeps what it is.
-- +goose StatementBegin
CREATE FUNCTION workflow_record_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.county_code, NEW.year, NEW.direction, NEW.number, NEW.township_code)
       IS DISTINCT FROM (OLD.county_code, OLD.year, OLD.direction, OLD.number, OLD.township_code)
       OR NEW.revision <> OLD.revision + 1 THEN
        RAISE EXCEPTION '流程只能逐步前进 · a record goes one step at a time' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER workflow_record_forward BEFORE UPDATE ON workflow_record FOR EACH ROW EXECUTE FUNCTION workflow_record_forward();

-- No step without its event.
-- +goose StatementBegin
CREATE FUNCTION workflow_record_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM workflow_event e
        WHERE (e.county_code, e.year, e.direction, e.number, e.seq) = (NEW.county_code, NEW.year, NEW.direction, NEW.number, NEW.revision)
          AND e.to_state = NEW.state) THEN
        RAISE EXCEPTION '流程变动没有事件 · a step without its event' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER workflow_record_told AFTER INSERT OR UPDATE ON workflow_record DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION workflow_record_told();

SELECT access_county_rows('county_year');
SELECT access_township_rows('workflow_record');
SELECT access_township_rows('workflow_event');
SELECT access_township_rows('workflow_document');
SELECT access_township_rows('workflow_opinion');
