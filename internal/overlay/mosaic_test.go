package overlay_test

import (
	"math"
	"slices"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
	"pgregory.net/rapid"

	"gengheng/internal/overlay"
)

func TestMosaicEqualsTryingEveryPolygon(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "n")
		var all []orb.MultiPolygon
		for range n {
			all = append(all, orb.MultiPolygon{{plainStar(t, "p")}})
		}
		m := newMosaic(all)
		for range 20 {
			p := orb.Point{
				frame.X0 + rapid.Float64Range(-300, 1200).Draw(t, "x"),
				frame.Y0 - rapid.Float64Range(-300, 700).Draw(t, "y"),
			}
			want, doubtful := -1, false
			for _, mp := range all {
				doubtful = doubtful || planar.DistanceFrom(orb.LineString(mp[0][0]), p) < 1e-6
			}
			if doubtful {
				continue
			}
			for i, mp := range all {
				if planar.MultiPolygonContains(mp, p) {
					want = i
					break
				}
			}
			if got := m.At(p); got != want {
				t.Fatalf("point %v lies in polygon %d, found %d", p, want, got)
			}
		}
	})
}

func newMosaic(polygons []orb.MultiPolygon) *overlay.Mosaic {
	var b overlay.MosaicBuilder
	for _, p := range polygons {
		b.Add(p)
	}
	return b.Build()
}

func rect(x1, y1, x2, y2 float64) orb.MultiPolygon {
	return orb.MultiPolygon{{{{x1, y1}, {x2, y1}, {x2, y2}, {x1, y2}, {x1, y1}}}}
}

func TestBorder(t *testing.T) {
	field := rect(0, 0, 100, 50)
	hole := orb.Ring{{40, 20}, {40, 30}, {60, 30}, {60, 20}, {40, 20}}
	field[0] = append(field[0], hole)
	mosaic := []orb.MultiPolygon{
		0: rect(100, 0, 200, 50),              // east, touching
		1: rect(0, 50.001, 30, 90),            // north, a millimetre off, 30 m of it
		2: rect(0, -4, 100, 0),                // a track along the south
		3: rect(0, -60, 100, -4),              // the field behind the track
		4: rect(40, 20, 60, 30),               // the pond in the hole
		5: rect(-20, 0, 0, 50),                // a broad road in the west
		6: rect(-80, 0, -20, 50),              // the field behind it
		7: {field[0]},                         // itself
		8: rect(100, -4, 200, 0),              // the track goes on
		9: orb.MultiPolygon{}, 10: {{{}, {}}}, // nothing
	}
	m := newMosaic(mosaic)
	look := overlay.Look{Step: 3, Near: 0.2, Far: 8, Track: func(i int) bool { return i == 2 || i == 8 || i == 5 }}
	for _, reversed := range []bool{false, true} {
		f := orb.MultiPolygon{field[0].Clone()}
		if reversed {
			f[0][0].Reverse()
			f[0][1].Reverse()
		}
		got := m.Border(overlay.NewShape(f), look)
		want := map[int]overlay.Contact{
			0: {Index: 0, Direct: 50}, 1: {Index: 1, Direct: 30}, 2: {Index: 2, Direct: 100},
			3: {Index: 3, Across: 100}, 4: {Index: 4, Direct: 60}, 5: {Index: 5, Direct: 50},
		}
		if math.Abs(got.Perimeter-360) > 1e-9 || math.Abs(got.Open-70) > 3 {
			t.Errorf("perimeter %.3f, open %.3f; want 360 and 70", got.Perimeter, got.Open)
		}
		if len(got.Contacts) != len(want) {
			t.Errorf("contacts %+v, want %+v", got.Contacts, want)
		}
		for i, c := range got.Contacts {
			w := want[c.Index]
			// A piece of boundary that two parcels share is given to one of them.
			if math.Abs(c.Direct-w.Direct) > 3 || math.Abs(c.Across-w.Across) > 3 {
				t.Errorf("contact %+v, want %+v", c, w)
			}
			if i > 0 && got.Contacts[i-1].Index >= c.Index {
				t.Error("contacts are not in order")
			}
		}
	}
}

func TestCanonicalForgetsHowItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var mp orb.MultiPolygon
		for range rapid.IntRange(0, 4).Draw(t, "polygons") {
			var p orb.Polygon
			for range rapid.IntRange(1, 4).Draw(t, "rings") {
				p = append(p, plainStar(t, "r"))
			}
			mp = append(mp, p)
		}
		want := overlay.Canonical(mp)
		other := make(orb.MultiPolygon, len(mp))
		for i, at := range rapid.Permutation(seq(len(mp))).Draw(t, "order") {
			p := mp[at].Clone()
			holes := rapid.Permutation(seq(len(p)-1)).Draw(t, "holes")
			for k, h := range holes {
				p[k+1] = mp[at][h+1].Clone()
			}
			for k := range p {
				ring := p[k][:len(p[k])-1]
				by := rapid.IntRange(0, len(ring)-1).Draw(t, "turn")
				turned := append(append(orb.Ring{}, ring[by:]...), ring[:by]...)
				turned = append(turned, turned[0])
				if rapid.Bool().Draw(t, "reverse") {
					turned.Reverse()
				}
				p[k] = turned
			}
			other[i] = p
		}
		if got := overlay.Canonical(other); !got.Equal(want) {
			t.Fatalf("the same polygons in another order give\n%v\nwant\n%v", got, want)
		}
		if again := overlay.Canonical(want); !again.Equal(want) {
			t.Fatal("the canonical form of a canonical form is another")
		}
		for _, p := range want {
			for r, ring := range p {
				if o := ring.Orientation(); o != orb.CCW && r == 0 || o != orb.CW && r > 0 {
					t.Fatalf("ring %d turns %v", r, o)
				}
				if ring[0] != ring[len(ring)-1] {
					t.Fatal("a ring is open")
				}
			}
		}
	})
}

// plainStar is a simple ring with area, whose vertices are nowhere special.
func plainStar(t *rapid.T, name string) orb.Ring {
	n := rapid.IntRange(3, 40).Draw(t, name+"n")
	cx, cy := rapid.Float64Range(0, 800).Draw(t, name+"x"), rapid.Float64Range(0, 400).Draw(t, name+"y")
	size := rapid.SampledFrom([]float64{8, 60, 500}).Draw(t, name+"size")
	ring := make(orb.Ring, 0, n+1)
	for i := range n {
		a := 2 * math.Pi * (float64(i) + 0.1) / float64(n)
		r := size * rapid.Float64Range(0.2, 1).Draw(t, name+"r")
		ring = append(ring, orb.Point{frame.X0 + cx + r*math.Cos(a), frame.Y0 - cy + r*math.Sin(a)})
	}
	ring = append(ring, ring[0])
	if rapid.Bool().Draw(t, name+"turn") {
		ring.Reverse()
	}
	return ring
}

func seq(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// distance is the smallest distance between two polygons, by trying every pair
// of edges.
func distance(a, b orb.MultiPolygon) float64 {
	if planar.MultiPolygonContains(a, b[0][0][0]) || planar.MultiPolygonContains(b, a[0][0][0]) {
		return 0
	}
	least := math.Inf(1)
	for i, p := range a[0][0][1:] {
		for j, q := range b[0][0][1:] {
			o, r := a[0][0][i], b[0][0][j]
			if cross(o, p, r) > 0 != (cross(o, p, q) > 0) && cross(r, q, o) > 0 != (cross(r, q, p) > 0) {
				return 0
			}
			least = min(least, planar.DistanceFromSegment(o, p, q), planar.DistanceFromSegment(o, p, r),
				planar.DistanceFromSegment(r, q, o), planar.DistanceFromSegment(r, q, p))
		}
	}
	return least
}

func cross(a, b, c orb.Point) float64 { return (b[0]-a[0])*(c[1]-a[1]) - (b[1]-a[1])*(c[0]-a[0]) }

func TestNearAndClustersEqualTryingEveryPair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 25).Draw(t, "n")
		var all []orb.MultiPolygon
		for range n {
			all = append(all, orb.MultiPolygon{{plainStar(t, "p")}})
		}
		gap := rapid.SampledFrom([]float64{0.01, 2, 20, 150}).Draw(t, "gap")
		member := func(i int) bool { return i%3 != 1 }
		m := newMosaic(all)
		probe := orb.MultiPolygon{{plainStar(t, "probe")}}
		var want []int
		for i, p := range all {
			if member(i) && distance(p, probe) <= gap {
				want = append(want, i)
			}
		}
		if got := m.Near(overlay.NewShape(probe), gap, member); !slices.Equal(got, want) {
			t.Fatalf("within %g m: %v, want %v", gap, got, want)
		}

		cluster := seq(n)
		for changed := true; changed; {
			changed = false
			for i := range n {
				for j := range i {
					if member(i) && member(j) && cluster[i] != cluster[j] && distance(all[i], all[j]) <= gap {
						low := min(cluster[i], cluster[j])
						cluster[i], cluster[j], changed = low, low, true
					}
				}
			}
		}
		got := m.Clusters(gap, member)
		for i := range n {
			want := cluster[i]
			if !member(i) {
				want = -1
			}
			if got[i] != want {
				t.Fatalf("clusters at %g m: %v, want %v", gap, got, cluster)
			}
		}
	})
}
