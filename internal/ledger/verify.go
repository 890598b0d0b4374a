package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Flaw is a place where a ledger is not what its chain says.
type Flaw struct {
	Year     int    `json:"year"`
	Township string `json:"township_code"`
	Seq      int64  `json:"seq"`
	What     string `json:"what_zh"`
}

const verifySQL = `
WITH walk AS (
	SELECT e.year, e.township_code, e.seq, e.hash,
	       lag(e.seq, 1, 0::bigint) OVER book AS before,
	       ledger_hash(lag(e.hash, 1, '\x'::bytea) OVER book, e, t) AS want
	FROM ledger_entry e LEFT JOIN ledger_transaction t ON t.county_code = e.county_code AND t.tx_id = e.tx_id
	WHERE e.county_code = $1
	WINDOW book AS (PARTITION BY e.year, e.township_code ORDER BY e.seq)
), ends AS (
	SELECT DISTINCT ON (year, township_code) year, township_code, seq, hash FROM walk ORDER BY year, township_code, seq DESC
), links AS (
	SELECT c.year, c.programme || ' ' || c.number AS what, c.chain, c.seq, c.hash, false AS cancels, c AS credit, NULL::ledger_credit_cancellation AS cancellation
	FROM ledger_credit c WHERE c.county_code = $1
	UNION ALL
	SELECT c.year, '（撤销）' || coalesce(c.programme || ' ' || c.number, x.credit_id::text), x.chain, x.seq, x.hash, true, NULL::ledger_credit, x
	FROM ledger_credit_cancellation x LEFT JOIN ledger_credit c ON c.county_code = x.county_code AND c.credit_id = x.credit_id AND c.chain = x.chain AND c.tx_id IS NULL
	WHERE x.county_code = $1
), credits AS (
	SELECT l.year, l.what, l.chain, l.seq, l.hash, l.cancels AND l.year IS NULL AS astray,
	       lag(l.seq, 1, 0::bigint) OVER chain AS before,
	       CASE WHEN l.cancels THEN ledger_cancellation_hash(lag(l.hash, 1, '\x'::bytea) OVER chain, l.cancellation)
	            ELSE ledger_credit_hash(lag(l.hash, 1, '\x'::bytea) OVER chain, l.credit) END AS want
	FROM links l WINDOW chain AS (PARTITION BY l.chain ORDER BY l.seq)
), rules AS (
	SELECT r.year, r.seq, r.hash, r.was, r.enforced,
	       last_value(r.mode) OVER (PARTITION BY r.year, r.mode IS NULL ORDER BY r.seq ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS mode,
	       lag(r.seq, 1, 0) OVER y AS before, lag(r.enforced) OVER y AS enforced_before,
	       lead(r.seq) OVER y IS NULL AS last, ledger_rule_hash(lag(r.hash, 1, '\x'::bytea) OVER y, r) AS want
	FROM ledger_rule r WHERE r.county_code = $1 WINDOW y AS (PARTITION BY r.year ORDER BY r.seq)
), sums AS (
	SELECT year, township_code, measure, account, sum(amount)::bigint AS amount FROM (
		SELECT year, township_code, measure, debit AS account, -amount AS amount FROM ledger_entry WHERE county_code = $1
		UNION ALL SELECT year, township_code, measure, credit, amount FROM ledger_entry WHERE county_code = $1) p
	GROUP BY year, township_code, measure, account
)
SELECT year, township_code, seq, '分录与哈希链不符，或其前有缺行 · the entry does not follow from the one before' FROM walk WHERE want IS DISTINCT FROM hash OR seq <> before + 1
UNION ALL
SELECT b.year, b.township_code, b.entries, '账簿末行与记录的链尾不符 · the book does not end as its head says'
FROM ledger_book b LEFT JOIN ends e ON e.year = b.year AND e.township_code = b.township_code
WHERE b.county_code = $1 AND (b.entries <> coalesce(e.seq, 0) OR b.head <> coalesce(e.hash, '\x'::bytea))
UNION ALL
SELECT coalesce(b.year, s.year), coalesce(b.township_code, s.township_code), 0, '余额 ' || coalesce(b.account, s.account) || ' ' || coalesce(b.measure, s.measure) || ' 与分录合计不符 · a balance is not the sum of its entries'
FROM (SELECT * FROM ledger_balance WHERE county_code = $1) b
FULL JOIN sums s ON s.year = b.year AND s.township_code = b.township_code AND s.measure = b.measure AND s.account = b.account
WHERE coalesce(b.amount, 0) <> coalesce(s.amount, 0)
UNION ALL
SELECT c.year, '', 0, '已认定土地 ' || c.number || ' 的记录与其交易不符 · a credit does not match its transaction'
FROM ledger_transaction t LEFT JOIN ledger_credit c ON c.county_code = t.county_code AND c.tx_id = t.tx_id
LEFT JOIN ledger_transaction r ON r.county_code = t.county_code AND r.reverses = t.tx_id
WHERE t.county_code = $1 AND t.kind = 'accept_in' AND t.reverses IS NULL
  AND (c.credit_id IS NULL OR c.withdrawn_by IS DISTINCT FROM r.tx_id)
UNION ALL
SELECT year, '', 0, '已认定土地 ' || what || ' 与哈希链不符，或其前有缺行 · a credit does not follow from the one before' FROM credits WHERE want IS DISTINCT FROM hash OR seq <> before + 1 OR astray
UNION ALL
SELECT NULL, '', coalesce(h.credits, 0), '已认定土地链 ' || coalesce(h.chain, c.chain) || ' 的末行与记录的链尾不符 · a chain of credits does not end as its head says'
FROM (SELECT * FROM ledger_credit_chain WHERE county_code = $1) h
FULL JOIN (SELECT DISTINCT ON (chain) chain, seq, hash FROM credits ORDER BY chain, seq DESC) c ON c.chain = h.chain
WHERE h.credits IS DISTINCT FROM c.seq OR h.head IS DISTINCT FROM c.hash
UNION ALL
SELECT c.year, '', 0, '已认定土地 ' || c.programme || ' ' || c.number || ' 被撤销，但没有对应的冲销 · a credit was withdrawn without a reversal of its transaction'
FROM ledger_credit c
WHERE c.county_code = $1 AND c.withdrawn_by IS NOT NULL AND NOT EXISTS (
	SELECT FROM ledger_transaction r WHERE r.county_code = c.county_code AND r.tx_id = c.withdrawn_by AND r.reverses = c.tx_id)
UNION ALL
SELECT coalesce(p.year, s.year), coalesce(p.township_code, s.township_code), 0, '地块 ' || coalesce(p.number, s.number) || ' 的进度与分录不符 · a parcel is not where its entries have brought it'
FROM (SELECT * FROM ledger_parcel WHERE county_code = $1) p
FULL JOIN ledger_standing($1) s ON s.year = p.year AND s.direction = p.direction AND s.number = p.number
WHERE p.stage IS DISTINCT FROM s.stage OR p.held IS DISTINCT FROM s.held OR p.stage <> '' AND p.township_code <> s.township_code
UNION ALL
SELECT r.year, '', r.seq, '平衡规则的变更与哈希链不符，或与年度现行规则不符 · a change of the rules does not follow from the one before, or is not what the year enforces'
FROM rules r JOIN ledger_year y ON y.county_code = $1 AND y.year = r.year
WHERE r.want IS DISTINCT FROM r.hash OR r.seq <> r.before + 1 OR r.was <> r.enforced_before OR r.last AND r.enforced <> y.enforced OR r.mode <> y.mode
ORDER BY 1, 2, 3`

// Verify walks every book of a county: every hash from the one before, no seq
// missing, the head as the book says, every balance the sum of its entries, every
// parcel where its entries have brought it, every credit's transaction and every
// credit and cancellation of the chains there, no credit withdrawn but by the
// reversal of its transaction (another programme's never), every change of the
// rules. It finds any row that was changed, taken out or moved. An empty list
// means that all is as it was posted.
func Verify(ctx context.Context, q Querier, county string) ([]Flaw, error) {
	rows, err := q.Query(ctx, verifySQL, county)
	if err != nil {
		return nil, fmt.Errorf("verify the ledger of %s: %w", county, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f Flaw, err error) {
		var year *int
		var what *string
		err = row.Scan(&year, &f.Township, &f.Seq, &what)
		if year != nil {
			f.Year = *year
		}
		if what != nil {
			f.What = *what
		} else {
			f.What = "验收交易没有对应的认定土地记录 · an acceptance has no credit"
		}
		return f, err
	})
	if err != nil {
		return nil, fmt.Errorf("verify the ledger of %s: %w", county, err)
	}
	return list, nil
}
