package intake

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"gengheng/internal/intake/fields"
)

// Limits of a table: a declaration has thousands of rows, not millions. A
// workbook is small where it is packed; what comes out of it is bounded too.
const (
	tableBytes   = 64 << 20
	tableRows    = 200000
	tableColumns = 1000
	tableText    = 128 << 20 // bytes of text in all cells of a sheet
	unpacked     = 256 << 20 // bytes of the whole workbook
	unpackedPart = 16 << 20  // bytes of a part that is kept in memory
)

// meter counts what a table has grown to.
type meter struct{ rows, cells, text int }

// add counts a row, and says what there is too much of.
func (m *meter) add(cells []string) error {
	m.rows++
	m.cells += len(cells)
	for _, c := range cells {
		m.text += len(c)
	}
	switch {
	case m.rows > tableRows:
		return fmt.Errorf("超过 %d 行 / more than %d rows", tableRows, tableRows)
	case len(cells) > tableColumns:
		return fmt.Errorf("超过 %d 列 / more than %d columns", tableColumns, tableColumns)
	case m.text > tableText, m.cells > tableText/8:
		return fmt.Errorf("内容超过 %d MB / more than %d MB of content", tableText>>20, tableText>>20)
	}
	return nil
}

// table is a sheet of a workbook, or a CSV file: rows of text under a header.
type table struct {
	file, sheet string
	columns     []string
	header      int64 // the row of columns
	rows        []tableRow
	// furniture are rows with text that declares nothing: sums, signatures
	furniture map[int64]bool
	// formulas are the cells that hold a formula without a value; see uncomputed
	formulas map[string]bool
	// encoding of a CSV, "" of a workbook
	encoding string
}

type tableRow struct {
	number int64 // 1-based in the sheet
	cells  []string
}

func (r tableRow) values(n int) []any {
	v := make([]any, n)
	for i := range v {
		if i < len(r.cells) && r.cells[i] != "" {
			v[i] = r.cells[i]
		}
	}
	return v
}

// readTable reads a CSV (UTF-8 or GBK) or an xlsx workbook by its first bytes.
// The header is the first row that names the mandatory fields of want, or most
// fields if no row does; titles above it are passed over.
func readTable(path, name string, want fields.Table) (*table, *Problem) {
	unreadable := func(zh, en string, args ...any) *Problem {
		return (&Problem{Code: ProblemTable, TitleZH: "表格读不出", TitleEN: "The table cannot be read", File: name}).detail(zh, en, args...).
			hint("请另存为 .xlsx 或 .csv（GBK 或 UTF-8）后重新上传。", "Save it as .xlsx or .csv (GBK or UTF-8) and upload it again.")
	}
	data, err := readFile(path)
	if err != nil {
		return nil, unreadable("%v", "%v", err)
	}
	t := &table{file: name}
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")), bytes.HasPrefix(data, []byte("PK\x05\x06")):
		if names, workbook := zipNames(data); !workbook {
			return nil, unreadable("这是 zip 压缩包，不是工作簿，里面是：%[1]s。", "This is a zip archive and no workbook; it holds %[1]s.", names)
		}
		if err = t.readWorkbook(data, want); err == nil {
			t.formulas = uncomputed(data, t.sheet)
		}
	case kindOfBinary(data) != "":
		return nil, unreadable("这是 %[1]s 文件，不是表格。", "This is a %[1]s file and no table.", kindOfBinary(data))
	case bytes.HasPrefix(data, []byte("\xd0\xcf\x11\xe0")):
		return nil, unreadable("这是旧式 .xls 或加密的工作簿。", "This is an old .xls or an encrypted workbook.")
	default:
		err = t.readCSV(data, want)
	}
	if err != nil {
		return nil, unreadable("%v", "%v", err)
	}
	if t.columns == nil {
		return nil, unreadable("找不到表头：没有一行含有 %s。", "There is no header row with %s.", mandatoryNames(want))
	}
	return t, nil
}

// zipNames tells whether a zip is a workbook and lists the first names in it.
func zipNames(data []byte) (names string, workbook bool) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "（压缩包已损坏 / damaged）", false
	}
	var first []string
	for _, entry := range archive.File {
		if entry.Name == "xl/workbook.xml" {
			return "", true
		}
		if len(first) < 5 {
			first = append(first, strings.ToValidUTF8(entry.Name, "?"))
		}
	}
	if len(archive.File) > len(first) {
		first = append(first, "…")
	}
	return strings.Join(first, "、"), false
}

