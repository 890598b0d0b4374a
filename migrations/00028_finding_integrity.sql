-- +goose Up
-- 筛查结果的完整性: a verdict belongs to a run and a finding to a verdict, as the
-- foreign keys said until now. They asked it of every row by itself, which took
-- more than half of the time that PostgreSQL spent on writing a screening; here it
-- is asked once of each statement's rows together. What is refused and what is
-- deleted with what stays the same.
ALTER TABLE finding DROP CONSTRAINT finding_county_code_run_id_direction_number_fkey;
ALTER TABLE verdict DROP CONSTRAINT verdict_county_code_run_id_fkey;

-- Who adds holds the run shared, who deletes a verdict holds it alone: neither can
-- overlook what the other has not committed yet. That asks for a look that is newer
-- than the lock: a transaction that keeps one snapshot has none, and is refused.
-- +goose StatementBegin
CREATE FUNCTION screening_rows_belong() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path TO public, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION '写入或删除筛查结果的事务须用 READ COMMITTED 隔离级别，现为 %；请改用该级别重做 · screenings are written and deleted at READ COMMITTED only, not at %',
            current_setting('transaction_isolation'), current_setting('transaction_isolation') USING ERRCODE = 'feature_not_supported';
    END IF;
    PERFORM FROM screening_run r
        WHERE (r.county_code, r.run_id) IN (SELECT DISTINCT a.county_code, a.run_id FROM added a) FOR SHARE;
    IF TG_TABLE_NAME = 'verdict' THEN
        IF EXISTS (SELECT FROM (SELECT DISTINCT a.county_code, a.run_id FROM added a) n
                   WHERE NOT EXISTS (SELECT FROM screening_run r WHERE r.county_code = n.county_code AND r.run_id = n.run_id)) THEN
            RAISE EXCEPTION '结论所属的筛查不存在 · a verdict belongs to no screening run' USING ERRCODE = 'foreign_key_violation';
        END IF;
    ELSIF EXISTS (SELECT FROM (SELECT DISTINCT a.county_code, a.run_id, a.direction, a.number FROM added a) n
                  WHERE NOT EXISTS (SELECT FROM verdict v WHERE v.county_code = n.county_code AND v.run_id = n.run_id
                                    AND v.direction = n.direction AND v.number = n.number OFFSET 0)) THEN
        RAISE EXCEPTION '问题发现所属的结论不存在 · a finding belongs to no verdict' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER screening_rows_belong AFTER INSERT ON verdict REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION screening_rows_belong();
CREATE TRIGGER screening_rows_belong AFTER INSERT ON finding REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION screening_rows_belong();

-- +goose StatementBegin
CREATE FUNCTION screening_rows_go() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path TO public, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION '写入或删除筛查结果的事务须用 READ COMMITTED 隔离级别，现为 %；请改用该级别重做 · screenings are written and deleted at READ COMMITTED only, not at %',
            current_setting('transaction_isolation'), current_setting('transaction_isolation') USING ERRCODE = 'feature_not_supported';
    END IF;
    IF TG_TABLE_NAME = 'screening_run' THEN
        DELETE FROM verdict v USING gone g WHERE v.county_code = g.county_code AND v.run_id = g.run_id;
    ELSE
        PERFORM FROM screening_run r
            WHERE (r.county_code, r.run_id) IN (SELECT DISTINCT g.county_code, g.run_id FROM gone g) FOR NO KEY UPDATE;
        DELETE FROM finding f USING gone g WHERE f.county_code = g.county_code AND f.run_id = g.run_id
            AND f.direction = g.direction AND f.number = g.number;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER screening_rows_go AFTER DELETE ON screening_run REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION screening_rows_go();
CREATE TRIGGER screening_rows_go AFTER DELETE ON verdict REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION screening_rows_go();

-- What a row is called never changes; a table is not emptied past its rows' rules.
-- +goose StatementBegin
CREATE FUNCTION screening_keys_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '筛查结果的键不得更改，也不得整表清除 · keys of screenings do not change, nor are their tables truncated'
        USING ERRCODE = 'restrict_violation';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER screening_keys_stay BEFORE UPDATE OF county_code, run_id ON screening_run
    FOR EACH ROW WHEN ((OLD.county_code, OLD.run_id) IS DISTINCT FROM (NEW.county_code, NEW.run_id))
    EXECUTE FUNCTION screening_keys_stay();
CREATE TRIGGER screening_keys_stay BEFORE UPDATE OF county_code, run_id, direction, number ON verdict
    FOR EACH ROW WHEN ((OLD.county_code, OLD.run_id, OLD.direction, OLD.number) IS DISTINCT FROM (NEW.county_code, NEW.run_id, NEW.direction, NEW.number))
    EXECUTE FUNCTION screening_keys_stay();
CREATE TRIGGER screening_keys_stay BEFORE UPDATE OF county_code, run_id, direction, number ON finding
    FOR EACH ROW WHEN ((OLD.county_code, OLD.run_id, OLD.direction, OLD.number) IS DISTINCT FROM (NEW.county_code, NEW.run_id, NEW.direction, NEW.number))
    EXECUTE FUNCTION screening_keys_stay();
CREATE TRIGGER screening_no_truncate BEFORE TRUNCATE ON screening_run EXECUTE FUNCTION screening_keys_stay();
CREATE TRIGGER screening_no_truncate BEFORE TRUNCATE ON verdict EXECUTE FUNCTION screening_keys_stay();
