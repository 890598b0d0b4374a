package fields

import (
	"slices"
	"testing"
)

// Ensure that a form carries every field of a declaration, that each header is
// read back as the field it was printed for, and that what is only shown is taken
// for no field.
func TestFormIsReadAsItIsPrinted(t *testing.T) {
	for _, direction := range []string{"in", "out"} {
		var headers []string
		columns := Form(direction)
		for _, c := range columns {
			headers = append(headers, c.Header)
		}
		b := Declaration.Bind(headers)
		seen := map[int]bool{}
		for i, c := range columns {
			field := slices.Index(b.Column, i)
			if c.Field == SBMJ {
				if _, unit := Normalize(c.Header); unit != normalUnit(c.Unit) {
					t.Errorf("%s: %s has the unit %q, want %q", direction, c.Header, unit, c.Unit)
				}
				field = SBMJ // the first of three is bound
			}
			if field != c.Field || ShownOnForm(c.Header) != (c.Field < 0) {
				t.Errorf("%s: %s is read as field %d, want %d", direction, c.Header, field, c.Field)
			}
			seen[c.Field] = true
		}
		for i, f := range Declaration {
			if !seen[i] && i != DKMC {
				t.Errorf("%s: %s is not on the form", direction, f.Name)
			}
		}
	}
}

// normalUnit is a unit as Normalize gives it.
func normalUnit(unit string) string { _, u := Normalize("x(" + unit + ")"); return u }
