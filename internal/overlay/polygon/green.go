package polygon

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
)

// boundary is one operand's boundary as the other operand cuts it.
type boundary struct {
	k *kernel
	// second says that it is operand b's boundary, the shifted one's.
	second bool
	// order are the crossings in the order of the edges; those of one edge are in
	// no order.
	order []int32
	// inside and outside are the rings without crossings; outside only if wanted.
	inside, outside []int32
	wantOutside     bool
}

func (b *boundary) own() *operand {
	if b.second {
		return b.k.b
	}
	return b.k.a
}

func (b *boundary) other() *operand {
	if b.second {
		return b.k.a
	}
	return b.k.b
}

func (b *boundary) edge(x int32) int32 {
	if b.second {
		return b.k.crossings[x].b
	}
	return b.k.crossings[x].a
}

// enters is 1 where the boundary goes into the other operand.
func (b *boundary) enters(x int32) int {
	if b.second {
		return -int(b.k.crossings[x].enters)
	}
	return int(b.k.crossings[x].enters)
}

func (b *boundary) reset(k *kernel, second, wantOutside bool) {
	b.k, b.second, b.wantOutside = k, second, wantOutside
	b.order, b.inside, b.outside = b.order[:0], b.inside[:0], b.outside[:0]
	for x := range k.crossings {
		b.order = append(b.order, int32(x))
	}
	slices.SortFunc(b.order, func(x, y int32) int { return cmp.Compare(b.edge(x), b.edge(y)) })
}

// integral adds up an area by Green's theorem.
type integral struct {
	// central is the easting of the central meridian, reference the easting from
	// which strips are measured.
	central, reference float64
	// ellipsoidal asks for area; planar is always summed.
	ellipsoidal  bool
	planar, area float64
	// size is the sum of the terms' amounts, and slack bounds what the crossings'
	// errors move: together they bound the error of planar.
	size, slack float64
	// rounding bounds by how much polygons with rounded crossings may differ.
	rounding float64
}

// add adds the strip beside p→q, n times.
func (s *integral) add(n float64, p, q orb.Point) {
	term := 0.5 * ((p[0] - s.reference) + (q[0] - s.reference)) * (q[1] - p[1])
	s.planar += n * term
	s.size += math.Abs(term)
	if s.ellipsoidal {
		s.area += n * land.AdditiveEdge(p, q, s.central, s.reference)
	}
}

// addFrom adds the strip beside the crossing x and the end q of an edge, n times.
func (s *integral) addFrom(n float64, x *crossing, q orb.Point) {
	width := (x.p[0] - s.reference) + (q[0] - s.reference)
	// What the strip has more than that from the rounded crossing.
	more := 0.5 * (x.rest[0]*(q[1]-x.p[1]-x.rest[1]) - width*x.rest[1])
	term := 0.5*width*(q[1]-x.p[1]) + more
	s.planar += n * term
	s.size += math.Abs(term)
	if s.ellipsoidal {
		// The ellipsoid's scale is that of the plane to some 1e-4, and more is tiny.
		s.area += n * (land.AdditiveEdge(x.p, q, s.central, s.reference) + more)
	}
	s.slack += x.slack
}

func (s *integral) chain(pts []orb.Point) {
	for i := 1; i < len(pts); i++ {
		s.add(1, pts[i-1], pts[i])
	}
}

// bound is what planar may be off by.
func (s *integral) bound() float64 { return 64*unit*s.size + s.slack }

// geometryBound is what the area of rings with rounded crossings may be off by.
func (s *integral) geometryBound() float64 { return s.bound() + s.rounding }

// green adds to s the strips beside all of the boundary that lies inside the
// other operand. It asks for no order among the crossings of an edge: what lies
// behind a crossing is added where the boundary enters there and taken away
// where it leaves. A winding number other than 0 and 1 makes it give up.
func (b *boundary) green(s *integral) Doubt {
	var doubt Doubt
	last := -1
	for i := 0; i < len(b.order); {
		r := b.own().ringOf(b.edge(b.order[i]))
		doubt |= b.classify(last+1, r, s)
		last = r
		n, d := b.ring(i, r, s)
		i += n
		doubt |= d
	}
	return doubt | b.classify(last+1, len(b.own().rings), s)
}

// ring adds ring r, whose crossings begin at order[i], and says how many they
// are.
func (b *boundary) ring(i, r int, s *integral) (n int, doubt Doubt) {
	own := b.own()
	from, end := own.start[r], own.start[r+1]-1
	first := b.edge(b.order[i])
	w := b.other().winding(own.pts[first], !b.second)
	begin := w
	for j := i; ; {
		if w != 0 && w != 1 {
			doubt |= WindingNumber
		}
		e := b.edge(b.order[j])
		u, v := own.pts[e], own.pts[e+1]
		if w != 0 {
			s.add(float64(w), u, v)
		}
		s.rounding += roundingOf(u, v)
		for ; j < len(b.order) && b.edge(b.order[j]) == e; j++ {
			side := b.enters(b.order[j])
			s.addFrom(float64(side), &b.k.crossings[b.order[j]], v)
			w += side
		}
		if w != 0 && w != 1 {
			doubt |= WindingNumber
		}
		if j < len(b.order) && b.edge(b.order[j]) < end {
			if w != 0 {
				s.chain(own.pts[e+1 : b.edge(b.order[j])+1])
			}
			continue
		}
		if w != 0 {
			s.chain(own.pts[e+1 : end+1])
			s.chain(own.pts[from : first+1])
		}
		if w != begin {
			doubt |= WindingNumber
		}
		return j - i, doubt
	}
}

// roundingOf is how much the rounding of a crossing on u→v moves the area: some
// units in the last place of the coordinates over the edge's length.
func roundingOf(u, v orb.Point) float64 {
	size := max(math.Abs(u[0]), math.Abs(u[1]), math.Abs(v[0]), math.Abs(v[1]))
	return 16 * unit * size * (math.Abs(v[0]-u[0]) + math.Abs(v[1]-u[1]))
}

// classify sorts the rings from…to-1, which have no crossings, into those inside
// the other operand and those outside, and adds the former. It remembers the
// latter only when asked to.
func (b *boundary) classify(from, to int, s *integral) (doubt Doubt) {
	own, other := b.own(), b.other()
	around := &noBox
	if other.levels > 0 {
		around = other.box()
	}
	for r := from; r < to; r++ {
		if !b.wantOutside {
			if r = own.skip(r, to, around); r == to {
				break
			}
		}
		w := 0
		if around.holds(&own.rings[r]) {
			w = other.winding(own.pts[own.start[r]], !b.second)
		}
		switch w {
		case 0:
			if b.wantOutside {
				b.outside = append(b.outside, int32(r))
			}
		case 1:
			b.inside = append(b.inside, int32(r))
			s.chain(own.pts[own.start[r]:own.start[r+1]])
		default:
			doubt |= WindingNumber
		}
	}
	return doubt
}
