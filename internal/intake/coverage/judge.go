package coverage

import (
	"cmp"
	"slices"

	"github.com/paulmach/orb"
)

// Face is one face of the arrangement of the traced edges, with a point
// inside.
type Face struct {
	Geometry orb.Polygon
	Inside   orb.Point
}

// What a face turns out to be.
type Verdict int

const (
	Covered Verdict = iota // once, and inside the frame: as it should be
	Overlap                // by two polygons or more
	Gap                    // by none, but enclosed by the others or inside the frame
	Outside                // by a polygon, but not by the frame
)

// Region is a face that is not as it should be. Polygons are the ones that
// cover it, or its neighbours if it is a gap, in order.
type Region struct {
	Verdict
	Face
	Polygons []int
}

// Candidates returns, for each face, the polygons whose bounds hold its inside
// point, and the sorted union of them: those whose geometry Judge will ask for.
func (c *Checker) Candidates(faces []Face) (byFace [][]int, all []int) {
	grid := newBoundGrid(c.bounds)
	byFace = make([][]int, len(faces))
	for i, f := range faces {
		byFace[i] = grid.containing(c.bounds, f.Inside)
		all = append(all, byFace[i]...)
	}
	slices.Sort(all)
	return byFace, slices.Compact(all)
}

// Judge says of every face what it is; the good ones are left out.
func (c *Checker) Judge(t *Trace, faces []Face, byFace [][]int, geometry func(index int) orb.MultiPolygon) []Region {
	framed := slices.Contains(c.frame, true)
	var regions []Region
	for i, f := range faces {
		inFrame := false
		var covering []int
		for _, p := range byFace[i] {
			if !contains(geometry(p), f.Inside) {
				continue
			}
			if c.frame[p] {
				inFrame = true
			} else {
				covering = append(covering, p)
			}
		}
		region := Region{Face: f, Polygons: covering}
		switch {
		case len(covering) >= 2:
			region.Verdict = Overlap
		case len(covering) == 0 && (inFrame || !framed):
			region.Verdict = Gap
			region.Polygons = slices.DeleteFunc(t.Owners(f.Geometry), c.IsFrame)
		case len(covering) == 1 && framed && !inFrame:
			region.Verdict = Outside
		}
		if region.Verdict != Covered {
			regions = append(regions, region)
		}
	}
	return regions
}

// Pairs returns the pairs of tiles that may overlap within the regions of that
// verdict: an overlap can run along many polygons, and its inside point names
// but two of them.
func (c *Checker) Pairs(regions []Region) [][2]int {
	grid := newBoundGrid(c.bounds)
	seen := map[[2]int]bool{}
	var pairs [][2]int
	for _, r := range regions {
		if r.Verdict != Overlap {
			continue
		}
		within := r.Geometry.Bound()
		near := slices.DeleteFunc(grid.intersecting(c.bounds, within), c.IsFrame)
		for k, b := range near {
			for _, a := range near[:k] {
				pair := [2]int{a, b}
				if common := overlap(c.bounds[a], c.bounds[b]); !seen[pair] && !common.IsEmpty() && common.Intersects(within) {
					seen[pair] = true
					pairs = append(pairs, pair)
				}
			}
		}
	}
	slices.SortFunc(pairs, func(p, q [2]int) int { return cmp.Or(cmp.Compare(p[1], q[1]), cmp.Compare(p[0], q[0])) })
	return pairs
}

func overlap(a, b orb.Bound) orb.Bound {
	return orb.Bound{
		Min: orb.Point{max(a.Min[0], b.Min[0]), max(a.Min[1], b.Min[1])},
		Max: orb.Point{min(a.Max[0], b.Max[0]), min(a.Max[1], b.Max[1])},
	}
}

// contains counts crossings of a ray to the east. A point on the edge between
// two neighbours is inside exactly one of them: edges are half open to the
// north and evaluated from their lower end, whichever way they run.
func contains(mp orb.MultiPolygon, p orb.Point) bool {
	inside := false
	for _, polygon := range mp {
		for _, ring := range polygon {
			for i := 1; i < len(ring); i++ {
				a, b := ring[i-1], ring[i]
				if a[1] > b[1] {
					a, b = b, a
				}
				if a[1] <= p[1] && p[1] < b[1] && p[0] < a[0]+(p[1]-a[1])*(b[0]-a[0])/(b[1]-a[1]) {
					inside = !inside
				}
			}
		}
	}
	return inside
}

// boundGrid finds the bounds that hold a point.
type boundGrid struct {
	extent orb.Bound
	n      int
	cells  [][]int32
}

func newBoundGrid(bounds []orb.Bound) *boundGrid {
	g := &boundGrid{n: 1}
	for i, b := range bounds {
		if i == 0 {
			g.extent = b
		}
		g.extent = g.extent.Union(b)
	}
	for g.n*g.n < len(bounds) && g.n < 512 {
		g.n *= 2
	}
	g.cells = make([][]int32, g.n*g.n)
	for i, b := range bounds {
		x0, y0 := g.cell(b.Min)
		x1, y1 := g.cell(b.Max)
		for y := y0; y <= y1; y++ {
			for x := x0; x <= x1; x++ {
				g.cells[y*g.n+x] = append(g.cells[y*g.n+x], int32(i))
			}
		}
	}
	return g
}

func (g *boundGrid) cell(p orb.Point) (x, y int) {
	at := func(v, low, high float64) int {
		if high <= low {
			return 0
		}
		return max(0, min(g.n-1, int((v-low)/(high-low)*float64(g.n))))
	}
	return at(p[0], g.extent.Min[0], g.extent.Max[0]), at(p[1], g.extent.Min[1], g.extent.Max[1])
}

func (g *boundGrid) containing(bounds []orb.Bound, p orb.Point) []int {
	return g.intersecting(bounds, p.Bound())
}

// intersecting is in order of the indices.
func (g *boundGrid) intersecting(bounds []orb.Bound, b orb.Bound) []int {
	x0, y0 := g.cell(b.Min)
	x1, y1 := g.cell(b.Max)
	var found []int
	for y := y0; y <= y1; y++ {
		for x := x0; x <= x1; x++ {
			for _, i := range g.cells[y*g.n+x] {
				if bounds[i].Intersects(b) {
					found = append(found, int(i))
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
