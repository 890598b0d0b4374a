package overlay

import (
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// Near gives the polygons that want selects and that come within d metres of a
// shape (overlapping and touching included), sorted.
func (m *Mosaic) Near(shape *Shape, d float64, want func(int) bool) []int {
	self := &shape.area
	var found []int
	m.tree.search(self.box.Pad(d), func(i int) {
		if want(i) && within(self, m.area(i), d) {
			found = append(found, i)
		}
	})
	slices.Sort(found)
	return found
}

// Clusters joins the selected polygons that come within gap metres of each
// other, directly or through others, and gives each polygon the smallest number
// in its cluster; -1 to those not selected.
func (m *Mosaic) Clusters(gap float64, selected func(int) bool) []int {
	root := make([]int, len(m.shapes))
	for i := range root {
		root[i] = i
		if !selected(i) {
			root[i] = -1
		}
	}
	find := func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	for i := range root {
		if root[i] < 0 {
			continue
		}
		m.tree.search(m.boxes[i].Pad(gap), func(j int) {
			if j >= i || root[j] < 0 {
				return
			}
			// Most neighbours are joined already, through others.
			if a, b := find(i), find(j); a != b && within(m.area(i), m.area(j), gap) {
				root[max(a, b)] = min(a, b)
			}
		})
	}
	for i := range root {
		if root[i] >= 0 {
			root[i] = find(i)
		}
	}
	return root
}

// within tells whether two polygons come within d of each other.
func within(a, b *area, d float64) bool {
	if len(a.points) == 0 || len(b.points) == 0 || !a.box.Pad(d).Intersects(b.box) {
		return false
	}
	if a.holds(b.points[0]) || b.holds(a.points[0]) {
		return true
	}
	// The smaller one's edges look for company among the larger one's.
	if len(a.points) > len(b.points) {
		a, b = b, a
	}
	d2 := d * d
	for _, e := range a.refs {
		p, q := a.points[e], a.points[e+1]
		box := orb.Bound{Min: orb.Point{min(p[0], q[0]) - d, min(p[1], q[1]) - d}, Max: orb.Point{max(p[0], q[0]) + d, max(p[1], q[1]) + d}}
		if !box.Intersects(b.box) {
			continue
		}
		for _, f := range b.refs[b.band[b.bandOf(box.Min[1])]:b.band[b.bandOf(box.Max[1])+1]] {
			r, s := b.points[f], b.points[f+1]
			if max(r[0], s[0]) < box.Min[0] || min(r[0], s[0]) > box.Max[0] ||
				max(r[1], s[1]) < box.Min[1] || min(r[1], s[1]) > box.Max[1] {
				continue
			}
			if segmentDistance2(p, q, r, s) <= d2 {
				return true
			}
		}
	}
	return false
}

// segmentDistance2 is the squared distance of two segments.
func segmentDistance2(p, q, r, s orb.Point) float64 {
	if side(p, q, r)*side(p, q, s) < 0 && side(r, s, p)*side(r, s, q) < 0 {
		return 0
	}
	return min(pointDistance2(p, q, r), pointDistance2(p, q, s), pointDistance2(r, s, p), pointDistance2(r, s, q))
}

func side(a, b, c orb.Point) float64 {
	v := (b[0]-a[0])*(c[1]-a[1]) - (b[1]-a[1])*(c[0]-a[0])
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}

// pointDistance2 is the squared distance of c from the segment a–b.
func pointDistance2(a, b, c orb.Point) float64 {
	dx, dy := b[0]-a[0], b[1]-a[1]
	t := 0.0
	if l := dx*dx + dy*dy; l > 0 {
		t = math.Max(0, math.Min(1, ((c[0]-a[0])*dx+(c[1]-a[1])*dy)/l))
	}
	ex, ey := c[0]-a[0]-t*dx, c[1]-a[1]-t*dy
	return ex*ex + ey*ey
}
