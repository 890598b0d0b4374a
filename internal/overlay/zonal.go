package overlay

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/paulmach/orb"
)

// Coverage is how much of a polygon lies on cells of each slope class, in
// square metres of the plane; for shares and majorities only.
type Coverage struct {
	// ByClass[k] belongs to class k+1.
	ByClass [Classes]float64
	// Total is the polygon's whole plane area, also where no class is known.
	Total float64
}

// Known is the part of the polygon that lies on cells with a class.
func (c Coverage) Known() float64 {
	var s float64
	for _, v := range c.ByClass {
		s += v
	}
	return s
}

// KnownShare is Known as a share 0…1 of the polygon; 0 for a polygon without
// area.
func (c Coverage) KnownShare() float64 {
	if c.Total <= 0 {
		return 0
	}
	return min(1, c.Known()/c.Total)
}

// Majority is the class 1…5 with the largest area, the lower one when two are
// equal; 0 when no part has a class.
func (c Coverage) Majority() int {
	best, class := 0.0, 0
	for k, v := range c.ByClass {
		if v > best {
			best, class = v, k+1
		}
	}
	return class
}

// farthest bounds coordinates in cells from the raster's corner. Beyond it
// differences of coordinates lose the cell.
const farthest = 1e12

// residue, in cells, is what rounding may leave of a class that the polygon
// does not touch.
const residue = 1e-7

// Zonal gives the area of a polygon by slope class. Cells that the boundary
// cuts count with exactly the part inside: the sum over the polygon is the
// closed integral of the row-wise prefix sums along the boundary, so the cost
// follows the perimeter. Parts outside the raster count in Total only.
//
// Rings may turn either way; the first of a polygon is its shell, the others
// are holes. They must not cross themselves: the loops of one that does count
// against each other. A coordinate that is not finite is an error.
func (m *SlopeMap) Zonal(polygons orb.MultiPolygon) (Coverage, error) {
	var out Coverage
	for p, polygon := range polygons {
		for r, ring := range polygon {
			w := walk{m: m}
			if err := w.ring(ring); err != nil {
				return Coverage{}, fmt.Errorf("polygon %d, ring %d: %w", p, r, err)
			}
			// The direction of a ring says nothing about its role.
			sign := 1.0
			if (w.area < 0) != (r > 0) {
				sign = -1
			}
			out.Total += sign * w.area
			for k := range Classes {
				out.ByClass[k] += sign * w.sum[k]
			}
		}
	}
	cell := m.frame.DX * m.frame.DY
	out.Total *= cell
	for k := range Classes {
		if out.ByClass[k] < residue {
			out.ByClass[k] = 0
		}
		out.ByClass[k] *= cell
	}
	return out, nil
}

// walk integrates along one ring in cell coordinates: u columns east, v rows
// south of the raster's corner.
type walk struct {
	m    *SlopeMap
	sum  [Classes]float64
	area float64
}

func (w *walk) ring(ring orb.Ring) error {
	f := w.m.frame
	n := len(ring)
	if n < 3 {
		return nil
	}
	cell := func(p orb.Point) (u, v float64) { return (p[0] - f.X0) / f.DX, (f.Y0 - p[1]) / f.DY }
	uo, _ := cell(ring[0])
	u1, v1 := cell(ring[n-1])
	for i, p := range ring {
		u2, v2 := cell(p)
		if !(math.Abs(u2) < farthest && math.Abs(v2) < farthest) {
			return fmt.Errorf("vertex %d (%g, %g) is not a place near the raster", i, p[0], p[1])
		}
		w.area += ((u1+u2)/2 - uo) * (v2 - v1)
		w.edge(u1, v1, u2, v2)
		u1, v1 = u2, v2
	}
	return nil
}

// edge adds the integral of the prefix sums over one edge, row by row. It
// always walks south, so that an edge that two polygons share adds to one
// exactly what it takes from the other.
func (w *walk) edge(u1, v1, u2, v2 float64) {
	if v1 == v2 {
		return
	}
	sign := 1.0
	if v1 > v2 {
		u1, v1, u2, v2, sign = u2, v2, u1, v1, -1
	}
	from, to := max(v1, 0), min(v2, float64(w.m.frame.Height))
	if from >= to || max(u1, u2) <= 0 {
		return
	}
	slope := (u2 - u1) / (v2 - v1)
	at := func(v float64) float64 {
		switch v {
		case v1:
			return u1
		case v2:
			return u2
		}
		return u1 + (v-v1)*slope
	}
	ua := at(from)
	for row := int(from); from < to; row++ {
		v := min(float64(row+1), to)
		ub := at(v)
		w.row(row, ua, ub, sign*(v-from))
		from, ua = v, ub
	}
}

// row adds a piece of an edge inside one row of cells; dv is its height in
// rows, signed.
func (w *walk) row(row int, ua, ub, dv float64) {
	if ua > ub {
		ua, ub = ub, ua
	}
	width := float64(w.m.frame.Width)
	runs := w.m.runs[row*w.m.perRow : (row+1)*w.m.perRow]
	switch {
	case ub <= 0:
		return
	case ua >= width:
		w.cell(runs, w.m.frame.Width, 0, dv)
		return
	}
	col := int(max(ua, 0))
	if ua >= 0 && ub <= float64(col+1) {
		w.cell(runs, col, (ua+ub)/2-float64(col), dv)
		return
	}
	perColumn := dv / (ub - ua)
	for a := max(ua, 0); a < ub; col++ {
		if col == w.m.frame.Width {
			w.cell(runs, col, 0, (ub-a)*perColumn)
			return
		}
		b := min(float64(col+1), ub)
		w.cell(runs, col, (a+b)/2-float64(col), (b-a)*perColumn)
		a = b
	}
}

// cell adds dv times the prefix sum at the middle of a piece that lies in one
// cell; inside the cell the prefix sum grows linearly.
func (w *walk) cell(runs []run, col int, inside, dv float64) {
	r := &runs[col>>6]
	bit := col & 63
	below := uint64(1)<<bit - 1
	for k := range Classes {
		count := float64(int(r.west[k]) + bits.OnesCount64(r.mask[k]&below))
		if r.mask[k]>>bit&1 == 1 {
			count += inside
		}
		w.sum[k] += dv * count
	}
}
