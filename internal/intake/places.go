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
	// drawn: there is no file; rows are parcels that are changed one by one
	drawn bool
}

// prefix names sheet, row and column in the message.
func (p *sheetPlaces) prefix(issue *Issue, row int64, label string) {
	if p.drawn {
		issue.ZH, issue.EN = fmt.Sprintf("地块 %s：%s", label, issue.ZH), fmt.Sprintf("parcel %s: %s", label, issue.EN)
		return
	}
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

// drawn tells whether single parcels are changed, with no file to speak of.
func (l *load) drawn() bool { return l.places != nil && l.places.drawn }

// prefixRow names the place in the message, which people read without columns.
func (l *load) prefixRow(issue *Issue, row int64, label string) {
	cmp.Or(l.places, &sheetPlaces{}).prefix(issue, row, label)
}
