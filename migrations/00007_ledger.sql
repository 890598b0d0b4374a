-- +goose Up
-- 台账: double entry, append only. One book (账簿) for each county, year and
-- township. A row of ledger_entry moves an amount of one measure from one
-- account of a book to another, so that debits and credits are equal by
-- construction. Amounts are whole hundredths of a m² of net area; of quality,
-- hundredths of a m² of grade 1 (折合1等).

-- mode in_out: 转进 covers 转出 (先进后出). mode net_increase: 年度净增加, the
-- year's net change is reported and nothing is refused for lack of quota.
-- enforced are the measures whose quota may not fall below zero.
CREATE TABLE ledger_year (
    county_code text        NOT NULL REFERENCES county,
    year        integer     NOT NULL CHECK (year BETWEEN 2009 AND 2100),
    mode        text        NOT NULL CHECK (mode IN ('in_out', 'net_increase')),
    enforced    text[]      NOT NULL,
    opened_at   timestamptz NOT NULL DEFAULT now(),
    closed_at   timestamptz,
    PRIMARY KEY (county_code, year),
    CHECK (enforced <@ ARRAY['area', 'paddy', 'quality']),
    CHECK (mode <> 'in_out' OR 'area' = ANY (enforced))
);

-- entries and head are the length and the last hash of the book's chain.
CREATE TABLE ledger_book (
    county_code   text    NOT NULL,
    year          integer NOT NULL,
    township_code text    NOT NULL CHECK (township_code ~ '^[0-9]{9}$'),
    entries       bigint  NOT NULL DEFAULT 0,
    head          bytea   NOT NULL DEFAULT '\x',
    PRIMARY KEY (county_code, year, township_code),
    FOREIGN KEY (county_code, year) REFERENCES ledger_year,
    CHECK (starts_with(township_code, county_code))
);

CREATE TABLE ledger_transaction (
    county_code text        NOT NULL REFERENCES county,
    tx_id       uuid        NOT NULL,
    -- what the caller calls it: the same key is posted once
    key         text        NOT NULL CHECK (key <> ''),
    kind        text        NOT NULL CHECK (kind IN ('plan_in', 'unplan_in', 'accept_in', 'recognise_in',
                    'plan_out', 'unplan_out', 'lock_out', 'unlock_out', 'release_out', 'execute_out', 'recognise_out',
                    'exempt_out', 'transfer', 'settle_owed', 'carry_over')),
    direction   text        NOT NULL DEFAULT '' CHECK (direction IN ('', 'in', 'out')),
    number      text        NOT NULL DEFAULT '',
    reason      text        NOT NULL DEFAULT '',
    approval    text        NOT NULL DEFAULT '',
    reverses    uuid,
    by_id       uuid        NOT NULL,
    by_as       text        NOT NULL CHECK (by_as <> ''),
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- digest of the movements, so that a key used again for something else is seen
    content     text        NOT NULL,
    -- the database transaction that made it: its entries come with it or never
    xact        xid8        NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (county_code, tx_id),
    UNIQUE (county_code, key),
    UNIQUE (county_code, reverses),
    FOREIGN KEY (county_code, reverses) REFERENCES ledger_transaction (county_code, tx_id),
    CHECK (reverses IS NULL OR reason <> ''),
    CHECK (kind <> 'transfer' OR approval <> '')
);
CREATE INDEX ledger_transaction_parcel ON ledger_transaction (county_code, direction, number) WHERE number <> '';

CREATE TABLE ledger_account (
    account text PRIMARY KEY,
    -- 'nonnegative', 'nonpositive', 'quota' (not below zero where the measure is enforced) or 'free'
    rule    text NOT NULL CHECK (rule IN ('nonnegative', 'nonpositive', 'quota', 'free')),
    name_zh text NOT NULL
);
INSERT INTO ledger_account VALUES
    ('origin', 'free', '转进来源（对方科目）'),
    ('in_planned', 'nonnegative', '计划转进'),
    ('available', 'quota', '可用指标'),
    ('locked', 'nonnegative', '锁定指标'),
    ('released', 'nonnegative', '准予实施'),
    ('used', 'nonnegative', '已实施转出'),
    ('demand', 'free', '转出需求（对方科目）'),
    ('out_planned', 'nonnegative', '计划转出'),
    ('owed', 'nonpositive', '欠账'),
    ('survey', 'free', '变更调查（对方科目）'),
    ('recognised_in', 'nonnegative', '认定转进'),
    ('recognised_out', 'nonnegative', '认定转出'),
    ('transferred_out', 'nonnegative', '调剂转出'),
    ('transferred_in', 'nonpositive', '调剂转入'),
    ('carried_out', 'free', '结转下年'),
    ('carried_in', 'free', '上年结转'),
    ('exempt_out', 'nonnegative', '不计入平衡的流出'),
    ('exempt_origin', 'free', '不计入平衡的流出（对方科目）');

