package year

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"

	"gengheng/internal/access"
	"gengheng/internal/land"
	"gengheng/internal/ledger"
	"gengheng/internal/planning"
	"gengheng/internal/rulebook"
	"gengheng/internal/screening"
	"gengheng/internal/workflow"
	"gengheng/internal/workflow/photo"
)

// Judge screens boundaries as if they were declared; *screening.Session does.
type Judge interface {
	Judge(ctx context.Context, declarations []screening.Declaration) ([]screening.Judgement, error)
	Rulebook() *rulebook.Rulebook
	Zone() land.Zone
	SRID() int
}

// Inspect records a boundary as measured in the field, for the township's check
// or the county's acceptance: its official area, the screening of it in the
// parcel's place, and how it compares with the plan. boundary is valid, in the
// county's plane.
func (y Year) Inspect(ctx context.Context, judge Judge, direction, number string, kind workflow.InspectionKind, boundary orb.MultiPolygon, note string) (workflow.Inspection, error) {
	a, err := actor(ctx)
	if err != nil {
		return workflow.Inspection{}, err
	}
	key := workflow.Key{County: y.County, Year: y.Number, Direction: direction, Number: number}
	m := workflow.Measured{Boundary: boundary, SRID: judge.SRID(), Gross: land.OfficialArea(boundary, judge.Zone()), Rulebook: judge.Rulebook().Hash,
		Deviation: int64(math.Round(judge.Rulebook().Acceptance.AreaDeviationPercent * 100))}
	var d screening.Declaration
	if err := y.DB.InTxAgain(ctx, func(tx pgx.Tx) error { d, err = y.planned(ctx, tx, a, key, kind, &m); return err }); err != nil {
		return workflow.Inspection{}, err
	}
	d.Geometry = boundary
	judged, err := judge.Judge(ctx, []screening.Declaration{d})
	if err != nil {
		return workflow.Inspection{}, err
	}
	y.judged(&m, &judged[0].Verdict)
	var out workflow.Inspection
	err = y.DB.InTxAgain(ctx, func(tx pgx.Tx) error {
		out, err = y.Flow.Inspect(ctx, tx, a, key, kind, m, note)
		return err
	})
	return out, err
}

// judged takes over what the screening says.
func (y Year) judged(m *workflow.Measured, v *screening.Verdict) {
	m.Verdict, m.Net, m.Paddy, m.Reasons = v.Verdict, v.Net, v.NetPaddy, v.Reasons
	m.Credited = v.Remainder
	if len(m.Credited) == 0 {
		m.Credited = m.Boundary
	}
	if v.Quality != nil {
		grade := int64(math.Round(*v.Quality * 1000))
		m.Grade = &grade
	}
}

// planned reads what the measurement is compared with, and the parcel as it is
// declared.
func (y Year) planned(ctx context.Context, tx pgx.Tx, a access.Actor, key workflow.Key, kind workflow.InspectionKind, m *workflow.Measured) (d screening.Declaration, err error) {
	r, err := y.Flow.MayInspect(ctx, tx, a, key, kind)
	if err != nil {
		return d, err
	}
	amounts, err := ledger.Standing(ctx, tx, y.booked(r), "in", ledger.InPlanned)
	if err != nil {
		return d, err
	}
	m.Planned = amounts.Area
	shape, err := ewkb.Marshal(m.Boundary, m.SRID)
	if err != nil {
		return d, fmt.Errorf("boundary of %s: %w", key, err)
	}
	plan, srid, err := y.geometry(ctx, tx, key, sqlPlanned)
	if err != nil {
		return d, err
	}
	planned, err := ewkb.Marshal(plan, srid)
	if err != nil {
		return d, fmt.Errorf("boundary of %s: %w", key, err)
	}
	var outside orb.MultiPolygon
	if err := tx.QueryRow(ctx, `SELECT ST_AsBinary(ST_Multi(ST_CollectionExtract(ST_Difference(ST_GeomFromEWKB($1), ST_GeomFromEWKB($2)), 3)))`, shape, planned).
		Scan(ewkb.Scanner(&outside)); err != nil {
		return d, fmt.Errorf("compare the boundary of %s with the plan: %w", key, err)
	}
	if m.Outside, err = onEllipsoid(outside, m.SRID); err != nil {
		return d, fmt.Errorf("compare the boundary of %s with the plan: %w", key, err)
	}
	d = screening.Declaration{Direction: rulebook.In, Number: key.Number}
	err = tx.QueryRow(ctx, `SELECT township_code, base_bsm, base_dlbm, target_dlbm, purpose, method, gdlx, actor, documents, attrs
		FROM candidate WHERE county_code = $1 AND dataset_id = $2 AND direction = 'in' AND number = $3`, key.County, r.Dataset, key.Number).
		Scan(&d.Township, &d.BaseBSM, &d.BaseDLBM, &d.Target, &d.Purpose, &d.Method, &d.GDLX, &d.Actor, &d.Documents, &d.Attrs)
	if err != nil {
		return d, fmt.Errorf("declaration of %s: %w", key, err)
	}
	return d, nil
}

