package intake

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/intake/survey"
)

// sqlInside finds the patches that lie wholly inside 城镇村等用地.
const sqlInside = `
SELECT p.fid, coalesce(p.bsm, ''), coalesce(p.zldwdm, ''), p.czcsxm IS NULL, c.fid, c.code, c.level
FROM layer_feature c
JOIN parcel p ON p.county_code = c.county_code AND p.geom && c.geom AND ST_Covers(c.geom, p.geom)
WHERE c.county_code = $1 AND c.dataset_id = $2 AND p.dataset_id = $3
ORDER BY p.fid, c.fid`

// inside is a patch inside a built-up polygon.
type inside struct {
	patch         int // fid
	bsm, zldwdm   string
	unmarked      bool // without CZCSXM
	town          int  // fid
	code, builtUp string
}

// misplaced: the polygon's 城镇村代码 names another place than the patch's
// 坐落单位. A village agrees to the village, cities, towns and what is left
// (204, 205), which reach over several villages, to the township.
func (in *inside) misplaced() bool {
	code := in.code
	if len(code) > 12 {
		code = code[:12]
	}
	if !strings.HasPrefix(in.builtUp, "203") && len(code) > 9 {
		code = code[:9]
	}
	for _, level := range []int{9, 6} { // the code of a whole township, of a county
		if len(code) == level+3 && code[level:] == "000" {
			code = code[:level]
		}
	}
	return len(code) >= 6 && len(in.zldwdm) >= len(code) && !strings.HasPrefix(in.zldwdm, code)
}

// checkBuiltUp is rule S16 for what lies inside 城镇村等用地: patches carry
// CZCSXM, and the polygon's code agrees with their ZLDWDM. Whichever of the two
// layers is loaded later is held against the other.
func (l *load) checkBuiltUp(ctx context.Context, tx pgx.Tx, s *staged) error {
	towns, patches := l.req.DatasetID, l.req.DatasetID
	other, counterpart := CZCDYD, &towns
	if l.req.Kind == CZCDYD {
		other, counterpart = DLTB, &patches
	}
	var ok bool
	var err error
	if *counterpart, ok, err = currentDataset(ctx, tx, l.req.County, other, l.req.Year); err != nil || !ok {
		return err
	}
	found, err := l.findInside(ctx, tx, towns, patches)
	if err != nil {
		return err
	}
	if l.req.Kind == CZCDYD {
		l.reportTowns(s, found)
		return nil
	}
	for _, in := range found {
		i := in.patch - 1
		if in.unmarked {
			l.report.addf(Issue{Severity: survey.Error, Code: IssueBuiltUpUnmarked, Row: s.rows[i], BSM: s.keys[i], Field: "CZCSXM"},
				"第 %d 行（%s）：图斑在城镇村等用地范围内，CZCSXM 为空。请补填 201–205。",
				"row %d (%s): the patch lies inside a town or village and has no CZCSXM; fill in 201-205.", s.rows[i], s.labels[i])
		}
		if in.misplaced() {
			l.report.addf(Issue{Severity: survey.Error, Code: IssueBuiltUpCode, Row: s.rows[i], BSM: s.keys[i], Field: "ZLDWDM"},
				"第 %d 行（%s）：坐落单位代码 %s 与所在城镇村等用地的代码 %s 不符。请核对两者。",
				"row %d (%s): ZLDWDM %s does not agree with %s, the code of the town or village around it; check both.", s.rows[i], s.labels[i], in.zldwdm, in.code)
		}
	}
	return nil
}

func (l *load) findInside(ctx context.Context, tx pgx.Tx, towns, patches uuid.UUID) ([]inside, error) {
	rows, err := tx.Query(ctx, sqlInside, l.req.County, towns, patches)
	if err != nil {
		return nil, fmt.Errorf("look for patches inside towns: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (in inside, err error) {
		return in, row.Scan(&in.patch, &in.bsm, &in.zldwdm, &in.unmarked, &in.town, &in.code, &in.builtUp)
	})
	if err != nil {
		return nil, fmt.Errorf("look for patches inside towns: %w", err)
	}
	// two built-up polygons around one patch overlap; the first is enough
	kept := list[:0]
	for _, in := range list {
		if n := len(kept); n == 0 || kept[n-1].patch != in.patch {
			kept = append(kept, in)
		}
	}
	return kept, nil
}

// reportTowns tells of each polygon how many of the survey's patches in it are
// not marked, or lie elsewhere by their code.
func (l *load) reportTowns(s *staged, found []inside) {
	type count struct {
		unmarked, misplaced           int
		firstUnmarked, firstMisplaced inside
	}
	counts := make([]count, s.len())
	for _, in := range found {
		c := &counts[in.town-1]
		if in.unmarked {
			if c.unmarked++; c.unmarked == 1 {
				c.firstUnmarked = in
			}
		}
		if in.misplaced() {
			if c.misplaced++; c.misplaced == 1 {
				c.firstMisplaced = in
			}
		}
	}
	for i, c := range counts {
		if c.unmarked > 0 {
			l.report.addf(Issue{Severity: survey.Error, Code: IssueBuiltUpUnmarked, Row: s.rows[i], BSM: s.keys[i]},
				"第 %d 行（%s）：范围内有 %d 个现行地类图斑没有 CZCSXM，如 %s。请在地类图斑中补填 201–205。",
				"row %d (%s): %d patches of the survey inside have no CZCSXM, such as %s; fill in 201-205 there.", s.rows[i], s.labels[i], c.unmarked, c.firstUnmarked.bsm)
		}
		if c.misplaced > 0 {
			l.report.addf(Issue{Severity: survey.Error, Code: IssueBuiltUpCode, Row: s.rows[i], BSM: s.keys[i], Field: "CZCDM"},
				"第 %d 行（%s）：城镇村代码 %s 与范围内 %d 个现行地类图斑的坐落单位代码不符，如 %s 的 %s。请核对两者。",
				"row %d (%s): code %s does not agree with the ZLDWDM of %d patches of the survey inside, such as %s with %s; check both.",
				s.rows[i], s.labels[i], c.firstMisplaced.code, c.misplaced, c.firstMisplaced.bsm, c.firstMisplaced.zldwdm)
		}
	}
}
