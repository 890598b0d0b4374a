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

// MosaicBuilder takes the polygons one by one. The zero value is empty.
type MosaicBuilder struct{ areas []area }

// Add takes the next polygon; its number is how many came before it. Its
// coordinates must not change afterwards.
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

// edgesPerBand is small, since a parcel is asked for hundreds of points and sorted
// once.
const edgesPerBand = 4

func newArea(polygons orb.MultiPolygon) area {
	a := area{box: polygons.Bound()}
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
