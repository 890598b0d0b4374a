package intake_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"gengheng/internal/intake"
	"gengheng/internal/intake/fields"
	"gengheng/internal/report"
)

// form downloads a 申报表 of the western township.
func (c *county) form(direction string, blank bool) *excelize.File {
	c.t.Helper()
	var b bytes.Buffer
	r := report.FormRequest{County: code, Year: 2025, Direction: direction, Township: westTown, Blank: blank, Rows: 5}
	if err := report.DeclarationForm(c.t.Context(), c.db, r, &b); err != nil {
		c.t.Fatal(err)
	}
	f, err := excelize.OpenReader(&b)
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

// sent is the request to load an edited form.
func (c *county) sent(kind intake.Kind, f *excelize.File) intake.Request {
	c.t.Helper()
	path := filepath.Join(c.t.TempDir(), "申报表.xlsx")
	if err := f.SaveAs(path); err != nil {
		c.t.Fatal(err)
	}
	req := c.request(kind, path)
	c.setScope(&req, westTown)
	return req
}

// cell is the address of a form's column, by its header, in a row.
func cell(t rapid.TB, direction, header string, row int) string {
	i := slices.IndexFunc(fields.Form(direction), func(c fields.Column) bool { return c.Header == header })
	at, err := excelize.CoordinatesToCellName(i+1, row)
	if i < 0 || err != nil {
		t.Fatalf("no column %s: %v", header, err)
	}
	return at
}

func fill(t rapid.TB, f *excelize.File, direction string, row int, values map[string]any) {
	for header, v := range values {
		if err := f.SetCellValue(f.GetSheetName(0), cell(t, direction, header, row), v); err != nil {
			t.Fatal(err)
		}
	}
}

func surveyed(t testing.TB) *county {
	c := newCounty(t)
	c.load(c.request("XZQ", shapefile(t, "XZQ", townships())))
	c.load(c.request("DLTB", shapefile(t, "DLTB", surveyOf(4))))
	return c
}

// Ensure that a filled form which is sent back as it is declares the same, to
// the last attribute: whole patches, parts of patches, text that a spreadsheet
// could take for a formula, columns that the form does not have.
func TestFormIsTheDeclaration(t *testing.T) {
	c := surveyed(t)
	for _, kind := range []intake.Kind{intake.CandidateIn, intake.CandidateOut} {
		direction := strings.ToLower(strings.TrimPrefix(string(kind), "CANDIDATE_"))
		whole, part := declared("进-001", box(0, 0, 250, 200)), declared("-进-002", box(10, 210, 100, 300))
		part.props["BSM"], part.props["TBBH"], part.props["DLBM"] = "149901100000000002", "2", "1006"
		part.props["SSZT"], part.props["BZ"], part.props["EXTRA"], part.props["SHARE"] = `=HYPERLINK("http://example.invalid")`, "+86", 7, 0.25
		whole.props["YT"], part.props["YT"] = "园地", "@园地"
		req := c.request(kind, shapefile(t, "declared", []feature{part, whole}))
		c.setScope(&req, westTown)
		want := c.load(req)
		rows := c.rows(candidateRow, req.DatasetID)

		again := c.sent(kind, c.form(direction, false))
		if got := c.load(again); got.Version != want.Version {
			t.Errorf("%s: version %s, want %s\n%s\nwant\n%s", kind, got.Version, want.Version, strings.Join(c.rows(candidateRow, again.DatasetID), "\n"), strings.Join(rows, "\n"))
		}
		if got := c.issues(again); !slices.Contains(got, "notice boundary_kept 0") {
			t.Errorf("%s: report %v", kind, got)
		}

		changed := c.form(direction, false)
		fill(t, changed, direction, 5, map[string]any{"村": "乙村"})
		again = c.sent(kind, changed)
		c.load(again)
		rows[0] = strings.Replace(rows[0], "|示例村|", "|乙村|", 1)
		if got := c.rows(candidateRow, again.DatasetID); !slices.Equal(got, rows) {
			t.Errorf("%s: rows\n%s\nwant\n%s", kind, strings.Join(got, "\n"), strings.Join(rows, "\n"))
		}
	}
}

// Ensure that no cell of a form is a formula but the sums.
func TestFormHasNoFormulaOfOthers(t *testing.T) {
	c := surveyed(t)
	f := declared("=1+1", box(0, 0, 250, 200))
	for _, name := range []string{"CUN", "SSZT", "LYYJ", "XZMC"} {
		f.props[name] = "@SUM(1)"
	}
	req := c.request("CANDIDATE_IN", shapefile(t, "declared", []feature{f}))
	c.load(req)
	book := c.form("in", false)
	sheet := book.GetSheetName(0)
	rows, err := book.GetRows(sheet)
	if err != nil {
		t.Fatal(err)
	}
	guarded := 0
	for i, row := range rows {
		for k, text := range row {
			at, _ := excelize.CoordinatesToCellName(k+1, i+1)
			formula, err := book.GetCellFormula(sheet, at)
			if err != nil || formula != "" && !(strings.HasPrefix(formula, "SUM(") && row[0] == "合计") {
				t.Errorf("%s holds the formula %q (%v)", at, formula, err)
			}
			if text != "" && strings.ContainsAny(text[:1], "=+@") {
				t.Errorf("%s holds %q", at, text)
			}
			if strings.HasPrefix(text, "'") {
				guarded++
			}
		}
	}
	if guarded != 5 {
		t.Errorf("%d cells are guarded, want 5", guarded)
	}
}

// Ensure that a form filled in by hand is read as people fill it in: areas in
// any unit, numbered rows left empty, lines under the sums; and that a blank one
// has nothing to load.
func TestFormFilledByHand(t *testing.T) {
	c := surveyed(t)
	if problem := c.refuse(c.sent("CANDIDATE_IN", c.form("in", true))); problem.Code != intake.ProblemEmpty {
		t.Errorf("a blank form: %v", problem)
	}
	area := officialArea(box(0, 0, 250, 200))
	f := c.form("in", true)
	fill(t, f, "in", 5, map[string]any{"申报编号": "1", "标识码": "149901100000000001", "申报面积（亩）": area.MuText(), "拟整治后地类": "旱地", "主体类型": "农户"})
	fill(t, f, "in", 7, map[string]any{"申报编号": 2, "图斑编号": 4, "申报面积（公顷）": area.HectaresText(), "拟整治后地类": "0101 水田", "恢复方式": "工程恢复"})
	fill(t, f, "in", 15, map[string]any{"申报编号": "3", "图斑编号": "7", "拟整治后地类": "0103", "村": "甲村"})
	req := c.sent("CANDIDATE_IN", f)
	c.load(req)
	got := c.rows(`SELECT concat_ws('|', fid, number, township_code, village, base_bsm, target_dlbm, method, area_m2, attrs->>'TBBH') FROM candidate WHERE dataset_id = $1 ORDER BY fid`, req.DatasetID)
	want := []string{"1|1|149901100||149901100000000001|0103||" + area.String(), "2|2|149901100|||0101|GCHF|" + area.String() + "|4", "3|3|149901100|甲村||0103||" + officialArea(box(250, 400, 500, 600)).String() + "|7"}
	if !slices.Equal(got, want) {
		t.Errorf("rows %q, want %q; report %v", got, want, c.issues(req))
	}
}

// Ensure that each fault names its sheet, row and column, and that one is enough
// to refuse the whole.
func TestFormFaultsNameTheCell(t *testing.T) {
	c := surveyed(t)
	area := officialArea(box(0, 0, 250, 200)).Float64()
	for _, tt := range []struct {
		name   string
		header string
		fill   map[string]any
		issue  string
	}{
		{"two areas", "申报面积（m²）", map[string]any{"申报面积（亩）": 12.5}, "error table_contradicts 6 SBMJ"},
		{"part of a patch", "申报面积（m²）", map[string]any{"申报面积（m²）": area / 2}, "error unmatched 6 SBMJ"},
		{"digits lost", "标识码", map[string]any{"标识码": "1.49901100000000E+17"}, "error code_invalid 6 BSM"},
		{"no such patch", "标识码", map[string]any{"标识码": "149901100000000099"}, "error unmatched 6 BSM"},
		{"another number of the patch", "图斑编号", map[string]any{"图斑编号": "2"}, "error unmatched 6 TBBH"},
		{"no number", "申报编号", map[string]any{"申报编号": ""}, "error number_missing 6 SBBH"},
		{"twice", "申报编号", map[string]any{"申报编号": "好"}, "error number_duplicate 6 SBBH"},
		{"another township", "乡镇代码", map[string]any{"乡镇代码": eastTown}, "error township_invalid 6 XZDM"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := c.form("in", true)
			fill(t, f, "in", 5, map[string]any{"申报编号": "好", "标识码": "149901100000000004", "拟整治后地类": "0103"})
			fill(t, f, "in", 6, map[string]any{"申报编号": "坏", "标识码": "149901100000000001", "申报面积（m²）": area, "拟整治后地类": "0103"})
			fill(t, f, "in", 6, tt.fill)
			req := c.sent("CANDIDATE_IN", f)
			c.refuse(req)
			if got := c.issues(req); !slices.Contains(got, tt.issue) {
				t.Fatalf("report %v, want %s", got, tt.issue)
			}
			at := strings.TrimSuffix(cell(t, "in", tt.header, 6), "6")
			says := c.rows(`SELECT message_zh FROM dataset_issue WHERE dataset_id = $1 AND severity = 'error' ORDER BY seq`, req.DatasetID)
			want := "工作表“转进申报表”第 6 行 " + at + " 列（"
			if !slices.ContainsFunc(says, func(s string) bool { return strings.HasPrefix(s, want) }) {
				t.Errorf("says %q, want %q", says, want)
			}
			var stored int
			if c.scan(`SELECT count(*) FROM candidate WHERE dataset_id = $1`, []any{req.DatasetID}, &stored); stored != 0 {
				t.Errorf("%d rows stored", stored)
			}
		})
	}
}

