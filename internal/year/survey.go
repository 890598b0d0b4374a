package year

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"

	"gengheng/internal/land"
	"gengheng/internal/ledger"
	"gengheng/internal/planning"
	"gengheng/internal/workflow"
)

//go:embed sql/surveyed.sql
var sqlSurveyed string

// survey is a version of 地类图斑 (DLTB) of a year.
func (y Year) survey(ctx context.Context, tx pgx.Tx, of int, asked *uuid.UUID) (id uuid.UUID, version string, err error) {
	err = tx.QueryRow(ctx, `SELECT dataset_id, version FROM dataset
		WHERE county_code = $1 AND kind = 'DLTB' AND status = 'committed' AND ($3::uuid IS NULL AND year = $2 OR dataset_id = $3)
		ORDER BY commit_seq DESC LIMIT 1`, y.County, of, asked).Scan(&id, &version)
	if errors.Is(err, pgx.ErrNoRows) {
		return id, "", &workflow.Refusal{Code: workflow.BadInput, Missing: []string{"DLTB"},
			Detail: fmt.Sprintf("县 %s 没有 %d 年的地类图斑（DLTB），或指明的数据集不是；请先装载新一年的国土变更调查成果。 The county has no survey (DLTB) of %d; load it first.", y.County, of, of)}
	}
	if err != nil {
		return id, "", fmt.Errorf("survey of %d: %w", of, err)
	}
	return id, version, nil
}

// boundary is the land that a record stands for: what acceptance credited (in),
// or what the plan in force took (out).
func (y Year) boundary(ctx context.Context, tx pgx.Tx, r *workflow.Record) (orb.MultiPolygon, int, error) {
	sql := `SELECT ST_AsBinary(credited), ST_SRID(credited) FROM workflow_inspection
		WHERE county_code = $1 AND year = $2 AND direction = $3 AND number = $4 AND kind = 'county' ORDER BY at DESC, inspection_id LIMIT 1`
	if r.Direction == "out" {
		sql = sqlPlanned
	}
	return y.geometry(ctx, tx, r.Key, sql)
}

// sqlPlanned is the boundary that the plan in force has for a parcel.
const sqlPlanned = `SELECT ST_AsBinary(x.geom), ST_SRID(x.geom)
	FROM plan_publication p JOIN plan_parcel x ON x.county_code = p.county_code AND x.plan_id = p.plan_id AND x.chosen
	WHERE p.county_code = $1 AND p.year = $2 AND x.direction = $3 AND x.number = $4 AND p.status = 'approved'
	ORDER BY p.number DESC LIMIT 1`

// Planned is the boundary that the approved plan has for a parcel, in the county's
// plane (EPSG srid); nil where no approved plan chooses it.
func (y Year) Planned(ctx context.Context, q workflow.Querier, direction, number string) (g orb.MultiPolygon, srid int, err error) {
	err = q.QueryRow(ctx, sqlPlanned, y.County, y.Number, direction, number).Scan(ewkb.Scanner(&g), &srid)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("planned boundary of %s/%s: %w", direction, number, err)
	}
	return g, srid, nil
}

func (y Year) geometry(ctx context.Context, tx pgx.Tx, key workflow.Key, sql string) (g orb.MultiPolygon, srid int, err error) {
	err = tx.QueryRow(ctx, sql, key.County, key.Year, key.Direction, key.Number).Scan(ewkb.Scanner(&g), &srid)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, 0, &workflow.Refusal{Code: workflow.BadInput, Record: key.String(),
			Detail: fmt.Sprintf("地块 %s 没有验收或方案的边界，无法量算。 Parcel %s has no accepted or planned boundary.", key, key)}
	}
	if err != nil {
		return nil, 0, fmt.Errorf("boundary of %s: %w", key, err)
	}
	return g, srid, nil
}

// cultivated is what a survey has as cultivated land (01xx) inside a boundary:
// of each parcel the share of its TBMJ, net of its ridges (KCXS), of it paddy
// (0101), and weighted by its grade (GDDB; unknown is the worst). It refuses a
// survey that does not cover the boundary.
func (y Year) cultivated(ctx context.Context, tx pgx.Tx, key workflow.Key, dataset uuid.UUID, g orb.MultiPolygon, srid int) (sum ledger.Amounts, err error) {
	zone, ok := land.ByEPSG(srid)
	if !ok {
		return sum, fmt.Errorf("EPSG %d is no plane of CGCS2000", srid)
	}
	shape, err := ewkb.Marshal(g, srid)
	if err != nil {
		return sum, fmt.Errorf("boundary of %s: %w", key, err)
	}
	rows, err := tx.Query(ctx, sqlSurveyed, y.County, dataset, shape)
	if err != nil {
		return sum, fmt.Errorf("survey under %s: %w", key, err)
	}
	var (
		p             surveyed
		covered       float64
		inside, whole orb.MultiPolygon
	)
	_, err = pgx.ForEachRow(rows, []any{&p.class, &p.tbmj, &p.area, &p.kcxs, &p.grade, ewkb.Scanner(&inside), ewkb.Scanner(&whole)}, func() error {
		part := land.AdditiveArea(inside, zone)
		covered += part
		return p.add(&sum, part, land.AdditiveArea(whole, zone))
	})
	if err != nil {
		return sum, fmt.Errorf("survey under %s: %w", key, err)
	}
	if area := land.AdditiveArea(g, zone); covered < 0.99*area {
		return sum, &workflow.Refusal{Code: workflow.BadInput, Record: key.String(), Missing: []string{"DLTB"},
			Detail: fmt.Sprintf("地块 %s：国土调查只覆盖 %.2f m² 中的 %.2f m²，不能认定；请检查调查数据的范围。 The survey covers %.2f of %.2f m² of parcel %s.", key, area, covered, covered, area, key)}
	}
	return sum, nil
}

// surveyed is a parcel of a survey.
type surveyed struct {
	class string
	tbmj  *land.Area
	area  land.Area // official ellipsoidal area of its boundary
	kcxs  *string
	grade *int64
}

func (p *surveyed) add(sum *ledger.Amounts, inside, whole float64) error {
	if !land.IsCultivated(p.class) || inside <= 0 {
		return nil
	}
	gross := p.area
	if p.tbmj != nil {
		gross = *p.tbmj
	}
	shares, err := land.Split(gross, []float64{inside, max(0, whole-inside)})
	if err != nil {
		return err
	}
	net := shares[0]
	if p.kcxs != nil {
		k, err := land.ParseRidgeCoefficient(*p.kcxs)
		if err != nil {
			return err
		}
		net = land.NetArea(net, k)
	}
	var grade *int64
	if p.grade != nil && *p.grade > 0 {
		g := *p.grade * 1000
		grade = &g
	}
	sum.Area += net
	if land.IsPaddy(p.class) {
		sum.Paddy += net
	}
	sum.Quality += planning.QualityArea(net, grade, "in")
	return nil
}
