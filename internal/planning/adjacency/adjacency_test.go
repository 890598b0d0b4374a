package adjacency_test

import (
	"context"
	"math"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"gengheng/internal/planning/adjacency"
)

// box is a counter-clockwise rectangle.
func box(x0, y0, x1, y1 float64) orb.MultiPolygon {
	return orb.MultiPolygon{{{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}, {x0, y0}}}}
}

// ring is a rectangle with a hole.
func boxWithHole(x0, y0, x1, y1, d float64) orb.MultiPolygon {
	return orb.MultiPolygon{{
		{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}, {x0, y0}},
		{{x0 + d, y0 + d}, {x0 + d, y1 - d}, {x1 - d, y1 - d}, {x1 - d, y0 + d}, {x0 + d, y0 + d}},
	}}
}

func build(t interface {
	Helper()
	Fatal(...any)
}, req adjacency.Request) adjacency.Graph {
	t.Helper()
	if req.Touch == 0 {
		req.Touch = 0.01
	}
	g, err := adjacency.Build(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6 }

func TestSharedBoundary(t *testing.T) {
	type edge struct {
		a, b   int
		length float64
	}
	for _, c := range []struct {
		name    string
		req     adjacency.Request
		edges   []edge
		outside []float64
	}{
		{
			name:    "a split square shares its cut",
			req:     adjacency.Request{Units: []orb.MultiPolygon{box(0, 0, 40, 100), box(40, 0, 100, 100)}},
			edges:   []edge{{0, 1, 100}},
			outside: []float64{180, 220},
		},
		{
			name: "a neighbour's extra vertices do not matter",
			req: adjacency.Request{Units: []orb.MultiPolygon{
				box(0, 0, 40, 100),
				{{{{40, 0}, {100, 0}, {100, 100}, {40, 100}, {40.004, 61}, {40, 33}, {40, 0}}}},
			}},
			edges:   []edge{{0, 1, 100}},
			outside: []float64{180, 220},
		},
		{
			name:    "rounding of a few millimetres still touches",
			req:     adjacency.Request{Units: []orb.MultiPolygon{box(0, 0, 40, 100), box(40.008, 0, 100, 100)}},
			edges:   []edge{{0, 1, 100}},
			outside: []float64{180, 219.984},
		},
		{
			name:    "a corner is no shared boundary",
			req:     adjacency.Request{Units: []orb.MultiPolygon{box(0, 0, 10, 10), box(10, 10, 20, 20)}},
			outside: []float64{40, 40},
		},
		{
			name:    "part of an edge is shared",
			req:     adjacency.Request{Units: []orb.MultiPolygon{box(0, 0, 10, 10), box(10, 4, 20, 30)}},
			edges:   []edge{{0, 1, 6}},
			outside: []float64{34, 66},
		},
		{
			name: "a farm track between does not separate",
			req: adjacency.Request{
				Units:  []orb.MultiPolygon{box(0, 0, 40, 100), box(43, 0, 100, 100)},
				Tracks: []orb.MultiPolygon{box(40, 0, 43, 100)}, Width: 8,
			},
			edges:   []edge{{0, 1, 100}},
			outside: []float64{180, 214},
		},
		{
			name: "a ditch beside a track does not separate either",
			req: adjacency.Request{
				Units:  []orb.MultiPolygon{box(0, 0, 40, 100), box(45, 0, 100, 100)},
				Tracks: []orb.MultiPolygon{box(40, 0, 43, 100), box(43, -20, 45, 120)}, Width: 8,
			},
			edges:   []edge{{0, 1, 100}},
			outside: []float64{180, 210},
		},
		{
			name: "a wider track separates",
			req: adjacency.Request{
				Units:  []orb.MultiPolygon{box(0, 0, 40, 100), box(49, 0, 100, 100)},
				Tracks: []orb.MultiPolygon{box(40, 0, 49, 100)}, Width: 8,
			},
			outside: []float64{280, 302},
		},
		{
			name: "a strip that is no track separates",
			req: adjacency.Request{
				Units: []orb.MultiPolygon{box(0, 0, 40, 100), box(43, 0, 100, 100)}, Width: 8,
			},
			outside: []float64{280, 314},
		},
		{
			name: "a track along half of the edge joins half of it",
			req: adjacency.Request{
				Units:  []orb.MultiPolygon{box(0, 0, 40, 100), box(43, 0, 100, 100)},
				Tracks: []orb.MultiPolygon{box(40, -5, 43, 37)}, Width: 8,
			},
			edges:   []edge{{0, 1, 37}},
			outside: []float64{243, 277},
		},
		{
			name: "a strip of wood beside the track separates",
			req: adjacency.Request{
				Units:  []orb.MultiPolygon{box(0, 0, 40, 100), box(45, 0, 100, 100)},
				Tracks: []orb.MultiPolygon{box(40, 0, 43, 100)}, Width: 8,
			},
			outside: []float64{280, 310},
		},
		{
			name: "what is met first is the neighbour, not what lies behind",
			req: adjacency.Request{
				Units:  []orb.MultiPolygon{box(0, 0, 40, 100), box(43, 0, 45, 50), box(45, 0, 100, 100)},
				Tracks: []orb.MultiPolygon{box(40, 0, 43, 100)}, Width: 8,
			},
			edges:   []edge{{0, 1, 50}, {1, 2, 50}},
			outside: []float64{230, 4, 260},
		},
		{
			name:    "an island in a hole shares its whole boundary",
			req:     adjacency.Request{Units: []orb.MultiPolygon{boxWithHole(0, 0, 100, 100, 30), box(30, 30, 70, 70)}},
			edges:   []edge{{0, 1, 160}},
			outside: []float64{400, 0},
		},
		{
			name: "the county's border is neither shared nor outside",
			req: adjacency.Request{
				Units:  []orb.MultiPolygon{box(0, 0, 40, 100), box(40, 0, 60, 100)},
				Border: box(0, -50, 200, 100),
			},
			edges:   []edge{{0, 1, 100}},
			outside: []float64{40, 120},
		},
		{
			name: "a parcel cut in two by a track is not perimeter on it",
			req: adjacency.Request{
				Units:  []orb.MultiPolygon{append(box(0, 0, 40, 100), box(43, 0, 100, 100)...)},
				Tracks: []orb.MultiPolygon{box(40, 0, 43, 100)}, Width: 8,
			},
			outside: []float64{80 + 100 + 114 + 100},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := build(t, c.req)
			if len(g.Edges) != len(c.edges) {
				t.Fatalf("edges %v, want %v", g.Edges, c.edges)
			}
			for i, e := range c.edges {
				got := g.Edges[i]
				if got.A != e.a || got.B != e.b || !near(got.Length, e.length) {
					t.Errorf("edge %v, want %v", got, e)
				}
			}
			for u, want := range c.outside {
				if !near(g.Outside[u], want) {
					t.Errorf("unit %d: outside %.6f m, want %.6f", u, g.Outside[u], want)
				}
			}
		})
	}
}

