package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Enforcement is a change of the measures that a year enforces.
type Enforcement struct {
	Was      []Measure `json:"was"`
	Enforced []Measure `json:"enforced"`
}

// Enforce makes a year enforce other measures, by the approved decision that note
// names; nil where it enforces just these already. A measure is added only where
// no township has less than nothing of it ([CannotEnforce] names those that
// have). The year's mode cannot change. The change is kept in a chain of its own.
func Enforce(ctx context.Context, tx pgx.Tx, county string, year int, enforced []Measure, note Note) (*Enforcement, error) {
	now, err := YearOf(ctx, tx, county, year)
	if err != nil {
		return nil, err
	}
	if now.Mode == NetIncrease {
		enforced = nil
	}
	if sameMeasures(now.Enforced, enforced) {
		return nil, nil
	}
	list := make([]string, 0, len(enforced))
	for _, m := range measures {
		if slices.Contains(enforced, m) {
			list = append(list, string(m))
		}
	}
	var before []string
	err = tx.QueryRow(ctx, `
		INSERT INTO ledger_rule (county_code, year, enforced, key, reason, approval, by_id, by_as)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING was`,
		county, year, list, note.Key, note.Reason, note.Approval, note.By.ID, note.By.As).Scan(&before)
	if err != nil {
		return nil, refusal(err, &transaction{kind: "enforce"})
	}
	return &Enforcement{Was: asMeasures(before), Enforced: asMeasures(list)}, nil
}

func notOpen(year int) error {
	return &Error{Code: YearNotOpen, Year: year, Detail: fmt.Sprintf("%d 年度台账尚未开账；批准年度方案时开账。 The ledger of %d is not open; the approval of the year's plan opens it.", year, year)}
}

func asMeasures(list []string) []Measure {
	out := make([]Measure, len(list))
	for i, s := range list {
		out[i] = Measure(s)
	}
	return out
}

func sameMeasures(a, b []Measure) bool {
	return !slices.ContainsFunc(measures[:], func(m Measure) bool { return slices.Contains(a, m) != slices.Contains(b, m) })
}