-- Which accounts each kind of transaction moves between; a reversal moves back.
CREATE TABLE ledger_movement (
    kind   text NOT NULL,
    debit  text NOT NULL REFERENCES ledger_account,
    credit text NOT NULL REFERENCES ledger_account,
    PRIMARY KEY (kind, debit, credit)
);
INSERT INTO ledger_movement VALUES
    ('plan_in', 'origin', 'in_planned'), ('unplan_in', 'in_planned', 'origin'),
    ('accept_in', 'in_planned', 'origin'), ('accept_in', 'origin', 'available'),
    ('recognise_in', 'survey', 'recognised_in'), ('recognise_in', 'origin', 'available'),
    ('recognise_in', 'available', 'origin'), ('recognise_in', 'owed', 'origin'),
    ('plan_out', 'demand', 'out_planned'), ('unplan_out', 'out_planned', 'demand'),
    ('lock_out', 'out_planned', 'demand'), ('lock_out', 'available', 'locked'),
    ('unlock_out', 'locked', 'available'), ('unlock_out', 'demand', 'out_planned'),
    ('release_out', 'locked', 'released'),
    ('execute_out', 'released', 'used'), ('execute_out', 'released', 'available'),
    ('recognise_out', 'survey', 'recognised_out'), ('recognise_out', 'available', 'used'),
    ('recognise_out', 'owed', 'used'), ('recognise_out', 'used', 'available'),
    ('exempt_out', 'exempt_origin', 'exempt_out'),
    ('transfer', 'available', 'transferred_out'), ('transfer', 'transferred_in', 'available'),
    ('settle_owed', 'available', 'owed'),
    ('carry_over', 'available', 'carried_out'), ('carry_over', 'carried_out', 'available'), ('carry_over', 'carried_out', 'owed'),
    ('carry_over', 'carried_in', 'available'), ('carry_over', 'available', 'carried_in'), ('carry_over', 'owed', 'carried_in');

-- That the book, the transaction and the accounts are there, ledger_append proves
-- for every row, and none of them can go afterwards: foreign keys would ask all
-- of it again and halve the speed.
CREATE TABLE ledger_entry (
    county_code   text   NOT NULL,
    year          integer NOT NULL,
    township_code text   NOT NULL,
    seq           bigint NOT NULL,
    tx_id         uuid   NOT NULL,
    measure       text   NOT NULL CHECK (measure IN ('area', 'paddy', 'quality')),
    debit         text   NOT NULL,  -- the amount leaves it
    credit        text   NOT NULL,  -- the amount comes to it
    amount        bigint NOT NULL CHECK (amount > 0),
    hash          bytea  NOT NULL,
    PRIMARY KEY (county_code, year, township_code, seq),
    CHECK (debit <> credit)
);
CREATE INDEX ledger_entry_transaction ON ledger_entry (county_code, tx_id);

CREATE TABLE ledger_balance (
    county_code   text   NOT NULL,
    year          integer NOT NULL,
    township_code text   NOT NULL,
    measure       text   NOT NULL,
    account       text   NOT NULL REFERENCES ledger_account,
    amount        bigint NOT NULL,
    PRIMARY KEY (county_code, year, township_code, measure, account),
    FOREIGN KEY (county_code, year, township_code) REFERENCES ledger_book
);

-- The hash of a row of a book's chain: over the hash before it and all that the
-- row says, with what its transaction says.
-- +goose StatementBegin
CREATE FUNCTION ledger_hash(prev bytea, e ledger_entry, t ledger_transaction) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(prev || convert_to(jsonb_build_array(e.county_code, e.year, e.township_code, e.seq, e.tx_id, e.measure, e.debit, e.credit, e.amount,
        t.key, t.kind, t.direction, t.number, t.reason, t.approval, t.reverses, t.by_id, t.by_as,
        extract(epoch FROM t.at), t.content)::text, 'UTF8'))
$$;
-- +goose StatementEnd

