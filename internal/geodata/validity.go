package geodata

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/paulmach/orb"
)

// Fault says why polygons are invalid and where, in their plane.
type Fault struct {
	ZH, EN string
	At     orb.Point
}

// Validate finds the first reason why polygons on the Grid are invalid by OGC
// Simple Features (ISO 19125-1, 6.1.11), or nil. Every decision is made in whole
// numbers of the lattice and is exact.
func Validate(mp orb.MultiPolygon) *Fault {
	v := validity{touching: map[touchKey]bool{}}
	for polygon, rings := range mp {
		for i, ring := range rings {
			if !v.add(ring, polygon, i > 0) {
				at := orb.Point{}
				if len(ring) > 0 {
					at = ring[0]
				}
				return &Fault{"环的点数不足，不能成面", "a ring has too few points", at}
			}
		}
	}
	if f := v.lines(); f != nil {
		return f
	}
	if f := v.crossings(); f != nil {
		return f
	}
	if f := v.nesting(); f != nil {
		return f
	}
	return v.connection()
}

// lattice is a point in units of half the Grid, so that the middle of two
// points of the Grid is one as well.
type lattice struct{ x, y int64 }

func latticeOf(p orb.Point) lattice {
	return lattice{2 * int64(math.Round(p[0]/Grid)), 2 * int64(math.Round(p[1]/Grid))}
}

func (p lattice) point() orb.Point {
	return orb.Point{float64(p.x) / 2 * Grid, float64(p.y) / 2 * Grid}
}

// turn is 1 if a, b, c turn left, -1 if right, 0 if they lie in a line.
func turn(a, b, c lattice) int {
	h, l := product(b.x-a.x, c.y-a.y)
	k, m := product(b.y-a.y, c.x-a.x)
	return cmp.Or(cmp.Compare(h, k), cmp.Compare(l, m))
}

// product is the 128-bit product of signed numbers.
func product(a, b int64) (high int64, low uint64) {
	h, l := bits.Mul64(uint64(a), uint64(b))
	return int64(h - uint64(a>>63)&uint64(b) - uint64(b>>63)&uint64(a)), l
}

// vring is a ring without its closing point.
type vring struct {
	points   []lattice
	polygon  int
	hole     bool
	min, max lattice
}

func (r *vring) at(i int) lattice { return r.points[(i+len(r.points))%len(r.points)] }

// vedge is an edge from a ring's point i to the next; min and max are its box.
type vedge struct {
	a, b, min, max lattice
	ring, i        int
}

// vtouch is a point that two rings share without their edges crossing there by
// themselves, with the ways of both rings through it.
type vtouch struct {
	p    lattice
	ring [2]int
	way  [2][2]lattice
}

type touchKey struct {
	p    lattice
	a, b int
}

type validity struct {
	rings    []vring
	edges    []vedge
	touches  []vtouch
	touching map[touchKey]bool
}

func (v *validity) add(ring orb.Ring, polygon int, hole bool) bool {
	r := vring{polygon: polygon, hole: hole}
	for _, p := range ring {
		if q := latticeOf(p); len(r.points) == 0 || r.points[len(r.points)-1] != q {
			r.points = append(r.points, q)
		}
	}
	if n := len(r.points); n > 1 && r.points[0] == r.points[n-1] {
		r.points = r.points[:n-1]
	}
	if len(r.points) < 3 {
		return false
	}
	r.min, r.max = r.points[0], r.points[0]
	for i, a := range r.points {
		b := r.at(i + 1)
		e := vedge{a: a, b: b, ring: len(v.rings), i: i,
			min: lattice{min(a.x, b.x), min(a.y, b.y)}, max: lattice{max(a.x, b.x), max(a.y, b.y)}}
		r.min, r.max = lattice{min(r.min.x, a.x), min(r.min.y, a.y)}, lattice{max(r.max.x, a.x), max(r.max.y, a.y)}
		v.edges = append(v.edges, e)
	}
	v.rings = append(v.rings, r)
	return true
}

