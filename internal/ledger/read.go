package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/land"
)

// Querier reads: a pool or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Filter chooses entries; what is empty chooses all. After is the township and
// seq of the last entry of the page before.
type Filter struct {
	Township, Direction, Number string
	Kind                        Kind
	AfterTownship               string
	AfterSeq                    int64
	Limit                       int
}

// Entries lists a year's entries in the order of the books.
func Entries(ctx context.Context, q Querier, county string, year int, f Filter) ([]Entry, error) {
	rows, err := q.Query(ctx, `
		SELECT e.year, e.township_code, e.seq, e.tx_id, t.kind, t.direction, t.number, e.measure, e.debit, e.credit, e.amount,
		       t.reason, t.approval, t.reverses, t.by_as, t.at
		FROM ledger_entry e JOIN ledger_transaction t ON t.county_code = e.county_code AND t.tx_id = e.tx_id
		WHERE e.county_code = $1 AND e.year = $2 AND ($3 = '' OR e.township_code = $3) AND ($4 = '' OR t.direction = $4)
		  AND ($5 = '' OR t.number = $5) AND ($6 = '' OR t.kind = $6) AND (e.township_code, e.seq) > ($7, $8)
		ORDER BY e.township_code, e.seq LIMIT $9`,
		county, year, f.Township, f.Direction, f.Number, string(f.Kind), f.AfterTownship, f.AfterSeq, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("entries of %s in %d: %w", county, year, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Entry, err error) {
		var amount int64
		err = row.Scan(&e.Year, &e.Township, &e.Seq, &e.TxID, &e.Kind, &e.Direction, &e.Number, &e.Measure, &e.Debit, &e.Credit, &amount,
			&e.Reason, &e.Approval, &e.Reverses, &e.By, &e.At)
		e.Amount = land.Area(amount)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("entries of %s in %d: %w", county, year, err)
	}
	return list, nil
}

// Side is one township's year in one measure: planned, accepted or executed, and
// recognised beside each other (三栏对照).
type Side struct {
	Township       string    `json:"township_code"`
	Measure        Measure   `json:"measure"`
	PlannedIn      land.Area `json:"planned_in_m2"`
	AcceptedIn     land.Area `json:"accepted_in_m2"`
	RecognisedIn   land.Area `json:"recognised_in_m2"`
	PlannedOut     land.Area `json:"planned_out_m2"`
	ExecutedOut    land.Area `json:"executed_out_m2"`
	RecognisedOut  land.Area `json:"recognised_out_m2"`
	ExemptOut      land.Area `json:"exempt_out_m2"`
	TransferredIn  land.Area `json:"transferred_in_m2"`
	TransferredOut land.Area `json:"transferred_out_m2"`
	CarriedIn      land.Area `json:"carried_in_m2"`
	CarriedOut     land.Area `json:"carried_out_m2"`
	Available      land.Area `json:"available_m2"`
	Owed           land.Area `json:"owed_m2"` // zero or more
	// NetIncrease is recognised in − recognised out − exempt out (年度净增加).
	NetIncrease land.Area `json:"net_increase_m2"`
}

// sideSQL sums by the kind of transaction: what was planned stays planned
// though the account has been emptied since.
const sideSQL = `
SELECT e.township_code, e.measure,
  sum(CASE WHEN t.kind IN ('plan_in', 'unplan_in') THEN CASE WHEN e.credit = 'in_planned' THEN e.amount ELSE -e.amount END ELSE 0 END)::bigint,
  sum(CASE WHEN t.kind = 'accept_in' AND e.credit = 'available' THEN e.amount WHEN t.kind = 'accept_in' AND e.debit = 'available' THEN -e.amount ELSE 0 END)::bigint,
  sum(CASE WHEN e.credit = 'recognised_in' THEN e.amount WHEN e.debit = 'recognised_in' THEN -e.amount ELSE 0 END)::bigint,
  sum(CASE WHEN t.kind IN ('plan_out', 'unplan_out') THEN CASE WHEN e.credit = 'out_planned' THEN e.amount ELSE -e.amount END ELSE 0 END)::bigint,
  sum(CASE WHEN t.kind = 'execute_out' AND e.credit = 'used' THEN e.amount WHEN t.kind = 'execute_out' AND e.debit = 'used' THEN -e.amount ELSE 0 END)::bigint,
  sum(CASE WHEN e.credit = 'recognised_out' THEN e.amount WHEN e.debit = 'recognised_out' THEN -e.amount ELSE 0 END)::bigint,
  sum(CASE WHEN e.credit = 'exempt_out' THEN e.amount WHEN e.debit = 'exempt_out' THEN -e.amount ELSE 0 END)::bigint,
  sum(CASE WHEN e.debit = 'transferred_in' THEN e.amount WHEN e.credit = 'transferred_in' THEN -e.amount ELSE 0 END)::bigint,
  sum(CASE WHEN e.credit = 'transferred_out' THEN e.amount WHEN e.debit = 'transferred_out' THEN -e.amount ELSE 0 END)::bigint,
  sum(CASE WHEN e.debit = 'carried_in' THEN e.amount WHEN e.credit = 'carried_in' THEN -e.amount ELSE 0 END)::bigint,
  sum(CASE WHEN e.credit = 'carried_out' THEN e.amount WHEN e.debit = 'carried_out' THEN -e.amount ELSE 0 END)::bigint,
  sum(CASE WHEN e.credit = 'available' THEN e.amount WHEN e.debit = 'available' THEN -e.amount ELSE 0 END)::bigint,
  -sum(CASE WHEN e.credit = 'owed' THEN e.amount WHEN e.debit = 'owed' THEN -e.amount ELSE 0 END)::bigint
FROM ledger_entry e JOIN ledger_transaction t ON t.county_code = e.county_code AND t.tx_id = e.tx_id
WHERE e.county_code = $1 AND e.year = $2 AND ($3 = '' OR e.township_code = $3)
GROUP BY e.township_code, e.measure ORDER BY e.township_code, e.measure`

// SideBySide gives planned, accepted and recognised by township and measure.
func SideBySide(ctx context.Context, q Querier, county string, year int, township string) ([]Side, error) {
	rows, err := q.Query(ctx, sideSQL, county, year, township)
	if err != nil {
		return nil, fmt.Errorf("side by side of %s in %d: %w", county, year, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Side, err error) {
		var v [13]int64
		err = row.Scan(&s.Township, &s.Measure, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8], &v[9], &v[10], &v[11], &v[12])
		for i, to := range []*land.Area{&s.PlannedIn, &s.AcceptedIn, &s.RecognisedIn, &s.PlannedOut, &s.ExecutedOut, &s.RecognisedOut,
			&s.ExemptOut, &s.TransferredIn, &s.TransferredOut, &s.CarriedIn, &s.CarriedOut, &s.Available, &s.Owed} {
			*to = land.Area(v[i])
		}
		s.NetIncrease = s.RecognisedIn - s.RecognisedOut - s.ExemptOut
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("side by side of %s in %d: %w", county, year, err)
	}
	return list, nil
}

// Flaw is a place where a ledger is not what its chain says.
type Flaw struct {
	Year     int    `json:"year"`
	Township string `json:"township_code"`
	Seq      int64  `json:"seq"`
	What     string `json:"what_zh"`
}

// Verify walks every book of a county: every hash from the one before, no seq
// missing, the head as the book says, every balance the sum of its entries,
// every credit's transaction and every credit of the chains there, no credit withdrawn but by the reversal of
// its transaction (another programme's never). It finds any row that was changed, taken
// out or moved. An empty list means that all is as it was posted.
func Verify(ctx context.Context, q Querier, county string) ([]Flaw, error) {
	rows, err := q.Query(ctx, `
		WITH walk AS (
			SELECT e.year, e.township_code, e.seq, e.hash,
			       lag(e.seq, 1, 0::bigint) OVER book AS before,
			       ledger_hash(lag(e.hash, 1, '\x'::bytea) OVER book, e, t) AS want
			FROM ledger_entry e LEFT JOIN ledger_transaction t ON t.county_code = e.county_code AND t.tx_id = e.tx_id
			WHERE e.county_code = $1
			WINDOW book AS (PARTITION BY e.year, e.township_code ORDER BY e.seq)
		), ends AS (
			SELECT DISTINCT ON (year, township_code) year, township_code, seq, hash FROM walk ORDER BY year, township_code, seq DESC
		), credits AS (
			SELECT c.year, c.programme, c.number, c.chain, c.seq, c.hash,
			       lag(c.seq, 1, 0::bigint) OVER chain AS before,
			       ledger_credit_hash(lag(c.hash, 1, '\x'::bytea) OVER chain, c) AS want
			FROM ledger_credit c WHERE c.county_code = $1
			WINDOW chain AS (PARTITION BY c.chain ORDER BY c.seq)
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
		SELECT year, '', 0, '已认定土地 ' || programme || ' ' || number || ' 与哈希链不符，或其前有缺行 · a credit does not follow from the one before' FROM credits WHERE want <> hash OR seq <> before + 1
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
		ORDER BY 1, 2, 3`, county)
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
