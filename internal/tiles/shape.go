package tiles

import (
	"math"
	"slices"
	"sort"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/clip"
)

// edges is a tile with its margin, in units.
var edges = orb.Bound{Min: orb.Point{-margin, -margin}, Max: orb.Point{Extent + margin, Extent + margin}}

// project brings polygons to the tile's units, in place, and gives their bounds.
func (f *frame) project(mp orb.MultiPolygon) orb.Bound {
	b := orb.Bound{Min: orb.Point{math.Inf(1), math.Inf(1)}, Max: orb.Point{math.Inf(-1), math.Inf(-1)}}
	for _, poly := range mp {
		for _, ring := range poly {
			for i, p := range ring {
				ring[i] = f.units(p)
				b = b.Extend(ring[i])
			}
		}
	}
	return b
}

// drawn is the geometry of polygons in units whose bounds are b: cut at the
// margin, on whole units, exteriors clockwise on the screen. What lies in the tile
// and is too small to be drawn becomes a pixel, so that nothing vanishes. nil:
// nothing of it is in the tile.
func drawn(dst []byte, mp orb.MultiPolygon, b orb.Bound) []byte {
	if !edges.Intersects(b) {
		return nil
	}
	if !edges.Contains(b.Min) || !edges.Contains(b.Max) {
		mp = clip.MultiPolygon(edges, mp)
	}
	var pen cursor
	out := dst[:0]
	for _, poly := range mp {
		for r, ring := range poly {
			whole := whole(ring, r == 0)
			if whole == nil {
				if r == 0 {
					break // its holes are no larger
				}
				continue
			}
			out = pen.ring(out, whole)
		}
	}
	if c := mp.Bound().Center(); len(out) == 0 && len(mp) > 0 && inTile(c) {
		return pen.ring(out, dot(c))
	}
	return out
}

// inTile says whether a point belongs to the tile itself: every point is in one.
func inTile(p orb.Point) bool { return p[0] >= 0 && p[0] < Extent && p[1] >= 0 && p[1] < Extent }

// dot is the pixel around a point.
func dot(p orb.Point) []cursor {
	x, y := int32(math.Floor(p[0]/pixel))*pixel, int32(math.Floor(p[1]/pixel))*pixel
	return []cursor{{x, y}, {x + pixel, y}, {x + pixel, y + pixel}, {x, y + pixel}}
}

// whole puts a ring on whole units, without its closing point and without points
// that say nothing; nil if no area is left.
func whole(ring orb.Ring, exterior bool) []cursor {
	out := make([]cursor, 0, len(ring))
	for _, p := range ring {
		q := quantised(p)
		if n := len(out); n > 0 && out[n-1] == q {
			continue
		}
		for n := len(out); n > 1 && straight(out[n-2], out[n-1], q); n = len(out) {
			out = out[:n-1]
		}
		out = append(out, q)
	}
	if n := len(out); n > 1 && out[0] == out[n-1] {
		out = out[:n-1]
	}
	area := doubleArea(out)
	if area == 0 {
		return nil
	}
	if area > 0 != exterior {
		slices.Reverse(out)
	}
	return out
}

// straight says whether b lies on the way from a to c.
func straight(a, b, c cursor) bool {
	x1, y1 := int64(b.x-a.x), int64(b.y-a.y)
	x2, y2 := int64(c.x-b.x), int64(c.y-b.y)
	return x1*y2 == x2*y1 && x1*x2+y1*y2 > 0
}

// doubleArea is twice the area, positive if clockwise on the screen.
func doubleArea(ring []cursor) int64 {
	var sum int64
	for i, p := range ring {
		q := ring[(i+1)%len(ring)]
		sum += int64(p.x)*int64(q.y) - int64(q.x)*int64(p.y)
	}
	return sum
}

// area is twice a ring's area in square units.
func area(ring orb.Ring) float64 {
	var sum float64
	for i := 1; i < len(ring); i++ {
		sum += (ring[i-1][0]-ring[0][0])*(ring[i][1]-ring[0][1]) - (ring[i][0]-ring[0][0])*(ring[i-1][1]-ring[0][1])
	}
	return math.Abs(sum)
}

// labelArea is how large a feature must be to be labelled: 24 by 24 pixels, twice,
// in square units. It bounds how many labels a tile has. Declared parcels are all
// labelled: each has a verdict, which is shown by a mark, and whoever draws them
// thins the marks by how bad the verdicts are, which size says nothing of.
const labelArea = 2 * 24 * 24 * pixel * pixel

// label is where a feature is labelled: in the largest of its polygons, in the
// middle of the widest stretch of the line half way down, which is always inside.
// It is in one tile only, however many the feature is drawn in. What is smaller than
// least has none.
func label(mp orb.MultiPolygon, least float64) (orb.Point, bool) {
	var best orb.Polygon
	size := 0.0
	for _, poly := range mp {
		if a := area(poly[0]); a > size {
			best, size = poly, a
		}
	}
	if size == 0 || size < least {
		return orb.Point{}, false
	}
	b := best.Bound()
	y := between(best, (b.Min[1]+b.Max[1])/2)
	var xs []float64
	for _, ring := range best {
		for i := 1; i < len(ring); i++ {
			p, q := ring[i-1], ring[i]
			if p[1] > y != (q[1] > y) {
				xs = append(xs, p[0]+(y-p[1])/(q[1]-p[1])*(q[0]-p[0]))
			}
		}
	}
	sort.Float64s(xs)
	var at, width float64
	for i := 0; i+1 < len(xs); i += 2 {
		if w := xs[i+1] - xs[i]; w > width {
			at, width = (xs[i]+xs[i+1])/2, w
		}
	}
	p := orb.Point{at, y}
	return p, width > 0 && inTile(p)
}

// between moves y off the heights of vertices, as far from them as can be.
func between(poly orb.Polygon, y float64) float64 {
	above, below := math.Inf(-1), math.Inf(1)
	for _, ring := range poly {
		for _, p := range ring {
			if p[1] <= y {
				above = max(above, p[1])
			} else {
				below = min(below, p[1])
			}
		}
	}
	if math.IsInf(above, 0) || math.IsInf(below, 0) {
		return y
	}
	return (above + below) / 2
}
