package polygon

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkt"

	"gengheng/internal/land"
)

var zone37 = land.Zone{Number: 37}

// cells is a set of unit squares: overlays of such sets can be counted, and
// everything about them is degenerate.
type cells struct {
	n  int
	on []bool
}

func randomCells(rng *rand.Rand, n int, share float64) cells {
	c := cells{n: n, on: make([]bool, n*n)}
	for i := range c.on {
		c.on[i] = rng.Float64() < share
	}
	return c
}

func (c cells) at(x, y int) bool { return x >= 0 && y >= 0 && x < c.n && y < c.n && c.on[y*c.n+x] }

func (c cells) count() (n int) {
	for _, on := range c.on {
		if on {
			n++
		}
	}
	return n
}

func (c cells) combine(d cells, op func(a, b bool) bool) cells {
	out := cells{n: c.n, on: make([]bool, len(c.on))}
	for i := range c.on {
		out.on[i] = op(c.on[i], d.on[i])
	}
	return out
}

// polygon traces the outline, keeping every lattice point as a vertex or only
// corners. At a corner where two squares touch it turns left, so that pieces are
// apart there.
func (c cells) polygon(corners bool, place func(x, y int) orb.Point) orb.MultiPolygon {
	type node struct{ x, y int }
	next := map[[2]node]bool{} // directed edges, squares on the left
	var order [][2]node
	add := func(a, b node) {
		next[[2]node{a, b}] = true
		order = append(order, [2]node{a, b})
	}
	for y := range c.n {
		for x := range c.n {
			if !c.at(x, y) {
				continue
			}
			if !c.at(x, y-1) {
				add(node{x, y}, node{x + 1, y})
			}
			if !c.at(x+1, y) {
				add(node{x + 1, y}, node{x + 1, y + 1})
			}
			if !c.at(x, y+1) {
				add(node{x + 1, y + 1}, node{x, y + 1})
			}
			if !c.at(x-1, y) {
				add(node{x, y + 1}, node{x, y})
			}
		}
	}
	var pts []orb.Point
	var ends []int32
	for _, e := range order {
		if !next[e] {
			continue
		}
		var ring []node
		for next[e] {
			delete(next, e)
			ring = append(ring, e[0])
			dx, dy := e[1].x-e[0].x, e[1].y-e[0].y
			for _, d := range [3]node{{-dy, dx}, {dx, dy}, {dy, -dx}} {
				if f := [2]node{e[1], {e[1].x + d.x, e[1].y + d.y}}; next[f] {
					e = f
					break
				}
			}
		}
		pts, ends = appendSimple(pts, ends, ring, corners, func(n node) orb.Point { return place(n.x, n.y) })
	}
	mp, _, _ := assemble(pts, ends)
	return mp
}

// appendSimple splits a traced ring at the vertices it comes back to.
func appendSimple[N comparable](pts []orb.Point, ends []int32, ring []N, corners bool, place func(N) orb.Point) ([]orb.Point, []int32) {
	var stack []N
	keep := func(loop []N) {
		at := len(pts)
		for i, n := range loop {
			p, q, r := place(loop[(i+len(loop)-1)%len(loop)]), place(n), place(loop[(i+1)%len(loop)])
			if det, _ := orient(p, q, r); !corners || det != 0 {
				pts = append(pts, q)
			}
		}
		if len(pts) > at {
			ends = append(ends, int32(len(pts)))
		}
	}
	for _, n := range ring {
		for i, s := range stack {
			if s == n {
				keep(stack[i:])
				stack = stack[:i]
				break
			}
		}
		stack = append(stack, n)
	}
	keep(stack)
	return pts, ends
}

