package intake

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/geodata"
	"gengheng/internal/intake/survey"
	"gengheng/internal/land"
)

// sqlInvalid asks which staged geometries are invalid, why and where, and what
// the nearest valid polygon on the lattice of 0.0001 m is. The structure method
// keeps what the rings mean: shells stay shells, holes stay holes.
const sqlInvalid = `
SELECT fid, reason(d), ST_X(location(d)), ST_Y(location(d)), ST_AsBinary(repaired),
       ST_IsValid(repaired) AND NOT ST_IsEmpty(repaired)
FROM (SELECT fid, geom, ST_IsValidDetail(geom) d FROM %[1]s
      WHERE county_code = $1 AND dataset_id = $2 AND NOT ST_IsValid(geom) OFFSET 0) bad,
LATERAL (SELECT ST_CollectionExtract(ST_ReducePrecision(
             ST_CollectionExtract(ST_MakeValid(geom, 'method=structure keepcollapsed=false'), 3), 0.0001), 3) repaired) r
ORDER BY fid`

const sqlRepair = `
UPDATE %[1]s SET geom = ST_GeomFromWKB($4, $5), area_m2 = $6::numeric
WHERE county_code = $1 AND dataset_id = $2 AND fid = $3
RETURNING ST_IsValid(geom)`

// reasons of GEOS in Chinese.
var reasons = map[string]string{
	"Self-intersection":                    "自相交",
	"Ring Self-intersection":               "环自相交（自接触）",
	"Hole lies outside shell":              "洞在外环之外",
	"Holes are nested":                     "洞相互嵌套",
	"Nested holes":                         "洞相互嵌套",
	"Interior is disconnected":             "内部不连通",
	"Nested shells":                        "外环相互嵌套",
	"Duplicate Rings":                      "环重复",
	"Too few points in geometry component": "环的点数不足",
	"Invalid Coordinate":                   "坐标无效",
	"Ring is not closed":                   "环未闭合",
}

type invalid struct {
	fid      int
	reason   string
	at       orb.Point
	repaired orb.MultiPolygon // nil: there is no repair
}

// checkValidity finds the invalid geometries among the staged rows. Each is an
// error with a proposed repair; if the uploader has accepted repairs, exactly
// these are applied and become notices.
func (l *load) checkValidity(ctx context.Context, tx pgx.Tx, s *staged) error {
	l.tell(StageValidity, 0, int64(s.len()))
	found, err := l.findInvalid(ctx, tx, s)
	if err != nil {
		return err
	}
	for _, bad := range found {
		if err := l.judgeInvalid(ctx, tx, s, bad); err != nil {
			return err
		}
	}
	l.tell(StageValidity, int64(s.len()), int64(s.len()))
	return nil
}

func (l *load) findInvalid(ctx context.Context, tx pgx.Tx, s *staged) ([]invalid, error) {
	rows, err := tx.Query(ctx, fmt.Sprintf(sqlInvalid, s.table), l.req.County, l.req.DatasetID)
	if err != nil {
		return nil, fmt.Errorf("check the geometries: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (invalid, error) {
		var bad invalid
		var reason *string
		var x, y *float64
		var raw []byte
		var usable bool
		if err := row.Scan(&bad.fid, &reason, &x, &y, &raw, &usable); err != nil {
			return bad, err
		}
		if reason != nil {
			bad.reason = *reason
		}
		if x != nil && y != nil {
			bad.at = orb.Point{*x, *y}
		}
		if !usable {
			return bad, nil
		}
		repaired, err := decodeMultiPolygon(raw)
		if err != nil {
			return bad, fmt.Errorf("repair of row %d: %w", s.rows[bad.fid-1], err)
		}
		bad.repaired = geodata.Canonical(repaired)
		return bad, nil
	})
}

