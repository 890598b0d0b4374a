package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"
)

type findingFilter struct {
	clause, township, number *string
	direction                *Direction
	outcome                  *Outcome
	after                    *int
	geometry                 bool
	limit                    int
}

const findingWhere = ` FROM finding WHERE county_code = $1 AND run_id = $2
	AND ($3::text IS NULL OR clause = $3) AND ($4::text IS NULL OR direction = $4)
	AND ($5::text IS NULL OR township_code = $5) AND ($6::text IS NULL OR number = $6)
	AND ($7::text IS NULL OR outcome = $7)`

func (s *server) findings(ctx context.Context, county string, run uuid.UUID, f findingFilter) ([]Finding, error) {
	rows, err := s.rows(ctx).Query(ctx, `
		SELECT seq, direction, number, township_code, clause, check_no, severity, outcome, layer_kind, layer_version,
		       overlap_m2::text, share, finding_features_shown(layer_kind, features),
		       finding_message_shown(layer_kind, outcome, message_zh), finding_message_shown(layer_kind, outcome, message_en),
		       CASE WHEN $9 THEN ST_AsGeoJSON(ST_Transform(finding_geom_shown(layer_kind, geom), 4490), 9)::jsonb END`+findingWhere+`
		AND seq > coalesce($8, -1) ORDER BY seq LIMIT $10`,
		county, run, f.clause, f.direction, f.township, f.number, f.outcome, f.after, f.geometry, f.limit)
	if err != nil {
		return nil, fmt.Errorf("list findings: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Finding, error) {
		var v Finding
		return v, row.Scan(&v.Seq, &v.Direction, &v.Number, &v.TownshipCode, &v.Clause, &v.CheckNo, &v.Severity, &v.Outcome,
			&v.LayerKind, &v.LayerVersion, &v.OverlapM2, &v.Share, &v.Features, &v.MessageZh, &v.MessageEn, &v.Geometry)
	})
	if err != nil {
		return nil, fmt.Errorf("list findings: %w", err)
	}
	return list, nil
}

func (s *server) ListFindings(c echo.Context, county CountyPath, id RunID, params ListFindingsParams) error {
	ctx := c.Request().Context()
	if err := s.finished(ctx, county, id); err != nil {
		return err
	}
	f := findingFilter{clause: params.Clause, direction: params.Direction, township: params.Township, number: params.Number,
		outcome: params.Outcome, after: params.After, geometry: params.Geometry != nil && *params.Geometry, limit: pageSize(params.Limit)}
	var page FindingPage
	err := s.rows(ctx).QueryRow(ctx, `SELECT count(*)`+findingWhere,
		county, id, f.clause, f.direction, f.township, f.number, f.outcome).Scan(&page.Total)
	if err != nil {
		return fmt.Errorf("count findings: %w", err)
	}
	if page.Items, err = s.findings(ctx, county, id, f); err != nil {
		return err
	}
	if n := len(page.Items); n == f.limit {
		page.Next = &page.Items[n-1].Seq
	}
	return c.JSON(http.StatusOK, page)
}

// overlapKey is what each grouping sums over; the values of by are the
// contract's.
var overlapKey = map[ListOverlapsParamsBy]string{
	"clause":    `clause`,
	"township":  `township_code`,
	"candidate": `direction || '/' || number`,
}

// ListOverlaps counts the land of a candidate once, however many findings of a
// group lie on it: the area on the ellipsoid of their union, its edges densified
// as for the official area. Of findings that know how much but not where (cells
// of a DEM) the greatest counts.
func (s *server) ListOverlaps(c echo.Context, county CountyPath, id RunID, params ListOverlapsParams) error {
	ctx := c.Request().Context()
	if err := s.finished(ctx, county, id); err != nil {
		return err
	}
	by, ok := overlapKey[params.By]
	if !ok {
		return badRequest("by", "by 应为 clause、township 或 candidate。")
	}
	rows, err := s.rows(ctx).Query(ctx, `
		WITH land AS (
			SELECT `+by+` AS key, count(*) AS findings,
				CASE WHEN count(*) = 1 THEN max(overlap_m2)
				ELSE least(sum(overlap_m2), greatest(max(overlap_m2),
					ST_Area(ST_Transform(ST_Segmentize(ST_Union(geom), 70), 4490)::geography)::numeric(18,2))) END AS m2
			`+findingWhere+` AND overlap_m2 IS NOT NULL GROUP BY 1, direction, number)
		SELECT key, sum(findings)::bigint, count(*), sum(m2)::numeric(18,2)::text FROM land GROUP BY 1 ORDER BY 1`,
		county, id, params.Clause, params.Direction, params.Township, nil, params.Outcome)
	if err != nil {
		return fmt.Errorf("sum overlaps: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Overlap, error) {
		var v Overlap
		return v, row.Scan(&v.Key, &v.Findings, &v.Candidates, &v.OverlapM2)
	})
	if err != nil {
		return fmt.Errorf("sum overlaps: %w", err)
	}
	return c.JSON(http.StatusOK, list)
}
