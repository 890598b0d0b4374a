package polygon

import (
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// slabs measures what up to three polygons have in common, in doubles, with a
// bound on its own rounding: the plane is cut into strips at all vertices and
// crossings, within which edges keep their order. It is exactArea done fast and
// shares nothing with the engine. Whatever it misjudges (a crossing that is none,
// two edges in the wrong order) it misjudges where the edges are as near to each
// other as rounding, which the bound counts.
type slabs struct {
	edges   []slabEdge
	heights []float64
	cuts    []slabCut
	// areas by set of polygons, bit 0 for the first.
	areas [8]float64
	// bound on the error of each of the areas, total their sum.
	bound, total float64
}

// slabEdge goes upwards, in coordinates from a vertex of one of the polygons.
type slabEdge struct {
	x0, y0, x1, y1, slope float64
	polygon               uint8
}

type slabCut struct {
	x   float64
	bit uint8
}

// at is the edge's x at a height within it. Beyond the ends nothing is asked.
func (e *slabEdge) at(y float64) float64 {
	if y-e.y0 < e.y1-y {
		return e.x0 + (y-e.y0)*e.slope
	}
	return e.x1 - (e.y1-y)*e.slope
}

func (s *slabs) add(mp orb.MultiPolygon, origin orb.Point, polygon uint8) {
	for _, p := range mp {
		for _, ring := range p {
			for i := 1; i < len(ring); i++ {
				e := slabEdge{ring[i-1][0] - origin[0], ring[i-1][1] - origin[1], ring[i][0] - origin[0], ring[i][1] - origin[1], 0, polygon}
				if e.y0 == e.y1 {
					continue
				}
				if e.y0 > e.y1 {
					e.x0, e.y0, e.x1, e.y1 = e.x1, e.y1, e.x0, e.y0
				}
				e.slope = (e.x1 - e.x0) / (e.y1 - e.y0)
				s.edges = append(s.edges, e)
				s.heights = append(s.heights, e.y0, e.y1)
			}
		}
	}
}

// measure cuts the plane.
func (s *slabs) measure(polygons ...orb.MultiPolygon) {
	s.edges, s.heights, s.areas, s.bound, s.total = s.edges[:0], s.heights[:0], [8]float64{}, 0, 0
	var origin orb.Point
	for _, mp := range polygons {
		if len(mp) > 0 {
			origin = mp[0][0][0]
		}
	}
	for i, mp := range polygons {
		s.add(mp, origin, uint8(i))
	}
	slices.SortFunc(s.edges, func(a, b slabEdge) int {
		if a.y0 < b.y0 {
			return -1
		}
		return 1
	})
	size := 0.0
	for i := range s.edges {
		e := &s.edges[i]
		size = max(size, math.Abs(e.x0), math.Abs(e.x1), math.Abs(e.y0), math.Abs(e.y1))
		for j := i + 1; j < len(s.edges) && s.edges[j].y0 < e.y1; j++ {
			if f := &s.edges[j]; f.polygon != e.polygon {
				s.crossing(e, f)
			}
		}
	}
	slices.Sort(s.heights)
	for k := 1; k < len(s.heights); k++ {
		if lo, hi := s.heights[k-1], s.heights[k]; lo != hi {
			s.strip(lo, hi, size)
		}
	}
}

// strip adds what lies between two heights; size bounds the coordinates.
func (s *slabs) strip(lo, hi, size float64) {
	const ulp = 0x1p-52
	middle := lo + (hi-lo)/2
	s.cuts = s.cuts[:0]
	loose := 0.0
	for i := range s.edges {
		e := &s.edges[i]
		if e.y0 >= middle {
			break
		}
		if e.y1 <= middle {
			continue
		}
		c := slabCut{e.at(middle), 1 << e.polygon}
		at := len(s.cuts)
		s.cuts = append(s.cuts, c)
		for ; at > 0 && s.cuts[at-1].x > c.x; at-- {
			s.cuts[at] = s.cuts[at-1]
		}
		s.cuts[at] = c
		// Heights are off by size·ulp, and the slope turns that into x.
		loose += 4 * ulp * size * (1 + math.Abs(e.slope))
	}
	var in uint8
	for i, c := range s.cuts {
		if i > 0 && in != 0 {
			part := (c.x - s.cuts[i-1].x) * (hi - lo)
			s.areas[in] += part
			s.total += part
		}
		in ^= c.bit
	}
	s.bound += 4*(hi-lo)*loose + ulp*s.total
}

// crossing adds the height at which two edges cross.
func (s *slabs) crossing(e, f *slabEdge) {
	if max(e.x0, e.x1) < min(f.x0, f.x1) || min(e.x0, e.x1) > max(f.x0, f.x1) {
		return
	}
	lo, hi := max(e.y0, f.y0), min(e.y1, f.y1)
	if lo >= hi {
		return
	}
	below, above := e.at(lo)-f.at(lo), e.at(hi)-f.at(hi)
	if below == 0 || above == 0 || (below > 0) == (above > 0) {
		return
	}
	s.heights = append(s.heights, min(max(lo+(hi-lo)*(below/(below-above)), lo), hi))
}

// area is that of the points for whose set of polygons in is true.
func (s *slabs) area(in func(set int) bool) (sum float64) {
	for set := 1; set < len(s.areas); set++ {
		if in(set) {
			sum += s.areas[set]
		}
	}
	return sum
}
