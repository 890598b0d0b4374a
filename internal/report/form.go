package report

import (
	"context"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/xuri/excelize/v2"

	"gengheng/internal/intake/fields"
	"gengheng/internal/land"
	"gengheng/internal/store"
)

// FormRequest says which 申报表 is wanted.
type FormRequest struct {
	County    string
	Year      int
	Direction string // "in" or "out"
	// Township is the nine-digit code; a blank form may have none.
	Township string
	// Blank: an empty form to fill in, with Rows numbered rows.
	Blank bool
	Rows  int
	// A4: two pages wide on A4 instead of one on A3.
	A4 bool
}

// DeclarationForm writes the 申报表 of a township as .xlsx, one sheet to print and
// seal: blank, or filled with what is declared now, what the survey says of each
// patch and what the newest screening found. Read back by intake, a filled form
// is the same declaration.
func DeclarationForm(ctx context.Context, db *store.DB, r FormRequest, w io.Writer) error {
	var data formData
	err := snapshot(ctx, db, func(tx pgx.Tx) (err error) {
		data, err = readForm(ctx, tx, r)
		return err
	})
	if err != nil {
		return fmt.Errorf("写申报表 · write the declaration form of %s: %w", r.Township, err)
	}
	b := &book{file: excelize.NewFile()}
	defer func() { _ = b.file.Close() }()
	f := &form{request: r, data: data, columns: fields.Form(r.Direction)}
	if err := f.write(b); err != nil {
		return fmt.Errorf("写申报表 · write the declaration form of %s: %w", r.Township, err)
	}
	return b.write(w, f.title())
}

// form is a 申报表 being written.
type form struct {
	request FormRequest
	data    formData
	columns []fields.Column
	stream  *excelize.StreamWriter
	style   formStyles
	row     int
	// checks of the columns that show a conclusion
	checks []map[checkKey]bool
}

type formStyles struct {
	title, line, group, header, text, center, mu, hectare, area, aside, asideArea int
}

func (f *form) way() string { return directionZH[f.request.Direction] }

func (f *form) title() string {
	t := fmt.Sprintf("%s%s %d 年度耕地“进出平衡”%s申报表", f.data.name, f.data.townshipName, f.request.Year, f.way())
	if f.data.synthetic {
		t += "（" + syntheticMark + "）"
	}
	return t
}

// printed is how many columns are printed.
func (f *form) printed() int {
	n := 0
	for _, c := range f.columns {
		if !c.Aside {
			n++
		}
	}
	return n
}

func (f *form) write(b *book) (err error) {
	sheet := f.way() + "申报表"
	if err := b.file.SetSheetName("Sheet1", sheet); err != nil {
		return fmt.Errorf("sheet %s: %w", sheet, err)
	}
	if f.style, err = newFormStyles(b.file); err != nil {
		return err
	}
	if err := f.layout(b.file, sheet); err != nil {
		return fmt.Errorf("page of %s: %w", sheet, err)
	}
	if f.stream, err = b.file.NewStreamWriter(sheet); err != nil {
		return fmt.Errorf("sheet %s: %w", sheet, err)
	}
	for i, c := range f.columns {
		if err := f.stream.SetColWidth(i+1, i+1, c.Width); err != nil {
			return fmt.Errorf("sheet %s: %w", sheet, err)
		}
	}
	if err := f.stream.SetPanes(&excelize.Panes{Freeze: true, XSplit: 2, YSplit: headerRow, TopLeftCell: fmt.Sprintf("C%d", headerRow+1), ActivePane: "bottomRight"}); err != nil {
		return fmt.Errorf("sheet %s: %w", sheet, err)
	}
	for _, part := range []func() error{f.head, f.body, f.foot} {
		if err := part(); err != nil {
			return fmt.Errorf("sheet %s: %w", sheet, err)
		}
	}
	if err := f.stream.Flush(); err != nil {
		return fmt.Errorf("finish %s: %w", sheet, err)
	}
	last, err := excelize.ColumnNumberToName(f.printed())
	if err != nil {
		return err
	}
	for name, refers := range map[string]string{
		"_xlnm.Print_Area":   fmt.Sprintf("'%s'!$A$1:$%s$%d", sheet, last, f.row),
		"_xlnm.Print_Titles": fmt.Sprintf("'%s'!$A:$B,'%s'!$%d:$%d", sheet, sheet, headerRow-1, headerRow),
	} {
		if err := b.file.SetDefinedName(&excelize.DefinedName{Name: name, RefersTo: refers, Scope: sheet}); err != nil {
			return fmt.Errorf("sheet %s: %w", sheet, err)
		}
	}
	return nil
}

