package report

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/xuri/excelize/v2"

	"gengheng/internal/land"
	"gengheng/internal/planning"
	"gengheng/internal/store"
)

// PlanWorkbook writes a plan's tables as .xlsx: 方案说明, 分乡镇平衡表, 转进地块清单,
// 转出地块清单, 调剂记录 and 筛查问题清单. Areas stand in m², 亩 and 公顷 side by side.
// A county of made-up data says so on every sheet. The plan must be done.
func PlanWorkbook(ctx context.Context, db *store.DB, county string, planID uuid.UUID, w io.Writer) error {
	b := &book{file: excelize.NewFile()}
	defer func() { _ = b.file.Close() }()
	err := snapshot(ctx, db, func(tx pgx.Tx) error {
		head, err := readHead(ctx, tx, county, planID)
		if err != nil {
			return err
		}
		b.head = head
		for _, sheet := range []func(context.Context, pgx.Tx) error{
			b.cover, b.townships, b.incoming, b.outgoing, b.transfers, b.findings,
		} {
			if err := sheet(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("写方案工作簿 · write the workbook of plan %s: %w", planID, err)
	}
	return b.write(w, b.head.title(""))
}

// head is what stands over every sheet.
type head struct {
	county, name string
	synthetic    bool
	plan, run    uuid.UUID
	year         int
	rulebook     string
	summary      planning.Summary
}

var errNotDone = errors.New("方案尚未完成 · the plan is not done")

func readHead(ctx context.Context, tx pgx.Tx, county string, planID uuid.UUID) (head, error) {
	h := head{county: county, plan: planID}
	var status string
	var summary []byte
	err := tx.QueryRow(ctx, sqlHead, county, planID).Scan(&h.name, &h.synthetic, &h.run, &h.year, &status, &h.rulebook, &summary)
	if errors.Is(err, pgx.ErrNoRows) {
		return h, fmt.Errorf("没有方案 %s（县 %s）· no plan %s in county %s", planID, county, planID, county)
	}
	if err != nil {
		return h, fmt.Errorf("read the plan: %w", err)
	}
	if status != "done" {
		return h, fmt.Errorf("%w (status %s)", errNotDone, status)
	}
	if err := json.Unmarshal(summary, &h.summary); err != nil {
		return h, fmt.Errorf("read the plan's summary: %w", err)
	}
	return h, nil
}

// syntheticMark is on everything that shows made-up data.
const syntheticMark = "合成数据，仅供演示和测试"

func (h head) title(what string) string {
	t := fmt.Sprintf("%s %d 年耕地进出平衡方案 %s", h.name, h.year, what)
	if h.synthetic {
		t += "（" + syntheticMark + "）"
	}
	return t
}

// book is a workbook being written.
type book struct {
	file   *excelize.File
	head   head
	sheets int
	style  styles
}

type styles struct{ title, header, text, area, hectare, grade, integer, share int }

func (b *book) styles() (styles, error) {
	if b.style.title != 0 {
		return b.style, nil
	}
	var s styles
	border := []excelize.Border{}
	for _, side := range []string{"left", "top", "right", "bottom"} {
		border = append(border, excelize.Border{Type: side, Color: "BFBFBF", Style: 1})
	}
	wrap := &excelize.Alignment{Vertical: "top", WrapText: true}
	custom := func(f string) *string { return &f }
	for _, d := range []struct {
		id    *int
		style excelize.Style
	}{
		{&s.title, excelize.Style{Font: &excelize.Font{Bold: true, Size: 14}}},
		{&s.header, excelize.Style{Font: &excelize.Font{Bold: true}, Border: border,
			Fill:      excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"E2EFDA"}},
			Alignment: &excelize.Alignment{Horizontal: "center", Vertical: "center", WrapText: true}}},
		// Number format 49 is text: what was typed stays text even when edited.
		{&s.text, excelize.Style{NumFmt: 49, Border: border, Alignment: wrap}},
		{&s.area, excelize.Style{NumFmt: 4, Border: border}},
		{&s.hectare, excelize.Style{CustomNumFmt: custom("#,##0.0000"), Border: border}},
		{&s.grade, excelize.Style{CustomNumFmt: custom("0.0##"), Border: border}},
		{&s.integer, excelize.Style{NumFmt: 1, Border: border}},
		{&s.share, excelize.Style{NumFmt: 10, Border: border}},
	} {
		id, err := b.file.NewStyle(&d.style)
		if err != nil {
			return s, fmt.Errorf("make a cell style: %w", err)
		}
		*d.id = id
	}
	b.style = s
	return s, nil
}

// table writes one sheet: a title, a header row, the rows.
type table struct {
	stream  *excelize.StreamWriter
	style   styles
	columns []column
	row     int
}

type column struct {
	header string
	width  float64
}

func (b *book) table(name, title string, columns []column) (*table, error) {
	style, err := b.styles()
	if err != nil {
		return nil, err
	}
	if b.sheets == 0 {
		err = b.file.SetSheetName("Sheet1", name)
	} else {
		_, err = b.file.NewSheet(name)
	}
	if err != nil {
		return nil, fmt.Errorf("sheet %s: %w", name, err)
	}
	b.sheets++
	stream, err := b.file.NewStreamWriter(name)
	if err != nil {
		return nil, fmt.Errorf("sheet %s: %w", name, err)
	}
	t := &table{stream: stream, style: style, columns: columns}
	for i, c := range columns {
		if err := stream.SetColWidth(i+1, i+1, c.width); err != nil {
			return nil, fmt.Errorf("sheet %s: %w", name, err)
		}
	}
	if err := stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 2, TopLeftCell: "A3", ActivePane: "bottomLeft"}); err != nil {
		return nil, fmt.Errorf("sheet %s: %w", name, err)
	}
	header := make([]any, len(columns))
	for i, c := range columns {
		header[i] = excelize.Cell{StyleID: style.header, Value: c.header}
	}
	if err := t.raw([]any{excelize.Cell{StyleID: style.title, Value: title}}); err != nil {
		return nil, err
	}
	return t, t.raw(header)
}

