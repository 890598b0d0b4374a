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
	// EnteredIn and EnteredOut are what approved plans booked in all; planned is what of
	// it was not taken out again (调出、核销).
	EnteredIn  land.Area `json:"entered_in_m2"`
	EnteredOut land.Area `json:"entered_out_m2"`
	// NetIncrease is recognised in − recognised out − exempt out (年度净增加).
	NetIncrease land.Area `json:"net_increase_m2"`
}

// sideSQL sums by the kind of transaction.
var sideSQL = `
SELECT e.township_code, e.measure,
  sum(` + figureSQL[Figure{"planned", "in"}] + `)::bigint,
  sum(` + figureSQL[Figure{"accepted", "in"}] + `)::bigint,
  sum(` + figureSQL[Figure{"recognised", "in"}] + `)::bigint,
  sum(` + figureSQL[Figure{"planned", "out"}] + `)::bigint,
  sum(` + figureSQL[Figure{"accepted", "out"}] + `)::bigint,
  sum(` + figureSQL[Figure{"recognised", "out"}] + `)::bigint,
  sum(CASE WHEN e.credit = 'exempt_out' THEN e.amount WHEN e.debit = 'exempt_out' THEN -e.amount ELSE 0 END)::bigint,
  sum(CASE WHEN e.debit = 'transferred_in' THEN e.amount WHEN e.credit = 'transferred_in' THEN -e.amount ELSE 0 END)::bigint,
  sum(CASE WHEN e.credit = 'transferred_out' THEN e.amount WHEN e.debit = 'transferred_out' THEN -e.amount ELSE 0 END)::bigint,
  sum(CASE WHEN e.debit = 'carried_in' THEN e.amount WHEN e.credit = 'carried_in' THEN -e.amount ELSE 0 END)::bigint,
  sum(CASE WHEN e.credit = 'carried_out' THEN e.amount WHEN e.debit = 'carried_out' THEN -e.amount ELSE 0 END)::bigint,
  sum(CASE WHEN e.credit = 'available' THEN e.amount WHEN e.debit = 'available' THEN -e.amount ELSE 0 END)::bigint,
  -sum(CASE WHEN e.credit = 'owed' THEN e.amount WHEN e.debit = 'owed' THEN -e.amount ELSE 0 END)::bigint,
  sum(` + enteredSQL[Figure{"planned", "in"}] + `)::bigint,
  sum(` + enteredSQL[Figure{"planned", "out"}] + `)::bigint
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
		var v [15]int64
		err = row.Scan(&s.Township, &s.Measure, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8], &v[9], &v[10], &v[11], &v[12], &v[13], &v[14])
		for i, to := range []*land.Area{&s.PlannedIn, &s.AcceptedIn, &s.RecognisedIn, &s.PlannedOut, &s.ExecutedOut, &s.RecognisedOut,
			&s.ExemptOut, &s.TransferredIn, &s.TransferredOut, &s.CarriedIn, &s.CarriedOut, &s.Available, &s.Owed, &s.EnteredIn, &s.EnteredOut} {
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
