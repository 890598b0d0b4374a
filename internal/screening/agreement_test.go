package screening_test

import (
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/land"
	"gengheng/internal/screening"
)

// screenWith runs a screening by an engine.
func (c *county) screenWith(engine string) uuid.UUID {
	c.t.Helper()
	s, err := screening.New(c.db, screening.Config{Engine: engine})
	if err != nil {
		c.t.Fatal(err)
	}
	run := c.queue()
	if err := s.Run(c.t.Context(), code, run, nil); err != nil {
		c.t.Fatal(err)
	}
	return run
}

// TestEnginesAgree screens a county whose parcels share their borders with
// candidates and slopes, and whose layers overlap each other, by both engines.
func TestEnginesAgree(t *testing.T) {
	c := large(t, 20, 240)
	own, reference := c.screenWith(screening.EngineOwn), c.screenWith(screening.EnginePostGIS)
	if n := agree(t, c, own, reference); n < 1000 {
		t.Errorf("only %d geometries were compared", n)
	}
}

// agree compares what two engines wrote, row by row: the same clauses, outcomes,
// verdicts and words; areas to 10⁻⁴ m², stored ones to their last digit; shapes
// to 10⁻⁴ m² of symmetric difference. It gives the number of shapes compared.
func agree(t *testing.T, c *county, own, reference uuid.UUID) (compared int) {
	t.Helper()
	a, b := c.read(own), c.read(reference)
	if !slices.Equal(slices.Sorted(maps.Keys(a.verdicts)), slices.Sorted(maps.Keys(b.verdicts))) {
		t.Fatal("the engines judge different candidates")
	}
	hairs := 0
	for number, v := range a.verdicts {
		w := b.verdicts[number]
		if v.Verdict != w.Verdict || v.Area != w.Area || !equal(v.KCXS, w.KCXS) || !equal(v.Slope, w.Slope) || v.Source != w.Source || v.Exempt != w.Exempt {
			t.Errorf("%s: verdict %+v, by PostGIS %+v", number, v, w)
		}
		if len(v.Remainder) > 0 && len(w.Remainder) > 0 && onlyHairs(t, c, v.Remainder, w.Remainder) {
			hairs++
			t.Logf("%s: what is left hangs together by a hair in one of them: %s m², by PostGIS %s", number, v.Usable, w.Usable)
		} else {
			for _, pair := range [][2]string{{v.Usable, w.Usable}, {v.Net, w.Net}, {v.Paddy, w.Paddy}} {
				nearly(t, number, pair[0], pair[1])
			}
			compared += sameShape(t, c, number, v.Remainder, w.Remainder)
		}
		for clause, score := range w.Scores {
			if math.Abs(v.Scores[clause]-score) > 1.5e-6 || len(v.Scores) != len(w.Scores) {
				t.Errorf("%s: scores %v, by PostGIS %v", number, v.Scores, w.Scores)
			}
		}
		f, g := a.findings[number], b.findings[number]
		if len(f) != len(g) {
			t.Errorf("%s: findings %q, by PostGIS %q", number, a.said(number), b.said(number))
			continue
		}
		for i := range f {
			compared += sameFinding(t, c, number, &f[i], &g[i])
		}
	}
	if hairs > len(a.verdicts)/25 {
		t.Errorf("%d of %d remainders differ by hairs", hairs, len(a.verdicts))
	}
	return compared
}

// onlyHairs tells whether two remainders differ, but only in small pieces that
// hang on by less than 2 mm: where two cuts meet along a line, rounding decides
// whether a hair is left between them, and so whether such a piece is one that
// is too small.
func onlyHairs(t *testing.T, c *county, a, b []byte) bool {
	t.Helper()
	var differ, core float64
	err := c.db.Pool.QueryRow(t.Context(), `
		WITH core AS (
			SELECT g.n, ST_Collect(d.geom ORDER BY ST_Area(d.geom)) AS geom
			FROM (VALUES (1, ST_GeomFromWKB($1)), (2, ST_GeomFromWKB($2))) g (n, geom), ST_Dump(ST_Buffer(g.geom, -0.001, 'join=mitre')) d
			WHERE ST_Area(d.geom) > 100 GROUP BY g.n)
		SELECT ST_Area(ST_SymDifference(ST_GeomFromWKB($1), ST_GeomFromWKB($2))),
		       (SELECT ST_Area(ST_SymDifference(x.geom, y.geom)) FROM core x, core y WHERE x.n = 1 AND y.n = 2)`, a, b).Scan(&differ, &core)
	if err != nil {
		t.Fatal(err)
	}
	return differ > 1e-4 && core <= 1e-4
}

func sameFinding(t *testing.T, c *county, number string, f, g *findingRow) int {
	t.Helper()
	if f.Clause != g.Clause || f.Check != g.Check || f.Severity != g.Severity || f.Outcome != g.Outcome || f.Layer != g.Layer ||
		f.Version != g.Version || (f.Overlap == nil) != (g.Overlap == nil) || len(f.Features) != len(g.Features) {
		t.Errorf("%s: finding %+v, by PostGIS %+v", number, f, g)
		return 0
	}
	where := number + " " + f.Clause
	if f.Overlap != nil {
		nearly(t, where, *f.Overlap, *g.Overlap)
	}
	for k := range f.Features {
		if f.Features[k]["bsm"] != g.Features[k]["bsm"] {
			t.Errorf("%s: features %v, by PostGIS %v", where, f.Features, g.Features)
		}
		nearly(t, where, f.Features[k]["m2"], g.Features[k]["m2"])
	}
	return sameShape(t, c, where, f.Geom, g.Geom)
}

func equal[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// nearly compares stored areas: 10⁻⁴ m² may move the last of two decimals.
func nearly(t *testing.T, where, a, b string) {
	t.Helper()
	if a != b && math.Abs(number(t, a)-number(t, b)) > 0.0101 {
		t.Errorf("%s: area %s, by PostGIS %s", where, a, b)
	}
}

// sameShape is 1 where there were shapes to compare.
func sameShape(t *testing.T, c *county, where string, a, b []byte) int {
	t.Helper()
	if len(a) == 0 && len(b) == 0 {
		return 0
	}
	if len(a) == 0 || len(b) == 0 {
		t.Errorf("%s: only one engine has a shape", where)
		return 0
	}
	if slices.Equal(a, b) {
		return 1
	}
	if x, y := areaOf(t, a), areaOf(t, b); math.Abs(x-y) > 1e-4 {
		t.Errorf("%s: area %.6f m², by PostGIS %.6f", where, x, y)
	}
	var apart float64
	var valid bool
	err := c.db.Pool.QueryRow(t.Context(), `SELECT ST_Area(ST_SymDifference(ST_GeomFromWKB($1), ST_GeomFromWKB($2))), ST_IsValid(ST_GeomFromWKB($1))`, a, b).Scan(&apart, &valid)
	if err != nil || !valid || apart > 1e-4 {
		t.Errorf("%s: shapes differ by %g m², valid %t: %v", where, apart, valid, err)
	}
	return 1
}

func areaOf(t *testing.T, raw []byte) float64 {
	t.Helper()
	g, err := wkb.Unmarshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	switch g := g.(type) {
	case orb.Polygon:
		return land.AdditiveArea(orb.MultiPolygon{g}, zone)
	case orb.MultiPolygon:
		return land.AdditiveArea(g, zone)
	}
	t.Fatalf("a %s", g.GeoJSONType())
	return 0
}
