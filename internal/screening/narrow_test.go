package screening

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"

	"gengheng/internal/land"
	"gengheng/internal/store/storetest"
)

// Other shapes, by hand: go test -run WidenTakes -seed 7.
var narrowSeed = flag.Uint64("seed", 5, "seed of the random shapes")

// leftover is a rectangle of which random rectangles and triangles are cut away,
// of all sizes down to decimetres.
func leftover(r *rand.Rand, cut func(whole, cuts orb.MultiPolygon) orb.MultiPolygon) orb.MultiPolygon {
	const east, north = 560000, 4013000
	ring := func(points ...orb.Point) orb.Polygon {
		closed := append(orb.Ring{}, points...)
		return orb.Polygon{append(closed, points[0])}
	}
	rest := orb.MultiPolygon{ring(orb.Point{east, north}, orb.Point{east + 60, north}, orb.Point{east + 60, north + 40}, orb.Point{east, north + 40})}
	for range 1 + r.IntN(6) {
		x, y := east+r.Float64()*60, north+r.Float64()*40
		w, h := 0.2+r.ExpFloat64()*8, 0.2+r.ExpFloat64()*8
		shape := ring(orb.Point{x, y}, orb.Point{x + w, y}, orb.Point{x + w, y + h}, orb.Point{x, y + h})
		if r.IntN(3) == 0 {
			shape = ring(orb.Point{x, y}, orb.Point{x + w*3, y + h*r.Float64()}, orb.Point{x + w*r.Float64(), y + h*3})
		}
		if planar.Area(shape) > 0 {
			rest = cut(rest, orb.MultiPolygon{shape})
		}
	}
	return rest
}

// surveyed is what a line measured every few decimetres to metres leaves of another
// such outline: the size, the spacing and the roughness are random.
func surveyed(r *rand.Rand, cut func(whole, cuts orb.MultiPolygon) orb.MultiPolygon) orb.MultiPolygon {
	const east, north = 560000, 4013000
	outline := func(x, y, radius float64) orb.MultiPolygon {
		n := 8 + r.IntN(120)
		rough, flat, turn := 0.6*r.Float64()*r.Float64(), 0.1+0.9*r.Float64(), r.Float64()*math.Pi
		var ring orb.Ring
		for i := range n {
			a := 2 * math.Pi * (float64(i) + 0.8*r.Float64()) / float64(n)
			d := radius * (1 + rough*(r.Float64()-0.5))
			u, v := d*math.Cos(a), flat*d*math.Sin(a)
			ring = append(ring, orb.Point{x + u*math.Cos(turn) - v*math.Sin(turn), y + u*math.Sin(turn) + v*math.Cos(turn)})
		}
		return orb.MultiPolygon{{append(ring, ring[0])}}
	}
	radius := 3 + r.ExpFloat64()*15
	rest := outline(east, north, radius)
	for range r.IntN(4) {
		a, off := 2*math.Pi*r.Float64(), radius*1.2*r.Float64()
		rest = cut(rest, outline(east+off*math.Cos(a), north+off*math.Sin(a), radius*(0.05+r.Float64())))
	}
	return rest
}

// TestWidenTakesOnlyWhatIsNarrow: what a disc of the width fits into stays, no
// land is gained or lost, and what is not suspected has nothing narrow.
func TestWidenTakesOnlyWhatIsNarrow(t *testing.T) {
	const width, shapes = 2.0, 600
	r := rand.New(rand.NewPCG(*narrowSeed, 0))
	zone, _ := land.ByEPSG(4546)
	ctx := t.Context()
	j := &job{db: storetest.New(t), zone: zone, counts: new(counts)}
	e := newNative(j)
	rests := make([]orb.MultiPolygon, shapes)
	for i := range rests {
		shape := leftover
		if i%2 == 1 {
			shape = surveyed
		}
		rests[i] = shape(r, func(whole, cuts orb.MultiPolygon) orb.MultiPolygon {
			out, err := e.Difference(ctx, []orb.MultiPolygon{whole}, []orb.MultiPolygon{cuts})
			if err != nil {
				t.Fatal(err)
			}
			return out[0]
		})
	}
	opened, err := e.Opened(ctx, rests, width)
	if err != nil {
		t.Fatal(err)
	}
	thin, err := e.Difference(ctx, rests, opened)
	if err != nil {
		t.Fatal(err)
	}
	innocent, guilty, wronged := 0, 0, 0
	for i, rest := range rests {
		suspected := mayBeNarrow(rest, width)
		found := false
		for _, polygon := range thin[i] {
			m2 := land.AdditiveArea(orb.MultiPolygon{polygon}, zone)
			found = found || m2 > crumb
			if m2 > crumb && !suspected {
				t.Errorf("shape %d: %g m² are narrow, but it is not suspected: %v", i, m2, rest)
			}
			if m2 > crumb && !narrowThroughout(r, rest, polygon, width/2+2*openedBy) {
				t.Errorf("shape %d: %v is taken out of %v, though a disc fits", i, polygon, rest)
			}
		}
		if found {
			guilty++
		}
		if !suspected {
			innocent++
		} else if !found {
			wronged++
		}
		whole, parts := land.AdditiveArea(rest, zone), land.AdditiveArea(thin[i], zone)
		kept, err := e.Difference(ctx, []orb.MultiPolygon{rest}, []orb.MultiPolygon{thin[i]})
		if err != nil {
			t.Fatal(err)
		}
		if off := whole - parts - land.AdditiveArea(kept[0], zone); off > 1e-4 || off < -1e-4 {
			t.Errorf("shape %d: %g m² gained or lost", i, -off)
		}
	}
	t.Logf("%d have something narrow, %d have not, %d of these are suspected", guilty, innocent+wronged, wronged)
	if innocent < shapes/20 || guilty < shapes/10 {
		t.Errorf("of %d shapes %d were not suspected and %d had narrow parts: too few to tell", shapes, innocent, guilty)
	}
}

// narrowThroughout tries points of a part: none may be farther from the boundary
// of the whole than a radius.
func narrowThroughout(r *rand.Rand, whole orb.MultiPolygon, part orb.Polygon, radius float64) bool {
	box := part.Bound()
	for range 400 {
		p := orb.Point{box.Min[0] + r.Float64()*(box.Max[0]-box.Min[0]), box.Min[1] + r.Float64()*(box.Max[1]-box.Min[1])}
		if !planar.PolygonContains(part, p) {
			continue
		}
		nearest := 1e9
		for _, polygon := range whole {
			for _, ring := range polygon {
				nearest = min(nearest, planar.DistanceFrom(orb.LineString(ring), p))
			}
		}
		if nearest > radius {
			return false
		}
	}
	return true
}