// A mosaic of rectangles, turned and moved somewhere into the county plane,
// with its cells in any order: everything about it is known.
type mosaic struct {
	xs, ys []float64
	units  []orb.MultiPolygon
	at     map[[2]int]int
	isUnit map[[2]int]bool
	tracks []orb.MultiPolygon
}

func drawMosaic(t *rapid.T, tracks bool) mosaic {
	m := mosaic{at: map[[2]int]int{}, isUnit: map[[2]int]bool{}}
	steps := func(label string) []float64 {
		n := rapid.IntRange(1, 5).Draw(t, label)
		v := []float64{0}
		for range n {
			v = append(v, v[len(v)-1]+float64(rapid.IntRange(20, 900).Draw(t, "step"))/10)
		}
		return v
	}
	m.xs, m.ys = steps("columns"), steps("rows")
	angle := rapid.Float64Range(0, 6.28).Draw(t, "angle")
	sin, cos := math.Sincos(angle)
	place := func(p orb.Point) orb.Point {
		x := 560000 + p[0]*cos - p[1]*sin
		y := 4013000 + p[0]*sin + p[1]*cos
		return orb.Point{math.Round(x*1e4) / 1e4, math.Round(y*1e4) / 1e4}
	}
	for i := range len(m.xs) - 1 {
		for j := range len(m.ys) - 1 {
			b := box(m.xs[i], m.ys[j], m.xs[i+1], m.ys[j+1])
			for k := range b[0][0] {
				b[0][0][k] = place(b[0][0][k])
			}
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				if tracks {
					m.tracks = append(m.tracks, b)
				}
			default:
				m.at[[2]int{i, j}] = len(m.units)
				m.isUnit[[2]int{i, j}] = true
				m.units = append(m.units, b)
			}
		}
	}
	return m
}

func TestMosaicSharesExactlyItsCommonEdges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMosaic(t, false)
		g := build(t, adjacency.Request{Units: m.units})
		want := map[[2]int]float64{}
		for c, u := range m.at {
			for _, d := range [][2]int{{1, 0}, {0, 1}} {
				n := [2]int{c[0] + d[0], c[1] + d[1]}
				if !m.isUnit[n] {
					continue
				}
				length := m.ys[c[1]+1] - m.ys[c[1]]
				if d[1] == 1 {
					length = m.xs[c[0]+1] - m.xs[c[0]]
				}
				want[[2]int{min(u, m.at[n]), max(u, m.at[n])}] = length
			}
		}
		for _, e := range g.Edges {
			w, ok := want[[2]int{e.A, e.B}]
			// Round corners: within touching distance of a corner the diagonal
			// neighbour may be as near as the true one.
			if !ok && e.Length > 0.05 || ok && math.Abs(e.Length-w) > 0.05 {
				t.Fatalf("edge %v, want %v", e, w)
			}
			delete(want, [2]int{e.A, e.B})
		}
		if len(want) != 0 {
			t.Fatalf("not found: %v", want)
		}
	})
}

