package geodata

import (
	"math"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"
)

// Ensure that rounding is math.Round's, at halves and beside them, whatever the
// sign and size.
func TestRoundIsHalfAwayFromZero(t *testing.T) {
	same := func(v float64) bool {
		want := math.Round(v*10000) / 10000
		return math.Float64bits(Round(v)) == math.Float64bits(want)
	}
	for _, v := range []float64{0, math.Copysign(0, -1), 0.00005, -0.00005, 0.00015, -0.00015, 0.00025, 560000.00005, 4013000.12345, -4013000.12345,
		0.49999999999999994e-4, 1e300, -1e300, math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN()} {
		if !same(v) {
			t.Errorf("Round(%v) is %v, want %v", v, Round(v), math.Round(v*10000)/10000)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		half := (float64(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "halves")) + 0.5) / 10000
		for _, v := range []float64{half, math.Nextafter(half, math.Inf(1)), math.Nextafter(half, math.Inf(-1)), rapid.Float64().Draw(t, "any")} {
			if !same(v) {
				t.Fatalf("Round(%v) is %v, want %v", v, Round(v), math.Round(v*10000)/10000)
			}
		}
	})
}

// Ensure that a ring begins where its smallest rotation does, however often its
// smallest vertex occurs.
func TestFirstVertexBeginsTheSmallestRotation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		few := rapid.IntRange(1, 4).Draw(t, "coordinates")
		n := rapid.IntRange(1, 12).Draw(t, "vertices")
		ring := make(orb.Ring, n)
		for i := range ring {
			ring[i] = orb.Point{float64(rapid.IntRange(0, few).Draw(t, "x")), float64(rapid.IntRange(0, few).Draw(t, "y"))}
		}
		rotation := func(at int) orb.Ring { return append(append(orb.Ring{}, ring[at:]...), ring[:at]...) }
		got := rotation(firstVertex(ring))
		for at := range ring {
			if compareRings(rotation(at), got) < 0 {
				t.Fatalf("%v begins with %v, but %v is smaller", ring, got, rotation(at))
			}
		}
	})
}