func prepare(t testing.TB, mp orb.MultiPolygon) *Candidate {
	t.Helper()
	c, err := Prepare(mp)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func layerOf(t testing.TB, mp ...orb.MultiPolygon) *Layer {
	t.Helper()
	l, err := Index(mp, zone37)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// overlapOf overlays one pair.
func overlapOf(t testing.TB, a, b orb.MultiPolygon) Overlap {
	t.Helper()
	out, _ := layerOf(t, b).Overlay(prepare(t, a), true)
	if len(out) == 0 {
		return Overlap{}
	}
	return out[0]
}

func planar(mp orb.MultiPolygon) float64 {
	sum := 0.0
	for _, polygon := range mp {
		for r, ring := range polygon {
			a, _ := planarRing(ring[:len(ring)-1])
			if r == 0 {
				sum += math.Abs(a)
			} else {
				sum -= math.Abs(a)
			}
		}
	}
	return sum
}

// TestGrid overlays random sets of squares, as they are and sheared, whose
// overlaps are counted.
func TestGrid(t *testing.T) {
	rng := rand.New(rand.NewPCG(*oracleSeed, 2))
	for i := range *gridPairs {
		n := 2 + rng.IntN(6)
		a, b := randomCells(rng, n, 0.3+0.6*rng.Float64()), randomCells(rng, n, 0.3+0.6*rng.Float64())
		shear := [][4]float64{{1, 0, 0, 1}, {1, 0, 0, 1}, {3, 1, -2, 5}, {7, 3, 2, 1}, {1.1, 0.3, -0.7, 0.9}}[rng.IntN(5)]
		place := func(x, y int) orb.Point {
			return orb.Point{560000 + shear[0]*float64(x) + shear[1]*float64(y), 4013000 + shear[2]*float64(x) + shear[3]*float64(y)}
		}
		unit := shear[0]*shear[3] - shear[1]*shear[2]
		ga, gb := a.polygon(rng.IntN(2) == 0, place), b.polygon(rng.IntN(2) == 0, place)
		want := float64(a.combine(b, func(a, b bool) bool { return a && b }).count()) * unit
		got := overlapOf(t, ga, gb)
		if got.Doubt != 0 || math.Abs(got.Planar-want) > 1e-6 || math.Abs(planar(got.Geometry)-want) > 1e-6 {
			t.Fatalf("case %d: %v, planar %v, geometry %v, want %v\n%s\n%s\n%s", i, got.Doubt, got.Planar, planar(got.Geometry), want,
				wkt.MarshalString(ga), wkt.MarshalString(gb), fmt.Sprint(wkt.MarshalString(got.Geometry)))
		}
	}
}

// TestGridSetOperations counts differences and unions.
func TestGridSetOperations(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 10000 {
		n := 2 + rng.IntN(6)
		a, b := randomCells(rng, n, 0.3+0.6*rng.Float64()), randomCells(rng, n, 0.3+0.6*rng.Float64())
		place := func(x, y int) orb.Point { return orb.Point{float64(3*x + y), float64(5*y - 2*x)} }
		ga, gb := a.polygon(rng.IntN(2) == 0, place), b.polygon(rng.IntN(2) == 0, place)
		pa, pb := prepare(t, ga), prepare(t, gb)
		for _, c := range []struct {
			name string
			got  Result
			op   func(a, b bool) bool
		}{
			{"intersection", Intersection(pa, pb, zone37), func(a, b bool) bool { return a && b }},
			{"difference", Difference(pa, pb, zone37), func(a, b bool) bool { return a && !b }},
			{"union", Union([]*Candidate{pa, pb}, zone37), func(a, b bool) bool { return a || b }},
		} {
			want := a.combine(b, c.op)
			if c.got.Doubt != 0 || math.Abs(c.got.Planar-17*float64(want.count())) > 1e-9 {
				t.Fatalf("case %d, %s: %v, planar %v, want %v\n%s\n%s", i, c.name, c.got.Doubt, c.got.Planar, want.count()*17,
					wkt.MarshalString(ga), wkt.MarshalString(gb))
			}
			if math.Abs(planar(c.got.Geometry)-c.got.Planar) > 1e-9 {
				t.Fatalf("case %d, %s: geometry has %v, want %v", i, c.name, planar(c.got.Geometry), c.got.Planar)
			}
		}
	}
}
