-- +goose Up
-- 台账到地块: a parcel goes through its steps one after the other, once, and each
-- step takes what the one before holds for that very parcel; the accounts of its
-- township alone would let another parcel's amounts stand in.

-- What a step takes from and gives to, of one parcel. same: it gives what it
-- takes. settles: it takes nothing, but the township's quota answers for the
-- difference (年度变更认定, BAL-7).
CREATE TABLE ledger_step (
    kind       text    PRIMARY KEY,
    direction  text    NOT NULL CHECK (direction IN ('in', 'out')),
    from_stage text    NOT NULL,
    takes      text    REFERENCES ledger_account,
    to_stage   text    NOT NULL,
    gives      text    REFERENCES ledger_account,
    same       boolean NOT NULL,
    settles    boolean NOT NULL
);
INSERT INTO ledger_step VALUES
    ('plan_in', 'in', '', NULL, 'planned', 'in_planned', false, false),
    ('unplan_in', 'in', 'planned', 'in_planned', '', NULL, false, false),
    ('accept_in', 'in', 'planned', 'in_planned', 'accepted', 'available', false, false),
    ('recognise_in', 'in', 'accepted', NULL, 'recognised', 'recognised_in', false, true),
    ('plan_out', 'out', '', NULL, 'planned', 'out_planned', false, false),
    ('unplan_out', 'out', 'planned', 'out_planned', '', NULL, false, false),
    ('lock_out', 'out', 'planned', 'out_planned', 'locked', 'locked', true, false),
    ('unlock_out', 'out', 'locked', 'locked', 'planned', 'out_planned', true, false),
    ('release_out', 'out', 'locked', 'locked', 'released', 'released', true, false),
    ('execute_out', 'out', 'released', 'released', 'executed', 'used', false, false),
    ('recognise_out', 'out', 'executed', NULL, 'recognised', 'recognised_out', false, true),
    ('exempt_out', 'out', '', NULL, 'exempt', 'exempt_out', false, false);

-- The movements of the steps that need to know nothing but the parcel: of what it
-- holds, of what is given (planned, accepted, executed), or of the rest.
CREATE TABLE ledger_step_move (
    kind   text    NOT NULL REFERENCES ledger_step,
    place  integer NOT NULL,
    debit  text    NOT NULL,
    credit text    NOT NULL,
    amount text    NOT NULL CHECK (amount IN ('held', 'given', 'rest')),
    PRIMARY KEY (kind, place),
    FOREIGN KEY (kind, debit, credit) REFERENCES ledger_movement
);
INSERT INTO ledger_step_move VALUES
    ('plan_in', 1, 'origin', 'in_planned', 'given'),
    ('unplan_in', 1, 'in_planned', 'origin', 'held'),
    ('accept_in', 1, 'in_planned', 'origin', 'held'), ('accept_in', 2, 'origin', 'available', 'given'),
    ('plan_out', 1, 'demand', 'out_planned', 'given'),
    ('unplan_out', 1, 'out_planned', 'demand', 'held'),
    ('lock_out', 1, 'out_planned', 'demand', 'held'), ('lock_out', 2, 'available', 'locked', 'held'),
    ('unlock_out', 1, 'locked', 'available', 'held'), ('unlock_out', 2, 'demand', 'out_planned', 'held'),
    ('release_out', 1, 'locked', 'released', 'held'),
    ('execute_out', 1, 'released', 'used', 'given'), ('execute_out', 2, 'released', 'available', 'rest'),
    ('exempt_out', 1, 'exempt_origin', 'exempt_out', 'given');

