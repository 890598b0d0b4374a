package polygon

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
)

// hostilePair makes a small pair of which something comes nearer than doubles can
// tell, and the zone it lies in. It may be invalid, which the caller finds out.
func hostilePair(rng *rand.Rand) (pair, land.Zone) {
	f, zone := smallFrame(rng)
	d := math.Pow(10, -14+11*rng.Float64())
	n := 3 + rng.IntN(6)
	a := star(rng, f, 0, 0, 1, n, n > 5 && rng.IntN(4) == 0)
	if rng.IntN(40) == 0 { // larger ones, in zone 37 without prefix
		if rng.IntN(4) == 0 {
			return randomCellsPair(rng), zone37
		}
		return randomPair(rng), zone37
	}
	switch rng.IntN(20) {
	case 0:
		return pair{"small stars", a, star(rng, f, rng.Float64()-0.5, rng.Float64()-0.5, 0.3+rng.Float64(), 3+rng.IntN(6), false)}, zone
	case 1:
		return pair{"small itself", a, a}, zone
	case 2:
		return pair{"small jitter", a, jitter(rng, a, d, rng.Float64())}, zone
	case 3:
		dx, dy := d*(2*rng.Float64()-1), d*(2*rng.Float64()-1)
		return pair{"small shift", a, mapPoints(a, func(p orb.Point) orb.Point { return orb.Point{p[0] + dx, p[1] + dy} })}, zone
	case 4:
		return pair{"small densified", densify(rng, f, a), densify(rng, f, a)}, zone
	case 5:
		return pair{"small neighbour", a, jitter(rng, neighbour(rng, f, a), d, float64(rng.IntN(2)))}, zone
	case 6:
		c := comb(rng, f, 1+rng.IntN(3))
		return pair{"small needles", c, jitter(rng, comb(rng, f, 1+rng.IntN(3)), d, 0.5)}, zone
	case 7, 8:
		return pair{"near lines", besideLine(rng, f, 0, false), besideLine(rng, f, d, true)}, zone
	case 9, 10:
		return pair{"on edges", a, onEdges(rng, f, a)}, zone
	case 11:
		return pair{"needle", thin(rng, f, a), thin(rng, f, a)}, zone
	case 12:
		return pair{"needle and star", a, thin(rng, f, a)}, zone
	case 13:
		return pair{"pencil", pencil(rng, f, 0), pencil(rng, f, d)}, zone
	case 14:
		return pair{"units in the last place", a, nudged(rng, a)}, zone
	case 15:
		a = star(rng, f, 0, 0, 1, n, true)
		return pair{"hole filled", a, holeFilled(rng, f, a, d)}, zone
	case 16:
		w := wheelOf(rng, f, 4+rng.IntN(6))
		return pair{"sectors", w.sector(rng), jitter(rng, w.sector(rng), d, float64(rng.IntN(2)))}, zone
	case 17:
		f.grid = f.size / float64(2+rng.IntN(5))
		return pair{"lattice", star(rng, f, 0, 0, 1, n, false), star(rng, f, 0, 0, 1, 3+rng.IntN(6), false)}, zone
	}
	return computedPair(rng, f, zone, a), zone
}

func smallFrame(rng *rand.Rand) (frame, land.Zone) {
	f := randomFrame(rng)
	if f.x != 0 && rng.IntN(3) == 0 {
		f.x += 37e6 // coordinates with the zone's number before them are coarser
		return f, zone37.WithPrefix()
	}
	return f, zone37
}

// besideLine is a convex polygon with an edge beside one of two lines of the
// frame; its vertices there are rounded.
func besideLine(rng *rand.Rand, f frame, d float64, either bool) orb.MultiPolygon {
	at := func(t float64) orb.Point { // the line through (-1, -0.3) and (1, 0.41)
		return f.point(-1+2*t, -0.3+0.71*t)
	}
	s, t := rng.Float64()-0.2, 0.5+rng.Float64()
	if rng.IntN(3) == 0 {
		s, t = 0, 1
	}
	p, q := at(s), at(t)
	nx, ny := -0.71/math.Hypot(2, 0.71), 2/math.Hypot(2, 0.71)
	for _, v := range [2]*orb.Point{&p, &q} {
		e := d * float64(rng.IntN(3)-1)
		v[0], v[1] = v[0]+e*nx, v[1]+e*ny
	}
	up := 1.0
	if either && rng.IntN(2) == 0 {
		up = -1
	}
	ring := orb.Ring{p, q}
	for i := range 1 + rng.IntN(3) {
		t := s + (t-s)*(1-float64(i+1)*(0.15+0.1*rng.Float64()))
		high := up * (0.2 + rng.Float64())
		ring = append(ring, f.round(orb.Point{f.x + f.size*(-1+2*t+nx*high), f.y + f.size*(-0.3+0.71*t+ny*high)}))
	}
	return closed(ring)
}

