package api

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"os"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/land"
	"gengheng/internal/report"
)

type findingFilter struct {
	clause    *[]string
	township  *[]Township
	number    *string
	direction *Direction
	outcome   *Outcome
	verdict   *VerdictName
	least     *AreaM2
	after     *int
	geometry  bool
	limit     int
}

const findingWhere = ` FROM finding WHERE county_code = $1 AND run_id = $2
	AND ($3::text[] IS NULL OR clause = ANY ($3)) AND ($4::text IS NULL OR direction = $4)
	AND ($5::text[] IS NULL OR township_code = ANY ($5)) AND ($6::text IS NULL OR number = $6)
	AND ($7::text IS NULL OR outcome = $7)
	AND ($8::text IS NULL OR EXISTS (SELECT FROM verdict v WHERE v.county_code = finding.county_code AND v.run_id = finding.run_id
		AND v.direction = finding.direction AND v.number = finding.number AND v.verdict = $8))
	AND ($9::numeric IS NULL OR overlap_m2 >= $9)`

// args are the parameters of findingWhere.
func (f *findingFilter) args(county string, run uuid.UUID) []any {
	return []any{county, run, f.clause, f.direction, f.township, f.number, f.outcome, f.verdict, f.least}
}

func (s *server) findings(ctx context.Context, county string, run uuid.UUID, f findingFilter) ([]Finding, error) {
	rows, err := s.rows(ctx).Query(ctx, `
		SELECT seq, direction, number, township_code, clause, check_no, severity, outcome, layer_kind, layer_version,
		       overlap_m2::text, share, finding_features_shown(layer_kind, features),
		       finding_message_shown(layer_kind, outcome, message_zh), finding_message_shown(layer_kind, outcome, message_en),
		       CASE WHEN $11 THEN ST_AsGeoJSON(ST_Transform(finding_geom_shown(layer_kind, geom), 4490), 9)::jsonb END`+findingWhere+`
		AND seq > coalesce($10, -1) ORDER BY seq LIMIT $12`,
		append(f.args(county, run), f.after, f.geometry, f.limit)...)
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
		outcome: params.Outcome, verdict: params.Verdict, least: params.MinM2, after: params.After, geometry: params.Geometry != nil && *params.Geometry, limit: pageSize(params.Limit)}
	var page FindingPage
	err := s.rows(ctx).QueryRow(ctx, `SELECT count(*)`+findingWhere, f.args(county, id)...).Scan(&page.Total)
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
	f := findingFilter{clause: params.Clause, direction: params.Direction, township: params.Township, number: params.Number,
		outcome: params.Outcome, verdict: params.Verdict, least: params.MinM2}
	rows, err := s.rows(ctx).Query(ctx, `
		WITH land AS (
			SELECT `+by+` AS key, count(*) AS findings,
				CASE WHEN count(*) = 1 THEN max(overlap_m2)
				ELSE least(sum(overlap_m2), greatest(max(overlap_m2),
					ST_Area(ST_Transform(ST_Segmentize(ST_Union(geom), 70), 4490)::geography)::numeric(18,2))) END AS m2
			`+findingWhere+` AND overlap_m2 IS NOT NULL GROUP BY 1, direction, number)
		SELECT key, sum(findings)::bigint, count(*), sum(m2)::numeric(18,2)::text FROM land GROUP BY 1 ORDER BY 1`,
		f.args(county, id)...)
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

// told is the filter as a report takes it.
func (f *findingFilter) told() report.OverlapFilter {
	return report.OverlapFilter{Clauses: value(f.clause), Townships: value(f.township), Direction: string(value(f.direction)), Number: value(f.number),
		Outcome: string(value(f.outcome)), Verdict: string(value(f.verdict)), Least: value(f.least)}
}