-- How far a parcel has come in a year, and what it holds there: area, paddy,
-- quality. '' is out of the plan (again).
CREATE TABLE ledger_parcel (
    county_code   text     NOT NULL,
    year          integer  NOT NULL,
    direction     text     NOT NULL CHECK (direction IN ('in', 'out')),
    number        text     NOT NULL CHECK (number <> ''),
    township_code text     NOT NULL,
    stage         text     NOT NULL CHECK (stage IN ('', 'planned', 'accepted', 'locked', 'released', 'executed', 'recognised', 'exempt')),
    held          bigint[] NOT NULL CHECK (cardinality(held) = 3 AND 0 <= ALL (held) AND held[2] <= held[1]),
    PRIMARY KEY (county_code, year, direction, number),
    CHECK (stage = 'recognised' OR (stage = '') = (held[1] = 0))
) WITH (fillfactor = 70);

-- ledger_standing says the same from the entries: what the steps have come to.
-- Of a parcel that was booked twice when nothing forbade it, the furthest stage.
-- +goose StatementBegin
CREATE FUNCTION ledger_standing(county text) RETURNS SETOF ledger_parcel LANGUAGE sql STABLE AS $$
    WITH moved AS (
        SELECT t.direction, t.number, t.kind, t.reverses, e.year, e.township_code, e.tx_id, e.measure, e.debit, e.credit, e.amount
        FROM ledger_transaction t JOIN ledger_entry e ON e.county_code = t.county_code AND e.tx_id = t.tx_id
        WHERE t.county_code = county AND t.number <> '' AND t.kind IN (SELECT s.kind FROM ledger_step s)
    ), parcel AS (
        SELECT m.year, m.direction, m.number, min(m.township_code) AS township_code,
            count(DISTINCT m.tx_id) FILTER (WHERE m.kind LIKE 'recognise%' AND m.reverses IS NULL)
          > count(DISTINCT m.tx_id) FILTER (WHERE m.kind LIKE 'recognise%' AND m.reverses IS NOT NULL) AS recognised
        FROM moved m GROUP BY m.year, m.direction, m.number
    ), account AS (
        SELECT m.year, m.direction, m.number, m.township_code, s.stage, s.rank,
            ARRAY[sum(CASE WHEN m.measure <> 'area' THEN 0 WHEN m.credit = s.account THEN m.amount ELSE -m.amount END)::bigint,
                  sum(CASE WHEN m.measure <> 'paddy' THEN 0 WHEN m.credit = s.account THEN m.amount ELSE -m.amount END)::bigint,
                  sum(CASE WHEN m.measure <> 'quality' THEN 0 WHEN m.credit = s.account THEN m.amount ELSE -m.amount END)::bigint] AS held
        FROM moved m JOIN (VALUES ('in', 'in_planned', 'planned', 1), ('in', 'available', 'accepted', 2), ('in', 'recognised_in', 'recognised', 3),
            ('out', 'out_planned', 'planned', 1), ('out', 'locked', 'locked', 2), ('out', 'released', 'released', 3), ('out', 'used', 'executed', 4),
            ('out', 'recognised_out', 'recognised', 5), ('out', 'exempt_out', 'exempt', 6)) s (way, account, stage, rank)
          ON s.way = m.direction AND s.account IN (m.debit, m.credit)
        GROUP BY m.year, m.direction, m.number, m.township_code, s.stage, s.rank
    )
    SELECT county, p.year, p.direction, p.number, coalesce(a.township_code, p.township_code),
        CASE WHEN p.recognised THEN 'recognised' ELSE coalesce(a.stage, '') END,
        CASE WHEN a.stage = 'recognised' OR NOT p.recognised AND a.stage IS NOT NULL THEN a.held ELSE ARRAY[0, 0, 0]::bigint[] END
    FROM parcel p LEFT JOIN LATERAL (
        -- what was recognised as nothing is in no account: its township is where it was accepted
        SELECT a.township_code, a.stage, a.held FROM account a
        WHERE a.year = p.year AND a.direction = p.direction AND a.number = p.number
          AND (p.recognised OR a.stage <> 'recognised' AND a.held[1] > 0)
        ORDER BY a.rank DESC LIMIT 1) a ON true
