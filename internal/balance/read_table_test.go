package balance

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
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

// Ensure pieces read side by side give the rows, lines and first fault that
// reading line by line gives, wherever the text is cut.
func TestPiecesAreReadAsOneTable(t *testing.T) {
	t.Parallel()
	header := []string{"a", "b"}
	read := func(text string, chunk int) string {
		rows, lines, err := parseRows(text, "x.csv", header, chunk, func(r *record) float64 {
			if r.field[0] == "no" {
				r.refuse("不要", "refused")
			}
			return r.number(1)
		})
		if lines == nil {
			for i := range rows {
				lines = append(lines, int32(i+2))
			}
		}
		return fmt.Sprint(rows, lines, err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	rare := []string{"", "x,1,2", "no,1", "x,y", "\xff,1", "\"x\",1", "\r", "x"}
	for range 5000 {
		text := strings.Builder{}
		text.WriteString([]string{"a,b\n", "a,b\r\n", "\ufeffa,b\n", "\na,b\n", "b,a\n", "\"a\",b\n"}[min(5, rng.IntN(60))])
		for i := range rng.IntN(60) {
			line := fmt.Sprintf("u%d,%d", i, rng.IntN(1000))
			if rng.IntN(80) == 0 {
				line = rare[rng.IntN(len(rare))]
			}
			text.WriteString(line + "\n"[:min(1, rng.IntN(100))])
		}
		whole := read(text.String(), 1<<30)
		for _, chunk := range []int{1, 7, 64} {
			if pieces := read(text.String(), chunk); pieces != whole {
				t.Fatalf("%q in pieces of %d: %s, whole: %s", text.String(), chunk, pieces, whole)
			}
		}
	}
}

// Ensure a short decimal is the double that strconv makes of it, bit for bit,
// and that nothing else is taken for one.
func TestShortDecimals(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`-?[0-9]{0,9}(\.[0-9]{0,9})?`), rapid.StringMatching(`[-+.e0-9_x]{0,8}`)).Draw(t, "text")
		v, ok := shortDecimal(text)
		if !ok {
			return
		}
		if want, err := strconv.ParseFloat(text, 64); err != nil || math.Float64bits(v) != math.Float64bits(want) {
			t.Fatalf("%q: %v, strconv: %v %v", text, v, want, err)
		}
	})
	for _, text := range []string{"0", "-0", "5.", ".5", "9981.23", "999999999999999", "-0.0000000000001"} {
		if _, ok := shortDecimal(text); !ok {
			t.Errorf("%q is left to others", text)
		}
	}
	for _, text := range []string{"", "-", ".", "-.", "1..", "+1", "1e5", "1234567890123456"} {
		if v, ok := shortDecimal(text); ok {
			t.Errorf("%q is read as %v", text, v)
		}
	}
}

// Ensure ids are found in whatever order they are asked for.
func TestIDsAreFound(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	names := make([]string, 50)
	for i := range names {
		names[i] = fmt.Sprintf("n%d", rng.IntN(1e9))
	}
	t.Run("any order", func(t *testing.T) { findIDs(t, names, rng) })
	slices.Sort(names)
	t.Run("ascending", func(t *testing.T) { findIDs(t, names, rng) })
}

func findIDs(t *testing.T, names []string, rng *rand.Rand) {
	index, err := newIDIndex(len(names), func(i int) string { return names[i] }, "x.csv", "a", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &record{header: []string{"a"}, field: make([]string, 1)}
	at := 0
	for range 20000 {
		if at = (at + rng.IntN(3)) % 50; rng.IntN(4) == 0 {
			at = rng.IntN(50)
		}
		if r.field[0] = names[at]; r.lookup(0, index) != int32(at) || r.fault != nil {
			t.Fatal(at, r.fault)
		}
	}
	if r.field[0] = "n"; r.lookup(0, index) >= 0 || r.fault == nil {
		t.Error("an unknown id is found")
	}
}

// Ensure a JSON value of the wrong type is refused in the format's words.
func TestWrongJSONTypesAreToldPlainly(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		`{"constant": "x", "seed": 1}`:   `"constant" must be a number`,
		`{"constant": 1e999, "seed": 1}`: `"constant" must be a number within the range of doubles`,
		`{"constant": 1, "seed": 1.5}`:   `"seed" must be a whole number`,
	} {
		var head struct {
			Constant float64 `json:"constant"`
			Seed     int64   `json:"seed"`
		}
		err := decodeStrict([]byte(text), &head)
		if err == nil || !strings.HasSuffix(err.Error(), says) || strings.Contains(err.Error(), "Go ") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
