package intake

import (
	"archive/zip"
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/geodata"
	"gengheng/internal/intake/fields"
	"gengheng/internal/intake/survey"
	"gengheng/internal/land"
)

// isTable tells a workbook, or a CSV, from a file with geometry. A workbook is
// a zip as well, so it is told by what it holds.
func isTable(path, name string) bool {
	if strings.EqualFold(filepath.Ext(name), ".csv") {
		return true
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		return false
	}
	archive, err := zip.NewReader(f, info.Size())
	if err != nil {
		return false
	}
	for _, entry := range archive.File {
		if entry.Name == "xl/workbook.xml" {
			return true
		}
	}
	return false
}

// readDeclarations reads a 申报表 into declarations in the order of its rows.
func (l *load) readDeclarations(path, name string) (*table, fields.Binding, []*declaration, *Problem) {
	t, problem := readTable(path, name, fields.Declaration)
	if problem != nil {
		return nil, fields.Binding{}, nil, problem
	}
	binding, problem := bindDeclaration(t.columns)
	if problem != nil {
		problem.File, problem.Layer = name, t.sheet
		return nil, binding, nil, problem
	}
	unit, ok := areaUnitOf(binding.Unit[fields.SBMJ])
	if !ok {
		return nil, binding, nil, unknownUnit(t.columns[binding.Column[fields.SBMJ]])
	}
	var list []*declaration
	for _, row := range t.rows {
		list = append(list, declare(row.number, &binding, t.columns, row.values(len(t.columns)), unit))
	}
	return t, binding, list, nil
}

// attachWorkbook reads the 申报表 that comes with the boundaries.
func (l *load) attachWorkbook(m *candidateMaker) *Problem {
	if l.req.Options.Workbook == "" {
		return nil
	}
	_, _, list, problem := l.readDeclarations(l.req.Options.Workbook, "申报表")
	if problem != nil {
		return problem
	}
	m.workbook = map[string]*declaration{}
	for _, d := range list {
		number := d.text[fields.SBBH]
		switch first := m.workbook[number]; {
		case number == "":
			l.report.addf(Issue{Severity: survey.Error, Code: IssueNumberMissing, Field: "SBBH", fatal: true},
				"申报表第 %d 行没有申报编号。请补填。", "row %d of the workbook has no number; fill it in.", d.row)
		case first != nil:
			l.report.addf(Issue{Severity: survey.Error, Code: IssueNumberTwice, Field: "SBBH", fatal: true},
				"申报表第 %d 行与第 %d 行的编号同为 %s。请改正。", "rows %d and %d of the workbook have the same number %s; correct it.", d.row, first.row, number)
		default:
			for i := range d.issues {
				d.issues[i].ZH = fmt.Sprintf("申报表第 %d 行：%s", d.row, d.issues[i].ZH)
				d.issues[i].EN = fmt.Sprintf("row %d of the workbook: %s", d.row, d.issues[i].EN)
			}
			m.workbook[number] = d
		}
	}
	l.declared = list
	return nil
}

// checkUnmatched reports the rows of the 申报表 that have no boundary.
func (l *load) checkUnmatched(s *staged) {
	drawn := map[string]bool{}
	for _, number := range s.labels {
		drawn[number] = true
	}
	for _, d := range l.declared {
		if number := d.text[fields.SBBH]; number != "" && !drawn[number] {
			l.report.addf(Issue{Severity: survey.Error, Code: IssueUnmatched, Field: "SBBH", fatal: true},
				"申报表第 %d 行的 %s 没有对应的图形。请补图形，或从申报表中删去。",
				"row %d of the workbook, %s, has no geometry; draw it or delete the row.", d.row, number)
		}
	}
}

// loadWorkbook loads a 申报表 without boundaries: each row declares a whole patch
// of the current survey, named by BSM or by TBBH in its township or village.
func (l *load) loadWorkbook(ctx context.Context, tx pgx.Tx) error {
	t, binding, list, problem := l.readDeclarations(l.req.Path, l.req.FileName)
	if problem != nil {
		return problem
	}
	l.layerName, l.encoding, l.sourceCRS = t.sheet, t.encoding, fmt.Sprintf("EPSG:%d", l.county.srid)
	l.noteBinding(binding)
	base, ok, err := currentDataset(ctx, tx, l.req.County, DLTB, l.req.Year)
	if err != nil {
		return err
	}
	if !ok {
		p := &Problem{Code: ProblemBase, TitleZH: "没有现行的地类图斑", TitleEN: "There is no current survey"}
		return p.detail("只有申报表而没有图形时，图形取自现行地类图斑（DLTB），但本县还没有载入。",
			"Without boundaries the geometry comes from the current survey (DLTB), which is not loaded.").
			hint("请先载入地类图斑，或随申报表上传图形。", "Load the survey first, or upload boundaries with the workbook.")
	}
	maker, problem := newCandidateMaker(l, t.columns, binding)
	if problem != nil {
		return problem
	}
	features := make([]geodata.Feature, len(list))
	for i, d := range list {
		features[i] = geodata.Feature{Row: d.row, Values: t.rows[i].values(len(t.columns))}
		if err := l.takePatch(ctx, tx, base.String(), d, &features[i]); err != nil {
			return err
		}
	}
	staged, err := l.stage(ctx, tx, each(features), maker, int64(len(features)))
	if err != nil {
		return err
	}
	return l.checkStaged(ctx, tx, staged)
}