// Ensure that two townships do not use one number in one direction, since records
// name a parcel by it; that the other direction may, and the same township again,
// and the other township once the first has withdrawn its own.
func TestNumberOfAnotherTownshipIsRefused(t *testing.T) {
	c := surveyed(t)
	west, east := declared("1", box(0, 0, 250, 200)), declared("1", box(1010, 10, 1100, 100))
	east.props["XZDM"], east.props["BSM"], east.props["TBBH"] = eastTown, "", ""
	other := declared("2", box(1110, 10, 1200, 100))
	other.props["XZDM"], other.props["BSM"], other.props["TBBH"] = eastTown, "", ""
	send := func(kind intake.Kind, scope string, list ...feature) intake.Request {
		req := c.request(kind, shapefile(t, "declared", list))
		c.setScope(&req, scope)
		return req
	}
	c.load(send("CANDIDATE_IN", westTown, west))
	req := send("CANDIDATE_IN", eastTown, other, east)
	c.refuse(req)
	says := c.rows(`SELECT concat_ws(' ', row_no, code, field, message_zh) FROM dataset_issue WHERE dataset_id = $1 AND severity = 'error'`, req.DatasetID)
	if len(says) != 1 || !strings.HasPrefix(says[0], "2 number_duplicate SBBH ") || !strings.Contains(says[0], westTown) || !strings.Contains(says[0], eastTown+"-1") {
		t.Errorf("says %q", says)
	}
	c.load(send("CANDIDATE_OUT", eastTown, east))
	c.load(send("CANDIDATE_IN", westTown, west))
	renumbered := declared("西-1", box(0, 0, 250, 200))
	c.load(send("CANDIDATE_IN", westTown, renumbered))
	c.load(send("CANDIDATE_IN", eastTown, other, east))
}

