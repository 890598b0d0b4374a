package polygon

import (
	"sync"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
)

// engine overlays one pair after the other; it keeps the memory.
type engine struct {
	forward, exchanged         kernel
	first, second, third, last boundary
	walker                     walker
	tidier                     tidier
	check                      flat
	found                      []int32
	feature                    operand
}

var engines = sync.Pool{New: func() any { return new(engine) }}

// release gives the engine back. It forgets the polygons, lest it keep a layer
// in memory that nobody uses any more.
func (e *engine) release() {
	e.feature = operand{}
	e.forward.a, e.forward.b, e.exchanged.a, e.exchanged.b = nil, nil, nil, nil
	engines.Put(e)
}

// overlap computes a ∩ b and its certificates. planar is the planar area of a.
func (e *engine) overlap(a, b *operand, planar float64, zone land.Zone, geometry bool) Overlap {
	e.forward.reset(a, b, geometry)
	if (a.flaws | b.flaws).invalid() {
		return Overlap{Doubt: InvalidOperand}
	}
	if a.levels == 0 || b.levels == 0 {
		return Overlap{}
	}
	s, doubt := e.areas(zone, true, false)
	out := Overlap{Area: s.area, Planar: s.planar, Doubt: doubt}
	if s.planar < -s.bound() || s.planar > planar+s.bound() || !e.agrees(&s) {
		out.Doubt |= OutOfBounds
	}
	if out.Doubt != 0 || !geometry {
		return out
	}
	if out.Doubt |= e.walker.intersection(&e.forward, &e.first, &e.second); out.Doubt != 0 {
		return out
	}
	walked, slack := 0.0, s.geometryBound()
	for i := range e.walker.ends {
		area, _ := planarRing(e.walker.ring(i))
		walked += area
	}
	if abs(walked-s.planar) > min(slack, precision) {
		out.Doubt |= GreenSum
		return out
	}
	if s.planar <= Minimum {
		return out
	}
	var g Doubt
	if out.Geometry, g = e.rings(&s); g != 0 {
		ca, cb := &Candidate{operand: *a, planar: planar}, &Candidate{operand: *b, planar: b.planarArea()}
		r := e.combineSnapped(ca, cb, zone, intersection, s.planar)
		out.Geometry, g = r.Geometry, r.Doubt
	}
	out.Doubt |= g
	return out
}

// apart tells whether two polygons have nothing in common, where that is plain:
// no edge of a comes near b's box, and a winds round none of b's points.
func apart(a, b *operand) bool {
	if b.levels == 0 || a.levels == 0 || a.reaches(a.levels-1, 0, b.box()) {
		return false
	}
	// Whether the whole box lies inside or outside is asked twice, independently.
	p, q := b.box(), b.pts[0]
	return a.winding(q, false) == 0 && a.winding(orb.Point{p.x1, p.y1}, true) == 0
}

// reaches tells whether an edge's box meets a box.
func (o *operand) reaches(level int, i int32, b *box) bool {
	if !o.node(level, i).meets(b) {
		return false
	}
	if level == 0 {
		var edges [fan]int32
		var boxes [fan]box
		return o.leafEdges(i, b, &edges, &boxes) > 0
	}
	for c := i * fan; c < min((i+1)*fan, o.level[level]-o.level[level-1]); c++ {
		if o.reaches(level-1, c, b) {
			return true
		}
	}
	return false
}

// areas computes the area of the intersection twice: as given, and with the
// operands exchanged.
func (e *engine) areas(zone land.Zone, ellipsoidal, wantOutside bool) (integral, Doubt) {
	e.forward.cross()
	e.exchanged.reset(e.forward.b, e.forward.a, false)
	e.exchanged.cross()
	return e.sums(zone, ellipsoidal, wantOutside)
}

// sums adds up the area from the crossings of both runs and compares them.
func (e *engine) sums(zone land.Zone, ellipsoidal, wantOutside bool) (integral, Doubt) {
	k := &e.forward
	s := integral{central: zone.FalseEasting(), reference: k.a.pts[0][0], ellipsoidal: ellipsoidal}
	e.first.reset(k, false, wantOutside)
	e.second.reset(k, true, wantOutside)
	doubt := e.first.green(&s) | e.second.green(&s)
	r := integral{reference: s.reference}
	e.third.reset(&e.exchanged, false, false)
	e.last.reset(&e.exchanged, true, false)
	doubt |= e.third.green(&r) | e.last.green(&r)
	if abs(r.planar-s.planar) > r.bound()+s.bound() {
		doubt |= Exchanged
	}
	return s, doubt
}

