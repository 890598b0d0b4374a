// Package synthetic makes a synthetic county (合成县) of any size, by which the
// program's overlay, slope and loading are measured and tested: parcels whose
// neighbours share every vertex of their edges, layers of many holes, and
// candidates. It is the same county for the same size and seed.
package synthetic

import (
	"math"
	"math/rand/v2"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
)

// Layer is a constraint layer of the synthetic county.
type Layer struct {
	Name     string
	Features []orb.MultiPolygon
}

// County is a synthetic county (合成县) in the plane EPSG:4546, all coordinates
// on the standard's grid of 0.0001 m.
type County struct {
	// Side is the length in metres of the square that it fills.
	Side       float64
	Parcels    []orb.MultiPolygon
	Layers     []Layer
	Candidates []orb.MultiPolygon
}

// The county's plane, and its south-west corner there.
const (
	SRID  = 4546
	West  = 540000.0
	South = 3993000.0
)

// Zone is the county's plane.
func Zone() land.Zone {
	z, _ := land.ByEPSG(SRID)
	return z
}

// parcelSide is the mean side of a parcel in metres.
const parcelSide = 126.5

// New makes a county of about the given number of parcels and candidates:
// an ecological red line (生态保护红线) of twelve polygons with thousands of
// holes, permanent basic farmland (永久基本农田) that shares its edges with the
// parcels, and three smaller layers. Candidates are blobs (55 %), roads (10 %)
// and unions of parcels (35 %).
func New(parcels, candidates int, seed uint64) *County {
	rng := rand.New(rand.NewPCG(seed, 8))
	n := max(int(math.Round(math.Sqrt(float64(parcels)))), 16)
	c := &County{Side: parcelSide * float64(n)}
	m := newMesh(n, rng)
	c.Parcels = m.parcels()
	grid := max(n*5, 80) // a vertex every 25 m or so
	c.Layers = []Layer{
		{"ecored", contours(grid, c.Side, 1, 0.545, 12)},
		{"farmland", m.farmland(0.50)},
		{"reserve", contours(grid*5/8, c.Side, 2, 0.60, 4)},
		{"water", contours(grid*3/8, c.Side, 3, 0.62, 14)},
		{"urban", contours(grid*5/8, c.Side, 4, 0.60, 47)},
	}
	for i := range candidates {
		x, y := West+c.Side*(0.05+0.9*rng.Float64()), South+c.Side*(0.05+0.9*rng.Float64())
		switch {
		case i%20 < 11:
			c.Candidates = append(c.Candidates, blob(rng, x, y))
		case i%20 < 13:
			c.Candidates = append(c.Candidates, corridor(rng, x, y))
		default:
			c.Candidates = append(c.Candidates, m.patch(rng))
		}
	}
	return c
}

// Size counts features, vertices (closing points included) and holes.
func Size(features []orb.MultiPolygon) (polygons, vertices, holes int) {
	for _, f := range features {
		polygons += len(f)
		for _, p := range f {
			holes += len(p) - 1
			for _, r := range p {
				vertices += len(r)
			}
		}
	}
	return polygons, vertices, holes
}

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

// corridor is a road of 1 to 9 km, 12 m wide.
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
