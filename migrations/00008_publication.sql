-- +goose Up
-- 情景方案: a plan that has a name is a scenario; base_plan_id is the plan that
-- it was copied from.
ALTER TABLE plan ADD COLUMN name text NOT NULL DEFAULT '';
ALTER TABLE plan ADD COLUMN note text NOT NULL DEFAULT '';
ALTER TABLE plan ADD COLUMN base_plan_id uuid;
ALTER TABLE plan ADD CONSTRAINT plan_base_fkey
    FOREIGN KEY (county_code, base_plan_id) REFERENCES plan (county_code, plan_id);

-- What one more 亩 of balance is worth in a township, as a sentence.
ALTER TABLE plan_township ADD COLUMN price_zh text NOT NULL DEFAULT '';

-- 年度方案: number 0 is the year's plan, 1, 2, … its amendments (PRC-3). A row
-- goes from proposed to approved or rejected, once; sha256 is the digest of the
-- plan's parcels, townships and transfers when it was proposed.
CREATE TABLE plan_publication (
    county_code  text        NOT NULL,
    year         integer     NOT NULL,
    number       integer     NOT NULL CHECK (number >= 0),
    attempt      integer     NOT NULL CHECK (attempt >= 1),
    plan_id      uuid        NOT NULL,
    status       text        NOT NULL CHECK (status IN ('proposed', 'approved', 'rejected')),
    title        text        NOT NULL CHECK (title <> ''),
    reason       text        NOT NULL DEFAULT '',
    sha256       text        NOT NULL,
    proposed_by  uuid,
    proposed_as  text        NOT NULL,
    proposed_at  timestamptz NOT NULL DEFAULT now(),
    decided_by   uuid,
    decided_as   text,
    decided_at   timestamptz,
    -- 批准文号, or why it was rejected
    decision     text        NOT NULL DEFAULT '',
    PRIMARY KEY (county_code, year, number, attempt),
    FOREIGN KEY (county_code, plan_id) REFERENCES plan,
    CHECK ((status = 'proposed') = (decided_at IS NULL)),
    CHECK (status = 'proposed' OR decision <> ''),
    -- an amendment says why
    CHECK (number = 0 OR reason <> '')
);
-- One approved plan for each number, and one proposal at a time.
CREATE UNIQUE INDEX plan_publication_approved ON plan_publication (county_code, year, number) WHERE status = 'approved';
CREATE UNIQUE INDEX plan_publication_proposed ON plan_publication (county_code, year) WHERE status = 'proposed';
CREATE INDEX plan_publication_plan ON plan_publication (county_code, plan_id);

-- +goose StatementBegin
CREATE FUNCTION plan_is_published(county text, plan uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM plan_publication p
                   WHERE p.county_code = county AND p.plan_id = plan AND p.status IN ('proposed', 'approved'))
$$;
-- +goose StatementEnd

-- A plan that is proposed or approved can change under nobody, whatever
-- program writes: what the government approves is what it was shown.
-- +goose StatementBegin
CREATE FUNCTION plan_keep_published() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND plan_is_published(OLD.county_code, OLD.plan_id)
       OR TG_OP <> 'DELETE' AND plan_is_published(NEW.county_code, NEW.plan_id) THEN
        RAISE EXCEPTION '方案已报批或批准，不得更改 · the plan is proposed or approved and cannot change'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER plan_keep_published BEFORE UPDATE OR DELETE ON plan
    FOR EACH ROW EXECUTE FUNCTION plan_keep_published();
CREATE TRIGGER plan_keep_published BEFORE INSERT OR UPDATE OR DELETE ON plan_parcel
    FOR EACH ROW EXECUTE FUNCTION plan_keep_published();
CREATE TRIGGER plan_keep_published BEFORE INSERT OR UPDATE OR DELETE ON plan_township
    FOR EACH ROW EXECUTE FUNCTION plan_keep_published();
CREATE TRIGGER plan_keep_published BEFORE INSERT OR UPDATE OR DELETE ON plan_transfer
    FOR EACH ROW EXECUTE FUNCTION plan_keep_published();
CREATE TRIGGER plan_keep_published BEFORE INSERT OR UPDATE OR DELETE ON plan_artifact
    FOR EACH ROW EXECUTE FUNCTION plan_keep_published();

-- +goose StatementBegin
CREATE FUNCTION plan_no_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '方案数据不得整表清除 · plans cannot be truncated' USING ERRCODE = 'restrict_violation';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER plan_no_truncate BEFORE TRUNCATE ON plan_parcel EXECUTE FUNCTION plan_no_truncate();
CREATE TRIGGER plan_no_truncate BEFORE TRUNCATE ON plan_township EXECUTE FUNCTION plan_no_truncate();
CREATE TRIGGER plan_no_truncate BEFORE TRUNCATE ON plan_transfer EXECUTE FUNCTION plan_no_truncate();
CREATE TRIGGER plan_no_truncate BEFORE TRUNCATE ON plan_artifact EXECUTE FUNCTION plan_no_truncate();
CREATE TRIGGER plan_no_truncate BEFORE TRUNCATE ON plan_publication EXECUTE FUNCTION plan_no_truncate();

-- A publication is decided once and otherwise never changes.
-- +goose StatementBegin
CREATE FUNCTION plan_publication_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.status <> 'proposed' OR NEW.status = 'proposed'
       OR (NEW.county_code, NEW.year, NEW.number, NEW.attempt, NEW.plan_id, NEW.title, NEW.reason, NEW.sha256,
           NEW.proposed_by, NEW.proposed_as, NEW.proposed_at)
          IS DISTINCT FROM
          (OLD.county_code, OLD.year, OLD.number, OLD.attempt, OLD.plan_id, OLD.title, OLD.reason, OLD.sha256,
           OLD.proposed_by, OLD.proposed_as, OLD.proposed_at) THEN
        RAISE EXCEPTION '报批记录只能决定一次，不得更改或删除 · a publication is decided once and never changed or deleted'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER plan_publication_once BEFORE UPDATE OR DELETE ON plan_publication
    FOR EACH ROW EXECUTE FUNCTION plan_publication_once();
