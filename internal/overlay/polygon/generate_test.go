package polygon

import (
	"math"
	"math/rand/v2"

	"github.com/paulmach/orb"
)

// pair is two polygons that a kind of trouble was made for.
type pair struct {
	kind string
	a, b orb.MultiPolygon
}

// frame is where and how large the polygons are.
type frame struct {
	x, y, size float64
	// grid is the coordinates' step; 0 leaves them as they come.
	grid float64
}

func (f frame) point(x, y float64) orb.Point {
	return f.round(orb.Point{f.x + f.size*x, f.y + f.size*y})
}

func (f frame) round(p orb.Point) orb.Point {
	if f.grid > 0 {
		p[0], p[1] = math.Round(p[0]/f.grid)*f.grid, math.Round(p[1]/f.grid)*f.grid
	}
	return p
}

func randomFrame(rng *rand.Rand) frame {
	size := []float64{5, 80, 80, 500, 3000}[rng.IntN(5)]
	grid := []float64{0.0001, 0.0001, 0, size / 8, size / 20}[rng.IntN(5)]
	f := frame{560000, 4013000, size, grid}
	if rng.IntN(4) == 0 {
		f.x, f.y = 0, 0
	}
	return f
}

// star is a polygon with n corners round a centre, in units of the frame, with a
// star-shaped hole if asked.
func star(rng *rand.Rand, f frame, x, y, radius float64, n int, hole bool) orb.MultiPolygon {
	ring := func(r0, r1 float64) orb.Ring {
		ring := make(orb.Ring, 0, n+1)
		turn := rng.Float64()
		for i := range n {
			r := radius * (r0 + (r1-r0)*rng.Float64())
			s, c := math.Sincos(2 * math.Pi * (float64(i) + turn) / float64(n))
			ring = append(ring, f.point(x+r*c, y+r*s))
		}
		return append(ring, ring[0])
	}
	p := orb.Polygon{ring(0.5, 1)}
	if hole {
		p = append(p, ring(0.1, 0.3))
	}
	return orb.MultiPolygon{p}
}

// comb has n long thin teeth.
func comb(rng *rand.Rand, f frame, n int) orb.MultiPolygon {
	var ring orb.Ring
	angle := rng.Float64() * 2 * math.Pi
	s, c := math.Sincos(angle)
	put := func(x, y float64) { ring = append(ring, f.point(x*c-y*s, x*s+y*c)) }
	width := math.Pow(10, -4*rng.Float64()) / float64(n)
	put(-1, -1.1)
	put(1, -1.1)
	put(1, -1)
	for i := n - 1; i >= 0; i-- {
		x := 2*(float64(i)+0.5)/float64(n) - 1
		put(x+width, -1)
		put(x+width*rng.Float64(), 1)
		put(x-width, -1)
	}
	put(-1, -1)
	ring = append(ring, ring[0])
	return orb.MultiPolygon{{ring}}
}

// jitter moves some vertices by up to d, equal vertices alike.
func jitter(rng *rand.Rand, mp orb.MultiPolygon, d, share float64) orb.MultiPolygon {
	moved := map[orb.Point]orb.Point{}
	return mapPoints(mp, func(p orb.Point) orb.Point {
		q, ok := moved[p]
		if !ok {
			q = p
			if rng.Float64() < share {
				q = orb.Point{p[0] + d*(2*rng.Float64()-1), p[1] + d*(2*rng.Float64()-1)}
			}
			moved[p] = q
		}
		return q
	})
}

func mapPoints(mp orb.MultiPolygon, f func(orb.Point) orb.Point) orb.MultiPolygon {
	out := mp.Clone()
	for _, polygon := range out {
		for _, ring := range polygon {
			for i := range ring {
				ring[i] = f(ring[i])
			}
		}
	}
	return out
}

// densify adds points on the edges, rounded, so that they lie beside the lines.
func densify(rng *rand.Rand, f frame, mp orb.MultiPolygon) orb.MultiPolygon {
	var out orb.MultiPolygon
	for _, polygon := range mp {
		var np orb.Polygon
		for _, ring := range polygon {
			var nr orb.Ring
			for i := 1; i < len(ring); i++ {
				nr = append(nr, ring[i-1])
				if rng.IntN(2) == 0 {
					t := rng.Float64()
					nr = append(nr, f.round(orb.Point{
						ring[i-1][0] + t*(ring[i][0]-ring[i-1][0]), ring[i-1][1] + t*(ring[i][1]-ring[i-1][1])}))
				}
			}
			np = append(np, append(nr, nr[0]))
		}
		out = append(out, np)
	}
	return out
}