$$;
INSERT INTO ledger_parcel SELECT s.* FROM county c, ledger_standing(c.county_code) s;

-- Every transaction shares the county's row for a foreign key, and 50 at once
-- write it over and over; the book and the chain of credits prove the county.
ALTER TABLE ledger_transaction DROP CONSTRAINT ledger_transaction_county_code_fkey, DROP CONSTRAINT ledger_transaction_county_code_reverses_key;
CREATE UNIQUE INDEX ledger_transaction_reverses ON ledger_transaction (county_code, reverses) WHERE reverses IS NOT NULL;
-- No key is empty; but a search by tx_id says nothing of keys and so cannot take
-- this index, which in a small table looks as good as the primary key and would
-- read all of the county's transactions.
ALTER TABLE ledger_transaction DROP CONSTRAINT ledger_transaction_county_code_key_key;
CREATE UNIQUE INDEX ledger_transaction_key ON ledger_transaction (county_code, key) WHERE key <> '';
ALTER TABLE ledger_credit DROP CONSTRAINT ledger_credit_county_code_fkey, DROP CONSTRAINT ledger_credit_county_code_tx_id_fkey;
-- A book is written several times in a transaction, and a foreign key is asked
-- again then; nothing of ledger_year ever goes, so asking once is enough.
ALTER TABLE ledger_book DROP CONSTRAINT ledger_book_county_code_year_fkey;
-- A book and its balances are written by every posting: leave room beside them.
ALTER TABLE ledger_book SET (fillfactor = 20);
ALTER TABLE ledger_balance SET (fillfactor = 50);

CREATE FUNCTION ledger_book_opened() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM ledger_year y WHERE y.county_code = NEW.county_code AND y.year = NEW.year FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% 年度台账尚未开账 · the ledger of % is not open', NEW.year, NEW.year USING ERRCODE = 'foreign_key_violation', TABLE = 'ledger_book';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER ledger_book_opened BEFORE INSERT ON ledger_book FOR EACH ROW EXECUTE FUNCTION ledger_book_opened();

-- A row of entries finds its place in its book's chain. Whoever writes in a book
-- waits here for who wrote before. What else an entry must fulfil, ledger_posted
-- asks of all entries of a statement together.
CREATE OR REPLACE FUNCTION ledger_append() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    own boolean;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION '台账须在 READ COMMITTED 下记账 · post to the ledger under READ COMMITTED' USING ERRCODE = 'GL000';
    END IF;
    UPDATE ledger_book b SET entries = b.entries + 1,
        head = ledger_hash(b.head, ROW(NEW.county_code, NEW.year, NEW.township_code, b.entries + 1, NEW.tx_id, NEW.measure,
            NEW.debit, NEW.credit, NEW.amount, NULL)::ledger_entry, t)
    FROM ledger_transaction t
    WHERE b.county_code = NEW.county_code AND b.year = NEW.year AND b.township_code = NEW.township_code
      AND t.county_code = NEW.county_code AND t.tx_id = NEW.tx_id
    RETURNING b.entries, b.head, t.xact = pg_current_xact_id() INTO NEW.seq, NEW.hash, own;
    IF NOT FOUND THEN
        RAISE EXCEPTION '没有这本账簿或这笔交易 · no such book or transaction' USING ERRCODE = 'foreign_key_violation';
    END IF;
    IF NOT own THEN
        RAISE EXCEPTION '分录须与交易同时记入 · entries come with their transaction' USING ERRCODE = 'GL006';
    END IF;
    RETURN NEW;
END
$$;

