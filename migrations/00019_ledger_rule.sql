-- +goose Up
-- The rules of a year change by an approved decision, and what another programme
-- was registered to have credited by mistake can be cancelled: both are only
-- added to.
-- +goose StatementBegin
-- 其他项目认定有误的，可撤销: a row of its own in the chain of the credits, never
-- of an acceptance, which goes by its reversal.
CREATE TABLE ledger_credit_cancellation (
    county_code text        NOT NULL,
    credit_id   uuid        NOT NULL,
    chain       text        NOT NULL,
    seq         bigint      NOT NULL,
    reason      text        NOT NULL CHECK (reason <> ''),
    approval    text        NOT NULL CHECK (approval <> ''),
    by_id       uuid        NOT NULL,
    by_as       text        NOT NULL CHECK (by_as <> ''),
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    hash        bytea       NOT NULL,
    PRIMARY KEY (county_code, credit_id),
    UNIQUE (county_code, chain, seq),
    FOREIGN KEY (county_code, credit_id) REFERENCES ledger_credit
);

CREATE FUNCTION ledger_cancellation_hash(prev bytea, c ledger_credit_cancellation) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(prev || convert_to(jsonb_build_array(c.county_code, c.credit_id, c.chain, c.seq, c.reason, c.approval, c.by_id, c.by_as,
        extract(epoch FROM c.at))::text, 'UTF8'))
$$;

CREATE FUNCTION ledger_credit_cancel() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    prev bytea;
BEGIN
    SELECT c.chain INTO NEW.chain FROM ledger_credit c
    WHERE c.county_code = NEW.county_code AND c.credit_id = NEW.credit_id AND c.tx_id IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION '只能撤销其他项目登记的土地，验收的须记冲销 · only what another programme credited is cancelled; reverse an acceptance' USING ERRCODE = 'GL006';
    END IF;
    SELECT h.head, h.credits + 1 INTO prev, NEW.seq FROM ledger_credit_chain h
    WHERE h.county_code = NEW.county_code AND h.chain = NEW.chain FOR UPDATE;
    NEW.hash := ledger_cancellation_hash(prev, NEW);
    UPDATE ledger_credit_chain h SET credits = NEW.seq, head = NEW.hash WHERE h.county_code = NEW.county_code AND h.chain = NEW.chain;
    RETURN NEW;
END
$$;
CREATE TRIGGER ledger_credit_cancel BEFORE INSERT ON ledger_credit_cancellation FOR EACH ROW EXECUTE FUNCTION ledger_credit_cancel();