func TestSharedLengthsStayWithinThePerimeter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMosaic(t, true)
		g := build(t, adjacency.Request{Units: m.units, Tracks: m.tracks, Width: 15})
		sum := make([]float64, len(m.units))
		for i, e := range g.Edges {
			if e.A >= e.B || e.Length <= 0 || i > 0 && (g.Edges[i-1].A > e.A || g.Edges[i-1].A == e.A && g.Edges[i-1].B >= e.B) {
				t.Fatalf("edges are not unique and in order: %v", g.Edges)
			}
			sum[e.A] += e.Length
			sum[e.B] += e.Length
		}
		for u := range m.units {
			total := sum[u] + g.Border[u] + g.Inner[u] + g.Outside[u]
			if math.Abs(total-g.Perimeter[u]) > 1e-6 {
				t.Fatalf("unit %d: %v of a perimeter of %v", u, total, g.Perimeter[u])
			}
		}
	})
}

func TestTheOrderOfUnitsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMosaic(t, true)
		order := rapid.Permutation(seq(len(m.units))).Draw(t, "order")
		turned := make([]orb.MultiPolygon, len(order))
		for i, u := range order {
			turned[u] = m.units[i]
		}
		lengths := func(g adjacency.Graph, name func(int) int) map[[2]int]float64 {
			out := map[[2]int]float64{}
			for _, e := range g.Edges {
				a, b := name(e.A), name(e.B)
				out[[2]int{min(a, b), max(a, b)}] = e.Length
			}
			return out
		}
		req := adjacency.Request{Units: m.units, Tracks: m.tracks, Width: 15}
		a := lengths(build(t, req), func(u int) int { return order[u] })
		req.Units = turned
		b := lengths(build(t, req), func(u int) int { return u })
		for k, v := range a {
			if math.Abs(b[k]-v) > 0.021 {
				t.Fatalf("units %v share %v m in one order and %v m in the other", k, v, b[k])
			}
		}
		for k, v := range b {
			if _, ok := a[k]; !ok && v > 0.021 {
				t.Fatalf("units %v share %v m in one order only", k, v)
			}
		}
	})
}

func TestRepeatable(t *testing.T) {
	units := mosaicOfHexagons(40, 40)
	first := build(t, adjacency.Request{Units: units, Width: 8})
	again := build(t, adjacency.Request{Units: units, Width: 8})
	if len(first.Edges) != len(again.Edges) {
		t.Fatal("another number of edges")
	}
	for i := range first.Edges {
		if first.Edges[i] != again.Edges[i] {
			t.Fatalf("edge %d: %v and %v", i, first.Edges[i], again.Edges[i])
		}
	}
}

func TestHexagonsShareSixSides(t *testing.T) {
	g := build(t, adjacency.Request{Units: mosaicOfHexagons(10, 10), Width: 8})
	degree := make([]int, 100)
	for _, e := range g.Edges {
		if math.Abs(e.Length-50) > 0.05 {
			t.Fatalf("edge %v, want 50 m", e)
		}
		degree[e.A]++
		degree[e.B]++
	}
	for u, d := range degree {
		if inside := u%10 > 0 && u%10 < 9 && u/10 > 0 && u/10 < 9; inside && d != 6 {
			t.Errorf("hexagon %d has %d neighbours", u, d)
		}
	}
}

// mosaicOfHexagons is a honeycomb of 50 m sides, coordinates rounded to
// 0.0001 m as the county plane has them.
func mosaicOfHexagons(cols, rows int) []orb.MultiPolygon {
	const side = 50
	var units []orb.MultiPolygon
	for j := range rows {
		for i := range cols {
			cx := 560000 + side*math.Sqrt(3)*(float64(i)+0.5*float64(j%2))
			cy := 4013000 + side*1.5*float64(j)
			var ring orb.Ring
			for k := range 6 {
				sin, cos := math.Sincos(math.Pi/6 + float64(k)*math.Pi/3)
				ring = append(ring, orb.Point{math.Round((cx+side*cos)*1e4) / 1e4, math.Round((cy+side*sin)*1e4) / 1e4})
			}
			units = append(units, orb.MultiPolygon{{append(ring, ring[0])}})
		}
	}
	return units
}

func seq(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func TestRefusesWhatItCannotMeasure(t *testing.T) {
	nan := box(0, 0, 1, 1)
	nan[0][0][2][0] = math.NaN()
	for name, req := range map[string]adjacency.Request{
		"no touching distance": {Units: []orb.MultiPolygon{box(0, 0, 1, 1)}},
		"a negative width":     {Units: []orb.MultiPolygon{box(0, 0, 1, 1)}, Touch: 0.01, Width: -1},
		"a NaN coordinate":     {Units: []orb.MultiPolygon{nan}, Touch: 0.01},
	} {
		if _, err := adjacency.Build(context.Background(), req); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if g, err := adjacency.Build(context.Background(), adjacency.Request{Touch: 0.01}); err != nil || len(g.Edges) != 0 {
		t.Errorf("nothing: %v %v", g, err)
	}
}

func BenchmarkBuild(b *testing.B) {
	units := mosaicOfHexagons(320, 320)
	for b.Loop() {
		if _, err := adjacency.Build(context.Background(), adjacency.Request{Units: units, Touch: 0.01, Width: 8}); err != nil {
			b.Fatal(err)
		}
	}
}
