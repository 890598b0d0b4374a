package polygon

import (
	"github.com/paulmach/orb"

	"gengheng/internal/land"
)

// Result is a polygon computed from others.
type Result struct {
	// Geometry is valid and canonical; nil where nothing is left or the result is
	// in doubt.
	Geometry orb.MultiPolygon
	// Area is the additive area of Geometry in m² on the ellipsoid, Planar its
	// area in the plane.
	Area, Planar float64
	// Doubt is zero for a certified result; others must not be used.
	Doubt Doubt
}

// rule says which parts of the boundaries bound a result.
type rule struct {
	// firstInside and secondInside: the parts inside the other operand, else
	// those outside.
	firstInside, secondInside bool
	// reverse turns the second's parts round.
	reverse bool
	// planar is the area of the result, given those of the operands and of what
	// they have in common.
	planar func(a, b, common float64) float64
}

var (
	intersection = rule{true, true, false, func(_, _, common float64) float64 { return common }}
	difference   = rule{false, true, true, func(a, _, common float64) float64 { return a - common }}
	union        = rule{false, false, false, func(a, b, common float64) float64 { return a + b - common }}
)

// Intersection is what two polygons have in common.
func Intersection(a, b *Candidate, zone land.Zone) Result { return combine(a, b, zone, intersection) }

// Difference is what is left of a without b.
func Difference(a, b *Candidate, zone land.Zone) Result { return combine(a, b, zone, difference) }

// Union is what is in any of the polygons; nothing for none. They may overlap.
func Union(polygons []*Candidate, zone land.Zone) Result {
	switch len(polygons) {
	case 0:
		return Result{}
	case 1:
		return combine(polygons[0], &Candidate{}, zone, union)
	case 2:
		return combine(polygons[0], polygons[1], zone, union)
	}
	var half [2]*Candidate
	for i, part := range [2][]*Candidate{polygons[:len(polygons)/2], polygons[len(polygons)/2:]} {
		if len(part) == 1 {
			half[i] = part[0]
			continue
		}
		r := Union(part, zone)
		if r.Doubt != 0 {
			return r
		}
		c, err := Prepare(r.Geometry)
		if err != nil {
			return Result{Doubt: BadGeometry}
		}
		half[i] = c
	}
	return combine(half[0], half[1], zone, union)
}

func combine(a, b *Candidate, zone land.Zone, r rule) Result {
	e := engines.Get().(*engine)
	defer e.release()
	out := e.combine(a, b, zone, r)
	if out.Doubt&^(BadGeometry|GreenSum) == 0 && out.Doubt != 0 {
		out = e.combineSnapped(a, b, zone, r, out.Planar)
	}
	if out.Doubt != 0 {
		return Result{Doubt: out.Doubt}
	}
	out.Area = land.AdditiveArea(out.Geometry, zone)
	return out
}

func (e *engine) combine(a, b *Candidate, zone land.Zone, r rule) Result {
	if (a.flaws | b.flaws).invalid() {
		return Result{Doubt: InvalidOperand}
	}
	k := &e.forward
	k.reset(&a.operand, &b.operand, true)
	bound, common := 64*unit*(a.size()+b.size()), 0.0
	if a.levels > 0 && b.levels > 0 {
		s, doubt := e.areas(zone, false, true)
		if doubt != 0 {
			return Result{Doubt: doubt}
		}
		bound, common = bound+s.geometryBound(), s.planar
	} else {
		var none integral
		e.first.reset(k, false, true)
		e.second.reset(k, true, true)
		e.first.green(&none)
		e.second.green(&none)
	}
	planar := r.planar(a.planar, b.planar, common)
	if planar < -bound {
		return Result{Doubt: OutOfBounds}
	}
	e.tidier.reset()
	if doubt := e.parts(r); doubt != 0 {
		return Result{Doubt: doubt}
	}
	mp, doubt := e.tidy(planar, bound)
	if doubt == 0 {
		// What was thinner than rounding is no longer in it.
		planar = planarOf(mp)
	}
	return Result{Geometry: mp, Planar: planar, Doubt: doubt}
}

// combineSnapped tries again with the operands put together where they come
// nearer to each other than rounding can tell; planar is the area that is sure.
func (e *engine) combineSnapped(a, b *Candidate, zone land.Zone, r rule, planar float64) Result {
	if a.levels == 0 || b.levels == 0 {
		return Result{Doubt: BadGeometry}
	}
	step := max(rounding(a.pts[0]), rounding(b.pts[0]))
	sa, sb := snapped(&a.operand, &b.operand, step)
	out := e.combine(sa, sb, zone, r)
	if out.Doubt == 0 && abs(out.Planar-planar) > min(2*step*(sa.length()+sb.length()), precision) {
		out.Doubt = GreenSum
	}
	return out
}

// length is the length of the boundary, at most √2 too much.
func (c *Candidate) length() (sum float64) {
	for i := 1; i < len(c.pts); i++ {
		if !c.gap[i-1] {
			sum += reach(c.pts[i-1], c.pts[i])
		}
	}
	return sum
}

// size bounds the terms that a polygon's area is the sum of.
func (c *Candidate) size() float64 {
	if c.levels == 0 {
		return 0
	}
	b := c.box()
	return c.length() * (b.x1 - b.x0)
}

// parts gives the tidier the parts of both boundaries that the rule takes.
func (e *engine) parts(r rule) Doubt {
	w := &e.walker
	w.k, w.broken = &e.forward, false
	w.arrange(0, &e.first, e.forward.touchA)
	w.arrange(1, &e.second, e.forward.touchB)
	inside := [2]bool{r.firstInside, r.secondInside}
	for side, b := range [2]*boundary{&e.first, &e.second} {
		reversed := side == 1 && r.reverse
		for x := range e.forward.crossings {
			if (b.enters(int32(x)) > 0) != inside[side] {
				continue
			}
			w.pts = append(w.pts[:0], e.forward.crossings[x].p)
			end := w.follow(0, side, int32(x))
			if (b.enters(end) > 0) == inside[side] {
				return BrokenWalk
			}
			w.emit(0, e.forward.crossings[end].p)
			e.tidier.addChain(w.pts, reversed)
		}
		rings := b.outside
		if inside[side] {
			rings = b.inside
		}
		for _, ring := range rings {
			w.pts, w.ends = w.pts[:0], w.ends[:0]
			w.whole(side, b.own(), ring)
			if len(w.pts) > 0 {
				w.pts = append(w.pts, w.pts[0])
				e.tidier.addChain(w.pts, reversed)
			}
		}
	}
	if w.broken {
		return BrokenWalk
	}
	return 0
}