// agrees compares the area on the ellipsoid with that in the plane. The plane's
// scale squared is 1 + (y/R)² at the distance y from the central meridian, and
// the next term is far below a tenth of it.
func (e *engine) agrees(s *integral) bool {
	b := e.forward.a.box()
	y := max(abs(b.x0-s.central), abs(b.x1-s.central)) / 6.3e6
	return abs(s.area-s.planar) <= (1.1*y*y+1e-9)*abs(s.planar)+s.geometryBound()+Minimum
}

// rings makes the geometry of what the walker found.
func (e *engine) rings(s *integral) (orb.MultiPolygon, Doubt) {
	w := &e.walker
	touching := (e.forward.a.flaws|e.forward.b.flaws)&selfTouching != 0
	if !e.forward.degenerate && !e.forward.close && !touching {
		mp, lost, doubt := assemble(w.pts, w.ends)
		if doubt == 0 && lost > s.geometryBound()+Minimum {
			doubt = GreenSum
		}
		if doubt == 0 {
			doubt = e.proven(mp)
		}
		return mp, doubt
	}
	e.tidier.reset()
	for i := range w.ends {
		e.tidier.addRing(w.ring(i))
	}
	return e.tidy(s.planar, s.geometryBound())
}

// tidy makes the geometry of the tidier's edges, whose planar area must be
// planar within bound, and proves it valid where rounding may have mattered.
func (e *engine) tidy(planar, bound float64) (orb.MultiPolygon, Doubt) {
	if doubt := e.tidier.rings(); doubt != 0 {
		return nil, doubt
	}
	mp, lost, doubt := assemble(e.tidier.pts, e.tidier.ends)
	if doubt != 0 {
		return nil, doubt
	}
	if abs(planarOf(mp)-planar) > min(bound+lost, precision) {
		return nil, GreenSum
	}
	if doubt := e.proven(mp); doubt != 0 {
		return nil, doubt
	}
	if !hangsTogether(mp) {
		return nil, BadGeometry
	}
	return mp, 0
}

// hangsTogether says whether the inside of every polygon is one piece. Its rings
// are simple and touch each other in vertices; they cut the inside apart if and
// only if they close a circle from ring to ring through different points.
func hangsTogether(mp orb.MultiPolygon) bool {
	for _, polygon := range mp {
		if len(polygon) < 2 {
			continue
		}
		var (
			first = make(map[orb.Point]int) // of a vertex: a ring that has it
			joins = make([]int, len(polygon))
		)
		for i := range joins {
			joins[i] = i
		}
		root := func(i int) int {
			for joins[i] != i {
				joins[i] = joins[joins[i]]
				i = joins[i]
			}
			return i
		}
		for i, ring := range polygon {
			for _, p := range ring[:len(ring)-1] {
				other, met := first[p]
				if !met {
					first[p] = i
					continue
				}
				a, b := root(other), root(i)
				if a == b {
					return false
				}
				joins[b] = a
			}
		}
	}
	return true
}

// proven says whether a result is valid. What touches is exact; only what
// rounding may have changed needs proof.
func (e *engine) proven(mp orb.MultiPolygon) Doubt {
	if !e.forward.rounded && !e.forward.close {
		return 0
	}
	check := &e.check
	check.reset()
	if err := check.add(mp); err != nil || check.feats[0].flaws.invalid() {
		return BadGeometry
	}
	// A crossing may have been rounded so that its edge now runs exactly through
	// a vertex, which add gave it: a ring that touches itself.
	if len(check.pts) > verticesOf(mp) {
		return BadGeometry
	}
	return 0
}

// verticesOf counts vertices, the rings' closing points included.
func verticesOf(mp orb.MultiPolygon) (n int) {
	for _, polygon := range mp {
		for _, ring := range polygon {
			n += len(ring)
		}
	}
	return n
}

// planarOf is the planar area of a canonical multipolygon.
func planarOf(mp orb.MultiPolygon) (sum float64) {
	for _, polygon := range mp {
		for _, ring := range polygon {
			area, _ := planarRing(ring[:len(ring)-1])
			sum += area
		}
	}
	return sum
}
