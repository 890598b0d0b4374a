package overlay

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/paulmach/orb"
)

// Counts is how many cells of each slope class have their centre in a polygon:
// the rule of gdal_rasterize and of most desktop tools (像元中心法). For
// comparison with those; [SlopeMap.Zonal] is exact.
type Counts struct {
	// ByClass[k] belongs to class k+1.
	ByClass [Classes]int64
	// Total counts also cells without a class, on the raster.
	Total int64
}

// reach is a run of columns, from ≤ column < to, whose centres lie inside.
type reach struct{ row, from, to int }

// hit is where an edge crosses the line of a row's centres.
type hit struct {
	row int
	u   float64
}

// Centres counts the cells whose centre lies in the polygons, exactly as GDAL
// rasterizes them (all rings together, by the even-odd rule): a centre on an
// edge to its east is inside and on one to its west outside; of horizontal edges
// along a line of centres those count on which a ring turned clockwise runs west.
// A coordinate that is not finite is an error.
func (m *SlopeMap) Centres(polygons orb.MultiPolygon) (Counts, error) {
	var hits []hit
	var runs []reach
	f := m.frame
	// GDAL's own way to divide by the cell.
	au, bu, av, bv := -f.X0/f.DX, 1/f.DX, f.Y0/f.DY, -1/f.DY
	for p, polygon := range polygons {
		for r, ring := range polygon {
			clockwise := ring.Orientation() != orb.CCW
			for i, at := range ring {
				u, v := au+at[0]*bu, av+at[1]*bv
				if !(math.Abs(u) < farthest && math.Abs(v) < farthest) {
					return Counts{}, fmt.Errorf("polygon %d, ring %d: vertex %d (%g, %g) is not a place near the raster", p, r, i, at[0], at[1])
				}
				// The file's rings are closed; an open one is closed here.
				from := ring[(i+len(ring)-1)%len(ring)]
				u0, v0 := au+from[0]*bu, av+from[1]*bv
				if v0 == v && (u0 > u) == clockwise {
					runs = m.along(runs, v, u0, u)
				}
				hits = m.cross(hits, u0, v0, u, v)
			}
		}
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.u, b.u)) })
	for i := 0; i+1 < len(hits); i += 2 {
		runs = m.run(runs, hits[i].row, hits[i].u, hits[i+1].u)
	}
	slices.SortFunc(runs, func(a, b reach) int { return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.from, b.from)) })
	var out Counts
	row, done := -1, 0
	for _, r := range runs {
		if r.row != row {
			row, done = r.row, 0
		}
		r.from = max(r.from, done) // horizontal edges may repeat what is inside
		if r.from < r.to {
			m.count(&out, r)
			done = r.to
		}
	}
	return out, nil
}

// cross adds the crossings of one edge with the lines of centres.
func (m *SlopeMap) cross(hits []hit, u1, v1, u2, v2 float64) []hit {
	if v1 > v2 {
		u1, v1, u2, v2 = u2, v2, u1, v1
	}
	for row := max(math.Ceil(v1-0.5), 0); row < float64(m.frame.Height) && row+0.5 < v2; row++ {
		hits = append(hits, hit{int(row), (row+0.5-v1)*(u2-u1)/(v2-v1) + u1})
	}
	return hits
}

// along adds what a horizontal edge covers of a line of centres.
func (m *SlopeMap) along(runs []reach, v, u1, u2 float64) []reach {
	row := math.Floor(v)
	if row+0.5 != v || row < 0 || row >= float64(m.frame.Height) {
		return runs
	}
	return m.run(runs, int(row), min(u1, u2), max(u1, u2))
}

// run adds the columns whose centres lie between two places of a row.
func (m *SlopeMap) run(runs []reach, row int, u1, u2 float64) []reach {
	width := float64(m.frame.Width)
	from, to := min(max(math.Floor(u1+0.5), 0), width), min(max(math.Floor(u2+0.5), 0), width)
	if from >= to {
		return runs
	}
	return append(runs, reach{row, int(from), int(to)})
}

func (m *SlopeMap) count(out *Counts, r reach) {
	out.Total += int64(r.to - r.from)
	runs := m.runs[r.row*m.perRow : (r.row+1)*m.perRow]
	for k := range Classes {
		before := func(col int) int {
			c := &runs[col>>6]
			return int(c.west[k]) + bits.OnesCount64(c.mask[k]&(1<<(col&63)-1))
		}
		out.ByClass[k] += int64(before(r.to) - before(r.from))
	}
}
