package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/land"
)

// Figure is a column of the comparison (三栏对照) that is made of parcels: "planned",
// "accepted" (of what goes out: executed) or "recognised", "in" or "out".
type Figure struct{ Stage, Direction string }

// figureSQL is what an entry e of a transaction t adds to each figure. The sums of the
// townships and the lists of their parcels are both made of it, so that they agree.
// What was planned stays planned though the account has been emptied since.
var figureSQL = map[Figure]string{
	{"planned", "in"}:     `CASE WHEN t.kind IN ('plan_in', 'unplan_in') THEN CASE WHEN e.credit = 'in_planned' THEN e.amount ELSE -e.amount END ELSE 0 END`,
	{"accepted", "in"}:    `CASE WHEN t.kind = 'accept_in' AND e.credit = 'available' THEN e.amount WHEN t.kind = 'accept_in' AND e.debit = 'available' THEN -e.amount ELSE 0 END`,
	{"recognised", "in"}:  `CASE WHEN e.credit = 'recognised_in' THEN e.amount WHEN e.debit = 'recognised_in' THEN -e.amount ELSE 0 END`,
	{"planned", "out"}:    `CASE WHEN t.kind IN ('plan_out', 'unplan_out') THEN CASE WHEN e.credit = 'out_planned' THEN e.amount ELSE -e.amount END ELSE 0 END`,
	{"accepted", "out"}:   `CASE WHEN t.kind = 'execute_out' AND e.credit = 'used' THEN e.amount WHEN t.kind = 'execute_out' AND e.debit = 'used' THEN -e.amount ELSE 0 END`,
	{"recognised", "out"}: `CASE WHEN e.credit = 'recognised_out' THEN e.amount WHEN e.debit = 'recognised_out' THEN -e.amount ELSE 0 END`,
}

// enteredSQL is what the approved plans alone add to the figures of what is planned:
// less of it may be left, since parcels are taken out again (调出、核销). Where no more
// was entered than there is, a figure has none.
var enteredSQL = map[Figure]string{
	{"planned", "in"}:  `CASE WHEN t.kind = 'plan_in' THEN CASE WHEN e.credit = 'in_planned' THEN e.amount ELSE -e.amount END ELSE 0 END`,
	{"planned", "out"}: `CASE WHEN t.kind = 'plan_out' THEN CASE WHEN e.credit = 'out_planned' THEN e.amount ELSE -e.amount END ELSE 0 END`,
}

// Part is what a parcel has of a figure. Entered is, of what is planned, what approved
// plans booked; where less is left, the rest was taken out again (调出、核销).
type Part struct {
	Direction string    `json:"direction"`
	Number    string    `json:"number"`
	Township  string    `json:"township_code"`
	Amount    land.Area `json:"amount_m2"`
	Entered   land.Area `json:"entered_m2"`
	// At is when the last of it was posted.
	At time.Time `json:"at"`
}

// Parts is a page of the parcels of a figure, and what all of them come to. Gone counts
// the parcels of which nothing is left; GoneAmount is all that was taken out again.
type Parts struct {
	Parcels    int       `json:"parcels"`
	Amount     land.Area `json:"amount_m2"`
	Entered    land.Area `json:"entered_m2"`
	Gone       int       `json:"gone"`
	GoneAmount land.Area `json:"gone_m2"`
	Items      []Part    `json:"items"`
}

// PartFilter chooses the parcels of a figure; what is empty chooses all. The page begins
// after the parcel that AfterTownship and AfterNumber name.
type PartFilter struct {
	Figure
	Measure                    Measure
	Township                   string
	AfterTownship, AfterNumber string
	Limit                      int
}

// PartsOf lists the parcels that a figure of a year is made of, by township and number.
func PartsOf(ctx context.Context, q Querier, county string, year int, f PartFilter) (*Parts, error) {
	term, ok := figureSQL[f.Figure]
	if !ok {
		return nil, fmt.Errorf("no figure %s %s", f.Stage, f.Direction)
	}
	entered, ok := enteredSQL[f.Figure]
	if !ok {
		entered = term
	}
	parcels := `WITH v AS (
		SELECT e.township_code, t.number, t.at, ` + term + ` AS amount, ` + entered + ` AS entered
		FROM ledger_entry e JOIN ledger_transaction t ON t.county_code = e.county_code AND t.tx_id = e.tx_id
		WHERE e.county_code = $1 AND e.year = $2 AND e.measure = $3 AND ($4 = '' OR e.township_code = $4)),
	p AS (
		SELECT township_code, number, sum(amount)::bigint AS amount, sum(entered)::bigint AS entered, max(at) AS at
		FROM v WHERE amount <> 0 GROUP BY township_code, number HAVING sum(amount) <> 0 OR sum(entered) <> 0)
	`
	fail := func(err error) error {
		return fmt.Errorf("parcels of %s %s of %s in %d: %w", f.Stage, f.Direction, county, year, err)
	}
	rows, err := q.Query(ctx, parcels+`SELECT count(*) FILTER (WHERE amount <> 0), coalesce(sum(amount), 0)::bigint, coalesce(sum(entered), 0)::bigint,
		count(*) FILTER (WHERE amount = 0) FROM p`, county, year, string(f.Measure), f.Township)
	if err != nil {
		return nil, fail(err)
	}
	out, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (*Parts, error) {
		var p Parts
		var v [2]int64
		err := row.Scan(&p.Parcels, &v[0], &v[1], &p.Gone)
		p.Amount, p.Entered, p.GoneAmount = land.Area(v[0]), land.Area(v[1]), land.Area(v[1]-v[0])
		return &p, err
	})
	if err != nil {
		return nil, fail(err)
	}
	rows, err = q.Query(ctx, parcels+`SELECT township_code, number, amount, entered, at FROM p
		WHERE (township_code, number) > ($5, $6) ORDER BY township_code, number LIMIT $7`,
		county, year, string(f.Measure), f.Township, f.AfterTownship, f.AfterNumber, f.Limit)
	if err != nil {
		return nil, fail(err)
	}
	out.Items, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Part, error) {
		p := Part{Direction: f.Direction}
		var amount, entered int64
		err := row.Scan(&p.Township, &p.Number, &amount, &entered, &p.At)
		p.Amount, p.Entered = land.Area(amount), land.Area(entered)
		return p, err
	})
	if err != nil {
		return nil, fail(err)
	}
	if out.Items == nil {
		out.Items = []Part{}
	}
	return out, nil
}
