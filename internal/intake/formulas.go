package intake

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"

	"gengheng/internal/intake/fields"
)

// uncomputed finds the cells of a sheet (by name, "B7") that hold a formula
// without the value it had: a program wrote them, and no spreadsheet has worked
// them out since. They read as empty, which is not what their author sees. The
// sheet is read as a stream, since it may be large; what cannot be read has none.
func uncomputed(data []byte, sheet string) map[string]bool {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil
	}
	part, err := archive.Open(sheetPart(archive, sheet))
	if err != nil {
		return nil
	}
	defer part.Close()
	found := map[string]bool{}
	var cell string
	var formula, inside, text, value bool
	for d := xml.NewDecoder(io.LimitReader(part, unpacked)); ; {
		token, err := d.RawToken()
		if err != nil {
			return found
		}
		switch e := token.(type) {
		case xml.StartElement:
			switch e.Name.Local {
			case "c":
				cell, text, formula, value = attributeOf(e, "r"), attributeOf(e, "t") == "str", false, false
			case "f":
				formula, inside = true, true
			case "v":
				value = value || text // a formula may well give an empty text
			}
		case xml.CharData:
			value = value || !inside && len(bytes.TrimSpace(e)) > 0
		case xml.EndElement:
			switch e.Name.Local {
			case "f":
				inside = false
			case "c":
				if formula && !value && len(found) < tableRows {
					found[cell] = true
				}
			}
		}
	}
}

// sheetPart is the path of a sheet inside a workbook, "" if it is not told.
func sheetPart(archive *zip.Reader, sheet string) string {
	var book struct {
		Sheets []struct {
			Name string `xml:"name,attr"`
			ID   string `xml:"http://schemas.openxmlformats.org/officeDocument/2006/relationships id,attr"`
		} `xml:"sheets>sheet"`
	}
	var rels struct {
		List []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if err := errors.Join(readPart(archive, "xl/workbook.xml", &book), readPart(archive, "xl/_rels/workbook.xml.rels", &rels)); err != nil {
		return ""
	}
	for _, s := range book.Sheets {
		for _, r := range rels.List {
			if s.Name != sheet || r.ID != s.ID {
				continue
			}
			if strings.HasPrefix(r.Target, "/") {
				return strings.TrimPrefix(r.Target, "/")
			}
			return path.Join("xl", r.Target)
		}
	}
	return ""
}

func readPart(archive *zip.Reader, name string, into any) error {
	part, err := archive.Open(name)
	if err != nil {
		return err
	}
	defer part.Close()
	return xml.NewDecoder(io.LimitReader(part, unpackedPart)).Decode(into)
}

func attributeOf(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// formulaIn is the cell of a row's field if it holds a formula without a value.
func (t *declarationTable) formulaIn(row int64, field int) string {
	columns := []int{t.binding.Column[field]}
	if field == fields.SBMJ {
		for _, a := range t.areas {
			columns = append(columns, a.column)
		}
	}
	for _, c := range columns {
		letter, err := excelize.ColumnNumberToName(c + 1)
		if at := letter + strconv.FormatInt(row, 10); err == nil && t.formulas[at] {
			return at
		}
	}
	return ""
}

// addUncomputed brings back the rows that read as empty because all that they
// declare are formulas without a value: their author sees parcels there. A serial
// number or a formula in a column that is no field makes no row.
func (t *declarationTable) addUncomputed() {
	read := map[int64]bool{}
	for _, row := range t.rows {
		read[row.number] = true
	}
	for at := range t.formulas {
		column, number, err := excelize.CellNameToCoordinates(at)
		row := int64(number)
		if err != nil || row <= t.header || read[row] || t.furniture[row] || !t.declares(column-1) {
			continue
		}
		read[row] = true
		t.rows = append(t.rows, tableRow{number: row})
	}
	slices.SortFunc(t.rows, func(a, b tableRow) int { return cmp.Compare(a.number, b.number) })
}

// declares tells whether a column of the sheet gives a field.
func (t *declarationTable) declares(column int) bool {
	if column == t.serial() {
		return false
	}
	return slices.Contains(t.binding.Column, column) ||
		slices.ContainsFunc(t.areas, func(a areaColumn) bool { return a.column == column })
}

// formulaIssues are those of a row's fields that are formulas without a value. An
// area that another column gives is not missed.
func (t *declarationTable) formulaIssues(d *declaration) (list []Issue) {
	for i, f := range fields.Declaration {
		at := t.formulaIn(d.row, i)
		if at == "" || i == fields.SBMJ && d.area.Valid {
			continue
		}
		issue := errorOf(IssueFormula)
		issue.Field = f.Name
		issue.ZH = fmt.Sprintf("单元格 %s（%s）是公式，但文件里没有保存它的计算结果，只能当作空白。请用电子表格软件打开、重新计算后保存，或把该列“选择性粘贴”为数值后重新上传。", at, f.Chinese)
		issue.EN = fmt.Sprintf("cell %s (%s) holds a formula without its stored value, which reads as empty; open the workbook in a spreadsheet and save it, or paste the column as values, then upload it again.", at, f.Name)
		list = append(list, issue)
	}
	return list
}
