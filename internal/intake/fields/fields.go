// Package fields is the one place where the columns of delivered files get
// their standard names. Surveys of different years and tools spell them in
// different ways (TKXS or KCXS, lower case, Chinese headers, units in
// brackets); every table that intake reads is bound to its columns here.
package fields

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
	"golang.org/x/text/width"
)

// Type is what a field's values are brought to.
type Type int

const (
	Text    Type = iota // text, trimmed
	Integer             // whole number
	Decimal             // fixed-point number with Scale decimals
)

// Field 字段 is one standard field and the other names it goes by.
type Field struct {
	// Name is the standard name (TD/T 1057-2020 or the declaration's own).
	Name string
	// Chinese is the standard Chinese name; it is an alias as well.
	Chinese string
	// Aliases are other names seen in public data, upper case.
	Aliases []string
	Type    Type
	// Width is the most characters a Text may have by the standard; 0 = any.
	Width int
	// Scale is the number of decimals of a Decimal.
	Scale int
	// Mandatory fields must exist as a column.
	Mandatory bool
}

// Table is the list of a record's fields, in the standard's order.
type Table []Field

// Index gives the position of the field with a standard name; -1 if none.
func (t Table) Index(name string) int {
	return slices.IndexFunc(t, func(f Field) bool { return f.Name == name })
}

// Binding says which column of a file holds which field of a table.
type Binding struct {
	// Column[i] is the column of field i, or -1.
	Column []int
	// Unit[i] is the unit that the column's header names in brackets
	// ("申报面积(亩)" gives "亩"), or "".
	Unit []string
	// Renamed are the fields found under an alias, neither the standard nor
	// the Chinese name, as pairs of column and field name, in the table's
	// order.
	Renamed [][2]string
	// Duplicate are columns that stand for a field that another column holds.
	Duplicate [][2]string
	// Missing are the mandatory fields without a column.
	Missing []Field
}

// Bind finds the columns of t's fields. The standard name wins over the
// Chinese name, that over the aliases in their order; among equals the first
// column wins and the others are reported as Duplicate.
func (t Table) Bind(columns []string) Binding {
	normal, units := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		normal[i], units[i] = Normalize(c)
	}
	b := Binding{Column: make([]int, len(t)), Unit: make([]string, len(t))}
	for i, f := range t {
		b.Column[i] = -1
		for rank, name := range slices.Concat([]string{f.Name, f.Chinese}, f.Aliases) {
			want, _ := Normalize(name)
			for c := range columns {
				if want == "" || normal[c] != want {
					continue
				}
				if b.Column[i] >= 0 {
					b.Duplicate = append(b.Duplicate, [2]string{columns[c], f.Name})
					continue
				}
				b.Column[i], b.Unit[i] = c, units[c]
				if rank > 1 {
					b.Renamed = append(b.Renamed, [2]string{columns[c], f.Name})
				}
			}
		}
		if b.Column[i] < 0 && f.Mandatory {
			b.Missing = append(b.Missing, f)
		}
	}
	return b
}

// Normalize brings a header to the form in which names compare: half width,
// upper case, without spaces, underscores and stars; what stands in brackets at
// the end is its unit.
func Normalize(header string) (name, unit string) {
	s := strings.ToUpper(width.Narrow.String(strings.TrimSpace(header)))
	if i := strings.LastIndexAny(s, "(["); i > 0 && strings.HasSuffix(strings.TrimRight(s, " "), closing(s[i])) {
		unit = strings.ToLower(strings.TrimSpace(strings.TrimRight(s[i+1:], ")] ")))
		s = s[:i]
	}
	s = strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\n', '\r', '_', '*', ':', '\ufeff', '\u00a0':
			return -1
		}
		return r
	}, s)
	return s, unit
}

func closing(open byte) string {
	if open == '(' {
		return ")"
	}
	return "]"
}

// Nearest returns up to three of the columns that look most like the field's
// names, nearest first, to help who has to rename one.
func (f Field) Nearest(columns []string) []string {
	type scored struct {
		column string
		d      int
	}
	var near []scored
	for _, c := range columns {
		n, _ := Normalize(c)
		best := 1 << 30
		for _, name := range slices.Concat([]string{f.Name, f.Chinese}, f.Aliases) {
			w, _ := Normalize(name)
			if d := levenshtein.ComputeDistance(n, w); d*2 <= max(utf8.RuneCountInString(w), 4) {
				best = min(best, d)
			}
		}
		if best < 1<<30 {
			near = append(near, scored{c, best})
		}
	}
	slices.SortStableFunc(near, func(a, b scored) int { return cmp.Compare(a.d, b.d) })
	var out []string
	for _, s := range near[:min(3, len(near))] {
		out = append(out, s.column)
	}
	return out
}
