package planning

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/land"
)

//go:embed sql/chosen.sql
var sqlChosen string

// Chosen is a parcel that a plan has chosen, with what it weighs in each
// balance: net area, of it paddy, and net area counted as area of grade 1
// (BAL-3). Where the grade is not known the worst is taken of what comes and the
// best of what goes, as the plan itself does. Exempt outflow weighs nothing.
type Chosen struct {
	Direction, Number, Township string
	Net, Paddy, Quality         land.Area
}

// ChosenParcels lists what a plan has chosen, by direction and number.
func ChosenParcels(ctx context.Context, q Querier, county string, plan uuid.UUID) ([]Chosen, error) {
	rows, err := q.Query(ctx, sqlChosen, county, plan)
	if err != nil {
		return nil, fmt.Errorf("parcels of plan %s: %w", plan, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Chosen, err error) {
		var grade *int64
		if err = row.Scan(&c.Direction, &c.Number, &c.Township, &c.Net, &c.Paddy, &grade); err != nil {
			return c, err
		}
		c.Quality = QualityArea(c.Net, grade, c.Direction)
		return c, nil
	})
	if err != nil {
		return nil, fmt.Errorf("parcels of plan %s: %w", plan, err)
	}
	return list, nil
}

// QualityArea is net area counted as area of grade 1 (折合1等面积). grade is 等别
// in thousandths; where it is not known the worst is taken of what comes and the
// best of what goes.
func QualityArea(net land.Area, grade *int64, direction string) land.Area {
	g := gradeWorst
	switch {
	case grade != nil:
		g = min(max(Grade(*grade), gradeBest), gradeWorst)
	case direction == "out":
		g = gradeBest
	}
	return gradeArea(net, g)
}