-- As before, in fewer statements; and what was cancelled bars nothing.
CREATE OR REPLACE FUNCTION ledger_credit_once() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    other ledger_credit;
    srid_ integer;
    m2    double precision;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION '台账须在 READ COMMITTED 下记账 · post to the ledger under READ COMMITTED' USING ERRCODE = 'GL000';
    END IF;
    IF NEW.withdrawn_by IS NOT NULL THEN
        RAISE EXCEPTION '已撤销的土地不能登记 · a credit is not withdrawn when it is made' USING ERRCODE = 'GL006';
    END IF;
    NEW.chain := NEW.programme;
    IF NEW.tx_id IS NOT NULL THEN
        SELECT e.township_code INTO NEW.chain
        FROM ledger_transaction t JOIN ledger_entry e ON e.county_code = t.county_code AND e.tx_id = t.tx_id
        WHERE t.county_code = NEW.county_code AND t.tx_id = NEW.tx_id
          AND t.kind = 'accept_in' AND t.reverses IS NULL AND t.xact = pg_current_xact_id() LIMIT 1;
        IF NOT FOUND THEN
            RAISE EXCEPTION '认定土地须与其验收同时登记 · a credit comes with its acceptance' USING ERRCODE = 'GL006';
        END IF;
    END IF;
    SELECT srid INTO srid_ FROM county WHERE county_code = NEW.county_code;
    IF NOT FOUND OR ST_SRID(NEW.geom) <> srid_ THEN
        RAISE EXCEPTION '图形须在县平面坐标系 EPSG:% · the geometry must be in the county''s plane', srid_ USING ERRCODE = 'GL000';
    END IF;
    FOR i IN 1 .. 2 LOOP
        UPDATE ledger_credit_chain h SET credits = h.credits + 1,
            head = ledger_credit_hash(h.head, ROW(NEW.county_code, NEW.credit_id, NEW.programme, NEW.year, NEW.number, NEW.tx_id, NULL, NEW.at,
                NEW.geom, NEW.chain, h.credits + 1, NULL)::ledger_credit)
        WHERE h.county_code = NEW.county_code AND h.chain = NEW.chain
        RETURNING h.credits, h.head INTO NEW.seq, NEW.hash;
        EXIT WHEN FOUND;
        INSERT INTO ledger_credit_chain (county_code, chain, credits) VALUES (NEW.county_code, NEW.chain, 0) ON CONFLICT DO NOTHING;
    END LOOP;
    FOR x IN floor(ST_XMin(NEW.geom) / 1000)::integer .. floor(ST_XMax(NEW.geom) / 1000)::integer LOOP
        FOR y IN floor(ST_YMin(NEW.geom) / 1000)::integer .. floor(ST_YMax(NEW.geom) / 1000)::integer LOOP
            PERFORM pg_advisory_xact_lock(hashtextextended(format('ledger_credit %s %s %s', NEW.county_code, x, y), 0));
        END LOOP;
    END LOOP;
    SELECT c.* INTO other -- by place first: in a small table the county looks as good, and stays in the plan
    FROM (SELECT x.* FROM ledger_credit x WHERE x.withdrawn_by IS NULL AND x.geom && NEW.geom OFFSET 0) c
    WHERE c.county_code = NEW.county_code AND ST_Area(ST_Intersection(c.geom, NEW.geom)) > 1
      AND NOT EXISTS (SELECT FROM ledger_credit_cancellation x WHERE x.county_code = c.county_code AND x.credit_id = c.credit_id)
    ORDER BY c.credit_id LIMIT 1;
    IF FOUND THEN
        m2 := ST_Area(ST_Intersection(other.geom, NEW.geom));
        RAISE EXCEPTION '该土地已认定过 · this land has been credited' USING ERRCODE = 'GL005',
            DETAIL = jsonb_build_object('programme', other.programme, 'year', other.year, 'number', other.number, 'overlap_m2', round(m2::numeric, 2))::text;
    END IF;
    RETURN NEW;
END
$$;
DROP FUNCTION ledger_credit_link;

-- 强制平衡的计量随批准的调整而变: what a year enforces, from when and by whose
-- decision, in a chain of its own. was and enforced are before and after.
CREATE TABLE ledger_rule (
    county_code text        NOT NULL,
    year        integer     NOT NULL,
    seq         integer     NOT NULL,
    was         text[]      NOT NULL,
    enforced    text[]      NOT NULL,
    key         text        NOT NULL CHECK (key <> ''),
    reason      text        NOT NULL,
    approval    text        NOT NULL CHECK (approval <> ''),
    by_id       uuid        NOT NULL,
    by_as       text        NOT NULL CHECK (by_as <> ''),
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    hash        bytea       NOT NULL,
    PRIMARY KEY (county_code, year, seq),
    UNIQUE (county_code, key),
    FOREIGN KEY (county_code, year) REFERENCES ledger_year
);

CREATE FUNCTION ledger_rule_hash(prev bytea, r ledger_rule) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(prev || convert_to(jsonb_build_array(r.county_code, r.year, r.seq, r.was, r.enforced, r.key, r.reason, r.approval, r.by_id, r.by_as,
        extract(epoch FROM r.at))::text, 'UTF8'))
$$;

