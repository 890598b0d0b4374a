package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/land"
)

// Reconciliation (年度对账) is a year as its books have it: planned, accepted or
// executed, and recognised beside each other by township, what was transferred
// and carried over, and how far the parcels have come.
type Reconciliation struct {
	Year     int       `json:"year"`
	Mode     Mode      `json:"mode"`
	Enforced []Measure `json:"enforced"`
	// Closed is when the year was carried over (结转).
	Closed    *time.Time   `json:"closed_at,omitempty"`
	Townships []Reconciled `json:"townships"`
	// Totals are the sums of the townships shown, one for each measure.
	Totals    []Reconciled `json:"totals"`
	Transfers []Transfer   `json:"transfers"`
	Rules     []RuleEntry  `json:"rules"`
	// Parcels counts the parcels at each stage, as "in/planned".
	Parcels map[string]int `json:"parcels"`
}

// Reconciled is a side with what each column differs from the one before.
type Reconciled struct {
	Side
	AcceptedLessPlanned    land.Area `json:"accepted_less_planned_m2"`
	RecognisedLessAccepted land.Area `json:"recognised_less_accepted_m2"`
	ExecutedLessPlanned    land.Area `json:"executed_less_planned_m2"`
	RecognisedLessExecuted land.Area `json:"recognised_less_executed_m2"`
}

func reconciled(s Side) Reconciled {
	return Reconciled{Side: s,
		AcceptedLessPlanned: s.AcceptedIn - s.PlannedIn, RecognisedLessAccepted: s.RecognisedIn - s.AcceptedIn,
		ExecutedLessPlanned: s.ExecutedOut - s.PlannedOut, RecognisedLessExecuted: s.RecognisedOut - s.ExecutedOut}
}

// Transfer is a transfer of quota between townships (乡镇间调剂).
type Transfer struct {
	ID       uuid.UUID `json:"tx_id"`
	From     string    `json:"from"`
	To       string    `json:"to"`
	Amounts  Amounts   `json:"amounts"`
	Approval string    `json:"approval"`
	Reason   string    `json:"reason"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	// Reversed is set where the transfer was taken back.
	Reversed bool `json:"reversed"`
}

// RuleEntry is a change of a year's rules as it was decided.
type RuleEntry struct {
	RuleChange
	Approval string    `json:"approval"`
	Reason   string    `json:"reason"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
}

// Reconcile reads a year's reconciliation, of one township where it is named;
// *Error with YearNotOpen where the year has no books.
func Reconcile(ctx context.Context, q Querier, county string, year int, township string) (*Reconciliation, error) {
	opened, err := yearOf(ctx, q, county, year)
	if err != nil {
		return nil, err
	}
	r := &Reconciliation{Year: year, Mode: opened.Mode, Enforced: opened.Enforced, Closed: opened.Closed, Townships: []Reconciled{}, Totals: []Reconciled{}}
	sides, err := SideBySide(ctx, q, county, year, township)
	if err != nil {
		return nil, err
	}
	totals := map[Measure]*Side{}
	for _, s := range sides {
		r.Townships = append(r.Townships, reconciled(s))
		if totals[s.Measure] == nil {
			totals[s.Measure] = &Side{Measure: s.Measure}
		}
		totals[s.Measure].add(s)
	}
	for _, m := range measures {
		if totals[m] != nil {
			r.Totals = append(r.Totals, reconciled(*totals[m]))
		}
	}
	if r.Transfers, err = transfers(ctx, q, county, year, township); err != nil {
		return nil, err
	}
	if r.Rules, err = ruleEntries(ctx, q, county, year); err != nil {
		return nil, err
	}
	r.Parcels, err = stages(ctx, q, county, year, township)
	return r, err
}

func (s *Side) add(o Side) {
	for _, v := range []struct {
		to   *land.Area
		more land.Area
	}{{&s.PlannedIn, o.PlannedIn}, {&s.AcceptedIn, o.AcceptedIn}, {&s.RecognisedIn, o.RecognisedIn}, {&s.PlannedOut, o.PlannedOut},
		{&s.ExecutedOut, o.ExecutedOut}, {&s.RecognisedOut, o.RecognisedOut}, {&s.ExemptOut, o.ExemptOut}, {&s.TransferredIn, o.TransferredIn},
		{&s.TransferredOut, o.TransferredOut}, {&s.CarriedIn, o.CarriedIn}, {&s.CarriedOut, o.CarriedOut}, {&s.Available, o.Available},
		{&s.Owed, o.Owed}, {&s.EnteredIn, o.EnteredIn}, {&s.EnteredOut, o.EnteredOut}, {&s.NetIncrease, o.NetIncrease}} {
		*v.to += v.more
	}
}

