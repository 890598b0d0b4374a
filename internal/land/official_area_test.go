package land

import (
	"math"
	"testing"

	"github.com/paulmach/orb"
)

func rectangle(e, n, width, height float64) orb.MultiPolygon {
	return orb.MultiPolygon{{{{e, n}, {e + width, n}, {e + width, n + height}, {e, n + height}, {e, n}}}}
}

var zone37 = Zone{Number: 37}

func TestOfficialAreaReferenceVectors(t *testing.T) {
	for _, c := range []struct {
		name      string
		geom      orb.MultiPolygon
		official  string
		unrounded float64
	}{
		{"square 100 m", rectangle(560500, 4014000, 100, 100), "9999.10", 9999.0970},
		{"80 m N x 50 m E", rectangle(535000, 4010000, 50, 80), "3999.88", 3999.8791},
		{"300 m N x 200 m E", rectangle(580000, 4040000, 200, 300), "59990.52", 59990.5193},
	} {
		if got := OfficialArea(c.geom, zone37).String(); got != c.official {
			t.Errorf("%s: official area %s, want %s", c.name, got, c.official)
		}
		if got := OfficialAreaUnrounded(c.geom, zone37); math.Abs(got-c.unrounded) > 5e-5 {
			t.Errorf("%s: unrounded area %.6f, want %.4f", c.name, got, c.unrounded)
		}
	}
}
