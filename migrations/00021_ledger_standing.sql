-- +goose Up
-- +goose StatementBegin
-- Says what it said before, in one pass: a search among the county's accounts for
-- each parcel took the square of their number, a quarter of an hour at 30,000.
CREATE OR REPLACE FUNCTION ledger_standing(county text) RETURNS SETOF ledger_parcel LANGUAGE sql STABLE AS $$
    WITH moved AS (
        SELECT t.direction, t.number, t.kind, t.reverses, e.year, e.township_code, e.tx_id, e.measure, e.debit, e.credit, e.amount
        FROM ledger_transaction t JOIN ledger_entry e ON e.county_code = t.county_code AND e.tx_id = t.tx_id
        WHERE t.county_code = county AND t.number <> '' AND t.kind IN (SELECT s.kind FROM ledger_step s)
    ), part AS (
        -- rank 0 is the parcel itself, the others are the accounts its steps have moved it through
        SELECT m.year, m.direction, m.number, min(m.township_code) AS township_code, '' AS stage, 0 AS rank, ARRAY[0, 0, 0]::bigint[] AS held,
            count(DISTINCT m.tx_id) FILTER (WHERE m.kind LIKE 'recognise%' AND m.reverses IS NULL)
          > count(DISTINCT m.tx_id) FILTER (WHERE m.kind LIKE 'recognise%' AND m.reverses IS NOT NULL) AS recognised
        FROM moved m GROUP BY m.year, m.direction, m.number
        UNION ALL
        SELECT m.year, m.direction, m.number, m.township_code, s.stage, s.rank,
            ARRAY[sum(CASE WHEN m.measure <> 'area' THEN 0 WHEN m.credit = s.account THEN m.amount ELSE -m.amount END)::bigint,
                  sum(CASE WHEN m.measure <> 'paddy' THEN 0 WHEN m.credit = s.account THEN m.amount ELSE -m.amount END)::bigint,
                  sum(CASE WHEN m.measure <> 'quality' THEN 0 WHEN m.credit = s.account THEN m.amount ELSE -m.amount END)::bigint], false
        FROM moved m JOIN (VALUES ('in', 'in_planned', 'planned', 1), ('in', 'available', 'accepted', 2), ('in', 'recognised_in', 'recognised', 3),
            ('out', 'out_planned', 'planned', 1), ('out', 'locked', 'locked', 2), ('out', 'released', 'released', 3), ('out', 'used', 'executed', 4),
            ('out', 'recognised_out', 'recognised', 5), ('out', 'exempt_out', 'exempt', 6)) s (way, account, stage, rank)
          ON s.way = m.direction AND s.account IN (m.debit, m.credit)
        GROUP BY m.year, m.direction, m.number, m.township_code, s.stage, s.rank
    ), whole AS (
        SELECT p.year, p.direction, p.number, p.township_code, p.stage, p.rank, p.held,
            bool_or(p.recognised) OVER (PARTITION BY p.year, p.direction, p.number) AS recognised
        FROM part p
    )
    -- what was recognised as nothing is in no account: its township is where it was accepted
    SELECT DISTINCT ON (w.year, w.direction, w.number) county, w.year, w.direction, w.number, w.township_code,
        CASE WHEN w.recognised THEN 'recognised' ELSE w.stage END,
        CASE WHEN w.recognised AND w.stage <> 'recognised' THEN ARRAY[0, 0, 0]::bigint[] ELSE w.held END
    FROM whole w
    WHERE w.rank = 0 OR w.recognised OR w.stage <> 'recognised' AND w.held[1] > 0
    ORDER BY w.year, w.direction, w.number, w.rank DESC, w.township_code
$$;
-- +goose StatementEnd
