package polygon

import (
	"math"
	"math/big"

	"github.com/paulmach/orb"
)

// defect is why a multipolygon is not valid by OGC 06-103r4, 6.1.11 and 6.1.14.
type defect string

const (
	sound        defect = ""
	malformed    defect = "ring too short or not closed"
	crossed      defect = "edges cross or run along each other"
	selfTouched  defect = "a ring touches itself"
	nestedWrong  defect = "rings are nested wrongly"
	disconnected defect = "the interior is not connected"
)

// validity judges multipolygons exactly and plainly: every edge with every
// other, points in rings, rings and their touching points as a graph. It shares
// nothing with the engine.
type validity struct {
	rings []ringOfPolygon
	// meets are the points where two rings touch.
	meets []touchOfRings
}

type ringOfPolygon struct {
	polygon int
	hole    bool
	pts     orb.Ring
	box     box
}

type touchOfRings struct {
	r, s int
	at   orb.Point
}

// side tells on which side of the line from a to b a point lies: 1 for left, 0 on it.
func side(a, b, c orb.Point) int {
	if a == b || a == c || b == c {
		return 0
	}
	lx, ly, rx, ry := a[0]-c[0], b[1]-c[1], a[1]-c[1], b[0]-c[0]
	l, r := lx*ly, rx*ry
	if d := l - r; math.Abs(d) > 4e-16*(math.Abs(l)+math.Abs(r)) {
		return int(sign(d))
	}
	exact := func(u, v, d float64) bool { // the difference d of u and v, which has no rounding
		back := u - d
		return (u-(d+back))+(back-v) == 0
	}
	if exact(a[0], c[0], lx) && exact(b[1], c[1], ly) && exact(a[1], c[1], rx) && exact(b[0], c[0], ry) && math.Abs(l)+math.Abs(r) > 1e-200 {
		if l != r {
			return int(sign(l - r))
		}
		return int(sign(math.FMA(lx, ly, -l) - math.FMA(rx, ry, -r)))
	}
	return sideByIntegers(a, b, c)
}

// sideByIntegers takes the coordinates for integers of a common unit, a power of
// two.
func sideByIntegers(a, b, c orb.Point) int {
	values := [6]float64{a[0], a[1], b[0], b[1], c[0], c[1]}
	unit := math.MaxInt
	for _, v := range values {
		if v != 0 {
			_, e := math.Frexp(v)
			unit = min(unit, e-53)
		}
	}
	var n [6]big.Int
	for i, v := range values {
		if v != 0 {
			f, e := math.Frexp(v)
			n[i].SetInt64(int64(f * (1 << 53)))
			n[i].Lsh(&n[i], uint(e-53-unit))
		}
	}
	for i := range 4 {
		n[i].Sub(&n[i], &n[4+i%2])
	}
	n[0].Mul(&n[0], &n[3])
	n[1].Mul(&n[1], &n[2])
	return n[0].Cmp(&n[1])
}

// judge says what is wrong with a multipolygon; sound if nothing.
func (v *validity) judge(mp orb.MultiPolygon) defect {
	v.rings, v.meets = v.rings[:0], v.meets[:0]
	for p, polygon := range mp {
		for r, ring := range polygon {
			if len(ring) < 4 || ring[0] != ring[len(ring)-1] {
				return malformed
			}
			v.rings = append(v.rings, ringOfPolygon{p, r > 0, ring, boxOf(ring)})
		}
	}
	worst := sound
	for r := range v.rings {
		d := itselfOf(v.rings[r].pts)
		if d == crossed {
			return d
		}
		if d != sound {
			worst = d
		}
		for s := range r {
			if v.rings[r].box.meets(&v.rings[s].box) && !v.compare(r, s) {
				return crossed
			}
		}
	}
	if worst != sound {
		return worst
	}
	for _, m := range v.meets {
		if v.crossAt(m) {
			return crossed
		}
	}
	for r := range v.rings {
		for s := range r {
			if !v.nested(r, s) || !v.nested(s, r) {
				return nestedWrong
			}
		}
	}
	if !v.connected() {
		return disconnected
	}
	return sound
}

// relation of two segments, and the point where they touch.
type relation int

const (
	separate relation = iota
	touching
	overlapping
)