// headerRow is the row of the columns' headers; the groups stand above it, the
// title and the line of county, township and year above those.
const headerRow = 4

// layout sets the page: landscape, one page wide on A3 or two on A4, the headers
// repeated, the pages numbered.
func (f *form) layout(file *excelize.File, sheet string) error {
	landscape, size, wide, high, fit := "landscape", 8, 1, 0, true
	if f.request.A4 {
		size, wide = 9, 2
	}
	err := file.SetSheetProps(sheet, &excelize.SheetPropsOptions{FitToPage: &fit})
	if err != nil {
		return err
	}
	err = file.SetPageLayout(sheet, &excelize.PageLayoutOptions{Size: &size, Orientation: &landscape, FitToWidth: &wide, FitToHeight: &high})
	if err != nil {
		return err
	}
	edge, foot, across := 0.35, 0.6, true
	err = file.SetPageMargins(sheet, &excelize.PageLayoutMarginsOptions{Left: &edge, Right: &edge, Top: &edge, Bottom: &foot, Header: &edge, Footer: &edge, Horizontally: &across})
	if err != nil {
		return err
	}
	return file.SetHeaderFooter(sheet, &excelize.HeaderFooterOptions{OddFooter: "&L" + f.way() + "申报表　" + f.request.Township + "&C第 &P 页　共 &N 页&R打印日期 &D"})
}

func newFormStyles(file *excelize.File) (formStyles, error) {
	var s formStyles
	var border []excelize.Border
	for _, side := range []string{"left", "top", "right", "bottom"} {
		border = append(border, excelize.Border{Type: side, Color: "000000", Style: 1})
	}
	number := &excelize.Alignment{Vertical: "center", ShrinkToFit: true}
	middle := &excelize.Alignment{Horizontal: "center", Vertical: "center", WrapText: true}
	left := &excelize.Alignment{Vertical: "center", WrapText: true}
	custom := func(f string) *string { return &f }
	font := func(size float64, bold bool) *excelize.Font {
		return &excelize.Font{Family: "宋体", Size: size, Bold: bold}
	}
	shade := excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"F2F2F2"}}
	for _, d := range []struct {
		id    *int
		style excelize.Style
	}{
		{&s.title, excelize.Style{Font: font(18, true), Alignment: middle}},
		{&s.line, excelize.Style{Font: font(11, false), Alignment: left}},
		{&s.group, excelize.Style{Font: font(11, true), Border: border, Alignment: middle, Fill: shade}},
		{&s.header, excelize.Style{Font: font(10, true), Border: border, Alignment: middle, Fill: shade}},
		// number format 49 is text: what was typed stays text
		{&s.text, excelize.Style{NumFmt: 49, Font: font(10, false), Border: border, Alignment: left}},
		{&s.center, excelize.Style{Font: font(10, false), Border: border, Alignment: middle}},
		{&s.mu, excelize.Style{NumFmt: 2, Font: font(10, false), Border: border, Alignment: number}},
		{&s.hectare, excelize.Style{CustomNumFmt: custom("0.0000"), Font: font(10, false), Border: border, Alignment: number}},
		{&s.area, excelize.Style{NumFmt: 2, Font: font(10, false), Border: border, Alignment: number}},
		{&s.aside, excelize.Style{NumFmt: 49, Font: &excelize.Font{Family: "宋体", Size: 9, Color: "7F7F7F"}, Alignment: left}},
		{&s.asideArea, excelize.Style{NumFmt: 2, Font: &excelize.Font{Family: "宋体", Size: 9, Color: "7F7F7F"}, Alignment: number}},
	} {
		id, err := file.NewStyle(&d.style)
		if err != nil {
			return s, fmt.Errorf("make a cell style: %w", err)
		}
		*d.id = id
	}
	return s, nil
}

func (f *form) set(height float64, cells []any) error {
	f.row++
	return f.stream.SetRow(fmt.Sprintf("A%d", f.row), cells, excelize.RowOpts{Height: height})
}

// across writes one text over all printed columns; over those of the first of
// two pages, where it takes twice the height.
func (f *form) across(height float64, style int, text string) error {
	last := f.printed()
	if f.request.A4 {
		var all, first float64
		for _, c := range f.columns[:last] {
			all += c.Width
		}
		for i, c := range f.columns[:last] {
			if first += c.Width; first > all*0.45 {
				last, height = i, 2*height
				break
			}
		}
	}
	if err := f.set(height, []any{excelize.Cell{StyleID: style, Value: text}}); err != nil {
		return err
	}
	return f.merge(f.row, 1, last)
}

