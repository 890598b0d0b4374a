package coverage

import (
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// tolerance of collinearity in lattice units: a neighbour's vertex that splits
// an edge is itself rounded to the lattice and may stand half a unit beside
// it. What is narrower than the coordinates' own resolution is not a gap.
const tolerance = 1.0

// Trace holds the edges without a partner and who they belong to.
type Trace struct {
	edges []tracedEdge
	at    map[vertex][]int
}

type tracedEdge struct {
	edge
	owners []int
}

// use is one directed use of an edge by polygon owner.
type use struct {
	a, b  vertex
	owner int
}

// Trace finds the edges without a partner exactly, among those of the suspects
// that Suspects returned. geometry gives the polygon of an index once more.
func (c *Checker) Trace(suspects []int, geometry func(index int) orb.MultiPolygon) *Trace {
	var uses []use
	for _, i := range suspects {
		eachEdge(geometry(i), func(a, b vertex) {
			e, _ := newEdge(a, b)
			// a suspect's other edges have partners that are no suspects
			if _, ok := c.lonely[e.hash()<<tagBits>>tagBits]; ok {
				uses = append(uses, use{a, b, i})
			}
		})
	}
	left := c.unpartnered(uses)
	if split, any := splitAtVertices(left); any {
		left = c.unpartnered(split)
	}
	return newTrace(left)
}

// unpartnered drops the uses whose edge is partnered after all.
func (c *Checker) unpartnered(uses []use) []use {
	tallies := make(map[edge]tally, len(uses))
	for _, u := range uses {
		e, reversed := newEdge(u.a, u.b)
		var tag uint64
		if reversed {
			tag |= bitReverse
		}
		if c.frame[u.owner] {
			tag |= bitFrame
		}
		t := tallies[e]
		t.count(tag)
		tallies[e] = t
	}
	var left []use
	for _, u := range uses {
		if e, _ := newEdge(u.a, u.b); !tallies[e].partnered() {
			left = append(left, u)
		}
	}
	return left
}

func newTrace(uses []use) *Trace {
	t := &Trace{at: map[vertex][]int{}}
	index := map[edge]int{}
	for _, u := range uses {
		e, _ := newEdge(u.a, u.b)
		i, ok := index[e]
		if !ok {
			i = len(t.edges)
			index[e] = i
			t.edges = append(t.edges, tracedEdge{edge: e})
		}
		t.edges[i].owners = append(t.edges[i].owners, u.owner)
		t.at[u.a] = append(t.at[u.a], u.owner)
		t.at[u.b] = append(t.at[u.b], u.owner)
	}
	return t
}

// Lines returns every edge without a partner as a line of two points, each
// once. Their arrangement has the same number of polygons over every point of
// each of its faces.
func (t *Trace) Lines() orb.MultiLineString {
	lines := make(orb.MultiLineString, 0, len(t.edges))
	for _, e := range t.edges {
		lines = append(lines, orb.LineString{e.lo.point(), e.hi.point()})
	}
	return lines
}

// Owners returns the polygons that have a traced edge ending on the boundary
// of polygon p, in order: the neighbours of a gap.
func (t *Trace) Owners(p orb.Polygon) []int {
	var owners []int
	for _, ring := range p {
		for _, point := range ring {
			owners = append(owners, t.at[toVertex(point)]...)
		}
	}
	slices.Sort(owners)
	return slices.Compact(owners)
}

// splitAtVertices cuts every edge at the vertices of other edges that lie on
// it: neighbours that share a line but not its vertices are no defect.
func splitAtVertices(uses []use) (split []use, any bool) {
	grid := newVertexGrid(uses)
	for _, u := range uses {
		on := grid.along(u.a, u.b)
		if len(on) == 0 {
			split = append(split, u)
			continue
		}
		any = true
		from := u.a
		for _, v := range append(on, u.b) {
			if v != from {
				split = append(split, use{from, v, u.owner})
				from = v
			}
		}
	}
	return split, any
}

// cell is the side of a grid cell in lattice units (16 m): about the length of
// an edge in a county survey.
const cell = 16 * lattice

type vertexGrid map[[2]int64][]vertex

func newVertexGrid(uses []use) vertexGrid {
	grid := vertexGrid{}
	seen := map[vertex]struct{}{}
	for _, u := range uses {
		for _, v := range [2]vertex{u.a, u.b} {
			if _, ok := seen[v]; ok {
				continue
			}
			seen[v] = struct{}{}
			k := [2]int64{floorDiv(v.x, cell), floorDiv(v.y, cell)}
			grid[k] = append(grid[k], v)
		}
	}
	return grid
}

// along returns the vertices strictly inside the segment a-b, within
// tolerance, in order from a.
func (g vertexGrid) along(a, b vertex) []vertex {
	type hit struct {
		v vertex
		t float64
	}
	var hits []hit
	dx, dy := float64(b.x-a.x), float64(b.y-a.y)
	length := math.Hypot(dx, dy)
	minX, maxX := min(a.x, b.x)-tolerance, max(a.x, b.x)+tolerance
	for cx := floorDiv(minX, cell); cx <= floorDiv(maxX, cell); cx++ {
		lowY, highY := yRange(a, b, max(minX, cx*cell-tolerance), min(maxX, (cx+1)*cell+tolerance))
		for cy := floorDiv(lowY, cell); cy <= floorDiv(highY, cell); cy++ {
			for _, v := range g[[2]int64{cx, cy}] {
				px, py := float64(v.x-a.x), float64(v.y-a.y)
				t := (px*dx + py*dy) / (length * length)
				off := math.Abs(px*dy-py*dx) / length
				if v != a && v != b && t > 0 && t < 1 && off <= tolerance {
					hits = append(hits, hit{v, t})
				}
			}
		}
	}
	slices.SortFunc(hits, func(p, q hit) int {
		if p.t != q.t {
			if p.t < q.t {
				return -1
			}
			return 1
		}
		return p.v.compare(q.v)
	})
	out := make([]vertex, len(hits))
	for i, h := range hits {
		out[i] = h.v
	}
	return out
}

// yRange is the span of y of the segment a-b between two abscissas, widened by
// the tolerance.
func yRange(a, b vertex, fromX, toX int64) (low, high int64) {
	if a.x > b.x {
		a, b = b, a
	}
	at := func(x int64) float64 {
		if b.x == a.x {
			return float64(a.y)
		}
		t := float64(x-a.x) / float64(b.x-a.x)
		return float64(a.y) + max(0, min(1, t))*float64(b.y-a.y)
	}
	y0, y1 := at(fromX), at(toX)
	if a.x == b.x {
		y0, y1 = float64(a.y), float64(b.y)
	}
	return int64(math.Floor(min(y0, y1))) - 1 - tolerance, int64(math.Ceil(max(y0, y1))) + 1 + tolerance
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}
