-- +goose Up
-- 筛查结果的写入: a screening of a whole county writes some hundred thousand
-- findings while its user waits, and most of that time went into looking up the
-- verdict of each finding by itself, into an index of where findings lie that
-- nothing asks (they are read by run and clause or candidate), and into trying to
-- compress coordinates, which do not compress.
DROP INDEX finding_geom;
ALTER TABLE finding ALTER geom SET STORAGE EXTERNAL;
ALTER TABLE verdict ALTER remainder SET STORAGE EXTERNAL;

-- A finding still belongs to a verdict and goes with it. That is now looked up
-- once for each statement and candidate, by the triggers below. As with a foreign
-- key, who adds findings and who removes verdicts of one run wait for each other:
-- by the row of the run, where a foreign key would lock that of the verdict.
ALTER TABLE finding DROP CONSTRAINT finding_county_code_run_id_direction_number_fkey;

-- The functions' plans are made for the first statement of a connection, when the
-- tables may be small: by index they are good whatever the tables grow to.
-- +goose StatementBegin
CREATE FUNCTION finding_has_verdict() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    orphan record;
BEGIN
    PERFORM FROM screening_run r WHERE (r.county_code, r.run_id) IN (SELECT a.county_code, a.run_id FROM added a) FOR KEY SHARE;
    -- OFFSET 0: one look into the key of verdict for each candidate, no join of it all
    SELECT c.* INTO orphan FROM (SELECT DISTINCT a.county_code, a.run_id, a.direction, a.number FROM added a) c
    WHERE NOT EXISTS (SELECT FROM verdict v
        WHERE (v.county_code, v.run_id, v.direction, v.number) = (c.county_code, c.run_id, c.direction, c.number) OFFSET 0)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '问题发现没有对应的结论 · a finding without a verdict: county %, run %, %/%',
            orphan.county_code, orphan.run_id, orphan.direction, orphan.number
            USING ERRCODE = 'foreign_key_violation', TABLE = 'finding';
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER finding_has_verdict AFTER INSERT ON finding REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION finding_has_verdict();

-- +goose StatementBegin
CREATE FUNCTION finding_goes_with_verdict() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    PERFORM FROM screening_run r WHERE (r.county_code, r.run_id) IN (SELECT o.county_code, o.run_id FROM removed o) FOR UPDATE;
    DELETE FROM finding f USING removed o
    WHERE (f.county_code, f.run_id, f.direction, f.number) = (o.county_code, o.run_id, o.direction, o.number);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER finding_goes_with_verdict AFTER DELETE ON verdict REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION finding_goes_with_verdict();

-- +goose StatementBegin
CREATE FUNCTION finding_keeps_verdict() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND NOT EXISTS (SELECT FROM finding) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '结论与问题发现不可分开 · verdicts and findings stay together (% on %)', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'foreign_key_violation';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER finding_keeps_verdict BEFORE UPDATE OF county_code, run_id, direction, number ON finding FOR EACH ROW
    WHEN ((OLD.county_code, OLD.run_id, OLD.direction, OLD.number) IS DISTINCT FROM (NEW.county_code, NEW.run_id, NEW.direction, NEW.number))
    EXECUTE FUNCTION finding_keeps_verdict();
CREATE TRIGGER finding_keeps_verdict BEFORE UPDATE OF county_code, run_id, direction, number ON verdict FOR EACH ROW
    WHEN ((OLD.county_code, OLD.run_id, OLD.direction, OLD.number) IS DISTINCT FROM (NEW.county_code, NEW.run_id, NEW.direction, NEW.number))
    EXECUTE FUNCTION finding_keeps_verdict();
CREATE TRIGGER finding_keeps_verdict_whole AFTER TRUNCATE ON verdict
    FOR EACH STATEMENT EXECUTE FUNCTION finding_keeps_verdict();
