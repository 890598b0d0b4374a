package collection

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/paulmach/orb"

	"gengheng/internal/intake/fields"
	"gengheng/internal/land"
)

// Action is what is done to a feature.
type Action string

// The actions. Update changes what is given; Replace clears what is not.
const (
	Create  Action = "create"
	Update  Action = "update"
	Replace Action = "replace"
	Delete  Action = "delete"
)

// Change 修改 is what a door of desktop GIS asks of one declared parcel. The doors
// only read what they are sent: what may be done, and what else follows, is decided
// where declarations are.
type Change struct {
	Action    Action
	Direction string // in or out
	// Year is 0 on Create for the year that is worked on; given, it is one that the
	// contract knows, and where declarations are it is held against that year.
	Year   int
	Number string
	// Text gives fields by their standard names; "" clears.
	Text map[string]string
	// Geometry in the county's plane; nil keeps the boundary.
	Geometry orb.MultiPolygon
	// Match are the versions that may be changed (see [Collection.Version]); nil:
	// whichever there is.
	Match []string
}

// Years of declarations, as the contract has them.
const (
	FirstYear = 2009
	LastYear  = 2100
)

// Bounds of texts, in characters: the number as the contract has it, other fields
// as the FeatureServer tells its clients.
const (
	longestNumber = 80
	LongestText   = 4000
)

// Names of the two fields that a candidate is known by.
const (
	YearField   = "year"
	NumberField = "SBBH"
)

// Editable tells whether features are made, changed and deleted here.
func (c *Collection) Editable() bool { return c.Direction != "" }

// Unprocessable is a request that was understood and cannot be carried out.
func Unprocessable(kind, detail string) *Problem {
	return &Problem{Status: http.StatusUnprocessableEntity, Kind: "gis-" + kind, Title: "内容有误 · Unprocessable", Detail: detail}
}