-- The step that a transaction is of its parcel. taken, given and settled are
-- what its entries move, of each measure, read forwards: a reversal goes the same
-- way back.
CREATE FUNCTION ledger_go(t ledger_transaction, s ledger_step, y integer, township text, taken bigint[], given bigint[], settled bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    forward boolean := t.reverses IS NULL;
    leaves  bigint[] := CASE WHEN s.takes IS NOT NULL THEN taken
        WHEN s.settles THEN ARRAY[given[1] - settled[1], given[2] - settled[2], given[3] - settled[3]] ELSE '{0,0,0}' END;
    comes   bigint[] := CASE WHEN s.gives IS NOT NULL THEN given ELSE '{0,0,0}' END;
    stage_  text := CASE WHEN forward THEN s.from_stage ELSE s.to_stage END;
    next_   text := CASE WHEN forward THEN s.to_stage ELSE s.from_stage END;
BEGIN
    IF t.direction <> s.direction OR t.number = '' THEN
        RAISE EXCEPTION '% 类交易须写明地块及其方向 · a transaction of kind % names its parcel and direction', t.kind, t.kind USING ERRCODE = 'GL004';
    END IF;
    IF s.same AND taken <> given THEN
        RAISE EXCEPTION '% 前后数额须相等 · % gives what it takes', t.kind, t.kind USING ERRCODE = 'GL004';
    END IF;
    IF NOT forward THEN
        SELECT comes, leaves INTO leaves, comes;
    END IF;
    IF stage_ = '' THEN
        INSERT INTO ledger_parcel AS p VALUES (t.county_code, y, t.direction, t.number, township, next_, comes)
        ON CONFLICT (county_code, year, direction, number) DO UPDATE SET township_code = excluded.township_code, stage = next_, held = comes
        WHERE p.stage = '' AND leaves = '{0,0,0}';
    ELSE
        UPDATE ledger_parcel p SET stage = next_, held = comes
        WHERE p.county_code = t.county_code AND p.year = y AND p.direction = t.direction AND p.number = t.number
          AND p.township_code = township AND p.stage = stage_ AND p.held = leaves;
    END IF;
    IF NOT FOUND THEN
        PERFORM ledger_misstep(t.county_code, y, township, t.direction, t.number, t.kind, leaves);
    END IF;
END
$$;

-- All that holds for the entries of a statement: one transaction's; movements of
-- the table; the year open; nothing locked while the township owes; balances
-- within the rule of their account (SQLSTATE GL001; DETAIL says of what); and the
-- step of the parcel. After the rows, so that it sees whoever held the book before.
CREATE FUNCTION ledger_posted() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    t   ledger_transaction;
    s   ledger_step;
    off record;
BEGIN
    SELECT a.county_code, a.tx_id INTO off FROM added a LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL; -- no entries
    END IF;
    -- found by its key, whatever the planner thinks of the size of added
    SELECT x.* INTO t FROM ledger_transaction x WHERE x.county_code = off.county_code AND x.tx_id = off.tx_id;
    SELECT a.debit, a.credit, a.year, a.tx_id = t.tx_id AS own, m.kind IS NOT NULL AS allowed INTO off
    FROM added a JOIN ledger_year y ON y.county_code = a.county_code AND y.year = a.year
    LEFT JOIN ledger_movement m ON m.kind = t.kind
        AND m.debit = CASE WHEN t.reverses IS NULL THEN a.debit ELSE a.credit END
        AND m.credit = CASE WHEN t.reverses IS NULL THEN a.credit ELSE a.debit END
    WHERE a.tx_id <> t.tx_id OR m.kind IS NULL OR y.closed_at IS NOT NULL LIMIT 1;
    IF FOUND THEN
        IF NOT off.own THEN
            RAISE EXCEPTION '一次只记一笔交易的分录 · the entries of one transaction at a time' USING ERRCODE = 'GL006';
        ELSIF NOT off.allowed THEN
            RAISE EXCEPTION '% 类交易不得由 % 记到 % · a transaction of kind % moves nothing from % to %',
                t.kind, off.debit, off.credit, t.kind, off.debit, off.credit USING ERRCODE = 'GL004';
        END IF;
        RAISE EXCEPTION '% 年度台账已结转，不能再记 · the ledger of % is closed', off.year, off.year USING ERRCODE = 'GL002';
    END IF;
    IF t.kind IN ('lock_out', 'unlock_out') THEN
        SELECT l.* INTO off
        FROM (SELECT a.year, a.township_code, a.measure, a.amount AS need, (
                SELECT b.amount FROM ledger_balance b WHERE b.county_code = a.county_code AND b.year = a.year AND b.township_code = a.township_code
                AND b.measure = a.measure AND b.account = 'owed') AS have
              FROM added a JOIN ledger_year y ON y.county_code = a.county_code AND y.year = a.year AND a.measure = ANY (y.enforced)
              WHERE a.debit = 'available' AND a.credit = 'locked') l
        WHERE l.have < 0 LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION '该乡镇尚有欠账，不能锁定指标 · the township owes; nothing can be locked' USING ERRCODE = 'GL003',
                DETAIL = jsonb_build_object('year', off.year, 'township', off.township_code, 'measure', off.measure, 'account', 'owed', 'have', off.have, 'need', off.need)::text;
        END IF;
    END IF;
    WITH change AS (
        SELECT p.county_code, p.year, p.township_code, p.measure, p.account, sum(p.amount)::bigint AS amount
        FROM (SELECT a.county_code, a.year, a.township_code, a.measure, a.debit AS account, -a.amount AS amount FROM added a
              UNION ALL SELECT a.county_code, a.year, a.township_code, a.measure, a.credit, a.amount FROM added a) p
        GROUP BY p.county_code, p.year, p.township_code, p.measure, p.account
    ), put AS (
        INSERT INTO ledger_balance AS b SELECT c.county_code, c.year, c.township_code, c.measure, c.account, c.amount FROM change c
        ON CONFLICT (county_code, year, township_code, measure, account) DO UPDATE SET amount = b.amount + excluded.amount
        RETURNING b.*
    )
    SELECT b.year, b.township_code, b.measure, b.account, b.amount - c.amount AS have, abs(c.amount) AS need INTO off
    FROM put b JOIN ledger_account r ON r.account = b.account
    JOIN ledger_year y ON y.county_code = b.county_code AND y.year = b.year
    JOIN change c ON c.year = b.year AND c.township_code = b.township_code AND c.measure = b.measure AND c.account = b.account
    WHERE b.amount < 0 AND (r.rule = 'nonnegative' OR r.rule = 'quota' AND b.measure = ANY (y.enforced)) OR b.amount > 0 AND r.rule = 'nonpositive'
    ORDER BY b.account, b.measure, b.year, b.township_code LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '台账余额不足 · not enough in the account' USING ERRCODE = 'GL001',
            DETAIL = jsonb_build_object('year', off.year, 'township', off.township_code, 'measure', off.measure, 'account', off.account, 'have', off.have, 'need', off.need)::text;
    END IF;
    SELECT x.* INTO s FROM ledger_step x WHERE x.kind = t.kind;
    IF FOUND THEN
        PERFORM ledger_go(t, s, m.year, m.township_code, ARRAY[m.t1, m.t2, m.t3], ARRAY[m.g1, m.g2, m.g3], ARRAY[m.s1, m.s2, m.s3])
        FROM (SELECT a.year, a.township_code,
                coalesce(sum(a.amount) FILTER (WHERE a.measure = 'area' AND d.debit = s.takes), 0)::bigint AS t1,
                coalesce(sum(a.amount) FILTER (WHERE a.measure = 'paddy' AND d.debit = s.takes), 0)::bigint AS t2,
                coalesce(sum(a.amount) FILTER (WHERE a.measure = 'quality' AND d.debit = s.takes), 0)::bigint AS t3,
                coalesce(sum(a.amount) FILTER (WHERE a.measure = 'area' AND d.credit = s.gives), 0)::bigint AS g1,
                coalesce(sum(a.amount) FILTER (WHERE a.measure = 'paddy' AND d.credit = s.gives), 0)::bigint AS g2,
                coalesce(sum(a.amount) FILTER (WHERE a.measure = 'quality' AND d.credit = s.gives), 0)::bigint AS g3,
                coalesce(sum(d.settled) FILTER (WHERE a.measure = 'area'), 0)::bigint AS s1,
                coalesce(sum(d.settled) FILTER (WHERE a.measure = 'paddy'), 0)::bigint AS s2,
                coalesce(sum(d.settled) FILTER (WHERE a.measure = 'quality'), 0)::bigint AS s3
              FROM added a, LATERAL (
                SELECT CASE WHEN t.reverses IS NULL THEN a.debit ELSE a.credit END AS debit, CASE WHEN t.reverses IS NULL THEN a.credit ELSE a.debit END AS credit) w,
                LATERAL (SELECT w.debit, w.credit, CASE WHEN NOT s.settles THEN 0
                    WHEN w.credit = 'used' OR s.direction = 'in' AND w.debit = 'origin' THEN a.amount
                    WHEN w.debit = 'used' OR s.direction = 'in' AND w.credit = 'origin' THEN -a.amount ELSE 0 END AS settled) d
              GROUP BY a.year, a.township_code) m;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER ledger_posted AFTER INSERT ON ledger_entry REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_posted();
DROP FUNCTION ledger_add;

-- SQLSTATE GL007: the parcel is not at the step, or holds another amount there.
CREATE FUNCTION ledger_misstep(county text, y integer, township text, way text, parcel text, what text, asked bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    was ledger_parcel;
BEGIN
    SELECT p.* INTO was FROM ledger_parcel p WHERE p.county_code = county AND p.year = y AND p.direction = way AND p.number = parcel;
    RAISE EXCEPTION '地块 % 不在这一步，或数额不符 · parcel % is not at this step, or holds another amount', parcel, parcel USING ERRCODE = 'GL007',
        DETAIL = jsonb_build_object('year', y, 'township', township, 'direction', way, 'number', parcel, 'kind', what,
            'stage', coalesce(was.stage, ''), 'in_township', coalesce(was.township_code, ''), 'held', was.held, 'asked', asked)::text;
END
$$;

-- Posts a step of a parcel in one call: what it holds moves on, with the amounts
-- given (planned, accepted, executed) where the step has any. again: the key has
-- been posted before; same: for the same. land is the accepted boundary.
-- enable_seqscan: a new county's tables are small, and plans that read them whole
-- would be kept while they grow and fill with old versions of the books' rows.
CREATE FUNCTION ledger_post(county text, y integer, township text, what text, parcel text, given bigint[], key_ text, why text, approved text,
    who uuid, who_as text, land geometry, OUT posted uuid, OUT again boolean, OUT same boolean)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    r record;
BEGIN
    PERFORM FROM ledger_book b WHERE b.county_code = county AND b.year = y AND b.township_code = township FOR UPDATE;
    IF NOT FOUND AND what IN ('plan_in', 'plan_out', 'exempt_out') THEN
        INSERT INTO ledger_book (county_code, year, township_code) VALUES (county, y, township) ON CONFLICT DO NOTHING;
        PERFORM FROM ledger_book b WHERE b.county_code = county AND b.year = y AND b.township_code = township FOR UPDATE;
    END IF;
    SELECT s.direction, s.from_stage, s.gives, p.stage, p.township_code, p.held, t.tx_id, t.kind, t.direction AS way, t.number, t.reverses INTO r
    FROM ledger_step s
    LEFT JOIN ledger_parcel p ON p.county_code = county AND p.year = y AND p.direction = s.direction AND p.number = parcel
    LEFT JOIN ledger_transaction t ON t.county_code = county AND t.key = key_ AND t.key <> ''
    WHERE s.kind = what;
    IF r.tx_id IS NOT NULL THEN
        posted := r.tx_id;
        again := true;
        SELECT r.kind = what AND r.way = r.direction AND r.number = parcel AND r.reverses IS NULL AND count(*) > 0
           AND (given IS NULL OR given = ARRAY[
                coalesce(sum(e.amount) FILTER (WHERE e.measure = 'area' AND e.credit = r.gives), 0),
                coalesce(sum(e.amount) FILTER (WHERE e.measure = 'paddy' AND e.credit = r.gives), 0),
                coalesce(sum(e.amount) FILTER (WHERE e.measure = 'quality' AND e.credit = r.gives), 0)]::bigint[]) INTO same
        FROM ledger_entry e WHERE e.county_code = county AND e.tx_id = posted AND e.year = y AND e.township_code = township;
        RETURN;
    END IF;
    IF coalesce(r.stage, '') <> r.from_stage OR r.stage <> '' AND r.township_code <> township THEN
        PERFORM ledger_misstep(county, y, township, r.direction, parcel, what, given);
    END IF;
    IF what = 'execute_out' AND (given[1] > r.held[1] OR given[2] > r.held[2] OR given[3] > r.held[3]) THEN
        RAISE EXCEPTION '实际转出多于准予 · more was executed than released' USING ERRCODE = 'GL008',
            DETAIL = jsonb_build_object('township', township, 'number', parcel, 'held', r.held, 'asked', given)::text;
    END IF;
    posted := gen_random_uuid();
    again := false;
    same := true;
    INSERT INTO ledger_transaction (county_code, tx_id, key, kind, direction, number, reason, approval, by_id, by_as, content)
    VALUES (county, posted, key_, what, r.direction, parcel, why, approved, who, who_as,
        encode(sha256(convert_to(concat_ws(' ', what, y, township, given::text, parcel), 'UTF8')), 'hex'))
    ON CONFLICT (county_code, key) WHERE key <> '' DO NOTHING;
    IF NOT FOUND THEN -- somebody has just posted the key in another book
        SELECT f.* INTO posted, again, same FROM ledger_post(county, y, township, what, parcel, given, key_, why, approved, who, who_as, land) f;
        RETURN;
    END IF;
    INSERT INTO ledger_entry (county_code, year, township_code, tx_id, measure, debit, credit, amount)
    SELECT county, y, township, posted, v.measure, m.debit, m.credit, v.amount
    FROM ledger_step_move m, LATERAL (
        SELECT u.n, u.measure, CASE m.amount WHEN 'held' THEN u.held WHEN 'given' THEN u.given ELSE u.held - u.given END AS amount
        FROM unnest(ARRAY['area', 'paddy', 'quality'], r.held, given) WITH ORDINALITY u (measure, held, given, n)) v
    WHERE m.kind = what AND v.amount > 0
    ORDER BY m.place, v.n;
    IF NOT FOUND THEN
        RAISE EXCEPTION '这一步没有数额 · this step moves nothing' USING ERRCODE = 'GL004';
    END IF;
    IF what = 'accept_in' THEN
        INSERT INTO ledger_credit (county_code, credit_id, programme, year, number, tx_id, geom)
        SELECT county, gen_random_uuid(), '进出平衡', y, parcel, posted, ST_SetSRID(land, c.srid) FROM county c WHERE c.county_code = county;
    END IF;
END
$$;
ALTER FUNCTION ledger_whole() SET enable_seqscan = off;

CREATE TRIGGER ledger_append_only BEFORE INSERT OR UPDATE OR DELETE ON ledger_parcel FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_append_only BEFORE INSERT OR UPDATE OR DELETE ON ledger_step FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_append_only BEFORE INSERT OR UPDATE OR DELETE ON ledger_step_move FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger_parcel EXECUTE FUNCTION ledger_append_only();
-- +goose StatementEnd
