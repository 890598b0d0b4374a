package synthetic

import (
	"math"
	"math/rand/v2"

	"github.com/paulmach/orb"
)

// mesh is a net of n × n cells, the parcels, with wiggly edges that neighbours
// share vertex by vertex.
type mesh struct {
	n int
	// east[y][x] runs from corner (x, y) to (x+1, y), north[y][x] to (x, y+1).
	east, north [][][]orb.Point
}

// pieces is how many straight pieces an edge of a parcel has.
const pieces = 11

func newMesh(n int, rng *rand.Rand) *mesh {
	step := parcelSide
	corner := make([][]orb.Point, n+1)
	for y := range corner {
		corner[y] = make([]orb.Point, n+1)
		for x := range corner[y] {
			corner[y][x] = survey(West+step*(float64(x)+0.5*rng.Float64()), South+step*(float64(y)+0.5*rng.Float64()))
		}
	}
	join := func(a, b orb.Point) []orb.Point {
		pts := []orb.Point{a}
		for k := 1; k < pieces; k++ {
			t := float64(k) / pieces
			wiggle := 0.08 * math.Min(t, 1-t) * (rng.Float64() - 0.5)
			pts = append(pts, survey(a[0]+t*(b[0]-a[0])-wiggle*(b[1]-a[1]), a[1]+t*(b[1]-a[1])+wiggle*(b[0]-a[0])))
		}
		return append(pts, b)
	}
	m := &mesh{n: n, east: make([][][]orb.Point, n+1), north: make([][][]orb.Point, n)}
	for y := range n + 1 {
		for x := range n {
			m.east[y] = append(m.east[y], join(corner[y][x], corner[y][x+1]))
		}
		for x := 0; y < n && x <= n; x++ {
			m.north[y] = append(m.north[y], join(corner[y][x], corner[y+1][x]))
		}
	}
	return m
}

func (m *mesh) parcels() []orb.MultiPolygon {
	out := make([]orb.MultiPolygon, 0, m.n*m.n)
	for y := range m.n {
		for x := range m.n {
			out = append(out, m.union([][2]int{{x, y}}))
		}
	}
	return out
}

// patch is a union of one to four neighbouring parcels.
func (m *mesh) patch(rng *rand.Rand) orb.MultiPolygon {
	x, y := 2+rng.IntN(m.n-6), 2+rng.IntN(m.n-6)
	cells := [][2]int{{x, y}}
	for range rng.IntN(4) {
		if rng.IntN(2) == 0 {
			x++
		} else {
			y++
		}
		cells = append(cells, [2]int{x, y})
	}
	return m.union(cells)
}

// sideAcross leads over the sides of a cell, counter-clockwise from the south.
var sideAcross = [4][2]int{{0, -1}, {1, 0}, {0, 1}, {-1, 0}}

// side appends the points of one side of a cell, without the last.
func (m *mesh) side(ring orb.Ring, x, y, s int) orb.Ring {
	var line []orb.Point
	switch s {
	case 0:
		line = m.east[y][x]
	case 1:
		line = m.north[y][x+1]
	case 2:
		line = m.east[y+1][x]
	default:
		line = m.north[y][x]
	}
	if s < 2 {
		return append(ring, line[:pieces]...)
	}
	for k := pieces; k > 0; k-- {
		ring = append(ring, line[k])
	}
	return ring
}

// union is the polygon of cells that are connected by their sides.
func (m *mesh) union(cells [][2]int) orb.MultiPolygon {
	in := make(map[[2]int]bool, len(cells))
	for _, c := range cells {
		in[c] = true
	}
	// A side of the boundary, by the cell and its number.
	type side struct {
		x, y, s int
	}
	done := map[side]bool{}
	var shell orb.Ring
	var holes []orb.Ring
	for _, c := range cells {
		for s, d := range sideAcross {
			first := side{c[0], c[1], s}
			if in[[2]int{c[0] + d[0], c[1] + d[1]}] || done[first] {
				continue
			}
			var ring orb.Ring
			for at := first; !done[at]; {
				done[at] = true
				ring = m.side(ring, at.x, at.y, at.s)
				// The next side begins at this one's end. Where four sides meet
				// it is the one that has the same cell outside: so a hole that
				// touches the shell, or another hole, stays a ring of its own.
				d, next := sideAcross[at.s], sideAcross[(at.s+1)%4]
				ahead := [2]int{at.x + next[0], at.y + next[1]}
				diagonal := [2]int{ahead[0] + d[0], ahead[1] + d[1]}
				switch {
				case in[diagonal]:
					at = side{diagonal[0], diagonal[1], (at.s + 3) % 4}
				case in[ahead]:
					at = side{ahead[0], ahead[1], at.s}
				default:
					at.s = (at.s + 1) % 4
				}
			}
			ring = append(ring, ring[0])
			if ring.Orientation() == orb.CCW {
				shell = ring
			} else {
				holes = append(holes, ring)
			}
		}
	}
	return orb.MultiPolygon{append(orb.Polygon{shell}, holes...)}
}

// farmland is the parcels where smooth noise is above a level, with gaps among
// them: one great polygon with hundreds of holes and hundreds of small ones.
func (m *mesh) farmland(level float64) []orb.MultiPolygon {
	rng := rand.New(rand.NewPCG(5, 6))
	z := noise(m.n, 5)
	chosen := make([]bool, m.n*m.n)
	for i := range chosen {
		chosen[i] = z[i] > level && rng.Float64() < 0.95
	}
	var out []orb.MultiPolygon
	seen := make([]bool, len(chosen))
	for i := range chosen {
		if !chosen[i] || seen[i] {
			continue
		}
		seen[i] = true
		cells := [][2]int{{i % m.n, i / m.n}}
		for k := 0; k < len(cells); k++ {
			for _, d := range sideAcross {
				x, y := cells[k][0]+d[0], cells[k][1]+d[1]
				if x < 0 || y < 0 || x >= m.n || y >= m.n || !chosen[y*m.n+x] || seen[y*m.n+x] {
					continue
				}
				seen[y*m.n+x] = true
				cells = append(cells, [2]int{x, y})
			}
		}
		out = append(out, m.union(cells))
	}
	return out
}