// kindOfBinary names the spatial files that are taken for tables by mistake.
func kindOfBinary(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("II*\x00")), bytes.HasPrefix(data, []byte("MM\x00*")):
		return "TIFF"
	case bytes.HasPrefix(data, []byte("SQLite format 3\x00")):
		return "GeoPackage / SQLite"
	case bytes.HasPrefix(data, []byte{0, 0, 0x27, 0x0a}):
		return "shapefile"
	}
	return ""
}

func mandatoryNames(t fields.Table) string {
	var names []string
	for _, f := range t {
		if f.Mandatory {
			names = append(names, f.Name+" "+f.Chinese)
		}
	}
	if len(names) == 0 {
		return t[0].Name + " " + t[0].Chinese
	}
	return strings.Join(names, "、")
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > tableBytes {
		return nil, fmt.Errorf("文件 %d MB，超过上限 %d MB / larger than %d MB", info.Size()>>20, tableBytes>>20, tableBytes>>20)
	}
	return os.ReadFile(path)
}

func (t *table) readCSV(data []byte, want fields.Table) error {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	t.encoding = "UTF-8"
	if !utf8.Valid(data) {
		decoded, err := simplifiedchinese.GB18030.NewDecoder().Bytes(data)
		if err != nil || bytes.ContainsRune(decoded, utf8.RuneError) {
			return errors.New("既不是 UTF-8 也不是 GBK 编码 / neither UTF-8 nor GBK")
		}
		t.encoding, data = "GBK", decoded
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return errors.New("不是文本文件 / not a text file")
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord, r.LazyQuotes, r.TrimLeadingSpace = -1, true, true
	if first, _, _ := bytes.Cut(data, []byte("\n")); bytes.Count(first, []byte("\t")) > bytes.Count(first, []byte(",")) {
		r.Comma = '\t'
	}
	var lines []tableRow
	var size meter
	for n := int64(1); ; n++ {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := size.add(cells); err != nil {
			return err
		}
		lines = append(lines, tableRow{n, cells})
	}
	t.take(lines, want)
	return nil
}

func (t *table) readWorkbook(data []byte, want fields.Table) error {
	book, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{
		UnzipSizeLimit: unpacked, UnzipXMLSizeLimit: unpackedPart, RawCellValue: true,
	})
	if err != nil {
		return err
	}
	defer book.Close()
	// the first sheet whose header is complete, else the first with any header
	var fallback *table
	for _, sheet := range book.GetSheetList() {
		lines, err := sheetRows(book, sheet)
		if err != nil {
			return err
		}
		candidate := &table{file: t.file, sheet: sheet}
		candidate.take(lines, want)
		if candidate.columns == nil {
			continue
		}
		if b := want.Bind(candidate.columns); len(b.Missing) == 0 && b.Column[0] >= 0 {
			*t = *candidate
			return nil
		}
		if fallback == nil {
			fallback = candidate
		}
	}
	if fallback != nil {
		*t = *fallback
	}
	return nil
}

func sheetRows(book *excelize.File, sheet string) ([]tableRow, error) {
	rows, err := book.Rows(sheet)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var lines []tableRow
	var size meter
	for n := int64(1); rows.Next(); n++ {
		cells, err := rows.Columns()
		if err != nil {
			return nil, err
		}
		// formats reach to the last row and column of a sheet, text does not
		end := len(cells)
		for end > 0 && cells[end-1] == "" {
			end--
		}
		if end == 0 {
			continue
		}
		cells = slices.Clone(cells[:end])
		for i := range cells {
			cells[i] = unguarded(cells[i])
		}
		if err := size.add(cells); err != nil {
			return nil, err
		}
		lines = append(lines, tableRow{n, cells})
	}
	return lines, rows.Error()
}

// unguarded takes away the apostrophe that stands before text which a
// spreadsheet could take for a formula; the forms that the program gives out
// have it.
func unguarded(s string) string {
	if rest, ok := strings.CutPrefix(s, "'"); ok && rest != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(rest)[0]) {
		return rest
	}
	return s
}

// take finds the header among the first rows and keeps the rows below it that
// are not empty.
func (t *table) take(lines []tableRow, want fields.Table) {
	header, best := -1, 0
	for i, line := range lines[:min(len(lines), 20)] {
		b := want.Bind(line.cells)
		score := 0
		for _, c := range b.Column {
			if c >= 0 {
				score++
			}
		}
		if score > best {
			header, best = i, score
		}
	}
	if header < 0 {
		return
	}
	t.columns, t.header = lines[header].cells, lines[header].number
	for _, line := range lines[header+1:] {
		empty := true
		for i, cell := range line.cells {
			line.cells[i] = cleanText(cell)
			empty = empty && line.cells[i] == ""
		}
		if !empty {
			t.rows = append(t.rows, line)
		}
	}
}