// Ensure that a formula which was never worked out is not taken for an empty
// cell, alone or with boundaries, whoever wrote it; and that one which was is its
// value.
func TestFormSaysThatAFormulaHasNoValue(t *testing.T) {
	c := surveyed(t)
	f := c.form("in", true)
	fill(t, f, "in", 5, map[string]any{"申报编号": "好", "标识码": "149901100000000004", "拟整治后地类": "0103"})
	fill(t, f, "in", 6, map[string]any{"标识码": "149901100000000001", "拟整治后地类": "0103"})
	at := cell(t, "in", "申报编号", 6)
	if err := f.SetCellFormula(f.GetSheetName(0), at, `"进-"&ROW()`); err != nil {
		t.Fatal(err)
	}
	refused := func(req intake.Request) {
		t.Helper()
		c.refuse(req)
		says := c.rows(`SELECT code || ' ' || message_zh FROM dataset_issue WHERE dataset_id = $1 AND severity = 'error' ORDER BY seq`, req.DatasetID)
		if len(says) != 1 || !strings.HasPrefix(says[0], "formula_no_value ") || !strings.Contains(says[0], "单元格 "+at) || !strings.Contains(says[0], "公式") || strings.Contains(says[0], "为空") {
			t.Errorf("says %q", says)
		}
	}
	alone := c.sent("CANDIDATE_IN", f)
	refused(alone)
	with := c.request("CANDIDATE_IN", shapefile(t, "declared", []feature{declared("好", box(0, 0, 250, 200))}))
	c.setScope(&with, westTown)
	with.Options.Workbook = alone.Path
	refused(with)

	for name, tc := range map[string]struct {
		cell string
		rows int // with an area that is known
		says string
	}{
		"as openpyxl writes it": {`<c r="B2"><f>1+1</f><v></v></c>`, 0, "B2"},
		"nothing but a formula": {`<c r="B2"><f>1+1</f></c>`, 0, "B2"},
		"of a shared formula":   {`<c r="B2"><f t="shared" si="0"/><v/></c>`, 0, "B2"},
		"with its value":        {`<c r="B2"><f>1+1</f><v>2</v></c>`, 1, ""},
		"that gives empty text": {`<c r="B2" t="str"><f>""</f><v></v></c>`, 0, ""},
	} {
		path := packed(t, strings.NewReader(sheetOf(oneHeader+`<row r="2"><c r="A2" t="inlineStr"><is><t>1</t></is></c>`+tc.cell+`</row>`)))
		rows, says := intake.ReadDeclarationAreas(path)
		if rows != tc.rows || (tc.says == "") != (says == "") || !strings.Contains(says, tc.says) {
			t.Errorf("%s: %d areas, %q", name, rows, says)
		}
	}
}

