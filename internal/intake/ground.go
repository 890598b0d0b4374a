package intake

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/intake/survey"
	"gengheng/internal/land"
)

// A declaration says where its parcel lies and what is there. checkGround holds
// that against the maps: the townships and the current survey. What differs is
// a warning, for the maps may be the ones at fault. Areas are of the plane here:
// only shares of one parcel are shown, which are the same on the ellipsoid.

// sqlTownships: how much of each declared parcel lies in which township, in m²
// of the plane, the most first.
const sqlTownships = `
SELECT c.fid, c.township_code, t.code, t.area, ST_Area(c.geom)
FROM candidate c CROSS JOIN LATERAL (
    SELECT f.code, sum(ST_Area(ST_Intersection(f.geom, c.geom))) area FROM layer_feature f
    WHERE f.county_code = c.county_code AND f.dataset_id = $3 AND f.geom && c.geom
    GROUP BY f.code ORDER BY area DESC, f.code LIMIT 1) t
WHERE c.county_code = $1 AND c.dataset_id = $2 AND t.code <> c.township_code AND ST_IsValid(c.geom)
ORDER BY c.fid`

// sqlPatches: which patches of the survey lie under each declared parcel.
const sqlPatches = `
SELECT c.fid, c.base_bsm, c.base_dlbm, coalesce(p.bsm, ''), p.dlbm, p.area, ST_Area(c.geom)
FROM candidate c CROSS JOIN LATERAL (
    SELECT q.bsm, q.dlbm, ST_Area(ST_Intersection(q.geom, c.geom)) area FROM parcel q
    WHERE q.county_code = c.county_code AND q.dataset_id = $3 AND q.geom && c.geom) p
WHERE c.county_code = $1 AND c.dataset_id = $2 AND p.area > 0 AND ST_IsValid(c.geom)
ORDER BY c.fid, p.area DESC, p.bsm`

// sliver is the overlap that a boundary drawn by hand may have with its
// neighbours: 10 m² or 1 % of the parcel, whichever is more.
func sliver(parcel float64) float64 { return max(10, parcel/100) }

func (l *load) checkGround(ctx context.Context, tx pgx.Tx, s *staged) error {
	if l.county.townships.loaded() {
		if err := l.checkTownships(ctx, tx, s); err != nil {
			return err
		}
	}
	base, ok, err := currentDataset(ctx, tx, l.req.County, DLTB, l.req.Year)
	if err != nil || !ok {
		return err
	}
	rows, err := tx.Query(ctx, sqlPatches, l.req.County, l.req.DatasetID, base)
	if err != nil {
		return fmt.Errorf("look for the patches under the parcels: %w", err)
	}
	var under underlying
	_, err = pgx.ForEachRow(rows, []any{&under.fid, &under.declaredBSM, &under.declaredClass, &under.bsm, &under.class, &under.area, &under.parcel}, func() error {
		under.next(l, s)
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for the patches under the parcels: %w", err)
	}
	under.finish(l, s)
	return nil
}

func (l *load) checkTownships(ctx context.Context, tx pgx.Tx, s *staged) error {
	rows, err := tx.Query(ctx, sqlTownships, l.req.County, l.req.DatasetID, l.county.townships.dataset)
	if err != nil {
		return fmt.Errorf("look for the townships of the parcels: %w", err)
	}
	var fid int
	var declared, code string
	var area, parcel float64
	_, err = pgx.ForEachRow(rows, []any{&fid, &declared, &code, &area, &parcel}, func() error {
		if area <= parcel/2 {
			return nil // no township has most of it
		}
		i := fid - 1
		issue := Issue{Severity: survey.Warning, Code: IssueElsewhere, Row: s.rows[i], BSM: s.keys[i], Field: "XZDM"}
		issue.ZH = fmt.Sprintf("申报的乡镇是 %s，而地块的 %.0f%% 在乡镇 %s（行政区 XZQ）内，指标会记到别的乡镇。请核对 XZDM 与边界。", declared, 100*area/parcel, code)
		issue.EN = fmt.Sprintf("declared by township %s, but %.0f%% of the parcel lies in %s (XZQ), so another township would be credited; check XZDM and the boundary.", declared, 100*area/parcel, code)
		l.prefixRow(&issue, issue.Row, s.labels[i])
		l.report.add(issue)
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for the townships of the parcels: %w", err)
	}
	return nil
}

// underlying collects the patches under one parcel, which come one after the
// other, the largest part first.
type underlying struct {
	fid                        int
	declaredBSM, declaredClass string
	bsm, class                 string
	area, parcel               float64

	now underParcel
}

type underParcel struct {
	fid          int
	bsm, class   string // as declared
	parcel       float64
	largest      string // BSM of the patch with the largest part
	share, found float64
	classes      []string // in the order of their first part
	areas        map[string]float64
}

func (u *underlying) next(l *load, s *staged) {
	if u.fid != u.now.fid {
		u.finish(l, s)
		u.now = underParcel{fid: u.fid, bsm: u.declaredBSM, class: u.declaredClass, parcel: u.parcel, largest: u.bsm, share: u.area, areas: map[string]float64{}}
	}
	if u.bsm == u.now.bsm {
		u.now.found += u.area
	}
	if _, ok := u.now.areas[u.class]; !ok {
		u.now.classes = append(u.now.classes, u.class)
	}
	u.now.areas[u.class] += u.area
}

func (u *underlying) finish(l *load, s *staged) {
	p := &u.now
	if p.fid == 0 {
		return
	}
	i := p.fid - 1
	say := func(code, field, zh, en string) {
		issue := Issue{Severity: survey.Warning, Code: code, Row: s.rows[i], BSM: s.keys[i], Field: field, ZH: zh, EN: en}
		l.prefixRow(&issue, issue.Row, s.labels[i])
		l.report.add(issue)
	}
	if p.bsm != "" && p.found <= sliver(p.parcel) {
		say(IssueBasePatch, "BSM",
			fmt.Sprintf("申报的标识码 %s 不是地块所在的图斑；现行地类图斑中，地块的 %.0f%% 在图斑 %s 上。请核对标识码与边界。", p.bsm, 100*p.share/p.parcel, p.largest),
			fmt.Sprintf("BSM %s is not the patch under the parcel; in the current survey %.0f%% of it lies on patch %s; check the BSM and the boundary.", p.bsm, 100*p.share/p.parcel, p.largest))
	}
	if p.class == "" {
		return
	}
	var zh, en []string
	for _, class := range p.classes {
		if area := p.areas[class]; class != p.class && area > sliver(p.parcel) {
			c, _ := land.ClassOf(class)
			zh = append(zh, fmt.Sprintf("%s %s 占 %.1f%%", class, c.Name, 100*area/p.parcel))
			en = append(en, fmt.Sprintf("%s on %.1f%% of it", class, 100*area/p.parcel))
		}
	}
	if len(zh) > 0 {
		say(IssueBaseClass, "DLBM",
			fmt.Sprintf("申报的现状地类是 %s，而现行地类图斑为 %s。请核对；筛查会把两者都算上。", p.class, strings.Join(zh, "、")),
			fmt.Sprintf("the declared class is %s, the current survey has %s; check. Screening takes both into account.", p.class, strings.Join(en, ", ")))
	}
}
