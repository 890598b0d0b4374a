package geodata

import (
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// Grid is the rounding of coordinates, metres: the four decimals of the survey
// standard (TD/T 1016, 1057).
const Grid = 0.0001

// Round rounds a coordinate in metres to the Grid, halves away from zero. A
// processor rounds halves to even in one instruction and math.Round takes twenty,
// which a survey of five million vertices feels; only a half needs the difference.
func Round(v float64) float64 {
	v *= 10000
	r := math.RoundToEven(v)
	if d := v - r; d == 0.5 || d == -0.5 {
		r = math.Round(v)
	}
	return r / 10000
}

// Canonical puts polygons into the one form that equal areas share: exterior
// rings counter-clockwise, holes clockwise, every ring closed and begun at its
// smallest vertex (x, then y), holes and polygons sorted by their vertices.
// Geometry from any format then compares and hashes equal. It changes mp in
// place; coordinates are not touched, nothing is judged or repaired.
func Canonical(mp orb.MultiPolygon) orb.MultiPolygon {
	for _, polygon := range mp {
		for i, ring := range polygon {
			canonicalRing(ring, i == 0)
		}
		if len(polygon) > 2 {
			slices.SortFunc(polygon[1:], compareRings)
		}
	}
	if len(mp) > 1 {
		slices.SortFunc(mp, comparePolygons)
	}
	return mp
}

// canonicalRing orients a closed ring and rotates it in place.
func canonicalRing(r orb.Ring, counterClockwise bool) {
	if len(r) < 4 {
		return
	}
	if twiceArea(r) < 0 == counterClockwise {
		slices.Reverse(r)
	}
	open := r[:len(r)-1]
	start := firstVertex(open)
	if start != 0 {
		slices.Reverse(open[:start])
		slices.Reverse(open[start:])
		slices.Reverse(open)
	}
	r[len(r)-1] = r[0]
}

// firstVertex gives where the smallest rotation begins: at the smallest vertex
// and, where that occurs again, at the one followed by smaller vertices. Two
// candidates race along the ring, so hostile rings cost linear time too.
func firstVertex(r orb.Ring) int {
	n := len(r)
	least, again := 0, false
	for i := 1; i < n; i++ {
		switch c := comparePoints(r[i], r[least]); {
		case c < 0:
			least, again = i, false
		case c == 0:
			again = true
		}
	}
	if !again {
		return least
	}
	i, j, k := 0, 1, 0
	for i < n && j < n && k < n {
		switch c := comparePoints(r[(i+k)%n], r[(j+k)%n]); {
		case c == 0:
			k++
			continue
		case c > 0:
			i += k + 1
		default:
			j += k + 1
		}
		if i == j {
			j++
		}
		k = 0
	}
	return min(i, j)
}

func comparePoints(a, b orb.Point) int {
	for i := range a {
		if a[i] < b[i] {
			return -1
		}
		if a[i] > b[i] {
			return 1
		}
	}
	return 0
}

func compareRings(a, b orb.Ring) int { return slices.CompareFunc(a, b, comparePoints) }

func comparePolygons(a, b orb.Polygon) int {
	return slices.CompareFunc(a, b, compareRings)
}

// twiceArea is positive for a counter-clockwise ring. It is taken about the
// first vertex, or the digits of a northing of 4,000 km would eat the area.
func twiceArea(r orb.Ring) float64 {
	if len(r) == 0 {
		return 0
	}
	o := r[0]
	var sum float64
	for i := 1; i < len(r); i++ {
		sum += (r[i-1][0]-o[0])*(r[i][1]-o[1]) - (r[i][0]-o[0])*(r[i-1][1]-o[1])
	}
	return sum
}