// GetFindingsGeoPackage draws what matches as the caller sees it. The transaction ends
// before the file is sent: who reads slowly keeps no connection.
func (s *server) GetFindingsGeoPackage(c echo.Context, county CountyPath, id RunID, params GetFindingsGeoPackageParams) error {
	ctx := c.Request().Context()
	if err := s.finished(ctx, county, id); err != nil {
		return err
	}
	f := findingFilter{clause: params.Clause, direction: params.Direction, township: params.Township, number: params.Number,
		outcome: params.Outcome, verdict: params.Verdict, least: params.MinM2}
	return s.sendFile(c, "findings.gpkg", "application/geopackage+sqlite3", func(path string) error {
		return access.InTx(ctx, s.db, func(tx pgx.Tx) error {
			return report.FindingsGPKG(ctx, tx, county, id, f.told(), path, s.child)
		})
	})
}

// GetFindingsWorkbook lists what matches as the caller sees it, page by page.
func (s *server) GetFindingsWorkbook(c echo.Context, county CountyPath, id RunID, params GetFindingsWorkbookParams) error {
	ctx := c.Request().Context()
	if err := s.finished(ctx, county, id); err != nil {
		return err
	}
	f := findingFilter{clause: params.Clause, direction: params.Direction, township: params.Township, number: params.Number,
		outcome: params.Outcome, verdict: params.Verdict, least: params.MinM2, limit: 2000}
	of := report.OverlapList{Run: id, OverlapFilter: f.told()}
	var total int
	if err := s.rows(ctx).QueryRow(ctx, `SELECT count(*)`+findingWhere, f.args(county, id)...).Scan(&total); err != nil {
		return fmt.Errorf("count findings: %w", err)
	}
	if total > report.MostOverlaps {
		return badRequest("too-many-findings", fmt.Sprintf("共 %d 条，一张工作表放不下（至多 %d 条）。请选条款或乡镇后再导出，或下载 GeoPackage。 Too many for a sheet: choose clauses or townships.", total, report.MostOverlaps))
	}
	err := s.rows(ctx).QueryRow(ctx, `SELECT c.name, c.synthetic, r.year, r.rulebook FROM screening_run r JOIN county c USING (county_code)
		WHERE r.county_code = $1 AND r.run_id = $2`, county, id).Scan(&of.County, &of.Synthetic, &of.Year, &of.Rulebook)
	if err != nil {
		return fmt.Errorf("run %s: %w", id, err)
	}
	return s.sendFile(c, "findings.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", func(path string) error {
		file, err := os.Create(path)
		if err != nil {
			return fmt.Errorf("download: %w", err)
		}
		defer file.Close()
		if err := report.OverlapWorkbook(file, of, s.overlapRows(ctx, county, id, f)); err != nil {
			return err
		}
		return file.Close()
	})
}

// overlapRows are the findings that match, read a page at a time.
func (s *server) overlapRows(ctx context.Context, county string, run uuid.UUID, f findingFilter) iter.Seq2[report.Overlap, error] {
	return func(yield func(report.Overlap, error) bool) {
		for {
			list, err := s.findings(ctx, county, run, f)
			if err != nil {
				yield(report.Overlap{}, err)
				return
			}
			for _, v := range list {
				o := report.Overlap{Seq: v.Seq, Direction: string(v.Direction), Number: v.Number, Township: v.TownshipCode, Clause: v.Clause,
					Severity: string(v.Severity), Outcome: string(v.Outcome), Layer: v.LayerKind, LayerVersion: v.LayerVersion, Share: v.Share, Message: v.MessageZh}
				if v.OverlapM2 != nil {
					area, err := land.ParseArea(*v.OverlapM2)
					if err != nil {
						yield(o, fmt.Errorf("finding %d: %w", v.Seq, err))
						return
					}
					o.Area = &area
				}
				if !yield(o, nil) {
					return
				}
			}
			if len(list) < f.limit {
				return
			}
			f.after = &list[len(list)-1].Seq
		}
	}
}
