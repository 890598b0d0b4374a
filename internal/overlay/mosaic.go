package overlay

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/paulmach/orb"
)

// Mosaic answers which of many polygons holds a point, for polygons that cover
// the land beside each other (地类图斑). To those who use it it is not changed after
// it is built, and it may be read by many goroutines.
type Mosaic struct {
	shapes []orb.MultiPolygon
	boxes  []orb.Bound
	tree   boxTree
	// areas are made when first asked for: few parcels of a county lie near what is
	// screened.
	areas []atomic.Pointer[area]
}

// MosaicBuilder takes the polygons one by one. The zero value is empty.
type MosaicBuilder struct {
	shapes []orb.MultiPolygon
	boxes  []orb.Bound
}

// Add takes the next polygon; its number is how many came before it. Its
// coordinates must not change afterwards.
func (b *MosaicBuilder) Add(polygon orb.MultiPolygon) {
	b.shapes, b.boxes = append(b.shapes, polygon), append(b.boxes, bound(polygon))
}

// bound is what orb gives, in a quarter of the time: counties have millions of
// vertices.
func bound(polygons orb.MultiPolygon) orb.Bound {
	b := orb.Bound{Min: orb.Point{math.Inf(1), math.Inf(1)}, Max: orb.Point{math.Inf(-1), math.Inf(-1)}}
	for _, polygon := range polygons {
		if len(polygon) == 0 {
			continue
		}
		for _, p := range polygon[0] {
			b.Min = orb.Point{min(b.Min[0], p[0]), min(b.Min[1], p[1])}
			b.Max = orb.Point{max(b.Max[0], p[0]), max(b.Max[1], p[1])}
		}
	}
	if b.Min[0] > b.Max[0] { // of nothing
		return polygons.Bound()
	}
	return b
}

// Append takes what another builder has, after what was added before. The other
// must not be used after.
func (b *MosaicBuilder) Append(o *MosaicBuilder) {
	b.shapes, b.boxes = append(b.shapes, o.shapes...), append(b.boxes, o.boxes...)
}

// Build gives the mosaic of what was added. The builder must not be used after.
func (b *MosaicBuilder) Build() *Mosaic {
	return &Mosaic{shapes: b.shapes, boxes: b.boxes, tree: newBoxTree(b.boxes), areas: make([]atomic.Pointer[area], len(b.shapes))}
}

// Len is the number of polygons.
func (m *Mosaic) Len() int { return len(m.shapes) }

// area gives a polygon's edges. Two that ask at once may both sort them.
func (m *Mosaic) area(i int) *area {
	if a := m.areas[i].Load(); a != nil {
		return a
	}
	a := newArea(m.shapes[i])
	m.areas[i].Store(&a)
	return &a
}

// At gives the polygon that holds a point, the first one added when several do; -1 when none does. A point on a boundary belongs to either side.
func (m *Mosaic) At(p orb.Point) int {
	found := -1
	m.tree.search(orb.Bound{Min: p, Max: p}, func(i int) {
		if (found < 0 || i < found) && m.area(i).holds(p) {
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

// edgesPerBand is small, since a parcel is asked for hundreds of points and sorted
// once.
const edgesPerBand = 4

func newArea(polygons orb.MultiPolygon) area {
	a := area{box: bound(polygons)}
	var (
		few  [64]int32
		ends = few[:0] // of the rings among the points
	)
	for _, polygon := range polygons {
		for _, ring := range polygon {
			if len(ring) == 0 {
				continue
			}
			if len(a.points) == 0 { // as a rule it is the only one, and need not be copied
				a.points = slices.Clip([]orb.Point(ring))
			} else {
				a.points = append(a.points, ring...)
			}
			ends = append(ends, int32(len(a.points)))
		}
	}
	a.sort(ends)
	return a
}

// sort puts the edges of the rings, which end at these points, into bands.
func (a *area) sort(ends []int32) {
	bands := max(1, (len(a.points)-len(ends))/edgesPerBand)
	a.band = make([]int32, bands+1)
	var few [256]int32
	at := few[:] // the band of every point
	if len(a.points) > len(few) {
		at = make([]int32, len(a.points))
	}
	for i, p := range a.points {
		at[i] = int32(a.bandOf(p[1]))
	}
	from := int32(0)
	for _, end := range ends {
		for e := from; e < end-1; e++ {
			for b := min(at[e], at[e+1]); b <= max(at[e], at[e+1]); b++ {
				a.band[b]++
			}
		}
		from = end
	}
	// where each band ends, and as it fills from there, where it begins
	for b := range bands {
		a.band[b+1] += a.band[b]
	}
	a.refs = make([]int32, a.band[bands])
	for r := len(ends) - 1; r >= 0; r-- {
		from := int32(0)
		if r > 0 {
			from = ends[r-1]
		}
		for e := ends[r] - 2; e >= from; e-- {
			for b := min(at[e], at[e+1]); b <= max(at[e], at[e+1]); b++ {
				a.band[b]--
				a.refs[a.band[b]] = e
			}
		}
	}
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