-- Adds an amount to a balance and holds the account's rule. The caller holds
-- the book's row. SQLSTATE GL001: not enough; DETAIL says of what.
-- +goose StatementBegin
CREATE FUNCTION ledger_add(e ledger_entry, acc ledger_account, delta bigint, enforced text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    now_amount bigint;
BEGIN
    INSERT INTO ledger_balance AS b (county_code, year, township_code, measure, account, amount)
    VALUES (e.county_code, e.year, e.township_code, e.measure, acc.account, delta)
    ON CONFLICT (county_code, year, township_code, measure, account) DO UPDATE SET amount = b.amount + excluded.amount
    RETURNING amount INTO now_amount;
    IF now_amount < 0 AND (acc.rule = 'nonnegative' OR acc.rule = 'quota' AND e.measure = ANY (enforced))
       OR now_amount > 0 AND acc.rule = 'nonpositive' THEN
        RAISE EXCEPTION '台账余额不足 · not enough in the account' USING ERRCODE = 'GL001',
            DETAIL = jsonb_build_object('year', e.year, 'township', e.township_code, 'measure', e.measure, 'account', acc.account,
                'have', now_amount - delta, 'need', abs(delta))::text;
    END IF;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION ledger_append() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    r     record;
    owing bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION '台账须在 READ COMMITTED 下记账 · post to the ledger under READ COMMITTED' USING ERRCODE = 'GL000';
    END IF;
    -- Whoever writes in a book waits here for who wrote before; the next
    -- statement then sees what that one has done, a closed year too.
    PERFORM FROM ledger_book b
    WHERE b.county_code = NEW.county_code AND b.year = NEW.year AND b.township_code = NEW.township_code FOR UPDATE;
    SELECT b.entries, b.head, y.closed_at, y.enforced, t, t.kind, t.reverses, t.xact, d AS debit, c AS credit, m.kind IS NOT NULL AS allowed
    INTO r
    FROM ledger_book b
    JOIN ledger_year y ON y.county_code = b.county_code AND y.year = b.year
    JOIN ledger_transaction t ON t.county_code = b.county_code AND t.tx_id = NEW.tx_id
    JOIN ledger_account d ON d.account = NEW.debit
    JOIN ledger_account c ON c.account = NEW.credit
    LEFT JOIN ledger_movement m ON m.kind = t.kind
        AND m.debit = CASE WHEN t.reverses IS NULL THEN NEW.debit ELSE NEW.credit END
        AND m.credit = CASE WHEN t.reverses IS NULL THEN NEW.credit ELSE NEW.debit END
    WHERE b.county_code = NEW.county_code AND b.year = NEW.year AND b.township_code = NEW.township_code;
    IF NOT FOUND THEN
        RAISE EXCEPTION '没有这本账簿、这笔交易或这个科目 · no such book, transaction or account' USING ERRCODE = 'foreign_key_violation';
    END IF;
    IF r.xact <> pg_current_xact_id() THEN
        RAISE EXCEPTION '分录须与交易同时记入 · entries come with their transaction' USING ERRCODE = 'GL006';
    END IF;
    IF NOT r.allowed THEN
        RAISE EXCEPTION '% 类交易不得由 % 记到 % · a transaction of kind % moves nothing from % to %',
            r.kind, NEW.debit, NEW.credit, r.kind, NEW.debit, NEW.credit USING ERRCODE = 'GL004';
    END IF;
    IF r.closed_at IS NOT NULL THEN
        RAISE EXCEPTION '% 年度台账已结转，不能再记 · the ledger of % is closed', NEW.year, NEW.year USING ERRCODE = 'GL002';
    END IF;
    IF NEW.debit = 'available' AND NEW.credit = 'locked' AND NEW.measure = ANY (r.enforced) THEN
        SELECT b.amount INTO owing FROM ledger_balance b WHERE b.county_code = NEW.county_code AND b.year = NEW.year
            AND b.township_code = NEW.township_code AND b.measure = NEW.measure AND b.account = 'owed';
        IF owing < 0 THEN
            RAISE EXCEPTION '该乡镇尚有欠账，不能锁定指标 · the township owes; nothing can be locked' USING ERRCODE = 'GL003',
                DETAIL = jsonb_build_object('year', NEW.year, 'township', NEW.township_code, 'measure', NEW.measure, 'account', 'owed', 'have', owing, 'need', NEW.amount)::text;
        END IF;
    END IF;
    NEW.seq := r.entries + 1;
    NEW.hash := ledger_hash(r.head, NEW, r.t);
    PERFORM ledger_add(NEW, r.debit, -NEW.amount, r.enforced), ledger_add(NEW, r.credit, NEW.amount, r.enforced);
    UPDATE ledger_book b SET entries = NEW.seq, head = NEW.hash
    WHERE b.county_code = NEW.county_code AND b.year = NEW.year AND b.township_code = NEW.township_code;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER ledger_append BEFORE INSERT ON ledger_entry FOR EACH ROW EXECUTE FUNCTION ledger_append();

-- What one township gives another receives; what a year hands on the next takes.
-- +goose StatementBegin
CREATE FUNCTION ledger_pairs() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    off record;
BEGIN
    FOR off IN
        SELECT e.measure,
               sum(CASE WHEN e.credit IN ('transferred_out', 'carried_out') THEN e.amount WHEN e.debit IN ('transferred_out', 'carried_out') THEN -e.amount ELSE 0 END)
             - sum(CASE WHEN e.debit IN ('transferred_in', 'carried_in') THEN e.amount WHEN e.credit IN ('transferred_in', 'carried_in') THEN -e.amount ELSE 0 END) AS amount
        FROM ledger_entry e WHERE e.county_code = NEW.county_code AND e.tx_id = NEW.tx_id GROUP BY e.measure
    LOOP
        IF off.amount <> 0 THEN
            RAISE EXCEPTION '调剂或结转的两边不相等 · what is given and what is received differ' USING ERRCODE = 'GL004',
                DETAIL = jsonb_build_object('measure', off.measure, 'off', off.amount)::text;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER ledger_pairs AFTER INSERT ON ledger_transaction DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind IN ('transfer', 'carry_over')) EXECUTE FUNCTION ledger_pairs();
