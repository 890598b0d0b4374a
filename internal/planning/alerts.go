package planning

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

var (
	//go:embed sql/standing.sql
	sqlStanding string
	//go:embed sql/changes.sql
	sqlChanges string
	//go:embed sql/alerts.sql
	sqlAlerts string
)

// Standing is the plan that a year stands by, and the screening it was made
// from: the newest approved, else the one proposed, else the newest that is done
// and feasible. ok is false where there is none.
func Standing(ctx context.Context, q Querier, county string, year int) (plan, run uuid.UUID, ok bool, err error) {
	rows, err := q.Query(ctx, sqlStanding, county, year)
	if err != nil {
		return plan, run, false, fmt.Errorf("plan in force of %s in %d: %w", county, year, err)
	}
	_, err = pgx.ForEachRow(rows, []any{&plan, &run}, func() error {
		ok = true
		return nil
	})
	if err != nil {
		return plan, run, false, fmt.Errorf("plan in force of %s in %d: %w", county, year, err)
	}
	return plan, run, ok, nil
}

// Change is what one screening says of a candidate and an earlier one did not.
// Kind is newly_failing, newly_passing, moved (its areas or clauses), added or
// removed; Approved that the plan has chosen it.
type Change struct {
	Direction, Number, Township, Kind string
	Approved                          bool
	VerdictBefore, VerdictAfter       *string
	UsableBefore, UsableAfter         *string // m²
	NetBefore, NetAfter               *string // m²
	Gone, Come                        []string
}

// Changes compares two finished screenings of a county; plan may be nil.
func Changes(ctx context.Context, q Querier, county string, earlier, later uuid.UUID, plan *uuid.UUID) ([]Change, error) {
	rows, err := q.Query(ctx, sqlChanges, county, earlier, later, plan)
	if err != nil {
		return nil, fmt.Errorf("compare screenings %s and %s: %w", earlier, later, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Change, err error) {
		err = row.Scan(&c.Direction, &c.Number, &c.Township, &c.Kind, &c.Approved, &c.VerdictBefore, &c.VerdictAfter,
			&c.UsableBefore, &c.UsableAfter, &c.NetBefore, &c.NetAfter, &c.Gone, &c.Come)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("compare screenings %s and %s: %w", earlier, later, err)
	}
	return list, nil
}

// Alert is a parcel that a plan has chosen and a later screening objects to.
// Kind is now_forbidden, new_conflict, now_unknown or not_declared.
type Alert struct {
	Direction, Number, Township, Kind string
	Verdict, Overlap                  *string
	Clauses                           []string
}

// Alerts holds the chosen parcels of a plan, made from one screening, against a
// later one. What the plan's own screening had found already is no alert.
func Alerts(ctx context.Context, q Querier, county string, plan, madeFrom, latest uuid.UUID) ([]Alert, error) {
	rows, err := q.Query(ctx, sqlAlerts, county, plan, madeFrom, latest)
	if err != nil {
		return nil, fmt.Errorf("alerts of plan %s: %w", plan, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a Alert, err error) {
		err = row.Scan(&a.Direction, &a.Number, &a.Township, &a.Kind, &a.Verdict, &a.Overlap, &a.Clauses)
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("alerts of plan %s: %w", plan, err)
	}
	return list, nil
}

// Message says the alert in Chinese and English.
func (a Alert) Message() (zh, en string) {
	clauses := strings.Join(a.Clauses, "、")
	parcel := "方案选中的" + directionZH(a.Direction) + "地块 " + a.Number
	switch a.Kind {
	case "now_forbidden":
		return parcel + " 现已被禁止（" + clauses + "），须暂停实施并调整方案。", "Chosen parcel " + a.Number + " is forbidden by now (" + clauses + "): halt it and amend the plan."
	case "now_unknown":
		return parcel + " 现因缺少图层或材料无法判定，请补齐后重新筛查。", "Chosen parcel " + a.Number + " cannot be judged by now: a layer or document is missing."
	case "not_declared":
		return parcel + " 已不在现行申报中，请核对。", "Chosen parcel " + a.Number + " is no longer declared."
	}
	if clauses == "" {
		return parcel + " 触及禁止性条款的面积增大，请核对并裁切或调整方案。", "More of chosen parcel " + a.Number + " is in conflict than when it was chosen."
	}
	return parcel + " 新触及禁止性条款 " + clauses + "，请核对并裁切或调整方案。", "Chosen parcel " + a.Number + " now touches " + clauses + "."
}