// lines compares edges that share a part of the x axis, swept from the west.
func (v *validity) lines() *Fault {
	slices.SortFunc(v.edges, func(s, t vedge) int {
		return cmp.Or(cmp.Compare(s.min.x, t.min.x), cmp.Compare(s.min.y, t.min.y), cmp.Compare(s.ring, t.ring), cmp.Compare(s.i, t.i))
	})
	for i := range v.edges {
		s := &v.edges[i]
		for j := i + 1; j < len(v.edges) && v.edges[j].min.x <= s.max.x; j++ {
			t := &v.edges[j]
			if t.min.y > s.max.y || t.max.y < s.min.y {
				continue
			}
			if f := v.pair(s, t); f != nil {
				return f
			}
		}
	}
	return nil
}

func (v *validity) pair(s, t *vedge) *Fault {
	ta, tb := turn(s.a, s.b, t.a), turn(s.a, s.b, t.b)
	sa, sb := turn(t.a, t.b, s.a), turn(t.a, t.b, s.b)
	if ta*tb < 0 && sa*sb < 0 {
		if s.ring == t.ring {
			return &Fault{"自相交", "self-intersection", meeting(s, t)}
		}
		return &Fault{"不同的环相交", "rings cross", meeting(s, t)}
	}
	if ta == 0 && tb == 0 {
		low, high := lattice{max(s.min.x, t.min.x), max(s.min.y, t.min.y)}, lattice{min(s.max.x, t.max.x), min(s.max.y, t.max.y)}
		if low != high {
			// the middle of the common part, whatever the direction of the line
			at := lattice{(low.x + high.x) / 2, (low.y + high.y) / 2}
			if s.ring == t.ring {
				return &Fault{"环的边重叠（折返）", "a ring runs back on itself", at.point()}
			}
			return &Fault{"不同的环的边重叠", "edges of different rings coincide", at.point()}
		}
		return v.touch(s, t, low)
	}
	for _, end := range []struct {
		p    lattice
		turn int
		of   *vedge
	}{{t.a, ta, s}, {t.b, tb, s}, {s.a, sa, t}, {s.b, sb, t}} {
		if end.turn == 0 && end.p.x >= end.of.min.x && end.p.x <= end.of.max.x && end.p.y >= end.of.min.y && end.p.y <= end.of.max.y {
			return v.touch(s, t, end.p)
		}
	}
	return nil
}

// meeting is where two crossing edges meet, to the rounding of float64.
func meeting(s, t *vedge) orb.Point {
	dx, dy := float64(s.b.x-s.a.x), float64(s.b.y-s.a.y)
	ex, ey := float64(t.b.x-t.a.x), float64(t.b.y-t.a.y)
	k := (float64(t.a.x-s.a.x)*ey - float64(t.a.y-s.a.y)*ex) / (dx*ey - dy*ex)
	a := s.a.point()
	return orb.Point{a[0] + k*dx/2*Grid, a[1] + k*dy/2*Grid}
}

func (v *validity) touch(s, t *vedge, p lattice) *Fault {
	if s.ring == t.ring {
		if n := len(v.rings[s.ring].points); (s.i+1)%n == t.i && p == s.b || (t.i+1)%n == s.i && p == t.b {
			return nil // neighbours
		}
		return &Fault{"环自接触", "a ring touches itself", p.point()}
	}
	if s.ring > t.ring {
		s, t = t, s
	}
	key := touchKey{p, s.ring, t.ring}
	if !v.touching[key] {
		v.touching[key] = true
		v.touches = append(v.touches, vtouch{p, [2]int{s.ring, t.ring}, [2][2]lattice{v.way(s, p), v.way(t, p)}})
	}
	return nil
}

// way is where a ring comes from and goes to at one of an edge's points.
func (v *validity) way(e *vedge, p lattice) [2]lattice {
	r := &v.rings[e.ring]
	switch p {
	case e.a:
		return [2]lattice{r.at(e.i - 1), e.b}
	case e.b:
		return [2]lattice{e.a, r.at(e.i + 2)}
	}
	return [2]lattice{e.a, e.b}
}

// crossings finds rings that cross in a common point.
func (v *validity) crossings() *Fault {
	for _, t := range v.touches {
		if leftOf(t.way[0], t.p, t.way[1][0]) != leftOf(t.way[0], t.p, t.way[1][1]) {
			return &Fault{"不同的环相交", "rings cross", t.p.point()}
		}
	}
	return nil
}

