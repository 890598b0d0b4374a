package intake

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gengheng/internal/intake/fields"
	"gengheng/internal/intake/survey"
)

// maxUnits bounds what a fixed-point attribute may hold, so that products of
// areas and coefficients stay within 63 bits.
const maxUnits = int64(9e13)

// textOf brings a value to text: trimmed, a whole number without decimals, a
// date as yyyy-mm-dd. ok is false for a number that cannot be a code.
func textOf(value any) (text string, ok bool) {
	switch v := value.(type) {
	case nil:
		return "", true
	case string:
		return cleanText(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return "", false
		}
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case time.Time:
		return dateText(v), true
	}
	return "", false
}

// cleanText trims and drops what PostgreSQL's text cannot hold.
func cleanText(s string) string {
	s = strings.TrimSpace(s)
	if strings.ContainsRune(s, 0) || !utf8.ValidString(s) {
		s = strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", ""))
	}
	return s
}

// dateText writes a plain date as a date, so that a format that only knows
// times gives the same text.
func dateText(t time.Time) string {
	if t.Equal(t.Truncate(24 * time.Hour)) {
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339)
}

// numberOf brings a value to units of 10^-scale, rounding half away from zero
// what has more decimals.
func numberOf(value any, scale int) (survey.Number, error) {
	switch v := value.(type) {
	case nil:
		return survey.Number{}, nil
	case int64:
		return parseDecimal(strconv.FormatInt(v, 10), scale)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return survey.Number{}, fmt.Errorf("%v is no number", v)
		}
		return parseDecimal(strconv.FormatFloat(v, 'f', -1, 64), scale)
	case string:
		s := cleanText(v)
		if s == "" {
			return survey.Number{}, nil
		}
		return parseDecimal(s, scale)
	}
	return survey.Number{}, fmt.Errorf("%v is no number", value)
}

// parseDecimal reads a plain decimal, exactly.
func parseDecimal(s string, scale int) (survey.Number, error) {
	body, negative := strings.CutPrefix(s, "-")
	if !negative {
		body = strings.TrimPrefix(body, "+")
	}
	whole, fraction, _ := strings.Cut(body, ".")
	if whole == "" && fraction == "" {
		return survey.Number{}, strconv.ErrSyntax
	}
	for _, c := range []byte(whole + fraction) {
		if c < '0' || c > '9' {
			return survey.Number{}, strconv.ErrSyntax
		}
	}
	up := len(fraction) > scale && fraction[scale] >= '5'
	digits := whole + (fraction + strings.Repeat("0", scale))[:scale]
	units := int64(0)
	for _, c := range []byte(digits) {
		units = units*10 + int64(c-'0')
		if units > maxUnits {
			return survey.Number{}, strconv.ErrRange
		}
	}
	if up {
		units++
	}
	if negative {
		units = -units
	}
	return survey.Number{Units: units, Valid: true}, nil
}

// reader reads one row's values by a table's binding and collects what cannot
// be read.
type reader struct {
	table   fields.Table
	binding *fields.Binding
	columns []string
	values  []any
	issues  *[]Issue
}

func (r *reader) value(field int) any {
	if c := r.binding.Column[field]; c >= 0 {
		return r.values[c]
	}
	return nil
}

func (r *reader) text(field int) string {
	f := &r.table[field]
	s, ok := textOf(r.value(field))
	if !ok {
		r.say(field, IssueCode, survey.Error, "%s 的值 %v 是小数或位数过多的数字，不能作代码。请将该字段改为文本。",
			"%s holds the number %v, which cannot be a code; make the field text.", f.Name, r.value(field))
		return ""
	}
	if f.Width > 0 && utf8.RuneCountInString(s) > f.Width {
		r.say(field, IssueTextTooLong, survey.Warning, "%s “%s” 超过标准长度 %d。请核对。",
			"%s %q is longer than the standard's %d characters.", f.Name, s, f.Width)
	}
	return s
}

func (r *reader) number(field int) survey.Number {
	f := &r.table[field]
	n, err := numberOf(r.value(field), f.Scale)
	if err != nil {
		r.say(field, IssueNumber, survey.Error, "%s 的值 “%v” 不是可用的数字。请改正。", "%s holds %q, which is no usable number; correct it.", f.Name, fmt.Sprint(r.value(field)))
	}
	return n
}

func (r *reader) say(field int, code string, severity Severity, zh, en string, args ...any) {
	issue := Issue{Severity: severity, Code: code, Field: r.table[field].Name}
	issue.ZH, issue.EN = fmt.Sprintf(zh, args...), fmt.Sprintf(en, args...)
	*r.issues = append(*r.issues, issue)
}
