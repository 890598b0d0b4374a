package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// RuleChange is a change of how a year is balanced.
type RuleChange struct {
	ModeWas  Mode      `json:"mode_was"`
	Mode     Mode      `json:"mode"`
	Was      []Measure `json:"was"`
	Enforced []Measure `json:"enforced"`
}

// SetRules makes a year balance in a mode and enforce measures, by the approved
// decision that note names; nil where it does so already. The mode changes only
// while no parcel is in the year's books. A measure is added only where no
// township has less than nothing of it ([CannotEnforce] names those that have).
// The change is kept in a chain of its own.
func SetRules(ctx context.Context, tx pgx.Tx, county string, year int, mode Mode, enforced []Measure, note Note) (*RuleChange, error) {
	now, err := YearOf(ctx, tx, county, year)
	if err != nil {
		return nil, err
	}
	if mode == NetIncrease {
		enforced = nil
	}
	if mode == now.Mode && sameMeasures(now.Enforced, enforced) {
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
		INSERT INTO ledger_rule (county_code, year, mode, enforced, key, reason, approval, by_id, by_as)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING was`,
		county, year, string(mode), list, note.Key, note.Reason, note.Approval, note.By.ID, note.By.As).Scan(&before)
	if err != nil {
		return nil, refusal(err, &transaction{kind: "rules"})
	}
	return &RuleChange{ModeWas: now.Mode, Mode: mode, Was: asMeasures(before), Enforced: asMeasures(list)}, nil
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
