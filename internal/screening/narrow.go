package screening

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
)

// side is one edge of a ring with where it lies along it.
type side struct {
	a, b orb.Point
	// ring numbers rings; from and to are lengths along it, whole is its length.
	ring            int
	from, to, whole float64
	low, high       [2]float64
}

// mayBeNarrow tells whether a polygon may be narrower than width metres
// somewhere, apart from crumbs: it never misses such a place, and a false yes
// only costs an opening. Where land is narrow two edges come near each other
// that are not neighbours along the ring, or neighbours make a sharp corner, or
// the whole is so small a triangle that no disc fits.
func mayBeNarrow(shape orb.MultiPolygon, width float64) bool {
	n, ring := 0, 0
	for _, polygon := range shape {
		if math.Abs(planar.Area(polygon)) < 4*width*width {
			return true
		}
		for _, r := range polygon {
			n += len(r)
		}
	}
	sides := make([]side, 0, n)
	for _, polygon := range shape {
		for _, r := range polygon {
			sides = appendSides(sides, r, ring)
			ring++
		}
	}
	fromWest := make([]*side, len(sides))
	for i := range sides {
		fromWest[i] = &sides[i]
	}
	slices.SortFunc(fromWest, func(a, b *side) int { return cmp.Compare(a.low[0], b.low[0]) })
	for i, s := range fromWest {
		for _, t := range fromWest[i+1:] {
			if t.low[0] > s.high[0]+width {
				break
			}
			if t.low[1] > s.high[1]+width || t.high[1] < s.low[1]-width {
				continue
			}
			if s.follows(t, width) {
				if s.turnsBack(t) {
					return true
				}
				continue
			}
			if distance(s, t) < width {
				return true
			}
		}
	}
	return false
}

// follows tells whether two edges of a ring have no more than a crumb's length of
// boundary between them.
func (s *side) follows(t *side, width float64) bool {
	if s.ring != t.ring {
		return false
	}
	between := max(t.from-s.to, s.from-t.to)
	around := s.whole - max(s.to, t.to) + min(s.from, t.from)
	return min(between, around) <= min(width, crumb/width)
}

func appendSides(list []side, r orb.Ring, ring int) []side {
	whole := 0.0
	for i := 1; i < len(r); i++ {
		whole += math.Hypot(r[i][0]-r[i-1][0], r[i][1]-r[i-1][1])
	}
	at := 0.0
	for i := 1; i < len(r); i++ {
		a, b := r[i-1], r[i]
		length := math.Hypot(b[0]-a[0], b[1]-a[1])
		list = append(list, side{a: a, b: b, ring: ring, from: at, to: at + length, whole: whole,
			low: [2]float64{min(a[0], b[0]), min(a[1], b[1])}, high: [2]float64{max(a[0], b[0]), max(a[1], b[1])}})
		at += length
	}
	return list
}

// sharpest is the cosine of the sharpest corner that a mitred join keeps.
var sharpest = math.Cos(2 * math.Asin(1.0/mitre))

// turnsBack tells whether two edges that follow each other make a sharper corner
// than that.
func (s *side) turnsBack(t *side) bool {
	ax, ay, bx, by := s.a[0]-s.b[0], s.a[1]-s.b[1], t.b[0]-t.a[0], t.b[1]-t.a[1]
	return ax*bx+ay*by > sharpest*math.Hypot(ax, ay)*math.Hypot(bx, by)
}

// distance between two edges that do not cross.
func distance(s, t *side) float64 {
	return min(toSide(s.a, t), toSide(s.b, t), toSide(t.a, s), toSide(t.b, s))
}

func toSide(p orb.Point, s *side) float64 {
	dx, dy := s.b[0]-s.a[0], s.b[1]-s.a[1]
	along := 0.0
	if d := dx*dx + dy*dy; d > 0 {
		along = min(1, max(0, ((p[0]-s.a[0])*dx+(p[1]-s.a[1])*dy)/d))
	}
	return math.Hypot(p[0]-s.a[0]-along*dx, p[1]-s.a[1]-along*dy)
}