// closed closes a ring and turns it to the left.
func closed(open orb.Ring) orb.MultiPolygon {
	if turnOf(open) < 0 {
		slices.Reverse(open)
	}
	return orb.MultiPolygon{{append(open, open[0])}}
}

// units moves a coordinate by up to three units in the last place.
func units(rng *rand.Rand, v float64) float64 {
	if v == 0 {
		return v // its neighbours are refused
	}
	to := math.Inf(1 - 2*rng.IntN(2))
	for range rng.IntN(4) {
		v = math.Nextafter(v, to)
	}
	return v
}

func nudged(rng *rand.Rand, mp orb.MultiPolygon) orb.MultiPolygon {
	moved := map[orb.Point]orb.Point{}
	return mapPoints(mp, func(p orb.Point) orb.Point {
		q, ok := moved[p]
		if !ok {
			q = p
			if rng.IntN(2) == 0 {
				q = orb.Point{units(rng, p[0]), units(rng, p[1])}
			}
			moved[p] = q
		}
		return q
	})
}

// onEdge is a point that should lie on an edge of the shell and misses it by
// rounding, or a vertex.
func onEdge(rng *rand.Rand, a orb.MultiPolygon) orb.Point {
	shell := a[0][0]
	i := 1 + rng.IntN(len(shell)-1)
	if rng.IntN(5) == 0 {
		return shell[i]
	}
	t := rng.Float64()
	if rng.IntN(2) == 0 {
		t = 0.5
	}
	return orb.Point{units(rng, shell[i-1][0]+t*(shell[i][0]-shell[i-1][0])), units(rng, shell[i-1][1]+t*(shell[i][1]-shell[i-1][1]))}
}

// onEdges is a polygon with vertices on a's edges as nearly as doubles allow.
func onEdges(rng *rand.Rand, f frame, a orb.MultiPolygon) orb.MultiPolygon {
	var pts orb.Ring
	for range 1 + rng.IntN(4) {
		pts = append(pts, onEdge(rng, a))
	}
	for len(pts) < 3 || rng.IntN(3) == 0 {
		pts = append(pts, f.point(3*rng.Float64()-1.5, 3*rng.Float64()-1.5))
	}
	x, y := 0.0, 0.0
	for _, p := range pts {
		x, y = x+p[0]/float64(len(pts)), y+p[1]/float64(len(pts))
	}
	slices.SortFunc(pts, func(p, q orb.Point) int {
		if math.Atan2(p[1]-y, p[0]-x) < math.Atan2(q[1]-y, q[0]-x) {
			return -1
		}
		return 1
	})
	return closed(slices.Compact(pts))
}

// thin is a triangle or a strip that ends in, or goes through, a point on a's edge.
func thin(rng *rand.Rand, f frame, a orb.MultiPolygon) orb.MultiPolygon {
	width := math.Pow(10, -13+12*rng.Float64())
	s, c := math.Sincos(2 * math.Pi * rng.Float64())
	p := onEdge(rng, a)
	far := f.size * (0.5 + 2*rng.Float64())
	q := orb.Point{p[0] + far*c, p[1] + far*s}
	if rng.IntN(2) == 0 {
		q = onEdge(rng, a)
	}
	if rng.IntN(2) == 0 {
		p = orb.Point{p[0] - 0.3*far*c, p[1] - 0.3*far*s}
	}
	if rng.IntN(2) == 0 {
		return closed(orb.Ring{p, {q[0] + width*s, q[1] - width*c}, {q[0] - width*s, q[1] + width*c}})
	}
	return closed(orb.Ring{{p[0] + width*s, p[1] - width*c}, {q[0] + width*s, q[1] - width*c}, {q[0] - width*s, q[1] + width*c}, {p[0] - width*s, p[1] + width*c}})
}

