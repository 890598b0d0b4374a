package intake

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"
	"github.com/paulmach/orb/planar"

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

// maxLines bounds the arrangement, whose cost in PostGIS grows with it: some ten
// seconds.
const maxLines = 300000

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
	geoms := geometryCache{load: l, staged: s, known: maps.Clone(s.proposed)}
	if err := geoms.fetch(ctx, tx, suspects); err != nil {
		return err
	}
	trace := s.checker.Trace(suspects, geoms.of)
	lines := trace.Lines()
	if len(lines) > maxLines {
		l.reportRagged(s, suspects, len(lines))
		return nil
	}
	faces, err := l.faces(ctx, tx, lines)
	if err != nil {
		return err
	}
	byFace, wanted := s.checker.Candidates(faces)
	if err := geoms.fetch(ctx, tx, wanted); err != nil {
		return err
	}
	regions := s.checker.Judge(trace, faces, byFace, geoms.of)
	l.reportRegions(s, regions)
	found, err := l.overlaps(ctx, tx, s, s.checker.Pairs(regions))
	if err != nil {
		return err
	}
	for i := range found {
		l.reportOverlap(s, &found[i])
	}
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

// overlapping is what two rows have in common.
type overlapping struct {
	a, b   int
	area   land.Area
	common orb.MultiPolygon
}

// at is a place in the greatest piece.
func (o *overlapping) at() orb.Point {
	best := o.common[0]
	for _, p := range o.common[1:] {
		if planar.Area(p) > planar.Area(best) {
			best = p
		}
	}
	return best.Bound().Center()
}

// sqlCommon intersects pairs of rows; OverlayNG gives nothing of area where
// neighbours share their edges. Rows that will be refused are taken as repaired.
const sqlCommon = `
SELECT a.fid, b.fid, ST_AsBinary(common)
FROM unnest($3::int[], $4::int[]) pair (a, b)
JOIN %[1]s a ON a.county_code = $1 AND a.dataset_id = $2 AND a.fid = pair.a
JOIN %[1]s b ON b.county_code = a.county_code AND b.dataset_id = $2 AND b.fid = pair.b,
LATERAL (SELECT ST_CollectionExtract(ST_Intersection(
    CASE WHEN ST_IsValid(a.geom) THEN a.geom ELSE ST_MakeValid(a.geom, 'method=structure') END,
    CASE WHEN ST_IsValid(b.geom) THEN b.geom ELSE ST_MakeValid(b.geom, 'method=structure') END), 3) common OFFSET 0) c
WHERE ST_Area(common) > 0.001
ORDER BY b.fid, a.fid`

// overlaps computes what pairs of rows have in common, in the order of rows.
func (l *load) overlaps(ctx context.Context, tx pgx.Tx, s *staged, pairs [][2]int) ([]overlapping, error) {
	var all []overlapping
	for chunk := range slices.Chunk(pairs, 10000) {
		as, bs := make([]int32, len(chunk)), make([]int32, len(chunk))
		for i, p := range chunk {
			as[i], bs[i] = int32(p[0]+1), int32(p[1]+1)
		}
		rows, err := tx.Query(ctx, fmt.Sprintf(sqlCommon, s.table), l.req.County, l.req.DatasetID, as, bs)
		if err != nil {
			return nil, fmt.Errorf("intersect rows: %w", err)
		}
		found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o overlapping, err error) {
			var raw []byte
			if err := row.Scan(&o.a, &o.b, &raw); err != nil {
				return o, err
			}
			o.a, o.b = o.a-1, o.b-1
			o.common, err = decodeMultiPolygon(raw)
			o.area = land.OfficialArea(o.common, l.county.zone)
			return o, err
		})
		if err != nil {
			return nil, fmt.Errorf("intersect rows: %w", err)
		}
		all = append(all, found...)
	}
	return slices.DeleteFunc(all, func(o overlapping) bool { return o.area < smallest }), nil
}

func (l *load) reportRegions(s *staged, regions []coverage.Region) {
	for _, r := range regions {
		area := land.OfficialArea(orb.MultiPolygon{r.Geometry}, l.county.zone)
		if area < smallest {
			continue
		}
		switch r.Verdict {
		case coverage.Gap:
			l.reportGap(s, r, area)
		case coverage.Outside:
			if l.req.Kind == PDT {
				continue // slope maps are made by sheets, which reach beyond the county
			}
			i := r.Polygons[0]
			issue := Issue{Severity: survey.Warning, Code: IssueBeyondCounty, Row: s.rows[i], BSM: s.keys[i], At: &r.Inside}
			l.report.addf(issue, "第 %d 行（%s）有 %s m² 越出行政区（XZQ），位于（东 %.3f，北 %.3f）。请核对县界。",
				"row %d (%s): %s m² lie outside the townships (XZQ) at E %.3f N %.3f; check the county boundary.", s.rows[i], s.labels[i], area, r.Inside[0], r.Inside[1])
		}
	}
}

func (l *load) reportOverlap(s *staged, o *overlapping) {
	at := o.at()
	issue := Issue{Severity: survey.Error, Code: IssueOverlap, Row: s.rows[o.b], BSM: s.keys[o.b], At: &at}
	l.report.addf(issue, "第 %d 行（%s）与第 %d 行（%s）重叠 %s m²，位于（东 %.3f，北 %.3f）。请修改公共边。",
		"row %d (%s) and row %d (%s) overlap by %s m² at E %.3f N %.3f; correct their common edge.",
		s.rows[o.b], s.labels[o.b], s.rows[o.a], s.labels[o.a], o.area, at[0], at[1])
}

// reportRagged names the rows whose edges have no partner, where these are too
// many to look for single overlaps and gaps.
func (l *load) reportRagged(s *staged, suspects []int, edges int) {
	l.report.addf(Issue{Severity: survey.Error, Code: IssueRagged},
		"有 %d 条边与相邻图斑的边不重合，多到不能逐处列出重叠与缝隙。请先以 0.001 m 容差做拓扑处理后重新上传。",
		"%d edges do not coincide with a neighbour's, too many to list overlaps and gaps one by one; clean the topology with a tolerance of 0.001 m and upload it again.", edges)
	for _, i := range suspects {
		if s.checker.IsFrame(i) {
			continue
		}
		l.report.addf(Issue{Severity: survey.Warning, Code: IssueRagged, Row: s.rows[i], BSM: s.keys[i]},
			"第 %d 行（%s）有与邻边不重合的边。", "row %d (%s) has edges that do not coincide with a neighbour's.", s.rows[i], s.labels[i])
	}
}

func (l *load) reportGap(s *staged, r coverage.Region, area land.Area) {
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
