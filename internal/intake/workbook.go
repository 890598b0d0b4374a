package intake

import (
	"archive/zip"
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/xuri/excelize/v2"

	"gengheng/internal/geodata"
	"gengheng/internal/intake/fields"
	"gengheng/internal/intake/survey"
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

// declarationTable is a 申报表 as it was read.
type declarationTable struct {
	*table
	binding fields.Binding
	areas   []areaColumn
	list    []*declaration // by row
}

// readDeclarations reads a 申报表 into declarations in the order of its rows.
func readDeclarations(path, name string) (*declarationTable, *Problem) {
	t, problem := readTable(path, name, fields.Declaration)
	if problem != nil {
		return nil, problem
	}
	out := &declarationTable{table: t}
	if out.binding, out.areas, problem = bindDeclaration(t.columns); problem != nil {
		problem.File, problem.Layer = name, t.sheet
		return nil, problem
	}
	out.binding.Renamed = slices.DeleteFunc(out.binding.Renamed, func(r [2]string) bool { return fields.OnForm(r[0]) })
	t.dropFurniture(&out.binding)
	out.addUncomputed()
	for _, row := range t.rows {
		d := declare(row.number, &out.binding, t.columns, row.values(len(t.columns)), out.areas)
		d.issues = append(d.issues, out.formulaIssues(d)...)
		out.list = append(out.list, d)
	}
	return out, nil
}

// places says where the fields stand in the sheet, for people who look for a cell.
func (t *declarationTable) places() *sheetPlaces {
	p := &sheetPlaces{sheet: t.sheet, columns: map[string]string{}}
	for i, f := range fields.Declaration {
		c := t.binding.Column[i]
		if i == fields.SBMJ && len(t.areas) > 0 {
			c = t.areas[0].column
		}
		if c < 0 {
			continue
		}
		if letter, err := excelize.ColumnNumberToName(c + 1); err == nil {
			p.columns[f.Name] = letter
		}
	}
	return p
}

// sumWords and footWords begin the lines under the rows of a form: sums, and
// opinions or signatures, which fill few cells.
var (
	sumWords  = []string{fields.TotalRow, "总计", "小计"}
	footWords = []string{"村（组）意见", "村意见", "村委会意见", "乡镇意见", "填表", "审核", "审查", "说明", "注：", "注:", "负责人", "电话", "日期"}
)

// dropFurniture takes away what is no declared parcel: numbered rows left empty,
// and the lines under the rows. A line that names a parcel is one, wherever it is.
func (t *table) dropFurniture(binding *fields.Binding) {
	serial := t.serial()
	named := func(row tableRow) bool {
		for _, i := range []int{fields.SBBH, fields.DKMC, fields.DeclaredBSM, fields.DeclaredTBBH} {
			if c := binding.Column[i]; c >= 0 && c != serial && c < len(row.cells) && row.cells[c] != "" {
				return true
			}
		}
		return false
	}
	t.furniture = map[int64]bool{}
	t.rows = slices.DeleteFunc(t.rows, func(row tableRow) bool {
		if named(row) {
			return false
		}
		first := slices.IndexFunc(row.cells, func(s string) bool { return s != "" })
		word := strings.Join(strings.Fields(row.cells[first]), "")
		filled := 0
		for c, cell := range row.cells {
			if cell != "" && c != serial {
				filled++
			}
		}
		begins := func(w string) bool { return strings.HasPrefix(word, w) }
		t.furniture[row.number] = first <= max(serial, 0) && (slices.ContainsFunc(sumWords, begins) || filled <= 3 && slices.ContainsFunc(footWords, begins))
		return filled == 0 || t.furniture[row.number]
	})
}

// serial is the column of serial numbers, or -1.
func (t *table) serial() int {
	return slices.IndexFunc(t.columns, func(c string) bool { n, _ := fields.Normalize(c); return n == fields.FormRowHeader })
}

// attachWorkbook reads the 申报表 that comes with the boundaries.
func (l *load) attachWorkbook(m *candidateMaker) *Problem {
	if l.req.Options.Workbook == "" {
		return nil
	}
	t, problem := readDeclarations(l.req.Options.Workbook, "申报表")
	if problem != nil {
		return problem
	}
	m.workbook = map[string]*declaration{}
	places := t.places()
	for _, d := range t.list {
		number := d.text[fields.SBBH]
		switch first := m.workbook[number]; {
		case number == "" && t.formulaIn(d.row, fields.SBBH) != "":
			issue := t.formulaIssues(d)[0] // SBBH is the first field
			places.prefix(&issue, d.row, "")
			l.report.add(issue)
		case number == "":
			l.report.addf(Issue{Severity: survey.Error, Code: IssueNumberMissing, Field: "SBBH", fatal: true},
				"申报表第 %d 行没有申报编号。请补填。", "row %d of the workbook has no number; fill it in.", d.row)
		case first != nil:
			l.report.addf(Issue{Severity: survey.Error, Code: IssueNumberTwice, Field: "SBBH", fatal: true},
				"申报表第 %d 行与第 %d 行的编号同为 %s。请改正。", "rows %d and %d of the workbook have the same number %s; correct it.", d.row, first.row, number)
		default:
			for i := range d.issues {
				places.prefix(&d.issues[i], d.row, "")
			}
			m.workbook[number] = d
		}
	}
	l.declared = t.list
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
// of the current survey, named by BSM or by TBBH in its township or village, or
// the boundary that is declared under its number already.
func (l *load) loadWorkbook(ctx context.Context, tx pgx.Tx) error {
	t, problem := readDeclarations(l.req.Path, l.req.FileName)
	if problem != nil {
		return problem
	}
	l.layerName, l.encoding, l.sourceCRS = t.sheet, t.encoding, fmt.Sprintf("EPSG:%d", l.county.srid)
	l.places = t.places()
	l.noteBinding(t.binding)
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
	rows, err := l.place(ctx, tx, base, t)
	if err != nil {
		return err
	}
	maker := newCandidateMaker(l, rows.columns, t.binding, t.areas)
	maker.sheet = t
	maker.others = slices.DeleteFunc(maker.others, func(a attribute) bool {
		return a.column < len(t.columns) && (fields.ShownOnForm(t.columns[a.column]) || t.columns[a.column] == "")
	})
	staged, err := l.stage(ctx, tx, each(rows.features), maker, int64(len(rows.features)))
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
