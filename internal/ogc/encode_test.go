package ogc

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"
	"pgregory.net/rapid"

	"gengheng/internal/collection"
	"gengheng/internal/store/storetest"
)

// A coordinate reads back as the number rounded to the decimals, and has no more of
// them.
func TestAppendCoordinate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(-4e7, 4e7).Draw(t, "v")
		digits := rapid.IntRange(0, 8).Draw(t, "digits")
		if rapid.Bool().Draw(t, "round") {
			v = math.Round(v*1e3) / 1e3
		}
		got := string(appendCoordinate(nil, v, digits))
		back, err := strconv.ParseFloat(got, 64)
		if err != nil || math.Abs(back-v) > 0.500001*math.Pow10(-digits)+math.Abs(v)*1e-15 {
			t.Fatalf("%v to %d decimals: %s", v, digits, got)
		}
		if _, fraction, ok := strings.Cut(got, "."); len(fraction) > digits || ok && (fraction == "" || strings.HasSuffix(fraction, "0")) || got == "-0" || !json.Valid([]byte(got)) {
			t.Fatalf("%v to %d decimals: %s", v, digits, got)
		}
	})
	for v, want := range map[float64]string{0: "0", 1: "1", -0.5: "-0.5", 111.00000001: "111.00000001", 36.1: "36.1", 0.00000004: "0.00000004", 0.000000004: "0"} {
		if got := string(appendCoordinate(nil, v, 8)); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

func TestAppendString(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		var back string
		if err := json.Unmarshal(appendString(nil, []byte(s)), &back); err != nil || back != s {
			t.Fatalf("%q: %s", s, appendString(nil, []byte(s)))
		}
	})
}

func TestAppendValue(t *testing.T) {
	for _, tc := range []struct {
		kind collection.Kind
		v    []byte
		want string
	}{
		{collection.Text, nil, "null"}, {collection.Text, []byte("a\"\\\n\x01<旱地>"), `"a\"\\\n\u0001<旱地>"`}, {collection.Number, []byte("-12.50"), "-12.50"},
		{collection.Number, []byte("1e-07"), "1e-07"}, {collection.Number, []byte("NaN"), "null"}, {collection.Number, []byte("-Infinity"), "null"}, {collection.Integer, []byte("7"), "7"},
		{collection.Boolean, []byte("true"), "true"}, {collection.Object, []byte(`{"a": [1]}`), `{"a": [1]}`},
	} {
		if got := string(appendValue(nil, tc.kind, tc.v)); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.v, got, tc.want)
		}
	}
}

// What is written is what PostGIS writes of the same boundary.
func TestAppendGeometry_AgainstPostGIS(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	systems := collection.Systems(collection.County{SRID: 4546})
	rapid.Check(t, func(rt *rapid.T) {
		ring := func(x, y, side float64, outer bool) orb.Ring {
			r := orb.Ring{{x, y}, {x + side, y + side/7}, {x + side, y + side}, {x + side/3, y + side}, {x, y}}
			if rapid.Bool().Draw(rt, "turn") == outer {
				r.Reverse()
			}
			return r
		}
		var mp orb.MultiPolygon
		for i := range rapid.IntRange(1, 3).Draw(rt, "polygons") {
			x, y := 500000+1000*float64(i)+rapid.Float64Range(0, 1).Draw(rt, "x"), 4000000+rapid.Float64Range(0, 1).Draw(rt, "y")
			p := orb.Polygon{ring(x, y, 900, true)}
			if rapid.Bool().Draw(rt, "hole") {
				p = append(p, ring(x+400, y+300, 100, false))
			}
			mp = append(mp, p)
		}
		raw, err := wkb.Marshal(mp)
		if err != nil {
			rt.Fatal(err)
		}
		c := systems[rapid.IntRange(0, len(systems)-1).Draw(rt, "system")]
		digits := c.Digits + rapid.IntRange(0, 2).Draw(rt, "digits")
		target, flip := c.SRID, "g"
		if c.Inverted {
			flip = "ST_FlipCoordinates(g)"
		}
		col := &collection.Collection{Geom: "ST_SetSRID(ST_GeomFromWKB($1), 4546)", County: collection.County{SRID: 4546}}
		var binary []byte
		var want string
		err = db.Pool.QueryRow(t.Context(), fmt.Sprintf(`SELECT %s, (SELECT ST_AsGeoJSON(%s, %d, 0) FROM ST_Transform(ST_ForcePolygonCCW(ST_SetSRID(ST_GeomFromWKB($1), 4546)), %d) g)`,
			c.Binary(col), flip, digits, target), raw).Scan(&binary, &want)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := appendGeometry(nil, binary, c, digits)
		if err != nil {
			rt.Fatal(err)
		}
		a, b := decimals(rt, want), decimals(rt, string(got))
		if len(a) != len(b) || numeral.ReplaceAllString(want, "n") != numeral.ReplaceAllString(string(got), "n") {
			rt.Fatalf("%s\nwant %s", got, want)
		}
		for i := range a {
			if math.Abs(a[i]-b[i]) > 1.5*math.Pow10(-digits) {
				rt.Fatalf("%v, want %v in\n%s\nwant %s", b[i], a[i], got, want)
			}
		}
	})
}

var numeral = regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?`)

func decimals(t *rapid.T, s string) []float64 {
	var out []float64
	for _, m := range numeral.FindAllString(s, -1) {
		v, err := strconv.ParseFloat(m, 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// Bytes that are no multipolygon are an error, whatever they are.
func FuzzAppendGeometry(f *testing.F) {
	raw, err := wkb.Marshal(orb.MultiPolygon{{{{0, 0}, {1, 0}, {1, 1}, {0, 0}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte{1, 6, 0, 0, 0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, raw []byte) {
		out, err := appendGeometry(nil, raw, collection.CRS84, 8)
		if err == nil && !strings.Contains(string(out), "NaN") && !strings.Contains(string(out), "Inf") && !json.Valid(out) {
			t.Errorf("%x: %s", raw, out)
		}
	})
}