func segments(a, b, p, q orb.Point) (relation, orb.Point) {
	if max(a[0], b[0]) < min(p[0], q[0]) || max(p[0], q[0]) < min(a[0], b[0]) ||
		max(a[1], b[1]) < min(p[1], q[1]) || max(p[1], q[1]) < min(a[1], b[1]) {
		return separate, orb.Point{}
	}
	sp, sq := side(a, b, p), side(a, b, q)
	if sp*sq > 0 {
		return separate, orb.Point{}
	}
	sa, sb := side(p, q, a), side(p, q, b)
	if sa*sb > 0 {
		return separate, orb.Point{}
	}
	if sp*sq < 0 && sa*sb < 0 {
		return overlapping, orb.Point{}
	}
	var at []orb.Point
	for _, t := range [4]struct {
		side    int
		p, u, v orb.Point
	}{{sp, p, a, b}, {sq, q, a, b}, {sa, a, p, q}, {sb, b, p, q}} {
		within := min(t.u[0], t.v[0]) <= t.p[0] && t.p[0] <= max(t.u[0], t.v[0]) && min(t.u[1], t.v[1]) <= t.p[1] && t.p[1] <= max(t.u[1], t.v[1])
		if t.side == 0 && within && (len(at) == 0 || at[0] != t.p) {
			at = append(at, t.p)
		}
	}
	switch len(at) {
	case 0:
		return separate, orb.Point{}
	case 1:
		return touching, at[0]
	}
	return overlapping, orb.Point{} // they have more than a point in common
}

// itselfOf compares a ring's edges with each other.
func itselfOf(ring orb.Ring) defect {
	n := len(ring) - 1
	worst := sound
	for i := range n {
		a, b := ring[i], ring[i+1]
		if a == b {
			return malformed
		}
		for j := i + 1; j < n; j++ {
			rel, _ := segments(a, b, ring[j], ring[j+1])
			next := j == i+1 || i == 0 && j == n-1
			switch {
			case rel == overlapping:
				return crossed
			case rel == touching && !next:
				worst = selfTouched
			}
		}
	}
	return worst
}

// compare notes where two rings touch; false if they cross within edges.
func (v *validity) compare(r, s int) bool {
	x, y := v.rings[r].pts, v.rings[s].pts
	for i := 1; i < len(x); i++ {
		if b := edgeBox(x[i-1], x[i]); !b.meets(&v.rings[s].box) {
			continue
		}
		for j := 1; j < len(y); j++ {
			switch rel, at := segments(x[i-1], x[i], y[j-1], y[j]); rel {
			case overlapping:
				return false
			case touching:
				v.meets = append(v.meets, touchOfRings{r, s, at})
			}
		}
	}
	return true
}

// arms are the points before and after a point of a ring.
func arms(ring orb.Ring, at orb.Point) (before, after orb.Point) {
	n := len(ring) - 1
	for i := range n {
		if ring[i] == at {
			return ring[(i+n-1)%n], ring[i+1]
		}
	}
	for i := range n {
		a, b := ring[i], ring[i+1]
		if side(a, b, at) == 0 && min(a[0], b[0]) <= at[0] && at[0] <= max(a[0], b[0]) && min(a[1], b[1]) <= at[1] && at[1] <= max(a[1], b[1]) {
			return a, b
		}
	}
	panic("the point is not on the ring")
}

// crossAt says whether rings go through each other at a common point.
func (v *validity) crossAt(m touchOfRings) bool {
	a, b := arms(v.rings[m.r].pts, m.at)
	c, d := arms(v.rings[m.s].pts, m.at)
	return between(m.at, a, b, c) != between(m.at, a, b, d)
}

// between says whether c is met turning left from a to b around p.
func between(p, a, b, c orb.Point) bool {
	ac, bc := side(p, a, c), side(p, b, c)
	switch side(p, a, b) {
	case 1:
		return ac > 0 && bc < 0
	case -1:
		return !(bc > 0 && ac < 0)
	}
	return ac > 0
}

