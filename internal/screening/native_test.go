package screening

import (
	"testing"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
	"gengheng/internal/store"
)

// TestWhatIsLeftIsNotTakenForTheWhole: a remainder of which pieces were dropped
// begins at the same vertex in memory as before; it is still overlaid as it is.
func TestWhatIsLeftIsNotTakenForTheWhole(t *testing.T) {
	square := func(x, y, size float64) orb.Polygon {
		return orb.Polygon{{{x, y}, {x + size, y}, {x + size, y + size}, {x, y + size}, {x, y}}}
	}
	const east, north = 560000, 4013000
	zone, _ := land.ByEPSG(4546)
	e := newNative(&job{db: &store.DB{}, zone: zone, counts: new(counts)})
	field, sliver, pond := square(east, north, 100), square(east+200, north, 5), square(east+40, north+40, 10)
	cover := []orb.MultiPolygon{{square(east-500, north-500, 1000)}}
	for _, whole := range []orb.MultiPolygon{{field, sliver}, {{field[0], pond[0]}}, {field}} {
		for _, subject := range []orb.MultiPolygon{whole, {field}, {field, square(east+300, north, 7)}, whole} {
			got, err := e.Intersection(t.Context(), []orb.MultiPolygon{subject}, cover)
			if err != nil {
				t.Fatal(err)
			}
			if g, w := land.AdditiveArea(got[0], zone), land.AdditiveArea(subject, zone); g < w-1e-4 || g > w+1e-4 {
				t.Errorf("inside of everything lie %g m² of %g", g, w)
			}
		}
	}
}