-- IN-09 不得重复认定: land that has been credited, by us or by another programme
-- (占补平衡, 增减挂钩, 高标准农田 …), is credited once for all years. withdrawn_by
-- is the reversal that took a credit back.
CREATE TABLE ledger_credit (
    county_code  text    NOT NULL REFERENCES county,
    credit_id    uuid    NOT NULL,
    programme    text    NOT NULL CHECK (programme <> ''),
    year         integer NOT NULL,
    number       text    NOT NULL CHECK (number <> ''),
    tx_id        uuid,
    withdrawn_by uuid,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    geom         geometry(MultiPolygon) NOT NULL CHECK (NOT ST_IsEmpty(geom) AND ST_IsValid(geom)),
    PRIMARY KEY (county_code, credit_id),
    FOREIGN KEY (county_code, tx_id) REFERENCES ledger_transaction,
    FOREIGN KEY (county_code, withdrawn_by) REFERENCES ledger_transaction (county_code, tx_id)
);
CREATE INDEX ledger_credit_geom ON ledger_credit USING gist (geom) WHERE withdrawn_by IS NULL;
CREATE INDEX ledger_credit_transaction ON ledger_credit (county_code, tx_id);

-- Two who credit overlapping land at once share a cell of the kilometre grid
-- and so wait for each other; whoever comes second sees the first.
-- +goose StatementBegin
CREATE FUNCTION ledger_credit_once() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    other ledger_credit;
    srid_ integer;
    m2    double precision;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION '台账须在 READ COMMITTED 下记账 · post to the ledger under READ COMMITTED' USING ERRCODE = 'GL000';
    END IF;
    SELECT srid INTO srid_ FROM county WHERE county_code = NEW.county_code;
    IF ST_SRID(NEW.geom) <> srid_ THEN
        RAISE EXCEPTION '图形须在县平面坐标系 EPSG:% · the geometry must be in the county''s plane', srid_ USING ERRCODE = 'GL000';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(format('ledger_credit %s %s %s', NEW.county_code, x, y), 0))
    FROM generate_series(floor(ST_XMin(NEW.geom) / 1000)::bigint, floor(ST_XMax(NEW.geom) / 1000)::bigint) x,
         generate_series(floor(ST_YMin(NEW.geom) / 1000)::bigint, floor(ST_YMax(NEW.geom) / 1000)::bigint) y;
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
CREATE TRIGGER ledger_credit_once BEFORE INSERT ON ledger_credit FOR EACH ROW EXECUTE FUNCTION ledger_credit_once();

-- Nothing is changed and nothing is taken out. Balances, books and years change
-- by what is posted; a credit is withdrawn once, a year closed once.
-- +goose StatementBegin
CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF TG_TABLE_NAME = 'ledger_credit' AND to_jsonb(OLD) ->> 'withdrawn_by' IS NULL
           AND to_jsonb(OLD) - 'withdrawn_by' = to_jsonb(NEW) - 'withdrawn_by' THEN
            RETURN NEW;
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
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger_year FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
-- At depth 0 somebody writes these directly, and not by posting.
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger_book FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger_transaction FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger_entry FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_append_only BEFORE INSERT OR UPDATE OR DELETE ON ledger_balance FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger_credit FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_append_only BEFORE INSERT OR UPDATE OR DELETE ON ledger_account FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_append_only BEFORE INSERT OR UPDATE OR DELETE ON ledger_movement FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger_year EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger_book EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger_transaction EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger_entry EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger_balance EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger_credit EXECUTE FUNCTION ledger_append_only();
