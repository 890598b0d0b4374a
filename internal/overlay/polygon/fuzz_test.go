package polygon

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/paulmach/orb"
)

// ringsOf reads polygons out of bytes: a byte for the number of vertices of each
// ring, then two small integers and a nudge for each vertex.
func ringsOf(data []byte) (mp orb.MultiPolygon, rest []byte) {
	for len(data) > 0 && len(mp) < 3 {
		n := int(data[0]%12) + 3
		last := data[0] >= 128
		data = data[1:]
		var ring orb.Ring
		for len(ring) < n && len(data) >= 3 {
			nudge := 0.0
			if k := data[2] % 32; k > 0 {
				nudge = math.Pow(10, -float64(k)/2) * float64(int8(data[2]))
			}
			ring = append(ring, orb.Point{float64(int8(data[0])) + nudge, float64(int8(data[1]))})
			data = data[3:]
		}
		if len(ring) > 0 {
			ring = append(ring, ring[0])
		}
		mp = append(mp, orb.Polygon{ring})
		if last {
			break
		}
	}
	return mp, data
}

// FuzzOverlay: whatever comes in, a certified area is the exact one, and a
// certified geometry is valid and has that area.
func FuzzOverlay(f *testing.F) {
	ring := func(n byte, xy ...byte) []byte {
		out := []byte{132 + n - 3} // 132 is a multiple of 12 and ends the polygon
		for i := 0; i+1 < len(xy); i += 2 {
			out = append(out, xy[i], xy[i+1], 0)
		}
		return out
	}
	square := ring(4, 0, 0, 10, 0, 10, 10, 0, 10)
	f.Add(append(square, square...))
	f.Add(append(square, ring(4, 10, 0, 20, 0, 20, 10, 10, 10)...))
	f.Add(append(square, ring(3, 5, 5, 20, 5, 5, 20)...))
	f.Add(append(square, ring(8, 0, 0, 5, 5, 10, 0, 20, 0, 10, 10, 20, 20, 5, 9, 0, 20)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 200 {
			t.Skip()
		}
		a, rest := ringsOf(data)
		b, _ := ringsOf(rest)
		pa, err := Prepare(a)
		if err != nil {
			t.Skip()
		}
		pb, err := Prepare(b)
		if err != nil {
			t.Skip()
		}
		for _, r := range []Result{Union([]*Candidate{pa, pb}, zone37), Difference(pa, pb, zone37), Intersection(pa, pb, zone37)} {
			if r.Geometry != nil && !prepare(t, r.Geometry).Valid() {
				t.Fatalf("result is not valid\n%s", describe(pair{a: a, b: b}))
			}
		}
		o := overlapOf(t, a, b)
		if o.Doubt != 0 || windsTwice(a) || windsTwice(b) {
			return
		}
		if want := exactArea(a, b); math.Abs(o.Planar-want) > 1e-6 && (want > 1e-5 || o.Planar != 0) {
			t.Fatalf("planar %.12g, exactly %.12g\n%s", o.Planar, want, describe(pair{a: a, b: b}))
		}
	})
}

// windsTwice says whether the parts of a multipolygon overlap: the even-odd
// rule of the oracle then means something else.
func windsTwice(mp orb.MultiPolygon) bool {
	for i := range mp {
		for j := range i {
			if exactArea(mp[i:i+1], mp[j:j+1]) != 0 {
				return true
			}
		}
	}
	return false
}

// FuzzCoordinates: no coordinate whatever makes it panic or loop.
func FuzzCoordinates(f *testing.F) {
	add := func(v ...float64) {
		var b []byte
		for _, x := range v {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
		f.Add(b)
	}
	add(0, 0, 1, 0, 0, 1, 0.5, 0.5, 2, 0, 0, 2)
	add(1e8, 1e8, -1e8, 1e8, 0, -1e8, 0, 0, 1e-100, 0, 1, 1)
	add(math.NaN(), 0, math.Inf(1), 0, 1, 1, 5e-324, 0, 0, 0, 0, 1)
	f.Fuzz(func(t *testing.T, data []byte) {
		var pts []orb.Point
		for len(data) >= 16 && len(pts) < 40 {
			pts = append(pts, orb.Point{
				math.Float64frombits(binary.LittleEndian.Uint64(data)), math.Float64frombits(binary.LittleEndian.Uint64(data[8:]))})
			data = data[16:]
		}
		a, errA := Prepare(orb.MultiPolygon{{orb.Ring(pts[:len(pts)/2])}})
		b, errB := Prepare(orb.MultiPolygon{{orb.Ring(pts[len(pts)/2:])}})
		if errA != nil || errB != nil || a.length()+b.length() > 1e7 {
			return // edges of thousands of kilometres take long to integrate
		}
		for _, r := range []Result{Union([]*Candidate{a, b}, zone37), Difference(a, b, zone37), Intersection(a, b, zone37)} {
			if r.Doubt == 0 && (math.IsNaN(r.Area) || math.IsNaN(r.Planar)) {
				t.Fatalf("area %v, planar %v of %v and %v", r.Area, r.Planar, a.pts, b.pts)
			}
		}
	})
}