// Field finds a field by its name.
func (c *Collection) Field(name string) (Field, bool) {
	i := slices.IndexFunc(c.Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return c.Fields[i], true
}

// Read fills a change with values as JSON decodes them (numbers as json.Number).
// What a Replace does not name is cleared.
// A value for a field that only the program writes is left out; strict refuses
// it, unless it is null.
func (c *Collection) Read(change *Change, values map[string]any, strict bool) error {
	if change.Text == nil {
		change.Text = map[string]string{}
	}
	if change.Action == Replace {
		for _, f := range c.Fields {
			if f.Declared != "" && !f.Fixed {
				change.Text[f.Declared] = ""
			}
		}
	}
	for name, v := range values {
		f, ok := c.Field(name)
		if !ok {
			return Unprocessable("field-unknown", fmt.Sprintf("图层 %s 没有字段 %s；可填写的字段：%s。 The collection has no such field.", c.ID, Excerpt(name), strings.Join(c.writable(), "、")))
		}
		switch {
		case name == YearField:
			if err := change.setYear(v); err != nil {
				return err
			}
		case name == NumberField:
			if err := change.setNumber(f, v); err != nil {
				return err
			}
		case f.Declared == "":
			if strict && v != nil {
				return Unprocessable("field-read-only", fmt.Sprintf("字段 %s（%s）由系统计算，不能填写。 The field is computed and cannot be written.", name, f.Title))
			}
		default:
			text, err := f.text(v)
			if err == nil {
				err = f.means(text)
			}
			if err != nil {
				return err
			}
			change.Text[f.Declared] = text
		}
	}
	return nil
}

func (c *Collection) writable() []string {
	var out []string
	for _, f := range c.Fields {
		if f.Writable() {
			out = append(out, f.Name)
		}
	}
	return out
}

// Writable tells whether a value can be given for the field: of the year and the
// number, when the feature is made.
func (f Field) Writable() bool { return f.Declared != "" || f.Name == YearField && f.Fixed }

// setYear and setNumber take what a feature is known by: it can be given once.
func (c *Change) setYear(v any) error {
	if v == nil {
		return nil
	}
	year, err := strconv.Atoi(fmt.Sprint(v))
	if _, number := v.(json.Number); !number || err != nil && !errors.Is(err, strconv.ErrRange) {
		return wrongType(YearField, "年度", "整数 · a whole number", v)
	}
	if c.Action != Create && year != c.Year {
		return Unprocessable("field-fixed", fmt.Sprintf("年度 year 不能由 %d 改为 %d；请删除后在另一年度新建。 The year of a feature is fixed.", c.Year, year))
	}
	if c.Action == Create && (year < FirstYear || year > LastYear) {
		return Unprocessable("year", fmt.Sprintf("年度 year 为 %s，应为 %d 至 %d；不填则为当前工作年度。 The year is out of range; leave it out for the year worked on.", Excerpt(fmt.Sprint(v)), FirstYear, LastYear))
	}
	c.Year = year
	return nil
}

func (c *Change) setNumber(f Field, v any) error {
	text, err := f.text(v)
	if err != nil {
		return err
	}
	if c.Action != Create && text != c.Number && text != "" {
		return Unprocessable("field-fixed", fmt.Sprintf("申报编号 SBBH 不能由 %s 改为 %s；请删除后以新编号新建。 The number of a feature is fixed.", Excerpt(c.Number), Excerpt(text)))
	}
	if c.Action == Create {
		c.Number = strings.TrimSpace(text)
		if n := utf8.RuneCountInString(c.Number); n > longestNumber {
			return Unprocessable("number", fmt.Sprintf("申报编号 SBBH 有 %d 个字符，至多 %d 个。 The number is too long.", n, longestNumber))
		}
	}
	return nil
}

func wrongType(name, title, want string, v any) *Problem {
	raw, err := json.Marshal(v)
	if err != nil {
		raw = []byte("?")
	}
	return Unprocessable("field-type", fmt.Sprintf("字段 %s（%s）的值 %s 应为%s。 The value is of the wrong type.", name, title, Excerpt(string(raw)), want))
}

// means refuses a text that stands for nothing: a word that the rulebook does not
// know, a code that the field's code table lacks, a day that no calendar has. Names
// are taken for their codes, as in a file.
func (f Field) means(text string) error {
	if text == "" {
		return nil
	}
	if fields.NoDate(f.Declared, text) {
		return Unprocessable("date", fmt.Sprintf("字段 %s（%s）的值 %s 不是日期；应如 2026-03-15 或 2026年3月。 There is no such day.", f.Name, f.Title, Excerpt(text)))
	}
	if len(f.Words) > 0 && !slices.Contains(f.Words, text) {
		return Unprocessable("word", fmt.Sprintf("字段 %s（%s）的值 %s 不在规则库中，以它为条件的条款无法判断；可用：%s。 The rulebook does not know the word; use one of these.", f.Name, f.Title, Excerpt(text), strings.Join(f.Words, "、")))
	}
	codes := land.CodesOf(f.Declared)
	if codes == nil || slices.ContainsFunc(codes, func(c land.Code) bool { return strings.EqualFold(c.Code, text) || c.Name == text }) {
		return nil
	}
	var list []string
	for _, c := range codes[:min(len(codes), 12)] {
		list = append(list, c.Code+" "+c.Name)
	}
	if more := len(codes) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("等 %d 个", len(codes)))
	}
	return Unprocessable("code", fmt.Sprintf("字段 %s（%s）的值 %s 不在代码表中；可用：%s。 The code table has no such value.", f.Name, f.Title, Excerpt(text), strings.Join(list, "、")))
}

// text is a value as a declaration's cell; null is an empty one.
func (f Field) text(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		if f.Kind != Text {
			break
		}
		if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			return "", Unprocessable("text", fmt.Sprintf("字段 %s（%s）含有空字符或不是 UTF-8。 The text holds U+0000 or is not UTF-8.", f.Name, f.Title))
		}
		if n := utf8.RuneCountInString(v); n > LongestText {
			return "", Unprocessable("text", fmt.Sprintf("字段 %s（%s）有 %d 个字符，至多 %d 个。 The text is too long.", f.Name, f.Title, n, LongestText))
		}
		return v, nil
	case json.Number:
		n, err := v.Float64()
		if f.Kind == Number && err == nil && n < 0 { // of what is declared, only the area is a number
			return "", Unprocessable("negative", fmt.Sprintf("字段 %s（%s）为 %s，不能为负。 The value must not be negative.", f.Name, f.Title, Excerpt(v.String())))
		}
		if f.Kind == Number && err == nil && n > -1e12 && n < 1e12 {
			return strconv.FormatFloat(n, 'f', -1, 64), nil
		}
	}
	return "", wrongType(f.Name, f.Title, map[Kind]string{Text: "文字 · text", Number: "数值 · a number"}[f.Kind], v)
}