func (t *table) raw(cells []any) error {
	t.row++
	if err := t.stream.SetRow(fmt.Sprintf("A%d", t.row), cells); err != nil {
		return fmt.Errorf("row %d: %w", t.row, err)
	}
	return nil
}

// Kinds of cells, by the Go type of their value.
type (
	squareMetres land.Area
	mu           land.Area
	hectares     land.Area
	ratio        float64
)

// add writes a row. Text stays text whatever it begins with; nil is an empty
// cell.
func (t *table) add(values ...any) error {
	cells := make([]any, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case squareMetres:
			cells[i] = excelize.Cell{StyleID: t.style.area, Value: land.Area(v).Float64()}
		case mu:
			cells[i] = excelize.Cell{StyleID: t.style.area, Value: hundredth(land.Area(v).Mu())}
		case hectares:
			cells[i] = excelize.Cell{StyleID: t.style.hectare, Value: land.Area(v).Hectares()}
		case *land.Area:
			cells[i] = excelize.Cell{StyleID: t.style.area}
			if v != nil {
				cells[i] = excelize.Cell{StyleID: t.style.area, Value: v.Float64()}
			}
		case *float64:
			cells[i] = excelize.Cell{StyleID: t.style.grade}
			if v != nil {
				cells[i] = excelize.Cell{StyleID: t.style.grade, Value: *v}
			}
		case *ratio:
			cells[i] = excelize.Cell{StyleID: t.style.share}
			if v != nil {
				cells[i] = excelize.Cell{StyleID: t.style.share, Value: float64(*v)}
			}
		case int:
			cells[i] = excelize.Cell{StyleID: t.style.integer, Value: v}
		case string:
			cells[i] = excelize.Cell{StyleID: t.style.text, Value: safeText(v)}
		case nil:
			cells[i] = excelize.Cell{StyleID: t.style.text}
		default:
			return fmt.Errorf("row %d: no cell for a %T", t.row+1, v)
		}
	}
	return t.raw(cells)
}

// hundredth rounds for display, half away from zero.
func hundredth(v float64) float64 {
	a, err := land.RoundArea(v)
	if err != nil {
		return v
	}
	return a.Float64()
}

// maxCell is how many characters an Excel cell holds.
const maxCell = 32767

// safeText is text as a cell takes it. Text that a spreadsheet could take for
// a formula when the sheet is saved as CSV, or a cell is edited, gets an
// apostrophe in front; characters that XML cannot hold become U+FFFD.
func safeText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF || r == utf8.RuneError {
			return utf8.RuneError
		}
		return r
	}, s)
	if s != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(s)[0]) {
		s = "'" + s
	}
	if utf8.RuneCountInString(s) > maxCell {
		s = string([]rune(s)[:maxCell-1]) + "…"
	}
	return s
}

// write gives the file's bytes. The library orders some parts of the archive by
// chance, so they are put in order here.
func (b *book) write(w io.Writer, title string) error {
	err := b.file.SetDocProps(&excelize.DocProperties{
		Creator: "耕衡 Gengheng", LastModifiedBy: "耕衡 Gengheng", Title: title, Language: "zh-CN",
		Created: "2000-01-01T00:00:00Z", Modified: "2000-01-01T00:00:00Z",
	})
	if err != nil {
		return fmt.Errorf("set the workbook's properties: %w", err)
	}
	var raw bytes.Buffer
	if err := b.file.Write(&raw); err != nil {
		return fmt.Errorf("write the workbook: %w", err)
	}
	r, err := zip.NewReader(bytes.NewReader(raw.Bytes()), int64(raw.Len()))
	if err != nil {
		return fmt.Errorf("order the workbook: %w", err)
	}
	slices.SortFunc(r.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	out := zip.NewWriter(w)
	for _, f := range r.File {
		if err := copyEntry(out, f); err != nil {
			return fmt.Errorf("order the workbook: %w", err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("write the workbook: %w", err)
	}
	return nil
}

func copyEntry(out *zip.Writer, f *zip.File) error {
	src, err := f.Open()
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := out.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate})
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return err
}
