package polygon

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkt"
	"pgregory.net/rapid"

	"gengheng/internal/land"
	"gengheng/internal/overlay"
	"gengheng/internal/rivalry/synthetic"
)

func parse(t testing.TB, text string) orb.MultiPolygon {
	t.Helper()
	g, err := wkt.Unmarshal(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	switch g := g.(type) {
	case orb.Polygon:
		return orb.MultiPolygon{g}
	case orb.MultiPolygon:
		return g
	}
	t.Fatalf("%q is a %s", text, g.GeoJSONType())
	return nil
}

// TestDegenerate is a table of touching, sharing and nesting.
func TestDegenerate(t *testing.T) {
	const square = "POLYGON((0 0,10 0,10 10,0 10,0 0))"
	const frame = "POLYGON((0 0,10 0,10 10,0 10,0 0),(3 3,3 7,7 7,7 3,3 3))"
	for _, c := range []struct{ name, a, b, want string }{
		{"identical", square, square, square},
		{"identical, other start and direction", square, "POLYGON((10 10,10 0,0 0,0 10,10 10))", square},
		{"more vertices on the same edges", square, "POLYGON((0 0,4 0,10 0,10 10,7 10,0 10,0 5,0 0))", "POLYGON((0 0,4 0,10 0,10 10,7 10,0 10,0 5,0 0))"},
		{"shared edge from outside", square, "POLYGON((10 0,20 0,20 10,10 10,10 0))", ""},
		{"part of an edge from outside", square, "POLYGON((10 2,20 2,20 8,10 8,10 2))", ""},
		{"part of an edge from inside", square, "POLYGON((5 2,10 2,10 8,5 8,5 2))", "POLYGON((5 2,10 2,10 8,5 8,5 2))"},
		{"common corner", square, "POLYGON((10 10,20 10,20 20,10 20,10 10))", ""},
		{"corner on an edge", square, "POLYGON((10 5,20 0,20 10,10 5))", ""},
		{"corner on an edge from inside", square, "POLYGON((10 5,5 8,5 2,10 5))", "POLYGON((10 5,5 8,5 2,10 5))"},
		{"apart", square, "POLYGON((20 0,30 0,30 10,20 10,20 0))", ""},
		{"nested", square, "POLYGON((2 2,4 2,4 4,2 4,2 2))", "POLYGON((2 2,4 2,4 4,2 4,2 2))"},
		{"crosswise", "POLYGON((0 4,10 4,10 6,0 6,0 4))", "POLYGON((4 0,6 0,6 10,4 10,4 0))", "POLYGON((4 4,6 4,6 6,4 6,4 4))"},
		{"crosswise on common corners", "POLYGON((0 0,10 0,10 10,0 10,0 0))", "POLYGON((0 0,5 -5,10 0,10 10,5 15,0 10,0 0))", square},
		{"hole filled exactly", frame, "POLYGON((3 3,7 3,7 7,3 7,3 3))", ""},
		{"hole filled and more", frame, "POLYGON((2 2,8 2,8 8,2 8,2 2))", "POLYGON((2 2,8 2,8 8,2 8,2 2),(3 3,3 7,7 7,7 3,3 3))"},
		{"hole filled in part", frame, "POLYGON((3 3,7 3,7 5,3 5,3 3))", ""},
		{"equal holes", frame, frame, frame},
		{"holes side by side become one", "POLYGON((0 0,10 0,10 10,0 10,0 0),(2 2,2 8,5 8,5 2,2 2))",
			"POLYGON((0 0,10 0,10 10,0 10,0 0),(5 2,5 8,8 8,8 2,5 2))", "POLYGON((0 0,10 0,10 10,0 10,0 0),(2 2,2 8,5 8,8 8,8 2,5 2,2 2))"},
		{"holes touch in a corner", "POLYGON((0 0,10 0,10 10,0 10,0 0),(2 2,2 5,5 5,5 2,2 2))",
			"POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,5 8,8 8,8 5,5 5))",
			"POLYGON((0 0,10 0,10 10,0 10,0 0),(2 2,2 5,5 5,5 2,2 2),(5 5,5 8,8 8,8 5,5 5))"},
		{"cut at a touching hole", "POLYGON((0 0,10 0,10 10,0 10,0 0),(0 5,4 7,4 3,0 5))", "POLYGON((0 0,5 0,5 10,0 10,0 0))",
			"POLYGON((0 0,5 0,5 10,0 10,0 5,0 0),(0 5,4 7,4 3,0 5))"},
		{"hole touches opposite sides", square, "POLYGON((0 0,10 0,10 10,0 10,0 0),(0 5,5 8,10 5,5 2,0 5))",
			"MULTIPOLYGON(((0 0,10 0,10 5,5 2,0 5,0 0)),((0 5,5 8,10 5,10 10,0 10,0 5)))"},
		{"shell that touches itself", "POLYGON((0 0,10 0,10 10,5 10,8 5,2 5,5 10,0 10,0 0))", square,
			"POLYGON((0 0,10 0,10 10,5 10,0 10,0 0),(2 5,5 10,8 5,2 5))"},
		{"spike left over is none", square, "POLYGON((5 5,10 5,10 0,12 0,12 12,10 12,10 6,5 6,5 5))", "POLYGON((5 5,10 5,10 6,5 6,5 5))"},
		{"two parts that share corners", "MULTIPOLYGON(((0 0,5 0,5 5,0 5,0 0)),((5 5,10 5,10 10,5 10,5 5)))", square,
			"MULTIPOLYGON(((0 0,5 0,5 5,0 5,0 0)),((5 5,10 5,10 10,5 10,5 5)))"},
		{"parts of one touch parts of the other", "MULTIPOLYGON(((0 0,5 0,5 5,0 5,0 0)),((5 5,10 5,10 10,5 10,5 5)))",
			"MULTIPOLYGON(((5 0,10 0,10 5,5 5,5 0)),((0 5,5 5,5 10,0 10,0 5)))", ""},
		{"island in a hole", "MULTIPOLYGON(((0 0,10 0,10 10,0 10,0 0),(1 1,1 9,9 9,9 1,1 1)),((2 2,8 2,8 8,2 8,2 2),(3 3,3 7,7 7,7 3,3 3)))", square,
			"MULTIPOLYGON(((0 0,10 0,10 10,0 10,0 0),(1 1,1 9,9 9,9 1,1 1)),((2 2,8 2,8 8,2 8,2 2),(3 3,3 7,7 7,7 3,3 3)))"},
		{"diagonal through corners", square, "POLYGON((0 0,10 10,0 10,0 0))", "POLYGON((0 0,10 10,0 10,0 0))"},
		{"repeated vertices", "POLYGON((0 0,0 0,10 0,10 10,10 10,0 10,0 0))", square, square},
	} {
		for _, offset := range []orb.Point{{}, {560000, 4013000}} {
			moved := func(text string) orb.MultiPolygon {
				return mapPoints(parse(t, text), func(p orb.Point) orb.Point { return orb.Point{p[0] + offset[0], p[1] + offset[1]} })
			}
			a, b := moved(c.a), moved(c.b)
			var want orb.MultiPolygon
			if c.want != "" {
				want = overlay.Canonical(moved(c.want))
			}
			for _, got := range []Overlap{overlapOf(t, a, b), overlapOf(t, b, a)} {
				if got.Doubt != 0 || !got.Geometry.Equal(want) || (want == nil) != (got.Geometry == nil) {
					t.Errorf("%s: %v\n got %s\nwant %s", c.name, got.Doubt, wkt.MarshalString(got.Geometry), wkt.MarshalString(want))
				}
				if area := land.AdditiveArea(want, zone37); math.Abs(got.Area-area) > 1e-6 {
					t.Errorf("%s: area %.9f, want %.9f", c.name, got.Area, area)
				}
			}
		}
	}
}

// TestInvalidIsDoubted: an operand that is not a polygon gives no answer.
func TestInvalidIsDoubted(t *testing.T) {
	const square = "POLYGON((0 0,10 0,10 10,0 10,0 0))"
	for name, text := range map[string]string{
		"bow tie":             "POLYGON((0 0,10 10,10 0,0 10,0 0))",
		"spike":               "POLYGON((0 0,10 0,15 0,10 0,10 10,0 10,0 0))",
		"nothing enclosed":    "POLYGON((0 0,10 10,0 0))",
		"collinear":           "POLYGON((0 0,5 5,10 10,0 0))",
		"holes overlap":       "POLYGON((0 0,10 0,10 10,0 10,0 0),(2 2,2 6,6 6,6 2,2 2),(4 4,4 8,8 8,8 4,4 4))",
		"parts share an edge": "MULTIPOLYGON(((0 0,5 0,5 5,0 5,0 0)),((5 1,8 1,8 4,5 4,5 1)))",
		"parts lie on each other between corners": "MULTIPOLYGON(((0 0,4 0,4 4,0 4,0 0)),((0 0,4 4,-3 5,0 0)))",
		"hole leaves the shell":                   "POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,5 8,12 8,12 5,5 5))",
	} {
		bad := parse(t, text)
		if prepare(t, bad).Valid() {
			t.Errorf("%s passes for valid", name)
		}
		l := layerOf(t, parse(t, square), bad)
		if got := l.Invalid(); !slices.Equal(got, []int{1}) {
			t.Errorf("%s: the layer reports %v as invalid", name, got)
		}
		out, stats := l.Overlay(prepare(t, parse(t, square)), true)
		if len(out) != 2 || out[0].Doubt != 0 || out[1].Doubt != InvalidOperand || out[1].Geometry != nil || stats.Doubtful != 1 || stats.ByDoubt[0] != 1 {
			t.Errorf("%s: %+v, %+v", name, out, stats)
		}
		if r := Union([]*Candidate{prepare(t, bad), prepare(t, parse(t, square))}, zone37); r.Doubt != InvalidOperand {
			t.Errorf("%s: union %+v", name, r)
		}
	}
	// What overlaps itself without crossing shows in the winding number.
	for name, text := range map[string]string{
		"part in a part":         "MULTIPOLYGON(((0 0,10 0,10 10,0 10,0 0)),((2 2,8 2,8 8,2 8,2 2)))",
		"hole outside the shell": "POLYGON((20 20,30 20,30 30,20 30,20 20),(1 1,1 9,9 9,9 1,1 1))",
	} {
		if got := overlapOf(t, parse(t, "POLYGON((4 4,6 4,6 6,4 6,4 4))"), parse(t, text)); got.Doubt&WindingNumber == 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestCoordinatesRefused names what is wrong and where.
func TestCoordinatesRefused(t *testing.T) {
	good := parse(t, "POLYGON((0 0,10 0,10 10,0 10,0 0))")
	for _, c := range []struct {
		value float64
		want  string
	}{
		{math.NaN(), "not a finite number"}, {math.Inf(1), "not a finite number"}, {math.Inf(-1), "not a finite number"},
		{1.1e8, "beyond 1e+08"}, {1e15, "beyond 1e+08"}, {-1e300, "beyond 1e+08"}, {5e-324, "nearer to zero"},
	} {
		bad := orb.MultiPolygon{good[0], {good[0][0], {{0, 0}, {1, 0}, {1, c.value}, {0, 0}}}}
		_, err := Index([]orb.MultiPolygon{good, bad}, zone37)
		for _, want := range []string{"feature 2, polygon 2, ring 2, vertex 3", c.want} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: error %v does not say %q", c.value, err, want)
			}
		}
		if _, err := Prepare(bad); err == nil || !strings.Contains(err.Error(), "polygon 2, ring 2, vertex 3") {
			t.Errorf("%v: Prepare: %v", c.value, err)
		}
	}
	if _, err := Prepare(parse(t, "POLYGON((-1e8 -1e8,1e8 -1e8,1e8 1e8,-1e8 1e8,-1e8 -1e8))")); err != nil {
		t.Error(err)
	}
}

func TestEmpty(t *testing.T) {
	square := parse(t, "POLYGON((0 0,10 0,10 10,0 10,0 0))")
	for _, empty := range []orb.MultiPolygon{nil, {}, {{}}, {{{}}}} {
		l := layerOf(t, empty, square, empty)
		if out, _ := l.Overlay(prepare(t, square), true); len(out) != 1 || out[0].Feature != 1 {
			t.Errorf("%v in the layer: %+v", empty, out)
		}
		if out, stats := l.Overlay(prepare(t, empty), true); len(out) != 0 || stats.Pairs != 0 {
			t.Errorf("%v as candidate: %+v, %+v", empty, out, stats)
		}
		a, e := prepare(t, square), prepare(t, empty)
		for name, r := range map[string]Result{
			"a ∪ ∅": Union([]*Candidate{a, e}, zone37), "∅ ∪ a": Union([]*Candidate{e, a}, zone37), "a − ∅": Difference(a, e, zone37),
			"∪a": Union([]*Candidate{a}, zone37),
		} {
			if r.Doubt != 0 || !r.Geometry.Equal(square) {
				t.Errorf("%s: %+v", name, r)
			}
		}
		for name, r := range map[string]Result{
			"a ∩ ∅": Intersection(a, e, zone37), "∅ ∩ a": Intersection(e, a, zone37), "∅ − a": Difference(e, a, zone37), "∪": Union(nil, zone37),
			"a − a": Difference(a, a, zone37),
		} {
			if r.Doubt != 0 || r.Geometry != nil || r.Area != 0 {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
	if out, _ := layerOf(t).Overlay(prepare(t, square), true); out != nil {
		t.Errorf("layer without features: %v", out)
	}
}

// TestCertificates spoils a correct run and sees that it is found out.
func TestCertificates(t *testing.T) {
	a := prepare(t, parse(t, "POLYGON((0 0,10 0,10 2,2 2,2 4,10 4,10 6,2 6,2 8,10 8,10 10,0 10,0 0))"))
	b := prepare(t, parse(t, "POLYGON((5 -1,8 -1,8 11,5 11,5 -1))"))
	for _, c := range []struct {
		name  string
		spoil func(k *kernel)
		want  Doubt
	}{
		{"nothing", func(*kernel) {}, 0},
		{"a crossing is missed", func(k *kernel) { k.crossings = k.crossings[1:] }, WindingNumber},
		{"a crossing is found twice", func(k *kernel) { k.crossings = append(k.crossings, k.crossings[0]) }, WindingNumber},
		{"a crossing goes the wrong way", func(k *kernel) { k.crossings[2].enters *= -1 }, WindingNumber},
		{"a crossing lies elsewhere", func(k *kernel) { k.crossings[1].p[0] += 0.001 }, Exchanged},
		{"two crossings change places", func(k *kernel) {
			x, y := &k.crossings[0], &k.crossings[1]
			x.p, y.p = y.p, x.p
		}, Exchanged},
		{"the pieces of one tooth are missed", func(k *kernel) {
			k.crossings = slices.DeleteFunc(k.crossings, func(x crossing) bool { return x.p[1] < 3 })
		}, Exchanged},
	} {
		var e engine
		e.forward.reset(&a.operand, &b.operand, true)
		e.forward.cross()
		c.spoil(&e.forward)
		e.exchanged.reset(&b.operand, &a.operand, false)
		e.exchanged.cross()
		if _, doubt := e.sums(zone37, true, false); doubt&c.want != c.want || c.want == 0 && doubt != 0 {
			t.Errorf("%s: doubt %v, want %v", c.name, doubt, c.want)
		}
	}
	// A wrong order along an edge leaves all sums right and spoils the walk.
	var e engine
	e.forward.reset(&a.operand, &b.operand, true)
	e.forward.cross()
	e.first.reset(&e.forward, false, false)
	e.second.reset(&e.forward, true, false)
	var s integral
	if doubt := e.first.green(&s) | e.second.green(&s); doubt != 0 {
		t.Fatal(doubt)
	}
	for x := range e.forward.crossings {
		if c := &e.forward.crossings[x]; c.b == 0 || c.b == 2 {
			c.tb = 1 - c.tb
		} else {
			c.tb = math.Mod(c.tb*7.3, 1)
		}
	}
	doubt := e.walker.intersection(&e.forward, &e.first, &e.second)
	walked := 0.0
	for i := range e.walker.ends {
		area, _ := planarRing(e.walker.ring(i))
		walked += area
	}
	if doubt == 0 && math.Abs(walked-s.planar) < s.bound() {
		t.Errorf("crossings in the wrong order give the right area %v", walked)
	}
}

// TestProperties: what must hold of any two polygons.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) orb.MultiPolygon {
			n := rapid.IntRange(3, 12).Draw(t, name)
			cx, cy := rapid.IntRange(-20, 20).Draw(t, "x"), rapid.IntRange(-20, 20).Draw(t, "y")
			grid := rapid.SampledFrom([]float64{1, 1e-4}).Draw(t, "grid")
			var ring orb.Ring
			for i := range n {
				r := rapid.Float64Range(8, 40).Draw(t, "r")
				s, c := math.Sincos(2 * math.Pi * (float64(i) + 0.2) / float64(n))
				ring = append(ring, orb.Point{
					560000 + math.Round((float64(cx)+r*c)/grid)*grid, 4013000 + math.Round((float64(cy)+r*s)/grid)*grid})
			}
			return orb.MultiPolygon{{append(ring, ring[0])}}
		}
		ready := func(mp orb.MultiPolygon) *Candidate {
			c, err := Prepare(mp)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		ga, gb := draw("a"), draw("b")
		a, b := ready(ga), ready(gb)
		if !a.Valid() || !b.Valid() {
			t.Skip("not valid")
		}
		ab, ba := Intersection(a, b, zone37), Intersection(b, a, zone37)
		minus, either := Difference(a, b, zone37), Union([]*Candidate{a, b}, zone37)
		for _, r := range []Result{ab, ba, minus, either} {
			if r.Doubt != 0 {
				t.Skip("in doubt")
			}
		}
		if !ab.Geometry.Equal(ba.Geometry) {
			t.Fatalf("a∩b %s\nb∩a %s", wkt.MarshalString(ab.Geometry), wkt.MarshalString(ba.Geometry))
		}
		area := func(mp orb.MultiPolygon) float64 { return land.AdditiveArea(mp, zone37) }
		if d := ab.Area + minus.Area - area(ga); math.Abs(d) > 1e-6 {
			t.Fatalf("a∩b + a−b differs from a by %g", d)
		}
		if d := either.Area + ab.Area - area(ga) - area(gb); math.Abs(d) > 1e-6 {
			t.Fatalf("a∪b + a∩b differs from a + b by %g", d)
		}
		for name, mp := range map[string]orb.MultiPolygon{"a∩b": ab.Geometry, "a−b": minus.Geometry, "a∪b": either.Geometry} {
			if mp != nil && !overlay.Canonical(mp).Equal(mp) {
				t.Fatalf("%s is not canonical: %s", name, wkt.MarshalString(mp))
			}
			if c := ready(mp); !c.Valid() {
				t.Fatalf("%s is not valid: %s", name, wkt.MarshalString(mp))
			}
		}
		// A line cuts a in two, whose overlaps add up.
		x := 560000 + rapid.Float64Range(-30, 30).Draw(t, "cut")
		left := orb.MultiPolygon{{{{559000, 4012000}, {x, 4012000}, {x, 4014000}, {559000, 4014000}, {559000, 4012000}}}}
		right := orb.MultiPolygon{{{{x, 4012000}, {561000, 4012000}, {561000, 4014000}, {x, 4014000}, {x, 4012000}}}}
		sum := 0.0
		for _, half := range []orb.MultiPolygon{left, right} {
			part := Intersection(a, ready(half), zone37)
			if part.Doubt != 0 {
				t.Skip("in doubt")
			}
			r := Intersection(ready(part.Geometry), b, zone37)
			if r.Doubt != 0 {
				t.Skip("in doubt")
			}
			sum += r.Area
		}
		if math.Abs(sum-ab.Area) > 1e-5 {
			t.Fatalf("cut in two %.9f, whole %.9f", sum, ab.Area)
		}
		// Moving both by whole metres moves the result's area by nothing in the plane.
		move := func(mp orb.MultiPolygon) orb.MultiPolygon {
			return mapPoints(mp, func(p orb.Point) orb.Point { return orb.Point{p[0] - 1024, p[1] + 4096} })
		}
		if r := Intersection(ready(move(ga)), ready(move(gb)), zone37); r.Doubt == 0 && math.Abs(r.Planar-ab.Planar) > 1e-5 {
			t.Fatalf("moved %.9f, before %.9f", r.Planar, ab.Planar)
		}
	})
}

// TestCounty overlays part of the synthetic county's candidates with its layers
// from several goroutines: parcels share their edges and leave no gap, so that a
// candidate's overlaps add up to the candidate; the parts unite and the
// remainder is what is left; and nothing is in doubt.
func TestCounty(t *testing.T) {
	c := synthetic.New(90000, 400, 7)
	candidates := c.Candidates
	parcels := layerOf(t, c.Parcels...)
	redline, farmland := layerOf(t, c.Layers[0].Features...), layerOf(t, c.Layers[1].Features...)
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := worker; i < len(candidates); i += 4 {
				cand, err := Prepare(candidates[i])
				if err != nil {
					t.Error(err)
					return
				}
				whole := land.AdditiveArea(candidates[i], zone37)
				sum := 0.0
				out, _ := parcels.Overlay(cand, false)
				for _, o := range out {
					sum += o.Area
					if o.Doubt != 0 {
						t.Errorf("candidate %d, parcel %d: %v", i, o.Feature, o.Doubt)
					}
				}
				b := cand.around
				if b.x0 > synthetic.West+300 && b.y0 > synthetic.South+300 && b.x1 < synthetic.West+c.Side-300 && b.y1 < synthetic.South+c.Side-300 && math.Abs(sum-whole) > 1e-4 {
					t.Errorf("candidate %d: overlaps with parcels add up to %.6f, it has %.6f", i, sum, whole)
				}
				for _, l := range []*Layer{redline, farmland} {
					checkRemainder(t, i, cand, whole, l)
				}
			}
		})
	}
	wait.Wait()
}

