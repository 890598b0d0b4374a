-- +goose Up
-- 已认定土地 as safe as the entries: a credit stands in a chain of its own, comes
-- with its acceptance and goes only with that acceptance's reversal. Whoever
-- could withdraw one by hand could credit the same land again (IN-09).

-- The chain of a township's acceptances, or of another programme.
CREATE TABLE ledger_credit_chain (
    county_code text   NOT NULL REFERENCES county,
    chain       text   NOT NULL,
    credits     bigint NOT NULL,
    head        bytea  NOT NULL DEFAULT '\x',
    PRIMARY KEY (county_code, chain)
);
ALTER TABLE ledger_credit ADD COLUMN chain text, ADD COLUMN seq bigint, ADD COLUMN hash bytea;

-- withdrawn_by comes later than the row: the reversal in the books proves it.
-- +goose StatementBegin
CREATE FUNCTION ledger_credit_hash(prev bytea, c ledger_credit) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(prev || convert_to(jsonb_build_array(c.county_code, c.credit_id, c.programme, c.year, c.number, c.tx_id,
        extract(epoch FROM c.at), c.chain, c.seq)::text, 'UTF8') || ST_AsEWKB(c.geom, 'NDR'))
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION ledger_credit_link(c ledger_credit) RETURNS ledger_credit LANGUAGE plpgsql AS $$
DECLARE
    prev bytea;
BEGIN
    c.chain := coalesce((SELECT e.township_code FROM ledger_entry e WHERE e.county_code = c.county_code AND e.tx_id = c.tx_id LIMIT 1), c.programme);
    INSERT INTO ledger_credit_chain AS h (county_code, chain, credits) VALUES (c.county_code, c.chain, 1)
    ON CONFLICT (county_code, chain) DO UPDATE SET credits = h.credits + 1
    RETURNING h.credits, h.head INTO c.seq, prev;
    c.hash := ledger_credit_hash(prev, c);
    UPDATE ledger_credit_chain h SET head = c.hash WHERE h.county_code = c.county_code AND h.chain = c.chain;
    RETURN c;
END
$$;
-- +goose StatementEnd

-- Credits from before get their places in the order in which they came.
ALTER TABLE ledger_credit DISABLE TRIGGER ledger_append_only;
-- +goose StatementBegin
DO $$
DECLARE
    c ledger_credit;
BEGIN
    FOR c IN SELECT * FROM ledger_credit ORDER BY county_code, at, credit_id LOOP
        c := ledger_credit_link(c);
        UPDATE ledger_credit SET chain = c.chain, seq = c.seq, hash = c.hash
        WHERE county_code = c.county_code AND credit_id = c.credit_id;
    END LOOP;
END
$$;
-- +goose StatementEnd
ALTER TABLE ledger_credit ENABLE TRIGGER ledger_append_only;
ALTER TABLE ledger_credit ALTER COLUMN chain SET NOT NULL, ALTER COLUMN seq SET NOT NULL, ALTER COLUMN hash SET NOT NULL,
    ADD UNIQUE (county_code, chain, seq);
DROP INDEX ledger_credit_transaction;
CREATE UNIQUE INDEX ledger_credit_transaction ON ledger_credit (county_code, tx_id);