func transfers(ctx context.Context, q Querier, county string, year int, township string) ([]Transfer, error) {
	rows, err := q.Query(ctx, `
		SELECT t.tx_id, min(e.township_code) FILTER (WHERE e.credit = 'transferred_out'), min(e.township_code) FILTER (WHERE e.debit = 'transferred_in'),
		       coalesce(sum(e.amount) FILTER (WHERE e.measure = 'area' AND e.credit = 'transferred_out'), 0)::bigint,
		       coalesce(sum(e.amount) FILTER (WHERE e.measure = 'paddy' AND e.credit = 'transferred_out'), 0)::bigint,
		       coalesce(sum(e.amount) FILTER (WHERE e.measure = 'quality' AND e.credit = 'transferred_out'), 0)::bigint,
		       t.approval, t.reason, t.by_as, t.at,
		       EXISTS (SELECT FROM ledger_transaction r WHERE r.county_code = t.county_code AND r.reverses = t.tx_id)
		FROM ledger_transaction t JOIN ledger_entry e ON e.county_code = t.county_code AND e.tx_id = t.tx_id
		WHERE t.county_code = $1 AND t.kind = 'transfer' AND t.reverses IS NULL AND e.year = $2
		GROUP BY t.county_code, t.tx_id HAVING $3 = '' OR bool_or(e.township_code = $3)
		ORDER BY t.at, t.tx_id`, county, year, township)
	if err != nil {
		return nil, fmt.Errorf("transfers of %s in %d: %w", county, year, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t Transfer, err error) {
		var area, paddy, quality int64
		err = row.Scan(&t.ID, &t.From, &t.To, &area, &paddy, &quality, &t.Approval, &t.Reason, &t.By, &t.At, &t.Reversed)
		t.Amounts = Amounts{Area: land.Area(area), Paddy: land.Area(paddy), Quality: land.Area(quality)}
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("transfers of %s in %d: %w", county, year, err)
	}
	return list, nil
}

func ruleEntries(ctx context.Context, q Querier, county string, year int) ([]RuleEntry, error) {
	rows, err := q.Query(ctx, `
		SELECT coalesce(r.mode_was, y.mode), coalesce(r.mode, y.mode), r.was, r.enforced, r.approval, r.reason, r.by_as, r.at
		FROM ledger_rule r JOIN ledger_year y ON y.county_code = r.county_code AND y.year = r.year
		WHERE r.county_code = $1 AND r.year = $2 ORDER BY r.seq`, county, year)
	if err != nil {
		return nil, fmt.Errorf("rules of %s in %d: %w", county, year, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e RuleEntry, err error) {
		var was, enforced []string
		err = row.Scan(&e.ModeWas, &e.Mode, &was, &enforced, &e.Approval, &e.Reason, &e.By, &e.At)
		e.Was, e.Enforced = asMeasures(was), asMeasures(enforced)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("rules of %s in %d: %w", county, year, err)
	}
	return list, nil
}

func stages(ctx context.Context, q Querier, county string, year int, township string) (map[string]int, error) {
	rows, err := q.Query(ctx, `
		SELECT direction || '/' || stage, count(*) FROM ledger_parcel
		WHERE county_code = $1 AND year = $2 AND ($3 = '' OR township_code = $3) AND stage <> '' GROUP BY 1`, county, year, township)
	if err != nil {
		return nil, fmt.Errorf("parcels of %s in %d: %w", county, year, err)
	}
	counts := map[string]int{}
	var (
		stage string
		n     int
	)
	if _, err := pgx.ForEachRow(rows, []any{&stage, &n}, func() error {
		counts[stage] = n
		return nil
	}); err != nil {
		return nil, fmt.Errorf("parcels of %s in %d: %w", county, year, err)
	}
	return counts, nil
}

// yearOf is YearOf for any reader.
func yearOf(ctx context.Context, q Querier, county string, year int) (o Opened, err error) {
	rows, err := q.Query(ctx, `SELECT mode, enforced, closed_at FROM ledger_year WHERE county_code = $1 AND year = $2`, county, year)
	if err != nil {
		return o, fmt.Errorf("ledger of %d: %w", year, err)
	}
	var enforced []string
	o, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (o Opened, err error) {
		err = row.Scan(&o.Mode, &enforced, &o.Closed)
		o.Enforced = asMeasures(enforced)
		return o, err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return o, notOpen(year)
	}
	if err != nil {
		return o, fmt.Errorf("ledger of %d: %w", year, err)
	}
	return o, nil
}
