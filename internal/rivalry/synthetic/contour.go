package synthetic

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/paulmach/orb"
)

// noise is value noise of seven octaves between 0 and 1 on an n × n raster, with
// a little of every cell's own.
func noise(n int, seed uint64) []float64 {
	z := make([]float64, n*n)
	rng := rand.New(rand.NewPCG(seed, 9))
	total := 0.0
	for octave, weight := 5, 1.0; octave < 12*5; octave, weight = octave*2, weight*0.62 {
		m := octave + 2
		knots := make([]float64, m*m)
		for i := range knots {
			knots[i] = rng.Float64()
		}
		total += weight
		for i := range z {
			x, y := float64(i%n)/float64(n)*float64(octave), float64(i/n)/float64(n)*float64(octave)
			ix, iy := int(x), int(y)
			fx, fy := x-float64(ix), y-float64(iy)
			fx, fy = fx*fx*(3-2*fx), fy*fy*(3-2*fy)
			k := iy*m + ix
			z[i] += weight * ((knots[k]*(1-fx)+knots[k+1]*fx)*(1-fy) + (knots[k+m]*(1-fx)+knots[k+m+1]*fx)*fy)
		}
	}
	for i := range z {
		z[i] = z[i]/total + 0.05*(rng.Float64()-0.5)
	}
	return z
}

// contours are the largest polygons, at most most of them, where noise on a
// raster of n × n squares is above a level. Fine noise makes holes and islands.
func contours(n int, side float64, seed uint64, level float64, most int) []orb.MultiPolygon {
	z := noise(n+1, seed)
	for i := range z {
		z[i] -= level
		if x, y := i%(n+1), i/(n+1); x == 0 || y == 0 || x == n || y == n {
			z[i] = -0.5
		}
	}
	s := isolines{n: n, step: side / float64(n), z: z, next: map[int64]int64{}}
	s.trace()
	// Rings of one connected piece belong together.
	pieces := map[int][]orb.Ring{}
	for _, r := range s.rings() {
		pieces[r.piece] = append(pieces[r.piece], r.ring)
	}
	var found []orb.Polygon
	for _, rings := range pieces {
		slices.SortFunc(rings, func(a, b orb.Ring) int {
			return cmp.Compare(b.Bound().Max[0]-b.Bound().Min[0], a.Bound().Max[0]-a.Bound().Min[0])
		})
		found = append(found, orb.Polygon(rings))
	}
	count := func(p orb.Polygon) (n int) {
		for _, r := range p {
			n += len(r)
		}
		return n
	}
	slices.SortFunc(found, func(a, b orb.Polygon) int {
		return cmp.Or(cmp.Compare(count(b), count(a)), cmp.Compare(a[0][0][0], b[0][0][0]), cmp.Compare(a[0][0][1], b[0][0][1]))
	})
	var out []orb.MultiPolygon
	for _, p := range found[:min(most, len(found))] {
		out = append(out, orb.MultiPolygon{p})
	}
	return out
}

// isolines draws the line z = 0 on the triangles of a raster. Every point of it
// lies on the way from a node inside to one outside, which names it.
type isolines struct {
	n    int
	step float64
	z    []float64
	next map[int64]int64
	// piece joins the nodes inside that are neighbours (union-find).
	piece []int
}

func (s *isolines) find(i int) int {
	for s.piece[i] != i {
		s.piece[i] = s.piece[s.piece[i]]
		i = s.piece[i]
	}
	return i
}

// trace walks all triangles: a square is two, so that none is ambiguous.
func (s *isolines) trace() {
	s.piece = make([]int, len(s.z))
	for i := range s.piece {
		s.piece[i] = i
	}
	for y := range s.n {
		for x := range s.n {
			i := y*(s.n+1) + x
			s.triangle(i, i+1, i+s.n+2)
			s.triangle(i, i+s.n+2, i+s.n+1)
		}
	}
}

func (s *isolines) triangle(a, b, c int) {
	name := func(in, out int) int64 { return int64(in)<<32 | int64(out) }
	for range 3 {
		if s.z[a] > 0 && s.z[b] > 0 {
			s.piece[max(s.find(a), s.find(b))] = min(s.find(a), s.find(b))
		}
		switch in := [3]bool{s.z[a] > 0, s.z[b] > 0, s.z[c] > 0}; in {
		case [3]bool{true, false, false}:
			s.next[name(a, b)] = name(a, c)
		case [3]bool{false, true, true}:
			s.next[name(c, a)] = name(b, a)
		}
		a, b, c = b, c, a
	}
}

// at is a point's place, kept away from the nodes so that lines do not touch.
func (s *isolines) at(name int64) orb.Point {
	i, j := int(name>>32), int(name&(1<<32-1))
	f := min(max(s.z[i]/(s.z[i]-s.z[j]), 0.02), 0.98)
	w := s.n + 1
	x0, y0, x1, y1 := i%w, i/w, j%w, j/w
	return survey(West+s.step*(float64(x0)+f*float64(x1-x0)), South+s.step*(float64(y0)+f*float64(y1-y0)))
}

type pieceRing struct {
	piece int
	ring  orb.Ring
}

// rings follows the lines, in the order of their first points' names.
func (s *isolines) rings() (out []pieceRing) {
	names := make([]int64, 0, len(s.next))
	for name := range s.next {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, first := range names {
		if _, ok := s.next[first]; !ok {
			continue
		}
		var ring orb.Ring
		for name := first; ; {
			following, ok := s.next[name]
			if !ok {
				break
			}
			ring = append(ring, s.at(name))
			delete(s.next, name)
			name = following
		}
		out = append(out, pieceRing{s.find(int(first >> 32)), append(ring, ring[0])})
	}
	return out
}