func checkRemainder(t *testing.T, i int, cand *Candidate, whole float64, l *Layer) {
	out, _ := l.Overlay(cand, true)
	sum := 0.0
	var parts []*Candidate
	for _, o := range out {
		if o.Doubt != 0 {
			t.Errorf("candidate %d, feature %d: %v", i, o.Feature, o.Doubt)
			return
		}
		if area := land.AdditiveArea(o.Geometry, zone37); math.Abs(area-o.Area) > 1e-5 {
			t.Errorf("candidate %d, feature %d: geometry has %.6f, area %.6f", i, o.Feature, area, o.Area)
		}
		sum += o.Area
		part, err := Prepare(o.Geometry)
		if err != nil {
			t.Error(err)
			return
		}
		parts = append(parts, part)
	}
	all := Union(parts, zone37)
	if all.Doubt != 0 || math.Abs(all.Area-sum) > 1e-4 {
		t.Errorf("candidate %d: union %v with %.6f, the parts %.6f", i, all.Doubt, all.Area, sum)
		return
	}
	united, err := Prepare(all.Geometry)
	if err != nil {
		t.Error(err)
		return
	}
	if rest := Difference(cand, united, zone37); rest.Doubt != 0 || math.Abs(rest.Area+sum-whole) > 1e-4 {
		t.Errorf("candidate %d: remainder %v with %.6f, want %.6f", i, rest.Doubt, rest.Area, whole-sum)
	}
}

// TestLayerOrder: the answer does not depend on the order of features, rings and
// vertices.
func TestLayerOrder(t *testing.T) {
	c := synthetic.New(90000, 300, 8)
	features := c.Layers[4].Features
	reversed := make([]orb.MultiPolygon, len(features))
	for i, f := range features {
		g := f.Clone()
		for _, p := range g {
			slices.Reverse(p[1:])
			for _, r := range p {
				r.Reverse()
			}
		}
		slices.Reverse(g)
		reversed[len(features)-1-i] = g
	}
	l, r := layerOf(t, features...), layerOf(t, reversed...)
	for _, mp := range c.Candidates {
		cand := prepare(t, mp)
		x, _ := l.Overlay(cand, true)
		y, _ := r.Overlay(cand, true)
		slices.Reverse(y)
		if len(x) != len(y) {
			t.Fatalf("%d overlaps, %d in another order", len(x), len(y))
		}
		for i := range x {
			if x[i].Feature != len(features)-1-y[i].Feature || !x[i].Geometry.Equal(y[i].Geometry) || math.Abs(x[i].Area-y[i].Area) > 1e-6 {
				t.Fatalf("overlap with feature %d differs in another order", x[i].Feature)
			}
		}
	}
}
