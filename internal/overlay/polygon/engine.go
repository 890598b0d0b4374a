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
	touches                    []touch
	found                      []int32
}

var engines = sync.Pool{New: func() any { return new(engine) }}

// overlap computes a ∩ b and its certificates. planar is the planar area of a.
func (e *engine) overlap(a, b *operand, planar float64, zone land.Zone, geometry bool) Overlap {
	e.forward.reset(a, b, geometry)
	if (a.flaws | b.flaws).invalid() {
		return Overlap{Doubt: InvalidOperand}
	}
	if a.levels == 0 || b.levels == 0 {
		return Overlap{}
	}
	s, doubt := e.areas(zone, true)
	out := Overlap{Area: s.area, Planar: s.planar, Doubt: doubt}
	if s.planar < -s.bound() || s.planar > planar+s.bound() || !e.agrees(s) {
		out.Doubt |= OutOfBounds
	}
	if out.Doubt != 0 || !geometry {
		return out
	}
	if out.Doubt |= e.walker.intersection(&e.forward, &e.first, &e.second); out.Doubt != 0 {
		return out
	}
	walked, slack := 0.0, s.bound()
	for i := range e.walker.ends {
		area, _ := planarRing(e.walker.ring(i))
		walked += area
	}
	if abs(walked-s.planar) > slack {
		out.Doubt |= GreenSum
		return out
	}
	if s.planar <= Minimum {
		return out
	}
	var g Doubt
	out.Geometry, g = e.rings(s)
	out.Doubt |= g
	return out
}

// areas computes the area of the intersection twice: as given, and with the
// operands exchanged.
func (e *engine) areas(zone land.Zone, ellipsoidal bool) (*integral, Doubt) {
	k := &e.forward
	k.cross()
	s := integral{central: zone.FalseEasting(), reference: k.a.pts[0][0], ellipsoidal: ellipsoidal}
	e.first.reset(k, false)
	e.second.reset(k, true)
	doubt := e.first.green(&s) | e.second.green(&s)

	x := &e.exchanged
	x.reset(k.b, k.a, false)
	x.cross()
	r := integral{reference: s.reference}
	e.third.reset(x, false)
	e.last.reset(x, true)
	doubt |= e.third.green(&r) | e.last.green(&r)
	if abs(r.planar-s.planar) > r.bound()+s.bound() {
		doubt |= Exchanged
	}
	return &s, doubt
}

// agrees compares the area on the ellipsoid with that in the plane. The plane's
// scale squared is 1 + (y/R)² at the distance y from the central meridian, and
// the next term is far below a tenth of it.
func (e *engine) agrees(s *integral) bool {
	b := e.forward.a.box()
	y := max(abs(b.x0-s.central), abs(b.x1-s.central)) / 6.3e6
	return abs(s.area-s.planar) <= (1.1*y*y+1e-9)*abs(s.planar)+s.bound()+Minimum
}

// rings makes the geometry of what the walker found.
func (e *engine) rings(s *integral) (orb.MultiPolygon, Doubt) {
	w := &e.walker
	touching := (e.forward.a.flaws|e.forward.b.flaws)&selfTouching != 0
	if !e.forward.degenerate && !e.forward.close && !touching {
		mp, lost, doubt := assemble(w.pts, w.ends)
		if doubt == 0 && lost > s.bound()+Minimum {
			doubt = GreenSum
		}
		return mp, doubt
	}
	e.tidier.reset()
	for i := range w.ends {
		e.tidier.addRing(w.ring(i))
	}
	return e.tidy(s.planar, s.bound())
}

// tidy makes the geometry of the tidier's edges, whose planar area must be
// planar within bound, and proves it valid.
func (e *engine) tidy(planar, bound float64) (orb.MultiPolygon, Doubt) {
	if doubt := e.tidier.rings(); doubt != 0 {
		return nil, doubt
	}
	mp, lost, doubt := assemble(e.tidier.pts, e.tidier.ends)
	if doubt != 0 {
		return nil, doubt
	}
	sum := 0.0
	for _, polygon := range mp {
		for _, ring := range polygon {
			area, _ := planarRing(ring[:len(ring)-1])
			sum += area
		}
	}
	if abs(sum-planar) > bound+lost {
		return nil, GreenSum
	}
	var check flat
	if err := check.add(mp); err != nil || check.feats[0].flaws.invalid() {
		return nil, BadGeometry
	}
	return mp, 0
}
