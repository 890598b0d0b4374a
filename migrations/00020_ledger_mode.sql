-- +goose Up
-- A year that the close of the one before has opened goes by the rules of that
-- year until its own plan is approved: while no parcel is in its books, the
-- approved plan says how it is balanced (mode).
ALTER TABLE ledger_rule ADD COLUMN mode_was text, ADD COLUMN mode text CHECK (mode IN ('in_out', 'net_increase')),
    ADD CHECK ((mode IS NULL) = (mode_was IS NULL));

-- +goose StatementBegin
-- A change of the mode is part of what is hashed; where there is none, nothing is.
CREATE OR REPLACE FUNCTION ledger_rule_hash(prev bytea, r ledger_rule) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(prev || convert_to((jsonb_build_array(r.county_code, r.year, r.seq, r.was, r.enforced, r.key, r.reason, r.approval, r.by_id, r.by_as,
        extract(epoch FROM r.at)) || CASE WHEN r.mode IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(r.mode_was, r.mode) END)::text, 'UTF8'))
$$;

-- As before, and: the mode changes with it while no parcel is in the books (GL010).
CREATE OR REPLACE FUNCTION ledger_rule_change() RETURNS trigger LANGUAGE plpgsql AS $$
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
    NEW.mode := nullif(NEW.mode, y.mode);
    NEW.mode_was := CASE WHEN NEW.mode IS NOT NULL THEN y.mode END;
    IF NEW.mode IS NOT NULL AND EXISTS (SELECT FROM ledger_parcel p WHERE p.county_code = NEW.county_code AND p.year = NEW.year) THEN
        RAISE EXCEPTION '% 年度台账已记有地块，平衡方式不能改 · parcels are in the books of %; its mode cannot change', NEW.year, NEW.year USING ERRCODE = 'GL010';
    END IF;
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
    UPDATE ledger_year x SET enforced = NEW.enforced, mode = coalesce(NEW.mode, y.mode) WHERE x.county_code = NEW.county_code AND x.year = NEW.year;
    RETURN NEW;
END
$$;

-- As before, and: the mode changes by ledger_rule alone.
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
               OR pg_trigger_depth() > 1 AND to_jsonb(OLD) - 'enforced' - 'mode' = to_jsonb(NEW) - 'enforced' - 'mode' THEN
                RETURN NEW;
            END IF;
        END IF;
    END IF;
    RAISE EXCEPTION '台账只能追加，更正须记冲销 · the ledger is append-only; correct it by a reversal' USING ERRCODE = 'GL006';
END
$$;
-- +goose StatementEnd
