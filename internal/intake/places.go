package intake

import (
	"cmp"
	"fmt"

	"gengheng/internal/intake/fields"
)

// sheetPlaces says which column of a sheet holds a field, by the field's name.
type sheetPlaces struct {
	sheet   string
	columns map[string]string
}

// prefix names sheet, row and column in the message.
func (p *sheetPlaces) prefix(issue *Issue, row int64, label string) {
	zh, en := fmt.Sprintf("第 %d 行", row), fmt.Sprintf("row %d", row)
	if p.sheet != "" {
		zh, en = fmt.Sprintf("工作表“%s”%s", p.sheet, zh), fmt.Sprintf("sheet %q, %s", p.sheet, en)
	}
	if letter := p.columns[issue.Field]; letter != "" {
		f := fields.Declaration[fields.Declaration.Index(issue.Field)]
		zh, en = fmt.Sprintf("%s %s 列（%s）", zh, letter, f.Chinese), fmt.Sprintf("%s, column %s (%s)", en, letter, f.Name)
	}
	if label != "" {
		zh, en = fmt.Sprintf("%s（%s）", zh, label), fmt.Sprintf("%s (%s)", en, label)
	}
	issue.ZH, issue.EN = zh+"："+issue.ZH, en+": "+issue.EN
}

// prefixRow names the place in the message, which people read without columns.
func (l *load) prefixRow(issue *Issue, row int64, label string) {
	cmp.Or(l.places, &sheetPlaces{}).prefix(issue, row, label)
}
