package balance

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// Ensure the quick reader of tables and encoding/csv see the same lines and
// faults in any text.
func TestTablesAreReadAsCSV(t *testing.T) {
	t.Parallel()
	read := func(text string, quick bool) string {
		var seen strings.Builder
		take := func(r *record) { fmt.Fprintf(&seen, "%d%q;", r.line, r.field) }
		text = "a,b\n" + text
		var err error
		if quick {
			err = parseText(text, "x.csv", []string{"a", "b"}, take)
		} else {
			err = (&record{file: "x.csv", header: []string{"a", "b"}}).parseQuoted(text, true, take)
		}
		return seen.String() + fmt.Sprint(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	lines := []string{"x,y", "1,2", "", "\r", "x,y\r", `"x",y`, `"x`, `y",z`, `a"b,c`, `"a""b",c`, "x", "x,y,z", ",", "\xff,y", " ,\t", "x,y\r\r", "\"x\ny\",z"}
	for range 20000 {
		var text strings.Builder
		for range rng.IntN(6) {
			text.WriteString(lines[rng.IntN(len(lines))])
			if rng.IntN(8) > 0 {
				text.WriteByte('\n')
			}
		}
		if quick, slow := read(text.String(), true), read(text.String(), false); quick != slow {
			t.Fatalf("%q: %s, encoding/csv: %s", text.String(), quick, slow)
		}
	}
}