func (f *form) merge(row, from, to int) error {
	a, err := excelize.CoordinatesToCellName(from, row)
	if err != nil {
		return err
	}
	b, err := excelize.CoordinatesToCellName(to, row)
	if err != nil || a == b {
		return err
	}
	return f.stream.MergeCell(a, b)
}

func (f *form) head() error {
	if err := f.across(32, f.style.title, f.title()); err != nil {
		return err
	}
	blank := func(s string) string {
		if s == "" {
			return "＿＿＿＿＿＿"
		}
		return s
	}
	place := blank(f.data.townshipName)
	if f.request.Township != "" {
		place += "（" + f.request.Township + "）"
	}
	err := f.across(20, f.style.line, fmt.Sprintf("县：%s（%s）　　申报乡镇：%s　　年度：%d　　方向：%s　　坐标系：CGCS2000　　1 亩 = 2000/3 m²，1 公顷 = 10000 m²",
		f.data.name, f.data.county, place, f.request.Year, f.way()))
	if err != nil {
		return err
	}
	groups, headers := make([]any, len(f.columns)), make([]any, len(f.columns))
	type span struct{ from, to int }
	var spans []span
	for i, c := range f.columns {
		style, group := f.style.header, f.style.group
		if c.Aside {
			style, group = f.style.aside, f.style.aside
		}
		headers[i] = excelize.Cell{StyleID: style, Value: c.Header}
		if i > 0 && f.columns[i-1].Group == c.Group {
			groups[i] = excelize.Cell{StyleID: group}
			spans[len(spans)-1].to = i + 1
			continue
		}
		groups[i] = excelize.Cell{StyleID: group, Value: c.Group}
		spans = append(spans, span{i + 1, i + 1})
	}
	if err := f.set(18, groups); err != nil {
		return err
	}
	for _, s := range spans {
		if err := f.merge(f.row, s.from, s.to); err != nil {
			return err
		}
	}
	return f.set(56, headers)
}

func (f *form) body() error {
	f.checks = make([]map[checkKey]bool, len(f.columns))
	for i, c := range f.columns {
		if c.Field < 0 && f.data.book != nil {
			f.checks[i] = checksOf(f.data.book, f.request.Direction, c.Shown)
		}
	}
	for i := range f.data.rows {
		cells := make([]any, len(f.columns))
		for k, c := range f.columns {
			cells[k] = f.cell(i, k, c, &f.data.rows[i])
		}
		if err := f.set(40, cells); err != nil {
			return err
		}
	}
	if !f.request.Blank {
		return f.totals()
	}
	for i := range f.request.Rows {
		cells := make([]any, len(f.columns))
		for k, c := range f.columns {
			cells[k] = excelize.Cell{StyleID: f.styleOf(c)}
		}
		cells[0] = excelize.Cell{StyleID: f.style.center, Value: i + 1}
		if err := f.set(26, cells); err != nil {
			return err
		}
	}
	return f.totals()
}

func (f *form) styleOf(c fields.Column) int {
	switch {
	case c.Aside && c.Unit != "":
		return f.style.asideArea
	case c.Aside:
		return f.style.aside
	case c.Unit == "亩":
		return f.style.mu
	case c.Unit == "公顷":
		return f.style.hectare
	case c.Unit != "":
		return f.style.area
	case c.Field >= 0:
		return f.style.text
	}
	return f.style.center
}

// cell is column k of row i.
func (f *form) cell(i, k int, c fields.Column, r *formRow) excelize.Cell {
	out := excelize.Cell{StyleID: f.styleOf(c)}
	switch {
	case c.Field == fields.SBMJ:
		out.Value = inUnit(r.area(), c.Unit)
	case c.Field >= 0:
		out.Value = safeText(r.text[c.Field])
	case c.Shown == fields.ShownSerial:
		out.Value = i + 1
	case c.Unit != "":
		if a, ok := r.shownArea(c.Shown); ok {
			out.Value = inUnit(a, c.Unit)
		}
	default:
		out.Value = safeText(r.shownText(c.Shown, f.checks[k]))
	}
	return out
}

// inUnit is an area in the unit of its column, exactly: the number format shows
// 亩 with two decimals and 公顷 with four, and sums stay those of the m².
func inUnit(a land.Area, unit string) float64 {
	switch unit {
	case "亩":
		return a.Mu()
	case "公顷":
		return a.Hectares()
	}
	return a.Float64()
}

