package polygon

import (
	"math"
	"math/rand/v2"
	"sync"

	"github.com/paulmach/orb"
)

// county is a synthetic county (合成) of the measure of docs/overlay.md: 40 km
// square, red lines that are contours of noise, and farmland that shares its
// edges with the parcels.
type county struct {
	// layers are five: a red line of 300,000 vertices and thousands of holes,
	// farmland, and three smaller contours.
	layers     [][]orb.MultiPolygon
	parcels    []orb.MultiPolygon
	candidates []orb.MultiPolygon
}

const (
	countySide = 40000.0
	west       = 540000.0
	south      = 3993000.0
)

var syntheticCounty = sync.OnceValue(func() *county {
	rng := rand.New(rand.NewPCG(7, 8))
	c := &county{}
	mesh := newMesh(310, rng)
	c.parcels = mesh.parcels()
	farmland := mesh.farmland(rng)
	c.layers = [][]orb.MultiPolygon{
		contours(1600, 1, 0.55, rng), farmland, contours(800, 2, 0.60, rng), contours(600, 3, 0.66, rng), contours(600, 4, 0.64, rng),
	}
	for i := range 5000 {
		x, y := west+countySide*(0.05+0.9*rng.Float64()), south+countySide*(0.05+0.9*rng.Float64())
		switch {
		case i%20 < 11:
			c.candidates = append(c.candidates, blob(rng, x, y))
		case i%20 < 13:
			c.candidates = append(c.candidates, corridor(rng, x, y))
		default:
			c.candidates = append(c.candidates, mesh.patch(rng))
		}
	}
	return c
})

// blob is a round patch of some hectares with a vertex every ten metres or so.
func blob(rng *rand.Rand, x, y float64) orb.MultiPolygon {
	radius := 60 * math.Exp(1.1*rng.Float64())
	n := 30 + rng.IntN(100)
	var phase, size [5]float64
	for k := range phase {
		phase[k], size[k] = 2*math.Pi*rng.Float64(), 0.3*rng.Float64()/float64(k+1)
	}
	ring := make(orb.Ring, 0, n+1)
	for i := range n {
		angle, r := 2*math.Pi*float64(i)/float64(n), radius
		for k := range phase {
			r += radius * size[k] * math.Sin(float64(k+1)*angle+phase[k])
		}
		s, co := math.Sincos(angle)
		ring = append(ring, survey(x+r*co, y+r*s))
	}
	return orb.MultiPolygon{{append(ring, ring[0])}}
}

// survey rounds a position as the standard does.
func survey(x, y float64) orb.Point {
	return orb.Point{math.Round(x*1e4) / 1e4, math.Round(y*1e4) / 1e4}
}

// corridor is a road of 1 to 10 km, 12 m wide.
func corridor(rng *rand.Rand, x, y float64) orb.MultiPolygon {
	n := 20 + rng.IntN(200)
	angle := 2 * math.Pi * rng.Float64()
	var left, right orb.Ring
	for i := range n {
		bend := 0.2 * math.Sin(float64(i)/9)
		s, c := math.Sincos(angle + bend)
		left, right = append(left, survey(x-6*s, y+6*c)), append(right, survey(x+6*s, y-6*c))
		x, y = x+40*c, y+40*s
	}
	left.Reverse()
	ring := append(right, left...)
	return orb.MultiPolygon{{append(ring, ring[0])}}
}

// mesh is a net of n×n parcels with wiggly shared edges.
type mesh struct {
	n     int
	chain map[[4]int][]orb.Point
}

func newMesh(n int, rng *rand.Rand) *mesh {
	m := &mesh{n: n, chain: map[[4]int][]orb.Point{}}
	step := countySide / float64(n)
	corner := make([]orb.Point, (n+1)*(n+1))
	for i := range corner {
		corner[i] = survey(west+step*(float64(i%(n+1))+0.5*rng.Float64()), south+step*(float64(i/(n+1))+0.5*rng.Float64()))
	}
	join := func(x0, y0, x1, y1 int) {
		a, b := corner[y0*(n+1)+x0], corner[y1*(n+1)+x1]
		const pieces = 11
		pts := []orb.Point{a}
		for k := 1; k < pieces; k++ {
			t := float64(k) / pieces
			wiggle := 0.08 * math.Min(t, 1-t) * (rng.Float64() - 0.5)
			pts = append(pts, survey(a[0]+t*(b[0]-a[0])-wiggle*(b[1]-a[1]), a[1]+t*(b[1]-a[1])+wiggle*(b[0]-a[0])))
		}
		m.chain[[4]int{x0, y0, x1, y1}] = append(pts, b)
	}
	for y := range n + 1 {
		for x := range n + 1 {
			if x < n {
				join(x, y, x+1, y)
			}
			if y < n {
				join(x, y, x, y+1)
			}
		}
	}
	return m
}