// Ensure that rows of nothing but formulas that were never worked out are reported
// each by its row, numbered or not, before other rows and after them, and that sums,
// serial numbers and notes beside the form are no rows.
func TestFormSaysThatARowIsAllFormulas(t *testing.T) {
	c := surveyed(t)
	f := c.form("in", true)
	sheet := f.GetSheetName(0)
	set := func(row int, headers ...string) {
		for _, header := range headers {
			if err := f.SetCellFormula(sheet, cell(t, "in", header, row), `"x"&ROW()`); err != nil {
				t.Fatal(err)
			}
		}
	}
	set(5, "申报编号", "标识码", "拟整治后地类")
	fill(t, f, "in", 6, map[string]any{"申报编号": "好", "标识码": "149901100000000004", "拟整治后地类": "0103"})
	set(7, "序号", "标识码") // the form numbers its rows; a formula may as well
	set(8, "序号")
	for at, formula := range map[string]string{"ZZ9": `"note"`} { // beside the form
		if err := f.SetCellFormula(sheet, at, formula); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"5 SBBH", "5 BSM", "5 NZDL", "7 BSM"}
	reported := func(req intake.Request) (got []string) {
		t.Helper()
		c.refuse(req)
		for _, issue := range c.issues(req) {
			if at, ok := strings.CutPrefix(issue, "error formula_no_value "); ok {
				got = append(got, at)
			}
		}
		slices.Sort(got)
		return got
	}
	slices.Sort(want)
	alone := c.sent("CANDIDATE_IN", f)
	if got := reported(alone); !slices.Equal(got, want) {
		t.Errorf("reported %q, want %q; all: %q", got, want, c.issues(alone))
	}
	for _, issue := range c.issues(alone) {
		if row := strings.Fields(issue)[2]; row != "5" && row != "7" && strings.HasPrefix(issue, "error") {
			t.Errorf("a row without formulas is reported: %s", issue)
		}
	}
	with := c.request("CANDIDATE_IN", shapefile(t, "declared", []feature{declared("好", box(0, 0, 250, 200))}))
	c.setScope(&with, westTown)
	with.Options.Workbook = alone.Path
	c.refuse(with)
	if got := strings.Join(c.rows(`SELECT message_zh FROM dataset_issue WHERE dataset_id = $1 AND severity = 'error'`, with.DatasetID), "\n"); !strings.Contains(got, "第 7 行") ||
		!strings.Contains(got, "单元格 "+cell(t, "in", "申报编号", 5)) {
		t.Errorf("with boundaries: %s", got)
	}
}

// Ensure that a number of another township does not lend its boundary.
func TestFormKeepsNoBoundaryOfOthers(t *testing.T) {
	c := surveyed(t)
	theirs := declared("东-1", box(1010, 10, 1100, 100))
	theirs.props["XZDM"], theirs.props["BSM"], theirs.props["TBBH"] = eastTown, "", ""
	c.load(c.request("CANDIDATE_IN", shapefile(t, "declared", []feature{theirs})))
	f := c.form("in", true)
	fill(t, f, "in", 5, map[string]any{"申报编号": "东-1", "申报面积（m²）": officialArea(box(1010, 10, 1100, 100)).Float64(), "拟整治后地类": "0103"})
	req := c.sent("CANDIDATE_IN", f)
	c.refuse(req)
	if got := c.issues(req); !slices.Contains(got, "error unmatched 5 BSM") {
		t.Errorf("report %v", got)
	}
}