// leftOf tells on which side of the way through p the point q lies.
func leftOf(way [2]lattice, p, q lattice) bool {
	before, after := turn(way[0], p, q) > 0, turn(p, way[1], q) > 0
	if turn(way[0], p, way[1]) > 0 {
		return before && after
	}
	return before || after
}

// nesting finds holes outside their shell, holes within holes and polygons
// within polygons. The rings do not cross, so one point that is not common to
// both tells.
func (v *validity) nesting() *Fault {
	shell := 0
	for i := range v.rings {
		inner := &v.rings[i]
		if !inner.hole {
			shell = i
			continue
		}
		if at, place := inner.relative(&v.rings[shell]); place < 0 {
			return &Fault{"洞在外环之外", "a hole lies outside its shell", at.point()}
		}
		for j := shell + 1; j < len(v.rings) && v.rings[j].hole; j++ {
			if at, place := inner.relative(&v.rings[j]); j != i && place > 0 {
				return &Fault{"洞相互嵌套", "a hole lies within another", at.point()}
			}
		}
	}
	for i := range v.rings {
		for j := range v.rings {
			a, b := &v.rings[i], &v.rings[j]
			if i == j || a.hole || b.hole || !b.mayHold(a) {
				continue
			}
			if at, place := a.relative(b); place > 0 && !v.inHoleOf(i, j) {
				return &Fault{"外环相互嵌套或重叠", "a polygon lies within another", at.point()}
			}
		}
	}
	return nil
}

func (v *validity) inHoleOf(i, shell int) bool {
	for j := shell + 1; j < len(v.rings) && v.rings[j].hole; j++ {
		if _, place := v.rings[i].relative(&v.rings[j]); place > 0 {
			return true
		}
	}
	return false
}

func (r *vring) mayHold(in *vring) bool {
	return in.min.x >= r.min.x && in.min.y >= r.min.y && in.max.x <= r.max.x && in.max.y <= r.max.y
}

// relative finds a point of a ring that is not on another, and whether it is
// inside (1) or outside (-1); 0 if there is none.
func (r *vring) relative(other *vring) (at lattice, place int) {
	for _, p := range r.points {
		if place := other.locate(p); place != 0 {
			return p, place
		}
	}
	for i, p := range r.points { // all on the other: the middles of edges tell
		q := r.at(i + 1)
		middle := lattice{(p.x + q.x) / 2, (p.y + q.y) / 2}
		if place := other.locate(middle); place != 0 {
			return middle, place
		}
	}
	return r.points[0], 0
}

// locate: 1 inside, 0 on the ring, -1 outside.
func (r *vring) locate(p lattice) int {
	if p.x < r.min.x || p.x > r.max.x || p.y < r.min.y || p.y > r.max.y {
		return -1
	}
	inside := false
	for i, a := range r.points {
		b := r.at(i + 1)
		if a.y > b.y {
			a, b = b, a
		}
		if p.y < a.y || p.y > b.y || p.x > max(a.x, b.x) {
			continue
		}
		side := turn(a, b, p)
		switch {
		case side == 0 && p.x >= min(a.x, b.x):
			return 0
		case a.y <= p.y && p.y < b.y && side > 0:
			inside = !inside
		}
	}
	if inside {
		return 1
	}
	return -1
}

// connection finds rings of a polygon that touch in a circle, which cuts its
// interior in two.
func (v *validity) connection() *Fault {
	parent := map[touchKey]touchKey{} // rings as {a: ring}, points as {p, polygon, -1}
	var find func(k touchKey) touchKey
	find = func(k touchKey) touchKey {
		if p, ok := parent[k]; ok && p != k {
			root := find(p)
			parent[k] = root
			return root
		}
		return k
	}
	joined := map[[2]touchKey]bool{}
	for _, t := range v.touches {
		polygon := v.rings[t.ring[0]].polygon
		if v.rings[t.ring[1]].polygon != polygon {
			continue
		}
		point := touchKey{t.p, polygon, -1}
		for _, ring := range t.ring {
			node := touchKey{a: ring}
			if joined[[2]touchKey{node, point}] {
				continue
			}
			joined[[2]touchKey{node, point}] = true
			a, b := find(node), find(point)
			if a == b {
				return &Fault{"内部不连通（环在多处相接）", "the interior is disconnected", t.p.point()}
			}
			parent[a] = b
		}
	}
	return nil
}
