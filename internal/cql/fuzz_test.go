package cql_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"unicode/utf8"

	"gengheng/internal/cql"
)

// ours is what the SQL of a filter may consist of: words of our own, columns
// of our own, parameters and operators. Whatever a user could have slipped in
// is not of it.
var ours = regexp.MustCompile(`^(?:` +
	`AND|OR|NOT|IN|IS|NULL|LIKE|TRUE|FALSE|SELECT|CASE|WHEN|THEN|ELSE|END|FROM|OFFSET 0|AS|AT TIME ZONE 'Asia/Shanghai'|` +
	`NULLIF|div|abs|trunc|ln|power|lower|upper|normalize|NFD|regexp_replace|'\[\\u0300-\\u036F\]'|''|'g'|'NaN'|'-?infinity'|` +
	`ST_(?:Intersects|Equals|Disjoint|Touches|Within|Overlaps|Crosses|Contains|GeomFromEWKB|Transform|MakeValid)|` +
	`'method=structure keepcollapsed=false'|4523|1e200|1e-200|1e6|500|[01]|` +
	`c\.(?:id|zone_code|dlmc|area_mu|slope|paddy|surveyed|updated_at|geom)|v\.[xy]|[vxy]|` +
	`\$[0-9]+::(?:text|numeric|bigint|date|timestamptz|bytea)|::(?:text|numeric|float8|date|timestamptz)|` +
	`<>|<=|>=|&&|[-+*/%<>=(),]|\s+)*$`)

// FuzzParse gives any text to both readers. Nothing panics; what is refused is
// refused with a place in the text; and what is understood becomes SQL that is
// made of our own words only, with as many values as it has parameters.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/ogc-21-065r2/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, seed := range []string{
		`(("area_mu" * 666.67) > 1000)`, `((地类名称 LIKE '水%') AND NOT paddy OR id % 2 = -1 DIV 3 ^ 2)`,
		`UPPER(zone_code) != 'P1' OR updated_at > DATE '2026-01-01'`, `T_DURING(surveyed, INTERVAL('..','2026-01-01'))`,
		`S_INTERSECTS(geom,BBOX(106,26,107,27))`, `S_EQUALS(geom,GEOMETRYCOLLECTION(POINT(106 26),LINESTRING(106 26,107 27)))`,
		`zone_code = 'x\'; DROP TABLE candidates; --'`, `ACCENTI(CASEI(zone_code)) IN ('a''b', 'c')`, `1=1`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []reader{cql.Parse, cql.ParseWhere} {
			for _, inverted := range []bool{false, true} {
				filter, err := read(text, fields, cql.Options{StorageSRID: zone35, FilterSRID: 4490, FilterInverted: inverted})
				if err != nil {
					checkRefusal(t, text, err)
					continue
				}
				checkSQL(t, filter)
			}
		}
	})
}

func checkRefusal(t *testing.T, text string, err error) {
	t.Helper()
	var e *cql.Error
	if !errors.As(err, &e) || e.Code == "" || e.ZH == "" || e.EN == "" {
		t.Fatalf("%q: %#v", text, err)
	}
	if e.Offset < 0 || e.Offset > utf8.RuneCountInString(text) {
		t.Fatalf("%q: %v is outside the text", text, err)
	}
}

var parameter = regexp.MustCompile(`\$[0-9]+`)

func checkSQL(t *testing.T, f *cql.Filter) {
	t.Helper()
	before := []any{"ours"}
	condition, args := f.SQL(before)
	if !ours.MatchString(condition) {
		t.Fatalf("the SQL has words that are not ours: %s", condition)
	}
	names := parameter.FindAllString(condition, -1)
	slices.Sort(names)
	if len(slices.Compact(names)) != len(args)-len(before) || args[0] != "ours" || slices.Contains(names, "$1") {
		t.Fatalf("%d values for %s", len(args)-len(before), condition)
	}
	for _, name := range f.Fields() {
		if !slices.ContainsFunc(fields, func(q cql.Queryable) bool { return q.Name == name }) {
			t.Fatalf("field %q is not of the queryables", name)
		}
	}
}
