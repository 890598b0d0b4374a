package polygon

import (
	"slices"

	"github.com/paulmach/orb"
)

// assemble makes the canonical multipolygon (see overlay.Canonical) of simple
// rings that do not cross: counter-clockwise ones are shells, clockwise ones
// holes in the smallest shell around them. Rings thinner than the rounding of
// their coordinates are left out; lost is their planar area.
func assemble(pts []orb.Point, ends []int32) (mp orb.MultiPolygon, lost float64, doubt Doubt) {
	shells := make([]shell, 0, len(ends))
	var holes []shell
	// One block for all rings, with their closing points.
	block := make([]orb.Point, 0, len(pts)+len(ends))
	from := int32(0)
	for _, end := range ends {
		open := pts[from:end]
		from = end
		area, thin := planarRing(open)
		if thin {
			lost += abs(area)
			continue
		}
		at := len(block)
		block = append(block, open...)
		rotate(block[at:])
		block = append(block, block[at])
		s := shell{rings: orb.Polygon{orb.Ring(block[at:len(block):len(block)])}, area: area}
		if area > 0 {
			shells = append(shells, s)
		} else {
			holes = append(holes, s)
		}
	}
	if len(shells) > 1 && len(holes) > 0 {
		for i := range shells {
			shells[i].box = boxOf(shells[i].rings[0])
		}
	}
	for i := range holes {
		s := shellOf(shells, &holes[i])
		if s < 0 {
			return nil, lost, BadGeometry
		}
		shells[s].rings = append(shells[s].rings, holes[i].rings[0])
	}
	if len(shells) == 0 {
		return nil, lost, 0
	}
	mp = make(orb.MultiPolygon, len(shells))
	for i := range shells {
		slices.SortFunc(shells[i].rings[1:], compareRings)
		mp[i] = shells[i].rings
	}
	slices.SortFunc(mp, func(p, q orb.Polygon) int { return slices.CompareFunc(p, q, compareRings) })
	return mp, lost, 0
}

type shell struct {
	rings orb.Polygon
	area  float64
	box   box
}

func compareRings(p, q orb.Ring) int { return slices.CompareFunc(p, q, comparePoints) }

func boxOf(pts []orb.Point) box {
	b := noBox
	for _, p := range pts {
		pb := box{p[0], p[1], p[0], p[1]}
		b.add(&pb)
	}
	return b
}

// shellOf finds the smallest shell around a hole.
func shellOf(shells []shell, hole *shell) int {
	if len(shells) == 1 {
		return 0
	}
	hole.box = boxOf(hole.rings[0])
	best := -1
	for i := range shells {
		s := &shells[i]
		if !s.box.holds(&hole.box) || best >= 0 && s.area >= shells[best].area || s.area < -hole.area {
			continue
		}
		if around(s.rings[0], hole.rings[0]) {
			best = i
		}
	}
	return best
}

// around tells whether a ring encloses another, whose vertices may lie on it.
func around(outer, inner orb.Ring) bool {
	for _, p := range inner {
		if in, on := pointInRing(outer, p); !on {
			return in
		}
	}
	return false
}

// pointInRing is exact; on says that the point lies on the ring.
func pointInRing(ring orb.Ring, p orb.Point) (in, on bool) {
	for i := 1; i < len(ring); i++ {
		u, v := ring[i-1], ring[i]
		if b := edgeBox(u, v); p[1] < b.y0 || p[1] > b.y1 || p[0] > b.x1 {
			continue
		}
		det, _ := orient(u, v, p)
		if det == 0 && (u == p || v == p || insideSegment(u, v, p)) {
			return false, true
		}
		if (u[1] > p[1]) != (v[1] > p[1]) && (det > 0) == (v[1] > u[1]) {
			in = !in
		}
	}
	return in, false
}

// planarRing is the signed area of an open ring in the plane. thin says that it
// is no more than what rounding the vertices may make of nothing.
func planarRing(open []orb.Point) (area float64, thin bool) {
	o := open[0]
	last := open[len(open)-1]
	length, size := 0.0, max(abs(o[0]), abs(o[1]))
	for _, p := range open {
		area += 0.5 * ((last[0] - o[0]) + (p[0] - o[0])) * (p[1] - last[1])
		length += abs(p[0]-last[0]) + abs(p[1]-last[1])
		last = p
	}
	return area, abs(area) <= 4*unit*size*length
}

// rotate makes a ring begin at its smallest vertex.
func rotate(open []orb.Point) {
	first := 0
	for i, p := range open {
		if before(p, open[first]) {
			first = i
		}
	}
	if first > 0 {
		slices.Reverse(open[:first])
		slices.Reverse(open[first:])
		slices.Reverse(open)
	}
}