// neighbour shares a run of a's shell and goes round outside or inside.
func neighbour(rng *rand.Rand, f frame, a orb.MultiPolygon) orb.MultiPolygon {
	shell := a[0][0][:len(a[0][0])-1]
	n := len(shell)
	from, run := rng.IntN(n), 1+rng.IntN(n-1)
	var ring orb.Ring
	for i := range run + 1 {
		ring = append(ring, shell[(from+i)%n])
	}
	scale := 1.3 + rng.Float64()
	if rng.IntN(2) == 0 {
		scale = 0.2 + 0.5*rng.Float64()
	}
	for i := run; i >= 0; i-- {
		p := shell[(from+i)%n]
		ring = append(ring, f.round(orb.Point{f.x + scale*(p[0]-f.x), f.y + scale*(p[1]-f.y)}))
	}
	ring = append(ring, ring[0])
	if turnOf(ring[:len(ring)-1]) < 0 {
		ring.Reverse()
	}
	return orb.MultiPolygon{{ring}}
}

// randomPair makes a pair; it may be invalid, which the caller finds out.
func randomPair(rng *rand.Rand) pair {
	f := randomFrame(rng)
	n := 3 + rng.IntN(30)
	a := star(rng, f, 0, 0, 1, n, n > 5 && rng.IntN(3) == 0)
	d := math.Pow(10, -14+11*rng.Float64())
	switch rng.IntN(10) {
	case 0:
		return pair{"stars", a, star(rng, f, rng.Float64()-0.5, rng.Float64()-0.5, 0.3+rng.Float64(), 3+rng.IntN(30), rng.IntN(3) == 0)}
	case 1:
		return pair{"itself", a, a}
	case 2:
		return pair{"jitter", a, jitter(rng, a, d, 1)}
	case 3:
		return pair{"jitter some", a, jitter(rng, a, d, rng.Float64())}
	case 4:
		dx, dy := d*(2*rng.Float64()-1), d*(2*rng.Float64()-1)
		return pair{"shift", a, mapPoints(a, func(p orb.Point) orb.Point { return orb.Point{p[0] + dx, p[1] + dy} })}
	case 5:
		return pair{"densified", a, densify(rng, f, a)}
	case 6:
		return pair{"neighbour", a, neighbour(rng, f, a)}
	case 7:
		return pair{"neighbour jitter", a, jitter(rng, neighbour(rng, f, a), d, 0.7)}
	case 8:
		return pair{"needles", comb(rng, f, 1+rng.IntN(12)), comb(rng, f, 1+rng.IntN(12))}
	}
	c := comb(rng, f, 1+rng.IntN(12))
	return pair{"needles jitter", c, jitter(rng, c, d, 0.7)}
}

// randomCellsPair is squares, sheared, possibly jittered and rounded.
func randomCellsPair(rng *rand.Rand) pair {
	n := 2 + rng.IntN(7)
	f := randomFrame(rng)
	f.grid = min(f.grid, 0.0001)
	s := [4]float64{1, 0, 0, 1}
	if rng.IntN(2) == 0 {
		for i := range s {
			s[i] += rng.Float64() - 0.5
		}
	}
	place := func(x, y int) orb.Point {
		return f.point((s[0]*float64(x)+s[1]*float64(y))/float64(n), (s[2]*float64(x)+s[3]*float64(y))/float64(n))
	}
	a := randomCells(rng, n, 0.3+0.6*rng.Float64()).polygon(rng.IntN(2) == 0, place)
	b := randomCells(rng, n, 0.3+0.6*rng.Float64()).polygon(rng.IntN(2) == 0, place)
	if rng.IntN(3) == 0 {
		return pair{"squares jitter", a, jitter(rng, b, math.Pow(10, -14+11*rng.Float64()), rng.Float64())}
	}
	return pair{"squares", a, b}
}
