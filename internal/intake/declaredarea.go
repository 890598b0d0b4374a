package intake

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gengheng/internal/intake/fields"
	"gengheng/internal/intake/survey"
	"gengheng/internal/land"
)

// areaColumn is a column of the declared area (申报面积). The 申报表 has three, in
// 亩, 公顷 and m².
type areaColumn struct {
	column int
	header string
	unit   areaUnit
}

// areaColumns finds the columns of the declared area, the most exact unit first:
// the one that is bound, and those of the same name in another unit, which are
// then no duplicates.
func areaColumns(binding *fields.Binding, columns []string) ([]areaColumn, *Problem) {
	first := binding.Column[fields.SBMJ]
	if first < 0 {
		return nil, nil
	}
	name, _ := fields.Normalize(columns[first])
	var list []areaColumn
	for c, header := range columns {
		n, unitName := fields.Normalize(header)
		if n != name {
			continue
		}
		unit, ok := areaUnitOf(unitName)
		if !ok {
			return nil, unknownUnit(header)
		}
		if slices.ContainsFunc(list, func(a areaColumn) bool { return a.unit == unit }) {
			continue // reported as a duplicate
		}
		list = append(list, areaColumn{c, header, unit})
		binding.Duplicate = slices.DeleteFunc(binding.Duplicate, func(d [2]string) bool { return d[0] == header && d[1] == "SBMJ" })
	}
	slices.SortStableFunc(list, func(a, b areaColumn) int { return cmp.Compare(a.unit.coarse(), b.unit.coarse()) })
	return list, nil
}

// agree is how far two statements of one area may be apart, 0.01 亩 rounded up:
// what figures with two decimals of 亩 leave.
const agree = 7 * land.SquareMetre

// declaredArea reads the declared area of a row from the columns that are filled
// in, which must agree.
func (r *reader) declaredArea(areas []areaColumn) survey.Number {
	var got survey.Number
	var from areaColumn
	for _, a := range areas {
		value := r.values[a.column]
		n, err := a.unit.area(value)
		switch {
		case err != nil:
			r.say(fields.SBMJ, IssueNumber, survey.Error, "%s “%v” 不是可用的数字。请改正。", "%s %q is no usable number; correct it.", a.header, fmt.Sprint(value))
		case !n.Valid:
		case !got.Valid:
			got, from = n, a
		case max(n.Units-got.Units, got.Units-n.Units) > int64(agree):
			issue := errorOf(IssueContradiction)
			issue.Field = fields.Declaration[fields.SBMJ].Name
			issue.ZH = fmt.Sprintf("%s 为 %v，%s 为 %v，两者不是同一面积。请改为一致，或只填一列。", from.header, r.values[from.column], a.header, value)
			issue.EN = fmt.Sprintf("%s says %v and %s says %v, which is another area; make them agree or fill in one.", from.header, r.values[from.column], a.header, value)
			*r.issues = append(*r.issues, issue)
			return got
		}
	}
	return got
}

func unknownUnit(column string) *Problem {
	p := &Problem{Code: ProblemFields, TitleZH: "面积单位认不出", TitleEN: "The unit of area is unknown", Field: column}
	return p.detail("列 “%s” 的单位不是平方米、亩或公顷。", "The unit of column %q is none of m², mu and hectare.", column).
		hint("请在表头括号内写明单位，如 申报面积（亩）。", "Name the unit in brackets in the header, as 申报面积（亩）.")
}

// areaUnit is the unit of a declared area as a fraction of 0.01 m².
type areaUnit struct{ numerator, denominator, scale int64 }

// areaUnitOf reads a unit as a header names it; none is m².
func areaUnitOf(name string) (areaUnit, bool) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "", "m2", "m²", "㎡", "平方米", "平米":
		return areaUnit{1, 1, 2}, true
	case "亩", "mu":
		return areaUnit{2000 * 100, 3 * 1000000, 6}, true // 6 decimals of 2000/3 m²: 0.01 m² is 0.000015 亩
	case "公顷", "ha", "hm2", "hm²", "h㎡":
		return areaUnit{1, 1, 6}, true // 6 decimals of 10^4 m²
	}
	return areaUnit{}, false
}

// area brings a value in the unit to 0.01 m², half up.
func (u areaUnit) area(value any) (survey.Number, error) {
	n, err := numberOf(value, int(u.scale))
	if err != nil || !n.Valid {
		return n, err
	}
	if n.Units > 1e12 || n.Units < 0 {
		return survey.Number{}, fmt.Errorf("area %v is out of range", value)
	}
	n.Units = (n.Units*u.numerator + u.denominator/2) / u.denominator
	return n, nil
}

// coarse orders units by what people write in them: m², 公顷, 亩.
func (u areaUnit) coarse() int64 { return u.denominator*10 + u.scale }