// merged is the union of cells: edges between two of them cancel.
func (m *mesh) merged(cells [][2]int) orb.MultiPolygon {
	var t tidier
	for _, c := range cells {
		x, y := c[0], c[1]
		t.addChain(m.chain[[4]int{x, y, x + 1, y}], false)
		t.addChain(m.chain[[4]int{x + 1, y, x + 1, y + 1}], false)
		t.addChain(m.chain[[4]int{x, y + 1, x + 1, y + 1}], true)
		t.addChain(m.chain[[4]int{x, y, x, y + 1}], true)
	}
	if t.rings() != 0 {
		panic("mesh does not fit together")
	}
	mp, _, _ := assemble(t.pts, t.ends)
	return mp
}

func (m *mesh) parcels() (out []orb.MultiPolygon) {
	for y := range m.n {
		for x := range m.n {
			out = append(out, m.merged([][2]int{{x, y}}))
		}
	}
	return out
}

// patch is a union of some neighbouring parcels.
func (m *mesh) patch(rng *rand.Rand) orb.MultiPolygon {
	x, y := 2+rng.IntN(m.n-6), 2+rng.IntN(m.n-6)
	in := map[[2]int]bool{}
	var cells [][2]int
	for range 1 + rng.IntN(4) {
		if !in[[2]int{x, y}] {
			in[[2]int{x, y}] = true
			cells = append(cells, [2]int{x, y})
		}
		if rng.IntN(2) == 0 {
			x++
		} else {
			y++
		}
	}
	return m.merged(cells)
}

// farmland is blocks of parcels, with gaps in them, some 800 in all.
func (m *mesh) farmland(rng *rand.Rand) (out []orb.MultiPolygon) {
	const block = 11
	for by := 0; by+block <= m.n; by += block {
		for bx := 0; bx+block <= m.n; bx += block {
			var cells [][2]int
			for i := range block * block {
				if rng.Float64() < 0.93 {
					cells = append(cells, [2]int{bx + i%block, by + i/block})
				}
			}
			out = append(out, m.merged(cells))
		}
	}
	return out
}

// contours is where smooth noise on an n×n raster is above a level, one feature
// for each of its pieces, the smallest left out.
func contours(n int, seed uint64, level float64, rng *rand.Rand) (out []orb.MultiPolygon) {
	z := noise(n+1, seed)
	for i := range z {
		z[i] -= level
		if x, y := i%(n+1), i/(n+1); x == 0 || y == 0 || x == n || y == n {
			z[i] = -0.5
		}
	}
	mp := marchingSquares(n, z)
	for _, p := range mp {
		if area, _ := planarRing(p[0][:len(p[0])-1]); area > 20000 {
			out = append(out, orb.MultiPolygon{p})
		}
	}
	return out
}

// noise is value noise of seven octaves between 0 and 1.
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
		// Fine noise makes holes and islands.
		z[i] = z[i]/total + 0.05*(rng.Float64()-0.5)
	}
	return z
}

// marchingSquares gives the polygons where z > 0 on a raster of n×n squares.
func marchingSquares(n int, z []float64) orb.MultiPolygon {
	var t tidier
	step := countySide / float64(n)
	at := func(i, j int) orb.Point {
		f := z[i] / (z[i] - z[j])
		x0, y0, x1, y1 := i%(n+1), i/(n+1), j%(n+1), j/(n+1)
		return survey(west+step*(float64(x0)+f*float64(x1-x0)), south+step*(float64(y0)+f*float64(y1-y0)))
	}
	// A square is two triangles, so that no square is ambiguous.
	triangle := func(a, b, c int) {
		for range 3 {
			switch in := [3]bool{z[a] > 0, z[b] > 0, z[c] > 0}; in {
			case [3]bool{true, false, false}:
				t.addChain([]orb.Point{at(a, b), at(a, c)}, false)
			case [3]bool{false, true, true}:
				t.addChain([]orb.Point{at(c, a), at(b, a)}, false)
			}
			a, b, c = b, c, a
		}
	}
	for y := range n {
		for x := range n {
			i := y*(n+1) + x
			triangle(i, i+1, i+n+2)
			triangle(i, i+n+2, i+n+1)
		}
	}
	if t.rings() != 0 {
		panic("contours do not close")
	}
	mp, _, _ := assemble(t.pts, t.ends)
	return mp
}
