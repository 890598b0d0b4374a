package overlay

import (
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

// MosaicBuilder takes the polygons one by one, so that they need not be in
// memory twice. The zero value is empty.
type MosaicBuilder struct{ areas []area }

// Add takes the next polygon; its number is how many came before it. The
// coordinates are copied.
func (b *MosaicBuilder) Add(polygon orb.MultiPolygon) { b.areas = append(b.areas, newArea(polygon)) }

// Append takes what another builder has, after what was added before. The other
// must not be used after.
func (b *MosaicBuilder) Append(o *MosaicBuilder) { b.areas = append(b.areas, o.areas...) }

// Build gives the mosaic of what was added. The builder must not be used after.
func (b *MosaicBuilder) Build() *Mosaic {
	boxes := make([]orb.Bound, len(b.areas))
	for i := range b.areas {
		boxes[i] = b.areas[i].box
	}
	return &Mosaic{areas: b.areas, tree: newBoxTree(boxes)}
}

// Len is the number of polygons.
func (m *Mosaic) Len() int { return len(m.areas) }

// At gives the polygon that holds a point, the first one added when several do; -1 when none does. A point on a boundary belongs to either side.
func (m *Mosaic) At(p orb.Point) int {
	found := -1
	m.tree.search(orb.Bound{Min: p, Max: p}, func(i int) {
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

// Shape is a polygon made ready to be compared with those of a mosaic. It is not
// changed and may be read by many goroutines.
type Shape struct {
	polygons orb.MultiPolygon
	area     area
}

// NewShape makes a polygon ready. Its coordinates must not change afterwards.
func NewShape(polygons orb.MultiPolygon) *Shape {
	return &Shape{polygons: polygons, area: newArea(polygons)}
}

// Polygons is what the shape was made of.
func (s *Shape) Polygons() orb.MultiPolygon { return s.polygons }

// edgesPerBand keeps small polygons in one band.
const edgesPerBand = 16

func newArea(polygons orb.MultiPolygon) area {
	a := area{box: polygons.Bound()}
	var edges []int32
	for _, polygon := range polygons {
		for _, ring := range polygon {
			for i, p := range ring {
				if i+1 < len(ring) {
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
	if p[0] < a.box.Min[0] || p[0] > a.box.Max[0] || p[1] < a.box.Min[1] || p[1] > a.box.Max[1] || len(a.points) == 0 {
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