-- As before, and: the cells are locked from west to east and from south to north
-- whatever the planner makes of it, so that two large parcels do not wait for
-- each other in a circle; a credit is new, and comes with its acceptance.
-- +goose StatementBegin
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
    IF NEW.tx_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM ledger_transaction t WHERE t.county_code = NEW.county_code AND t.tx_id = NEW.tx_id
        AND t.kind = 'accept_in' AND t.reverses IS NULL AND t.xact = pg_current_xact_id()) THEN
        RAISE EXCEPTION '认定土地须与其验收同时登记 · a credit comes with its acceptance' USING ERRCODE = 'GL006';
    END IF;
    SELECT srid INTO srid_ FROM county WHERE county_code = NEW.county_code;
    IF ST_SRID(NEW.geom) <> srid_ THEN
        RAISE EXCEPTION '图形须在县平面坐标系 EPSG:% · the geometry must be in the county''s plane', srid_ USING ERRCODE = 'GL000';
    END IF;
    NEW := ledger_credit_link(NEW);
    FOR x IN floor(ST_XMin(NEW.geom) / 1000)::integer .. floor(ST_XMax(NEW.geom) / 1000)::integer LOOP
        FOR y IN floor(ST_YMin(NEW.geom) / 1000)::integer .. floor(ST_YMax(NEW.geom) / 1000)::integer LOOP
            PERFORM pg_advisory_xact_lock(hashtextextended(format('ledger_credit %s %s %s', NEW.county_code, x, y), 0));
        END LOOP;
    END LOOP;
    SELECT c.* INTO other
    FROM ledger_credit c
    WHERE c.county_code = NEW.county_code AND c.withdrawn_by IS NULL AND c.geom && NEW.geom
      AND ST_Area(ST_Intersection(c.geom, NEW.geom)) > 1
    ORDER BY c.credit_id LIMIT 1;
    IF FOUND THEN
        m2 := ST_Area(ST_Intersection(other.geom, NEW.geom));
        RAISE EXCEPTION '该土地已认定过 · this land has been credited' USING ERRCODE = 'GL005',
            DETAIL = jsonb_build_object('programme', other.programme, 'year', other.year, 'number', other.number, 'overlap_m2', round(m2::numeric, 2))::text;
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd

-- As before, and: a credit is withdrawn by the reversal of its own acceptance
-- alone; what another programme has credited stays credited.
-- +goose StatementBegin
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
        IF TG_TABLE_NAME = 'ledger_year' AND to_jsonb(OLD) ->> 'closed_at' IS NULL
           AND to_jsonb(OLD) - 'closed_at' = to_jsonb(NEW) - 'closed_at' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '台账只能追加，更正须记冲销 · the ledger is append-only; correct it by a reversal' USING ERRCODE = 'GL006';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER ledger_append_only BEFORE INSERT OR UPDATE OR DELETE ON ledger_credit_chain FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger_credit_chain EXECUTE FUNCTION ledger_append_only();

-- An acceptance has its land, its reversal gives it back, and a reversal moves
-- back all that was moved and nothing else.
-- +goose StatementBegin
CREATE FUNCTION ledger_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind = 'accept_in' AND NOT EXISTS (
        SELECT FROM ledger_credit c
        LEFT JOIN ledger_transaction r ON r.county_code = c.county_code AND r.reverses = c.tx_id
        WHERE c.county_code = NEW.county_code AND c.tx_id = coalesce(NEW.reverses, NEW.tx_id) AND c.withdrawn_by IS NOT DISTINCT FROM r.tx_id) THEN
        RAISE EXCEPTION '验收及其冲销须与认定土地一致 · an acceptance or its reversal does not match the credited land' USING ERRCODE = 'GL004';
    END IF;
    IF NEW.reverses IS NOT NULL AND (
        NOT EXISTS (
            SELECT FROM ledger_transaction t WHERE t.county_code = NEW.county_code AND t.tx_id = NEW.reverses
            AND t.kind = NEW.kind AND t.reverses IS NULL)
        OR EXISTS (
            SELECT FROM (
                SELECT e.year, e.township_code, e.measure, e.debit, e.credit, e.amount
                FROM ledger_entry e WHERE e.county_code = NEW.county_code AND e.tx_id = NEW.tx_id
                UNION ALL
                SELECT e.year, e.township_code, e.measure, e.credit, e.debit, -e.amount
                FROM ledger_entry e WHERE e.county_code = NEW.county_code AND e.tx_id = NEW.reverses) m
            GROUP BY m.year, m.township_code, m.measure, m.debit, m.credit HAVING sum(m.amount) <> 0)) THEN
        RAISE EXCEPTION '冲销须与原交易逐笔相反 · a reversal moves back all that was moved, and nothing else' USING ERRCODE = 'GL004';
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER ledger_whole AFTER INSERT ON ledger_transaction DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind = 'accept_in' OR NEW.reverses IS NOT NULL) EXECUTE FUNCTION ledger_whole();
