package fields

import (
	"regexp"
	"strconv"
	"time"
)

// written is a day, or a month, as people write it: 2026-03-15, 2026/3/15,
// 2026.3, 2026年3月15日, 20260315.
var written = regexp.MustCompile(`^(\d{4})(?:[-/.年](\d{1,2})(?:[-/.月](\d{1,2})?日?)?|(\d{2})(\d{2}))$`)

// NoDate tells of the value of a field, by its standard name, whether it looks like a
// day or a month and is none: 2026-13-45. Words ("春耕前") are left as they are, since
// the forms leave the field free.
func NoDate(field, text string) bool {
	if field != Declaration[KSSJ].Name && field != Declaration[WCSJ].Name {
		return false
	}
	m := written.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	month, day := m[2]+m[4], m[3]+m[5]
	if day == "" {
		day = "1"
	}
	y, _ := strconv.Atoi(m[1]) // digits, by the pattern
	mo, _ := strconv.Atoi(month)
	d, _ := strconv.Atoi(day)
	t := time.Date(y, time.Month(mo), d, 0, 0, 0, 0, time.UTC)
	return y < 1900 || t.Year() != y || int(t.Month()) != mo || t.Day() != d
}
