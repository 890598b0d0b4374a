package intake

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/intake/coverage"
	"gengheng/internal/intake/survey"
	"gengheng/internal/land"
)

// sqlFaces makes the faces of the arrangement of lines, each with a point
// inside; faces under 0.001 m² are the dust of rounding.
const sqlFaces = `
SELECT ST_AsBinary(geom), ST_X(p), ST_Y(p)
FROM (SELECT (ST_Dump(ST_Polygonize(ST_UnaryUnion(ST_GeomFromWKB($1, $2))))).geom) face,
LATERAL (SELECT ST_PointOnSurface(geom) p) inside
WHERE ST_Area(geom) > 0.001
ORDER BY 2, 3`

// smallest is the least overlap or gap that is reported: 0.01 m².
const smallest = land.Area(1)

// checkTopology finds overlaps, gaps and what reaches beyond the townships, in
// layers that have to tile the county.
func (l *load) checkTopology(ctx context.Context, tx pgx.Tx, s *staged) error {
	n := s.len()
	if l.req.Kind != XZQ {
		for _, g := range l.county.townships.geoms {
			s.checker.AddFrame(g)
		}
	}
	l.tell(StageTopology, 0, int64(n))
	suspects := s.checker.Suspects()
	if len(suspects) == 0 {
		return nil
	}
	geoms := geometryCache{load: l, staged: s, known: map[int]orb.MultiPolygon{}}
	if err := geoms.fetch(ctx, tx, suspects); err != nil {
		return err
	}
	trace := s.checker.Trace(suspects, geoms.of)
	faces, err := l.faces(ctx, tx, trace.Lines())
	if err != nil {
		return err
	}
	byFace, wanted := s.checker.Candidates(faces)
	if err := geoms.fetch(ctx, tx, wanted); err != nil {
		return err
	}
	l.reportRegions(s, s.checker.Judge(trace, faces, byFace, geoms.of))
	l.tell(StageTopology, int64(n), int64(n))
	return nil
}

func (l *load) faces(ctx context.Context, tx pgx.Tx, lines orb.MultiLineString) ([]coverage.Face, error) {
	if len(lines) == 0 {
		return nil, nil
	}
	raw, err := wkb.Marshal(lines)
	if err != nil {
		return nil, fmt.Errorf("encode the edges: %w", err)
	}
	rows, err := tx.Query(ctx, sqlFaces, raw, l.county.srid)
	if err != nil {
		return nil, fmt.Errorf("find overlaps and gaps: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (coverage.Face, error) {
		var face coverage.Face
		var raw []byte
		if err := row.Scan(&raw, &face.Inside[0], &face.Inside[1]); err != nil {
			return face, err
		}
		mp, err := decodeMultiPolygon(raw)
		if err != nil {
			return face, err
		}
		face.Geometry = mp[0]
		return face, nil
	})
}

// geometryCache holds the few geometries that the checks look at twice.
type geometryCache struct {
	load   *load
	staged *staged
	known  map[int]orb.MultiPolygon
}

func (g *geometryCache) of(index int) orb.MultiPolygon { return g.known[index] }

func (g *geometryCache) fetch(ctx context.Context, tx pgx.Tx, indices []int) error {
	var fids []int32
	for _, i := range indices {
		if _, ok := g.known[i]; ok {
			continue
		}
		if g.staged.checker.IsFrame(i) {
			g.known[i] = g.load.county.townships.geoms[i-g.staged.len()]
			continue
		}
		fids = append(fids, int32(i+1))
	}
	if len(fids) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `
		SELECT fid, ST_AsBinary(geom) FROM `+g.staged.table+`
		WHERE county_code = $1 AND dataset_id = $2 AND fid = ANY ($3)`, g.load.req.County, g.load.req.DatasetID, fids)
	if err != nil {
		return fmt.Errorf("read staged geometries: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var fid int
		var raw []byte
		if err := rows.Scan(&fid, &raw); err != nil {
			return fmt.Errorf("read staged geometries: %w", err)
		}
		mp, err := decodeMultiPolygon(raw)
		if err != nil {
			return fmt.Errorf("staged geometry %d: %w", fid, err)
		}
		g.known[fid-1] = mp
	}
	return rows.Err()
}