// onEllipsoid is the additive area of an overlay's result (叠加面积).
func onEllipsoid(g orb.MultiPolygon, srid int) (land.Area, error) {
	zone, ok := land.ByEPSG(srid)
	if !ok {
		return 0, fmt.Errorf("EPSG %d is no plane of CGCS2000", srid)
	}
	return land.RoundArea(land.AdditiveArea(g, zone))
}

// credit books an accepted parcel by the inspection that it was accepted by. r
// is the record after the step.
func (y Year) credit(ctx context.Context, tx pgx.Tx, r *workflow.Record, note ledger.Note) error {
	before := *r
	before.Revision--
	i, err := workflow.Open(ctx, tx, &before, workflow.CountyInspection)
	if err != nil {
		return err
	}
	amounts := ledger.Amounts{Area: i.Net, Paddy: i.Paddy, Quality: planning.QualityArea(i.Net, i.Grade, "in")}
	_, err = ledger.AcceptIn(ctx, tx, y.booked(r), amounts, i.Credited, note)
	return err
}

// AddPhoto files a field photo and holds it, by the limits of the county's
// rulebook, against the parcel: its measured boundary, else the planned, else the
// declared one.
func (y Year) AddPhoto(ctx context.Context, direction, number string, d workflow.Document, m photo.Meta) (workflow.FieldPhoto, error) {
	a, err := actor(ctx)
	if err != nil {
		return workflow.FieldPhoto{}, err
	}
	key := workflow.Key{County: y.County, Year: y.Number, Direction: direction, Number: number}
	var out workflow.FieldPhoto
	err = y.DB.InTxAgain(ctx, func(tx pgx.Tx) error {
		parcel, srid, err := y.geometry(ctx, tx, key, sqlParcel)
		if err != nil {
			return err
		}
		zone, ok := land.ByEPSG(srid)
		if !ok {
			return fmt.Errorf("EPSG %d is no plane of CGCS2000", srid)
		}
		limits, err := y.photoLimits(ctx, tx)
		if err != nil {
			return err
		}
		out, err = y.Flow.AddPhoto(ctx, tx, a, key, d, m, parcel, zone, limits)
		return err
	})
	return out, err
}

// photoLimits are those of the county's rulebook.
func (y Year) photoLimits(ctx context.Context, tx pgx.Tx) (photo.Limits, error) {
	var document string
	err := tx.QueryRow(ctx, `SELECT b.document FROM county c JOIN rulebook b ON b.version = c.rulebook WHERE c.county_code = $1`, y.County).Scan(&document)
	if err != nil {
		return photo.Limits{}, fmt.Errorf("rulebook of county %s: %w", y.County, err)
	}
	book, err := rulebook.Parse("rulebook", []byte(document))
	if err != nil {
		return photo.Limits{}, fmt.Errorf("rulebook of county %s: %w", y.County, err)
	}
	a := book.Acceptance
	return photo.Limits{FarthestM: a.PhotoDistanceM, BlurM: a.PhotoBlurM, WidestDegrees: a.PhotoAngleDeg, Rulebook: book.Hash}, nil
}

// sqlParcel is the best boundary that there is of a parcel.
const sqlParcel = `SELECT ST_AsBinary(geom), ST_SRID(geom) FROM (
	(SELECT 1 AS rank, measured AS geom FROM workflow_inspection
	 WHERE county_code = $1 AND year = $2 AND direction = $3 AND number = $4 ORDER BY at DESC, inspection_id LIMIT 1)
	UNION ALL
	(SELECT 2, x.geom FROM plan_publication p JOIN plan_parcel x ON x.county_code = p.county_code AND x.plan_id = p.plan_id AND x.chosen
	 WHERE p.county_code = $1 AND p.year = $2 AND x.direction = $3 AND x.number = $4 AND p.status = 'approved' ORDER BY p.number DESC LIMIT 1)
	UNION ALL
	SELECT 3, c.geom FROM workflow_record r JOIN candidate c ON c.county_code = r.county_code AND c.dataset_id = r.dataset_id AND c.direction = r.direction AND c.number = r.number
	WHERE r.county_code = $1 AND r.year = $2 AND r.direction = $3 AND r.number = $4) g
	ORDER BY rank LIMIT 1`
