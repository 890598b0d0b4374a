package overlay

import (
	"cmp"
	"slices"

	"github.com/paulmach/orb"
)

// Canonical puts a polygon into the one form in which equal geometries are
// equal bytes: shells counter-clockwise and holes clockwise, every ring closed
// and beginning at its smallest vertex (x, then y), holes and then polygons
// sorted by their first vertices. Rings without area are dropped. The argument
// is not changed.
func Canonical(polygons orb.MultiPolygon) orb.MultiPolygon {
	out := make(orb.MultiPolygon, 0, len(polygons))
	for _, polygon := range polygons {
		var p orb.Polygon
		for r, ring := range polygon {
			c := canonicalRing(ring, r > 0)
			if c == nil {
				if r == 0 {
					break
				}
				continue
			}
			p = append(p, c)
		}
		if len(p) == 0 {
			continue
		}
		slices.SortFunc(p[1:], compareRings)
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b orb.Polygon) int { return slices.CompareFunc(a, b, compareRings) })
	return out
}

func canonicalRing(ring orb.Ring, hole bool) orb.Ring {
	open := append(make(orb.Ring, 0, len(ring)+1), ring...)
	if len(open) > 1 && open[0] == open[len(open)-1] {
		open = open[:len(open)-1]
	}
	open = slices.Compact(open)
	if len(open) < 3 {
		return nil
	}
	turn := turns(append(open, open[0]))
	if turn == 0 {
		return nil
	}
	if (turn < 0) != hole {
		slices.Reverse(open)
	}
	first := 0
	for i, p := range open {
		if c := comparePoints(p, open[first]); c < 0 || c == 0 && compareFrom(open, i, first) < 0 {
			first = i
		}
	}
	if first == 0 {
		return append(open, open[0])
	}
	out := make(orb.Ring, 0, len(open)+1)
	out = append(append(out, open[first:]...), open[:first]...)
	return append(out, out[0])
}

// compareFrom decides between two visits of one ring to the same vertex by what
// follows them.
func compareFrom(ring orb.Ring, a, b int) int {
	for k := range ring {
		if c := comparePoints(ring[(a+k)%len(ring)], ring[(b+k)%len(ring)]); c != 0 {
			return c
		}
	}
	return 0
}

func comparePoints(a, b orb.Point) int {
	return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
}

func compareRings(a, b orb.Ring) int { return slices.CompareFunc(a, b, comparePoints) }