func (r *formRow) shownArea(what fields.Shown) (land.Area, bool) {
	switch {
	case what == fields.ShownTBMJ && r.patch.tbmj != nil:
		return *r.patch.tbmj, true
	case what == fields.ShownDrawn:
		return r.drawn, true
	case what == fields.ShownNet && r.verdict != nil:
		return r.verdict.net, true
	case what == fields.ShownPaddy && r.verdict != nil:
		return r.verdict.paddy, true
	}
	return 0, false
}

// totals is the row of the sums. They are formulas, so that they stay right
// when the form is filled in or corrected, with the sums of now beside them.
func (f *form) totals() error {
	from, to := headerRow+1, f.row
	cells := make([]any, len(f.columns))
	for k, c := range f.columns {
		if c.Aside {
			continue
		}
		cell := excelize.Cell{StyleID: f.styleOf(c)}
		if c.Unit != "" && to >= from {
			var sum land.Area
			for i := range f.data.rows {
				r := &f.data.rows[i]
				a, ok := r.shownArea(c.Shown)
				if c.Field == fields.SBMJ {
					a, ok = r.area(), true
				}
				if ok {
					sum += a
				}
			}
			name, err := excelize.ColumnNumberToName(k + 1)
			if err != nil {
				return err
			}
			cell.Formula, cell.Value = fmt.Sprintf("SUM(%s%d:%s%d)", name, from, name, to), inUnit(sum, c.Unit)
		}
		cells[k] = cell
	}
	cells[0] = excelize.Cell{StyleID: f.style.center, Value: fields.TotalRow}
	return f.set(24, cells)
}

// foot is the block of opinions, signatures and seal, and how to fill the form in.
func (f *form) foot() error {
	for _, line := range []struct {
		height float64
		text   string
	}{
		{30, "村（组）意见：　　　　　　　　　　　　　　　　　　　　　　　　　　　　　　　　　　负责人（签字）：　　　　　　　　　　　　　　年　　月　　日"},
		{44, "乡镇意见：　　　　　　　　　　　　　　　　　　　　　　　　　　　　　　　　　　　　乡镇人民政府（盖章）：　　　　　　　　　　　　年　　月　　日"},
		{26, "填表人：　　　　　　　　　　　　电话：　　　　　　　　　　　　　　审核：　　　　　　　　　　　　　　　　填表日期：　　　　　年　　月　　日"},
		{30, "填表说明：申报面积填亩、公顷、平方米中的任一列，多列须一致；没有边界文件的，填标识码（或图斑编号）申报整个图斑；“合计”以下不填地块；" +
			"图斑面积、净面积和筛查结论由系统给出，不必填写；右侧不打印的各列可留空。"},
	} {
		if err := f.across(line.height, f.style.line, line.text); err != nil {
			return err
		}
	}
	return nil
}

// shownText is what a form says of a parcel beside the declaration.
func (r *formRow) shownText(what fields.Shown, asked map[checkKey]bool) string {
	coded := func(code, name string, ok bool) string {
		if ok {
			return code + " " + name
		}
		return code
	}
	switch what {
	case fields.ShownZZSX:
		if name, ok := land.PlantingName(r.patch.zzsx); ok {
			return name
		}
		return r.patch.zzsx
	case fields.ShownQSXZ:
		if name, ok := land.OwnershipName(r.patch.qsxz); ok {
			return name
		}
		return r.patch.qsxz
	case fields.ShownRefined:
		name, ok := land.RefinementName(r.patch.refined)
		return coded(r.patch.refined, name, ok)
	case fields.ShownQSDW:
		return r.patch.qsdw
	case fields.ShownZLDW:
		return r.patch.zldw
	case fields.ShownSlope:
		return r.patch.slope
	case fields.ShownGrade:
		if r.patch.grade != nil {
			return fmt.Sprint(*r.patch.grade)
		}
		return ""
	case fields.ShownFile:
		return r.file
	}
	if r.verdict == nil {
		return ""
	}
	return r.verdict.shown(what, asked)
}

func (v *formVerdict) shown(what fields.Shown, asked map[checkKey]bool) string {
	switch what {
	case fields.ShownVerdict:
		return verdictZH[v.verdict]
	case fields.ShownClauses:
		return v.clauses()
	case fields.ShownSlopeTo:
		return v.slope
	case fields.ShownGradeTo:
		if v.grade != nil {
			return fmt.Sprintf("%.1f", *v.grade)
		}
		return ""
	}
	return v.conclusion(asked)
}
