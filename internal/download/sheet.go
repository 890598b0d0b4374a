package download

import (
	"context"
	"fmt"
	"os"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"gengheng/internal/collection"
)

// What a worksheet holds at most.
const (
	sheetRows = 1_048_576
	cellRunes = 32_767
)

const (
	dataSheet  = "数据"
	fieldSheet = "字段说明"
)

// workbook writes a sheet of the rows and one that explains the fields. Text cells
// are text and never formulas, whatever they begin with.
func (m *maker) workbook(ctx context.Context, path string) (err error) {
	book := excelize.NewFile()
	defer func() { _ = book.Close() }() // temporary files
	if err := book.SetSheetName("Sheet1", dataSheet); err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	if err := m.dataSheet(ctx, book); err != nil {
		return err
	}
	if err := m.fieldSheet(book); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	if err := book.Write(&bounded{f, m.MaxBytes}); err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	return nil
}

func (m *maker) dataSheet(ctx context.Context, book *excelize.File) error {
	sheet, err := book.NewStreamWriter(dataSheet)
	if err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	if err := sheet.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	cells := make([]any, len(m.columns))
	for i, c := range m.columns {
		cells[i] = c.name
	}
	if err := sheet.SetRow("A1", cells); err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	err = m.each(ctx, asTyped, nil, func(r *row) error {
		at := int(m.features) + 1
		if at > sheetRows {
			return unprocessable("rows", fmt.Sprintf("工作表最多 %d 行，要下载的更多。请缩小范围，或选 f=csv、f=gpkg。 A worksheet has no room for so many rows.", sheetRows))
		}
		for i := range m.columns {
			v, err := r.typed(&m.columns[i], i)
			if err != nil {
				return fmt.Errorf("read %s, field %s: %w", m.Collection.ID, m.columns[i].name, err)
			}
			if s, ok := v.(string); ok && utf8.RuneCountInString(s) > cellRunes {
				return unprocessable("cell", fmt.Sprintf("第 %d 行字段 %s 的文字超过单元格的 %d 字，放不下。请选 f=csv 或 f=gpkg，或用 properties 去掉该字段。 A text is too long for a cell.", m.features, m.columns[i].name, cellRunes))
			}
			cells[i] = v
		}
		return sheet.SetRow(fmt.Sprint("A", at), cells)
	})
	if err != nil {
		return err
	}
	if err := sheet.Flush(); err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	return nil
}

func (m *maker) fieldSheet(book *excelize.File) error {
	if _, err := book.NewSheet(fieldSheet); err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	rows := [][]any{{m.title(), m.Collection.County.Name, m.Collection.Text}, {}, {"字段", "中文名", "单位"}}
	for _, c := range m.columns {
		rows = append(rows, []any{c.name, c.title, unitName(c)})
	}
	for i, cells := range rows {
		if err := book.SetSheetRow(fieldSheet, fmt.Sprint("A", i+1), &cells); err != nil {
			return fmt.Errorf("workbook: %w", err)
		}
	}
	return nil
}

// unitName is a column's unit for people.
func unitName(c column) string {
	switch {
	case c.unit == "m2":
		return "m²"
	case c.kind == collection.Boolean:
		return "1 是，0 否"
	}
	return c.unit
}