// packed is a workbook whose first sheet is the given XML.
func packed(t testing.TB, sheet io.Reader) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.xlsx")
	if err := os.WriteFile(path, pack(t, sheet), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func pack(t testing.TB, sheet io.Reader) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestSpeed) })
	for _, part := range []struct {
		name string
		from io.Reader
	}{
		{"[Content_Types].xml", strings.NewReader(`<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>`)},
		{"_rels/.rels", strings.NewReader(`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`)},
		{"xl/workbook.xml", strings.NewReader(`<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="s" sheetId="1" r:id="rId1"/></sheets></workbook>`)},
		{"xl/_rels/workbook.xml.rels", strings.NewReader(`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`)},
		{"xl/worksheets/sheet1.xml", sheet},
	} {
		f, err := w.Create(part.name)
		if err == nil {
			_, err = io.Copy(f, part.from)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sheetOf(rows string) string {
	return `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>` + rows + `</sheetData></worksheet>`
}

const (
	oneHeader = `<row r="1"><c r="A1" t="inlineStr"><is><t>申报编号</t></is></c><c r="B1" t="inlineStr"><is><t>申报面积（亩）</t></is></c></row>`
	oneRow    = `<row r="2"><c r="A2" t="inlineStr"><is><t>1</t></is></c><c r="B2"><v>1.5</v></c></row>`
)

type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// Ensure that a sheet which would fill the memory is refused with words.
func TestHugeSheets(t *testing.T) {
	if n, err := intake.ReadDeclarationTable(packed(t, strings.NewReader(sheetOf(oneHeader+oneRow)))); n != 1 || err != nil {
		t.Fatalf("%d rows, %v; the test would prove nothing", n, err)
	}
	var wide, long strings.Builder
	fmt.Fprintf(&wide, `%s<row r="2"><c r="XFD2" t="inlineStr"><is><t>x</t></is></c></row>`, oneHeader)
	long.WriteString(oneHeader)
	for i := range 200001 {
		fmt.Fprintf(&long, `<row r="%d"><c r="A%[1]d"><v>1</v></c></row>`, i+2)
	}
	for name, tt := range map[string]struct {
		sheet io.Reader
		says  string
	}{
		"a cell in the last column": {strings.NewReader(sheetOf(wide.String())), "1000 列"},
		"too many rows":             {strings.NewReader(sheetOf(long.String())), "200000 行"},
		"unpacks to 300 MB":         {io.MultiReader(strings.NewReader(`<worksheet>`), io.LimitReader(blanks{}, 300<<20)), ""},
	} {
		if _, err := intake.ReadDeclarationTable(packed(t, tt.sheet)); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var sparse strings.Builder
	sparse.WriteString(oneHeader + oneRow)
	for i := range 20000 {
		fmt.Fprintf(&sparse, `<row r="%d"><c r="XFD%[1]d" s="0"/></row>`, i+3)
	}
	if n, err := intake.ReadDeclarationTable(packed(t, strings.NewReader(sheetOf(sparse.String())))); n != 1 || err != nil {
		t.Errorf("formats to the last column: %d rows, %v", n, err)
	}
}

// Ensure that no sheet, whatever its XML, does worse than be refused.
func FuzzReadDeclarationSheet(f *testing.F) {
	f.Add([]byte(sheetOf(oneHeader + oneRow)))
	f.Add([]byte(sheetOf(oneHeader + `<row r="2"><c r="A2" t="s"><v>9</v></c><c r="B2"><f>1+1</f><v>2</v></c></row><row r="9"><c r="A9"><v>1e17</v></c></row>`)))
	f.Add([]byte(sheetOf(oneHeader + `<row r="1048576"><c r="XFD1048576"><v>-1</v></c></row>`)))
	f.Add([]byte(`<worksheet><sheetData><row><c t="inlineStr"><is><t>标识码</t></is></c></row>`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, sheet []byte) {
		path := filepath.Join(dir, "t.xlsx")
		if err := os.WriteFile(path, pack(t, bytes.NewReader(sheet)), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := intake.ReadDeclarationTable(path); err != nil && err.Error() == "" {
			t.Error("a refusal without words")
		}
	})
}
