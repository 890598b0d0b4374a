-- +goose Up
-- +goose StatementBegin
-- As before, but what land has in common with land that was credited is given as
-- it is, not as an area of the plane: its area on the ellipsoid is worked out by
-- who reads it.
CREATE OR REPLACE FUNCTION ledger_credit_once() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    other ledger_credit;
    srid_ integer;
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
    -- in the plane: 1 m² only tells two drawings of one line from land, and is never shown
    WHERE c.county_code = NEW.county_code AND ST_Area(ST_Intersection(c.geom, NEW.geom)) > 1
      AND NOT EXISTS (SELECT FROM ledger_credit_cancellation x WHERE x.county_code = c.county_code AND x.credit_id = c.credit_id)
    ORDER BY c.credit_id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '该土地已认定过 · this land has been credited' USING ERRCODE = 'GL005',
            DETAIL = jsonb_build_object('programme', other.programme, 'year', other.year, 'number', other.number,
                'overlap', encode(ST_AsEWKB(ST_CollectionExtract(ST_Intersection(other.geom, NEW.geom), 3)), 'hex'))::text;
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