// inside says whether ring r lies in ring s; they do not cross.
func (v *validity) inside(r, s int) bool {
	x, y := &v.rings[r], &v.rings[s]
	if !x.box.meets(&y.box) {
		return false
	}
	for _, p := range x.pts {
		if where := position(y.pts, p); where != 0 {
			return where > 0
		}
	}
	// All its vertices are on the other: look at points of its edges.
	for part := int64(2); ; part++ {
		for i := 1; i < len(x.pts); i++ {
			px, py := along(x.pts[i-1][0], x.pts[i][0], part), along(x.pts[i-1][1], x.pts[i][1], part)
			if where := ratPosition(y.pts, px, py); where != 0 {
				return where > 0
			}
		}
	}
}

func along(u, v float64, part int64) *big.Rat {
	a, b := new(big.Rat).SetFloat64(u), new(big.Rat).SetFloat64(v)
	b.Sub(b, a)
	return a.Add(a, b.Mul(b, big.NewRat(1, part)))
}

// position is 1 inside a ring, 0 on it, -1 outside.
func position(ring orb.Ring, p orb.Point) int {
	in := -1
	for i := 1; i < len(ring); i++ {
		a, b := ring[i-1], ring[i]
		if p == a || p == b {
			return 0
		}
		if a[1] == b[1] {
			if a[1] == p[1] && min(a[0], b[0]) <= p[0] && p[0] <= max(a[0], b[0]) {
				return 0
			}
			continue
		}
		if a[1] > b[1] {
			a, b = b, a
		}
		if p[1] < a[1] || p[1] > b[1] {
			continue
		}
		s := side(a, b, p)
		if s == 0 {
			return 0
		}
		if s > 0 && p[1] < b[1] {
			in = -in
		}
	}
	return in
}

// ratPosition is position of a rational point.
func ratPosition(ring orb.Ring, x, y *big.Rat) int {
	in := -1
	for i := 1; i < len(ring); i++ {
		a, b := ring[i-1], ring[i]
		if a[1] > b[1] {
			a, b = b, a
		}
		ax, ay := new(big.Rat).SetFloat64(a[0]), new(big.Rat).SetFloat64(a[1])
		bx, by := new(big.Rat).SetFloat64(b[0]), new(big.Rat).SetFloat64(b[1])
		if y.Cmp(ay) < 0 || y.Cmp(by) > 0 {
			continue
		}
		l := new(big.Rat).Mul(new(big.Rat).Sub(bx, ax), new(big.Rat).Sub(y, ay))
		r := new(big.Rat).Mul(new(big.Rat).Sub(by, ay), new(big.Rat).Sub(x, ax))
		s := l.Cmp(r)
		if s == 0 && min(a[0], b[0]) <= ratFloat(x) && ratFloat(x) <= max(a[0], b[0]) {
			return 0
		}
		if s > 0 && ay.Cmp(by) != 0 && y.Cmp(by) < 0 {
			in = -in
		}
	}
	return in
}

func ratFloat(x *big.Rat) float64 { f, _ := x.Float64(); return f }

// nested judges ring r beside ring s.
func (v *validity) nested(r, s int) bool {
	x, y := &v.rings[r], &v.rings[s]
	if x.polygon == y.polygon {
		switch {
		case x.hole && y.hole:
			return !v.inside(r, s)
		case x.hole:
			return v.inside(r, s)
		}
		return true
	}
	if x.hole || y.hole || !v.inside(r, s) {
		return true
	}
	// A shell in another's shell must be in one of its holes.
	for h := s + 1; h < len(v.rings) && v.rings[h].polygon == y.polygon; h++ {
		if v.inside(r, h) {
			return true
		}
	}
	return false
}

// connected says whether no chain of touching rings cuts a polygon in two:
// rings and the points where they touch must be a forest.
func (v *validity) connected() bool {
	group := map[any]any{}
	var find func(x any) any
	find = func(x any) any {
		if p, ok := group[x]; ok && p != x {
			return find(p)
		}
		return x
	}
	type end struct {
		ring int
		at   orb.Point
	}
	seen := map[end]bool{}
	type place struct {
		polygon int
		at      orb.Point
	}
	for _, m := range v.meets {
		if v.rings[m.r].polygon != v.rings[m.s].polygon {
			continue
		}
		for _, ring := range [2]int{m.r, m.s} {
			if e := (end{ring, m.at}); !seen[e] {
				seen[e] = true
				a, b := find(ring), find(place{v.rings[ring].polygon, m.at})
				if a == b {
					return false
				}
				group[a] = b
			}
		}
	}
	return true
}