func (l *load) judgeInvalid(ctx context.Context, tx pgx.Tx, s *staged, bad invalid) error {
	i := bad.fid - 1
	issue := Issue{Severity: survey.Error, Code: IssueInvalidGeometry, Row: s.rows[i], BSM: s.keys[i], At: &bad.at, fatal: true}
	zh := bad.reason
	if chinese, ok := reasons[bad.reason]; ok {
		zh = chinese
	}
	if len(bad.repaired) == 0 {
		issue.ZH = fmt.Sprintf("几何无效：%s，位于（东 %.3f，北 %.3f），无法自动修复。请重新绘制。", zh, bad.at[0], bad.at[1])
		issue.EN = fmt.Sprintf("invalid geometry: %s at E %.3f N %.3f, which cannot be repaired; draw it again.", strings.ToLower(bad.reason), bad.at[0], bad.at[1])
		l.prefixRow(&issue, issue.Row, s.labels[i])
		l.report.add(issue)
		return nil
	}
	area := land.OfficialArea(bad.repaired, l.county.zone)
	raw, err := wkb.Marshal(bad.repaired)
	if err != nil {
		return fmt.Errorf("encode the repair: %w", err)
	}
	before, change := s.areas[i], area-s.areas[i]
	issue.Repair = &Repair{Kind: "make_valid", AreaBefore: &before, AreaAfter: area, Change: &change, WKB: raw}
	issue.ZH = fmt.Sprintf("几何无效：%s，位于（东 %.3f，北 %.3f）。提议的修复使面积由 %s m² 变为 %s m²（%+.2f）。请改正，或接受修复。",
		zh, bad.at[0], bad.at[1], before, area, change.Float64())
	issue.EN = fmt.Sprintf("invalid geometry: %s at E %.3f N %.3f. The proposed repair changes the area from %s to %s m² (%+.2f); correct it or accept the repair.",
		strings.ToLower(bad.reason), bad.at[0], bad.at[1], before, area, change.Float64())
	if l.drawn() {
		issue.Repair = nil // nobody is asked to accept it
		issue.ZH = fmt.Sprintf("几何无效：%s，位于（东 %.3f，北 %.3f）。请重画。", zh, bad.at[0], bad.at[1])
		issue.EN = fmt.Sprintf("invalid geometry: %s at E %.3f N %.3f; draw it again.", strings.ToLower(bad.reason), bad.at[0], bad.at[1])
	}
	if !l.req.Options.AcceptRepairs {
		s.proposed[i] = bad.repaired
		s.checker.Replace(i, bad.repaired)
	} else {
		if err := l.applyRepair(ctx, tx, s, bad, raw, area); err != nil {
			return err
		}
		issue.Severity, issue.Code, issue.fatal = survey.Notice, IssueRepaired, false
		issue.ZH = fmt.Sprintf("已按接受的提议修复：%s，位于（东 %.3f，北 %.3f），面积由 %s m² 变为 %s m²（%+.2f）。",
			zh, bad.at[0], bad.at[1], before, area, change.Float64())
		issue.EN = fmt.Sprintf("repaired as accepted: %s at E %.3f N %.3f; the area changed from %s to %s m² (%+.2f).",
			strings.ToLower(bad.reason), bad.at[0], bad.at[1], before, area, change.Float64())
	}
	l.prefixRow(&issue, issue.Row, s.labels[i])
	l.report.add(issue)
	return nil
}

func (l *load) applyRepair(ctx context.Context, tx pgx.Tx, s *staged, bad invalid, raw []byte, area land.Area) error {
	var valid bool
	err := tx.QueryRow(ctx, fmt.Sprintf(sqlRepair, s.table),
		l.req.County, l.req.DatasetID, bad.fid, raw, l.county.srid, area.String()).Scan(&valid)
	if err != nil {
		return fmt.Errorf("repair row %d: %w", s.rows[bad.fid-1], err)
	}
	if !valid {
		return fmt.Errorf("repair of row %d is not valid after rounding", s.rows[bad.fid-1])
	}
	i := bad.fid - 1
	s.tally.area += area - s.areas[i]
	s.areas[i] = area
	s.shapes[i] = sha256.Sum256(l.shape(nil, area, bad.repaired))
	s.checker.Replace(i, bad.repaired)
	l.result.Summary.Repairs++
	return nil
}