func each(features []geodata.Feature) iter.Seq2[geodata.Feature, error] {
	return func(yield func(geodata.Feature, error) bool) {
		for _, f := range features {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// patch is a patch of the current survey.
type patch struct {
	bsm  string
	tbmj *land.Area
	area land.Area
	geom orb.MultiPolygon
}

// takePatch gives a declared row the geometry of its patch, or an issue.
func (l *load) takePatch(ctx context.Context, tx pgx.Tx, base string, d *declaration, f *geodata.Feature) error {
	bsm, tbbh, place := d.text[fields.DeclaredBSM], d.text[fields.DeclaredTBBH], d.text[fields.XZDM]
	if place == "" {
		place = l.req.Scope
	}
	fail := func(zh, en string, args ...any) {
		f.Issues = append(f.Issues, geodata.Issue{Code: IssueUnmatched, Severity: geodata.SeverityError, Row: d.row,
			MessageZH: fmt.Sprintf(zh, args...), MessageEN: fmt.Sprintf(en, args...)})
	}
	if bsm == "" && (tbbh == "" || place == "") {
		fail("没有图形，也没有标识码 BSM（或乡镇代码与图斑编号 TBBH），找不到图斑。请补填或上传图形。",
			"no geometry and no BSM (or township and TBBH), so the patch cannot be found; fill them in or upload a boundary.")
		return nil
	}
	rows, err := tx.Query(ctx, `
		SELECT coalesce(bsm, ''), tbmj::text, area_m2::text, ST_AsBinary(geom) FROM parcel
		WHERE county_code = $1 AND dataset_id = $2::uuid
		  AND CASE WHEN $3 <> '' THEN bsm = $3 ELSE tbbh = $4 AND starts_with(zldwdm, $5) END
		ORDER BY fid LIMIT 2`, l.req.County, base, bsm, tbbh, place)
	if err != nil {
		return fmt.Errorf("look for the patch of row %d: %w", d.row, err)
	}
	patches, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p patch, err error) {
		var raw []byte
		if err := row.Scan(&p.bsm, &p.tbmj, &p.area, &raw); err != nil {
			return p, err
		}
		p.geom, err = decodeMultiPolygon(raw)
		return p, err
	})
	if err != nil {
		return fmt.Errorf("read the patch of row %d: %w", d.row, err)
	}
	switch {
	case len(patches) == 0:
		fail("现行地类图斑中没有这个图斑（BSM “%s”，TBBH “%s”，%s）。请核对。", "the survey has no such patch (BSM %q, TBBH %q, %s); check.", bsm, tbbh, place)
	case len(patches) > 1:
		fail("现行地类图斑中有多个图斑符合（BSM “%s”，TBBH “%s”，%s）。请填标识码 BSM 或上传图形。", "several patches of the survey match (BSM %q, TBBH %q, %s); give the BSM or upload a boundary.", bsm, tbbh, place)
	case !wholePatch(d.area, patches[0]):
		fail("申报面积 %s m² 不是整个图斑的面积 %s m²。只转一部分时请上传图形。", "the declared area %s m² is not the patch's %s m²; upload a boundary for a part.", land.Area(d.area.Units), patches[0].area)
	default:
		f.Geom = patches[0].geom
	}
	return nil
}

// wholePatch: the declared area is the patch's, by TBMJ or by its geometry, to
// the 0.1 % that a figure in 亩 with two decimals leaves; none means all of it.
func wholePatch(declared survey.Number, p patch) bool {
	if !declared.Valid {
		return true
	}
	near := func(a land.Area) bool {
		off := land.Area(declared.Units) - a
		limit := max(7*land.SquareMetre, a/1000) // 0.01 亩 = 6.67 m²
		return off <= limit && -off <= limit
	}
	return near(p.area) || p.tbmj != nil && near(*p.tbmj)
}