// overlapping is what two polygons have in common.
type overlapping struct {
	a, b int
	area land.Area
	at   orb.Point
	most land.Area
}

func (l *load) reportRegions(s *staged, regions []coverage.Region) {
	pairs := map[[2]int]*overlapping{}
	for _, r := range regions {
		area := land.OfficialArea(orb.MultiPolygon{r.Geometry}, l.county.zone)
		switch r.Verdict {
		case coverage.Overlap:
			for k, b := range r.Polygons[1:] {
				for _, a := range r.Polygons[:k+1] {
					p := pairs[[2]int{a, b}]
					if p == nil {
						p = &overlapping{a: a, b: b, at: r.Inside}
						pairs[[2]int{a, b}] = p
					}
					if p.area += area; area > p.most {
						p.most, p.at = area, r.Inside
					}
				}
			}
		case coverage.Gap:
			l.reportGap(s, r, area)
		case coverage.Outside:
			if area < smallest {
				continue
			}
			i := r.Polygons[0]
			issue := Issue{Severity: survey.Warning, Code: IssueBeyondCounty, Row: s.rows[i], BSM: s.keys[i], At: &r.Inside}
			l.report.addf(issue, "第 %d 行（%s）有 %s m² 越出行政区（XZQ），位于（东 %.3f，北 %.3f）。请核对县界。",
				"row %d (%s): %s m² lie outside the townships (XZQ) at E %.3f N %.3f; check the county boundary.", s.rows[i], s.labels[i], area, r.Inside[0], r.Inside[1])
		}
	}
	list := make([]*overlapping, 0, len(pairs))
	for _, p := range pairs {
		list = append(list, p)
	}
	slices.SortFunc(list, func(p, q *overlapping) int { return cmp.Or(cmp.Compare(p.b, q.b), cmp.Compare(p.a, q.a)) })
	for _, p := range list {
		l.reportOverlap(s, p)
	}
}

func (l *load) reportOverlap(s *staged, p *overlapping) {
	if p.area < smallest {
		return
	}
	issue := Issue{Severity: survey.Error, Code: IssueOverlap, Row: s.rows[p.b], BSM: s.keys[p.b], At: &p.at}
	l.report.addf(issue, "第 %d 行（%s）与第 %d 行（%s）重叠 %s m²，位于（东 %.3f，北 %.3f）。请修改公共边。",
		"row %d (%s) and row %d (%s) overlap by %s m² at E %.3f N %.3f; correct their common edge.",
		s.rows[p.b], s.labels[p.b], s.rows[p.a], s.labels[p.a], p.area, p.at[0], p.at[1])
}

func (l *load) reportGap(s *staged, r coverage.Region, area land.Area) {
	if area < smallest {
		return
	}
	issue := Issue{Severity: survey.Warning, Code: IssueGap, At: &r.Inside}
	near, nearEN := "", ""
	if len(r.Polygons) > 0 {
		i := r.Polygons[0]
		issue.Row, issue.BSM = s.rows[i], s.keys[i]
		near = fmt.Sprintf("，邻第 %d 行（%s）", s.rows[i], s.labels[i])
		nearEN = fmt.Sprintf(" beside row %d (%s)", s.rows[i], s.labels[i])
	}
	l.report.addf(issue, "缝隙 %[1]s m²，位于（东 %.3[2]f，北 %.3[3]f）%[4]s。请补齐或修改公共边。",
		"gap of %[1]s m² at E %.3[2]f N %.3[3]f%[5]s; fill it or correct the common edge.", area, r.Inside[0], r.Inside[1], near, nearEN)
}
