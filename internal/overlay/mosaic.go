package overlay

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// Mosaic answers which of many polygons holds a point, for polygons that cover
// the land beside each other (地类图斑). It is not changed after it is built and
// may be read by many goroutines.
type Mosaic struct {
	areas []area
	tree  boxTree
}

// NewMosaic indexes polygons; their numbers are their places in the slice. The
// coordinates are copied.
func NewMosaic(polygons []orb.MultiPolygon) *Mosaic {
	m := &Mosaic{areas: make([]area, len(polygons))}
	boxes := make([]orb.Bound, len(polygons))
	for i, p := range polygons {
		m.areas[i] = newArea(p)
		boxes[i] = m.areas[i].box
	}
	m.tree = newBoxTree(boxes)
	return m
}

// At gives the polygon that holds a point, the first in the slice when several
// do; -1 when none does. A point on a boundary belongs to either side.
func (m *Mosaic) At(p orb.Point) int {
	found := -1
	m.tree.at(p, func(i int) {
		if (found < 0 || i < found) && m.areas[i].holds(p) {
			found = i
		}
	})
	return found
}

// area is one polygon's edges, sorted into horizontal bands so that a point is
// compared only with those at its height.
type area struct {
	box    orb.Bound
	points []orb.Point
	// edges of band b are refs[band[b]:band[b+1]]; edge r runs from point r to
	// point r+1.
	band []int32
	refs []int32
}

// edgesPerBand keeps small polygons in one band.
const edgesPerBand = 16

func newArea(polygons orb.MultiPolygon) area {
	a := area{box: polygons.Bound()}
	var edges []int32
	for _, polygon := range polygons {
		for _, ring := range polygon {
			for i, p := range ring {
				if i+1 < len(ring) && p[1] != ring[i+1][1] {
					edges = append(edges, int32(len(a.points)))
				}
				a.points = append(a.points, p)
			}
		}
	}
	bands := max(1, len(edges)/edgesPerBand)
	a.band = make([]int32, bands+1)
	span := func(e int32) (int, int) {
		y1, y2 := a.points[e][1], a.points[e+1][1]
		return a.bandOf(min(y1, y2)), a.bandOf(max(y1, y2))
	}
	for _, e := range edges {
		from, to := span(e)
		for b := from; b <= to; b++ {
			a.band[b+1]++
		}
	}
	for b := range bands {
		a.band[b+1] += a.band[b]
	}
	a.refs = make([]int32, a.band[bands])
	next := slices.Clone(a.band)
	for _, e := range edges {
		from, to := span(e)
		for b := from; b <= to; b++ {
			a.refs[next[b]] = e
			next[b]++
		}
	}
	return a
}

func (a *area) bandOf(y float64) int {
	bands := len(a.band) - 1
	height := a.box.Max[1] - a.box.Min[1]
	if !(height > 0) {
		return 0
	}
	return min(bands-1, max(0, int((y-a.box.Min[1])/height*float64(bands))))
}

// holds counts the edges east of the point.
func (a *area) holds(p orb.Point) bool {
	if len(a.points) == 0 || !a.box.Contains(p) {
		return false
	}
	b := a.bandOf(p[1])
	inside := false
	for _, e := range a.refs[a.band[b]:a.band[b+1]] {
		q, r := a.points[e], a.points[e+1]
		if (q[1] > p[1]) != (r[1] > p[1]) && p[0] < q[0]+(p[1]-q[1])/(r[1]-q[1])*(r[0]-q[0]) {
			inside = !inside
		}
	}
	return inside
}

// boxTree is a packed tree of boxes (sort-tile-recursive), leaves first.
type boxTree struct {
	order  []int32
	levels [][]orb.Bound
}

const fanout = 16

func newBoxTree(boxes []orb.Bound) boxTree {
	n := len(boxes)
	t := boxTree{order: make([]int32, n)}
	for i := range t.order {
		t.order[i] = int32(i)
	}
	middle := func(i int32, axis int) float64 { return boxes[i].Min[axis] + boxes[i].Max[axis] }
	by := func(axis int) func(a, b int32) int {
		return func(a, b int32) int {
			return cmp.Or(cmp.Compare(middle(a, axis), middle(b, axis)), cmp.Compare(a, b))
		}
	}
	slices.SortFunc(t.order, by(0))
	slab := fanout * max(1, int(math.Ceil(math.Sqrt(float64(n)/fanout))))
	for from := 0; from < n; from += slab {
		slices.SortFunc(t.order[from:min(n, from+slab)], by(1))
	}
	level := make([]orb.Bound, n)
	for i, o := range t.order {
		level[i] = boxes[o]
	}
	for {
		t.levels = append(t.levels, level)
		if len(level) <= 1 {
			return t
		}
		up := make([]orb.Bound, 0, len(level)/fanout+1)
		for from := 0; from < len(level); from += fanout {
			box := level[from]
			for _, b := range level[from+1 : min(len(level), from+fanout)] {
				box = box.Union(b)
			}
			up = append(up, box)
		}
		level = up
	}
}

// at calls visit for every box that contains the point.
func (t *boxTree) at(p orb.Point, visit func(int)) {
	top := len(t.levels) - 1
	if len(t.levels[top]) > 0 {
		t.descend(top, 0, p, visit)
	}
}

func (t *boxTree) descend(level, i int, p orb.Point, visit func(int)) {
	if !t.levels[level][i].Contains(p) {
		return
	}
	if level == 0 {
		visit(int(t.order[i]))
		return
	}
	below := len(t.levels[level-1])
	for c := i * fanout; c < min(below, (i+1)*fanout); c++ {
		t.descend(level-1, c, p, visit)
	}
}