// pencil is triangles that meet in one point, which is moved by d.
func pencil(rng *rand.Rand, f frame, d float64) orb.MultiPolygon {
	centre := f.point(0.1, 0.2)
	centre[0], centre[1] = centre[0]+d*(2*rng.Float64()-1), centre[1]+d*(2*rng.Float64()-1)
	if rng.IntN(2) == 0 {
		centre = f.point(0.1, 0.2)
	}
	n := 4 + rng.IntN(9)
	var mp orb.MultiPolygon
	spoke := func(i int) orb.Point {
		s, c := math.Sincos(2 * math.Pi * float64(i) / float64(n))
		return f.point(0.1+c, 0.2+s)
	}
	for i := 0; i+1 < n; i += 2 + rng.IntN(2) {
		mp = append(mp, closed(orb.Ring{centre, spoke(i), spoke(i + 1)})[0])
		if rng.IntN(4) == 0 {
			break
		}
	}
	return mp
}

// holeFilled is what lies in a's hole, wholly, nearly, or with what is around it.
func holeFilled(rng *rand.Rand, f frame, a orb.MultiPolygon, d float64) orb.MultiPolygon {
	ring := slices.Clone(a[0][1])
	fill := orb.MultiPolygon{{ring}}
	switch rng.IntN(5) {
	case 0:
		return fill
	case 1:
		return jitter(rng, fill, d, rng.Float64())
	case 2:
		return densify(rng, f, fill)
	case 3:
		return orb.MultiPolygon{{slices.Clone(a[0][0])}}
	}
	return nudged(rng, fill)
}

// wheel is points around a centre; its sectors share edges as parcels do.
type wheel struct {
	centre orb.Point
	rim    []orb.Point
}

func wheelOf(rng *rand.Rand, f frame, n int) (w wheel) {
	w.centre = f.point(0.1*rng.Float64(), 0.1*rng.Float64())
	for i := range n {
		s, c := math.Sincos(2 * math.Pi * (float64(i) + 0.5*rng.Float64()) / float64(n))
		r := 0.4 + rng.Float64()
		w.rim = append(w.rim, f.point(r*c, r*s))
	}
	return w
}

func (w wheel) sector(rng *rand.Rand) orb.MultiPolygon {
	n := len(w.rim)
	from, run := rng.IntN(n), 1+rng.IntN(n)
	var ring orb.Ring
	if run < n {
		ring = append(ring, w.centre)
		run++
	}
	for i := range run {
		ring = append(ring, w.rim[(from+i)%n])
	}
	return closed(ring)
}

// computedPair has an operand that is itself computed, as the remainder of a
// candidate is, and another that shares its edges.
func computedPair(rng *rand.Rand, f frame, zone land.Zone, a orb.MultiPolygon) pair {
	var c orb.MultiPolygon
	switch rng.IntN(4) {
	case 0:
		c = onEdges(rng, f, a)
	case 1:
		c = neighbour(rng, f, a)
	case 2:
		c = thin(rng, f, a)
	default:
		c = star(rng, f, rng.Float64()-0.5, rng.Float64()-0.5, 0.3+rng.Float64(), 3+rng.IntN(6), false)
	}
	result := pair{"computed", a, c}
	pa, errA := Prepare(a)
	pc, errC := Prepare(c)
	if errA != nil || errC != nil {
		return result
	}
	var r Result
	switch rng.IntN(3) {
	case 0:
		r = Intersection(pa, pc, zone)
	case 1:
		r = Union([]*Candidate{pa, pc}, zone)
	default:
		r = Difference(pa, pc, zone)
	}
	if r.Doubt != 0 || r.Geometry == nil {
		return result
	}
	result.a = r.Geometry
	switch rng.IntN(4) {
	case 0:
		result.b = a
	case 1:
		result.b = onEdges(rng, f, a)
	case 2:
		result.b = neighbour(rng, f, orb.MultiPolygon{{slices.Clone(r.Geometry[0][0])}})
	}
	return result
}