-- A measure comes to be enforced only where no township has less than nothing of
-- it (GL009). All books are locked, so that nobody posts by the rules of before.
CREATE FUNCTION ledger_rule_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    y     ledger_year;
    below jsonb;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION '台账须在 READ COMMITTED 下记账 · post to the ledger under READ COMMITTED' USING ERRCODE = 'GL000';
    END IF;
    SELECT x.* INTO y FROM ledger_year x WHERE x.county_code = NEW.county_code AND x.year = NEW.year FOR UPDATE;
    IF y.closed_at IS NOT NULL THEN
        RAISE EXCEPTION '% 年度台账已结转，不能再记 · the ledger of % is closed', NEW.year, NEW.year USING ERRCODE = 'GL002';
    END IF;
    PERFORM FROM (SELECT FROM ledger_book b WHERE b.county_code = NEW.county_code AND b.year = NEW.year ORDER BY b.township_code FOR UPDATE) b;
    NEW.was := y.enforced;
    SELECT jsonb_agg(jsonb_build_object('township', b.township_code, 'measure', b.measure, 'have', b.amount) ORDER BY b.measure, b.township_code) INTO below
    FROM ledger_balance b
    WHERE b.county_code = NEW.county_code AND b.year = NEW.year AND b.account = 'available' AND b.amount < 0
      AND b.measure = ANY (NEW.enforced) AND b.measure <> ALL (NEW.was);
    IF below IS NOT NULL THEN
        RAISE EXCEPTION '可用指标已为负，不能改为强制平衡 · quota is below zero; the measure cannot be enforced' USING ERRCODE = 'GL009', DETAIL = below::text;
    END IF;
    SELECT count(*) + 1 INTO NEW.seq FROM ledger_rule r WHERE r.county_code = NEW.county_code AND r.year = NEW.year;
    NEW.hash := ledger_rule_hash(coalesce((SELECT r.hash FROM ledger_rule r
        WHERE r.county_code = NEW.county_code AND r.year = NEW.year AND r.seq = NEW.seq - 1), '\x'), NEW);
    UPDATE ledger_year x SET enforced = NEW.enforced WHERE x.county_code = NEW.county_code AND x.year = NEW.year;
    RETURN NEW;
END
$$;
CREATE TRIGGER ledger_rule_change BEFORE INSERT ON ledger_rule FOR EACH ROW EXECUTE FUNCTION ledger_rule_change();

-- As before, and: what a year enforces changes by ledger_rule alone.
CREATE OR REPLACE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF TG_TABLE_NAME = 'ledger_credit' AND to_jsonb(OLD) ->> 'withdrawn_by' IS NULL
           AND to_jsonb(OLD) - 'withdrawn_by' = to_jsonb(NEW) - 'withdrawn_by' THEN
            IF EXISTS (SELECT FROM ledger_transaction t WHERE t.county_code = to_jsonb(OLD) ->> 'county_code'
                AND t.tx_id = (to_jsonb(NEW) ->> 'withdrawn_by')::uuid AND t.reverses = (to_jsonb(OLD) ->> 'tx_id')::uuid) THEN
                RETURN NEW;
            END IF;
        END IF;
        IF TG_TABLE_NAME = 'ledger_year' THEN
            IF to_jsonb(OLD) ->> 'closed_at' IS NULL AND to_jsonb(OLD) - 'closed_at' = to_jsonb(NEW) - 'closed_at'
               OR pg_trigger_depth() > 1 AND to_jsonb(OLD) - 'enforced' = to_jsonb(NEW) - 'enforced' THEN
                RETURN NEW;
            END IF;
        END IF;
    END IF;
    RAISE EXCEPTION '台账只能追加，更正须记冲销 · the ledger is append-only; correct it by a reversal' USING ERRCODE = 'GL006';
END
$$;
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger_credit_cancellation FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger_rule FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger_credit_cancellation EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger_rule EXECUTE FUNCTION ledger_append_only();

-- A function that runs with its owner's rights looks for names in its own schema
-- first and in the caller's temporary one last; unsaid, that one would be first.
DO $$
DECLARE
    f record;
BEGIN
    FOR f IN
        SELECT p.oid::regprocedure AS name, n.nspname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE p.prosecdef AND n.nspname = current_schema()
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f.name, f.nspname);
    END LOOP;
END
$$;
-- +goose StatementEnd
